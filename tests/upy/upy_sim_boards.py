"""Each board's wiring runs on the simulated machine; the radio is a stand-in, as no PC has a `network` module."""

import asyncio

import machine
from plugs import Plugs
from world import World

from fleet_node import boards, sensors
from fleet_node.boards import esp32, m5stickc_plus2, pico_w
from fleet_node.boards.wifi import Wifi

CONFIG = {"node": "ada", "sensors": ["sht4x", "mpu6886"], "wifi": {"ssid": "lab", "password": "secret123"}}


class Radio:
    """Like network.WLAN of an ESP32: a connect on top of a connect fails, and nothing is told of a wrong key."""

    PM_NONE = 0

    def __init__(self, joins):
        self.joins = joins  # for each attempt: does it succeed?
        self.attempts = 0
        self.settings = {}
        self._on = False
        self._trying = False
        self._connected = False

    def active(self, on):
        self._on = on

    def config(self, **settings):
        self.settings.update(settings)

    def isconnected(self):
        return self._connected

    def disconnect(self):
        self._trying = self._connected = False

    def connect(self, ssid, password):
        assert self._on and (ssid, password) == ("lab", "secret123")
        if self._trying:
            raise OSError("Wifi Internal Error")
        self._trying = True
        self._connected = self.joins[min(self.attempts, len(self.joins) - 1)]
        self.attempts += 1

    def status(self, what=None):
        if what == "rssi":
            return -61
        return 1001

    def ifconfig(self):
        return ("192.168.4.2", "", "", "")

    def fall(self):
        self._connected = False


async def no_time(ms):
    await asyncio.sleep_ms(0)


async def until(condition, what):
    for _ in range(5000):
        if condition():
            return
        await asyncio.sleep_ms(0)
    raise AssertionError(what)


def complete(board):
    for name in ("name", "i2c", "buttons", "buzzer", "led", "unique_id", "rssi", "reset", "say", "tasks"):
        assert hasattr(board, name), board.name + " has no " + name
    pin, active_low = board.buttons["button-a"]
    assert isinstance(pin, machine.Pin) and active_low
    board.led.on()
    assert board.led.value() == 1
    board.led.off()
    assert board.buzzer.duty_u16() == 0, "a buzzer is silent at the start"
    return board


def test_a_pc_is_always_the_unix_board():
    board = complete(boards.load("pico_w", CONFIG))
    assert board.name == "unix" and board.unique_id() is None and board.rssi() is None
    assert [name for name, _ in board.tasks()] == ["sim-world", "sim-stdin", "sim-chip"]


def test_a_sensor_without_a_simulated_chip_is_absent():
    machine.bus(0).clear()
    board = boards.load("", {"node": "ada", "sensors": ["sht4x", "geiger"]})
    assert list(machine.bus(0)) == [0x44] and board.world


def test_every_microcontroller_board_is_complete():
    for module in (esp32, pico_w, m5stickc_plus2):
        board = complete(module.create(CONFIG))
        assert board.unique_id() == machine.unique_id() and board.rssi() is None
        assert [name for name, _ in board.tasks()] == ["wifi"]


def test_the_m5stickc_holds_its_power_and_sees_both_buses_as_one():
    world = World("m5", lambda: 0, 0)
    for bus in (0, 1):
        machine.bus(bus).clear()
    Plugs(machine.bus(0), world).plug("mpu6886")
    Plugs(machine.bus(1), world).plug("sht4x")
    board = m5stickc_plus2.create(CONFIG)
    assert machine.Pin(4).value() == 1
    assert set(board.buttons) == {"button-a", "button-b"}

    async def read_both():
        await asyncio.sleep_ms(20)
        assert board.i2c.scan() == [0x44, 0x68], board.i2c.scan()
        values = {}
        for name in ("mpu6886", "sht4x"):
            driver = sensors.load(name)(board.i2c, sensors.load(name).ADDRESSES[0], asyncio.sleep_ms)
            await driver.probe()
            values.update(await driver.read())
        return values

    got = asyncio.run(read_both())
    assert abs(got["az"] - 9.81) < 0.02 and abs(got["hum"] - world.hum()) < 0.02, got


async def test_wifi_joins_and_joins_again_when_it_was_lost():
    radio, said = Radio([False, True]), []
    wifi = Wifi("lab", "secret123", said.append, radio, no_time)
    task = asyncio.create_task(wifi.run())
    await until(lambda: wifi.joins == 1, said)
    assert wifi.rssi() == -61
    assert radio.attempts == 2 and "cannot join" in said[0] and "joined lab as 192.168.4.2" in said[1], said
    assert radio.settings == {"pm": 0, "reconnects": 0}, radio.settings
    radio.fall()
    assert wifi.rssi() is None
    await until(lambda: wifi.joins == 2, said)
    task.cancel()


async def test_without_an_ssid_there_is_one_sentence_and_no_radio():
    said = []
    await Wifi("", "", said.append).run()
    assert len(said) == 1 and "ssid" in said[0]

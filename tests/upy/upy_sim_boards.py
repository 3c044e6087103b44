"""Each board's wiring runs on the simulated machine; the radio has a file of its own, upy_sim_wifi.py."""

import asyncio

import machine
from plugs import Plugs
from world import World

from fleet_node import boards, sensors
from fleet_node.boards import esp32, m5stickc_plus2, pico_w

CONFIG = {
    "node": "ada",
    "base": "fleet",
    "broker": {"host": "10.0.0.2", "http": 8080},
    "sensors": ["sht4x", "mpu6886"],
    "wifi": {"ssid": "lab", "password": "secret123"},
}


class Node:
    """What a board asks of the app's Node before it runs."""

    def __init__(self):
        self.joining = self
        self.more = ()


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
    assert [name for name, _ in board.tasks(None)] == ["sim-world", "sim-stdin", "sim-chip"]


def test_a_sensor_without_a_simulated_chip_is_absent():
    machine.bus(0).clear()
    board = boards.load("", {"node": "ada", "sensors": ["sht4x", "geiger"]})
    assert list(machine.bus(0)) == [0x44] and board.world


def test_every_microcontroller_board_is_complete():
    for module in (esp32, pico_w, m5stickc_plus2):
        board = complete(module.create(CONFIG))
        assert board.unique_id() == machine.unique_id() and board.rssi() is None
        names = [name for name, _ in board.tasks(Node())]
        assert names == (["wifi", "screen", "clock"] if board.screen else ["wifi"]), names


def test_the_m5stickc_holds_its_power_and_sees_both_buses_as_one():
    world = World("m5", lambda: 0, 0)
    for bus in (0, 1):
        machine.bus(bus).clear()
    Plugs(machine.bus(0), world).plug("mpu6886")
    Plugs(machine.bus(1), world).plug("sht4x")
    board = m5stickc_plus2.create(CONFIG)
    assert machine.Pin(4).value() == 1
    assert set(board.buttons) == {"button-a", "button-b", "button-c"}

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

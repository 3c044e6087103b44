"""The Wi-Fi supervisor on both kinds of radio, in a world where the access point goes, refuses and stays silent.

The time is ours, so that minutes pass at once; the code that joins is the one of the boards.
"""

import asyncio

import network

from fleet_node.boards.wifi import Wifi

CHIPS = ("esp32", "rp2")


class Lab:
    """A board in a room with one access point; `up` is what the MQTT link would say."""

    def __init__(self, chip, password="secret123", **wifi):
        network.chip(chip)
        self.now = 0
        self.up = True
        self.said = []
        self.air = network.Air(clock=lambda: self.now)
        self.radio = network.WLAN(network.STA_IF, self.air)
        config = {"node": "ada", "wifi": dict(wifi, ssid="lab", password=password)}
        self.wifi = Wifi(config, self.said.append, self.radio, self.sleep_ms, lambda: 0.5)

    async def sleep_ms(self, ms):
        self.now += ms
        await asyncio.sleep_ms(0)

    async def until(self, condition, what, within_s=3600):
        """Let the world run until this is so; how many s that took."""
        began = self.now
        if not hasattr(self, "task"):
            self.task = asyncio.create_task(self.wifi.run(lambda: self.up))
        while not condition():
            assert not self.task.done() and self.now - began < within_s * 1000, what + ": " + repr(self.said)
            await asyncio.sleep_ms(0)
        return (self.now - began) / 1000

    def heard(self, text):
        return any(text in line for line in self.said)

    def tries(self):
        return self.radio.calls.count("connect")


async def on_both(story, **how):
    for chip in CHIPS:
        lab = Lab(chip, **how)
        try:
            await story(lab, chip)
        finally:
            if hasattr(lab, "task"):
                lab.task.cancel()


async def test_it_joins_with_power_saving_off_under_the_name_of_the_node():
    async def story(lab, chip):
        took = await lab.until(lambda: lab.wifi.joins == 1, "joins")
        assert took < 5 and lab.said == ["wifi: joined lab as 127.0.0.1"], (took, lab.said)
        assert lab.radio.settings == ({"pm": 0, "reconnects": 0} if chip == "esp32" else {"pm": 0})
        assert network.asked == {"hostname": "ada", "country": "DE"}
        assert lab.wifi.rssi() == -61

    await on_both(story, country="DE")


async def test_a_wrong_country_is_said_and_it_joins_all_the_same():
    async def story(lab, chip):
        await lab.until(lambda: lab.wifi.joins == 1, "joins")
        assert lab.heard("country Germany"), lab.said

    await on_both(story, country="Germany")


async def test_it_comes_back_when_the_access_point_does():
    async def story(lab, chip):
        await lab.until(lambda: lab.wifi.joins == 1, "joins")
        lab.air.on = lab.up = False
        await lab.until(lambda: lab.heard("no such network"), "notices")
        assert lab.wifi.rssi() is None
        tries = lab.tries()
        await lab.until(lambda: lab.tries() > tries + 20, "goes on trying")
        lab.air.on = True
        took = await lab.until(lambda: lab.wifi.joins == 2, "comes back")
        assert took < 20, took
        assert len(lab.said) <= 5, "what stays the same is said once: " + repr(lab.said)

    await on_both(story)


async def test_a_pico_that_says_joined_while_nobody_answers_joins_again():
    lab = Lab("rp2")
    await lab.until(lambda: lab.wifi.joins == 1, "joins")
    lab.air.on = lab.up = False
    assert lab.radio.isconnected(), "that is what this radio does"
    took = await lab.until(lambda: lab.heard("no broker for 60 s"), "does not believe it")
    assert 55 < took < 70, took
    lab.task.cancel()


async def test_a_broker_that_is_off_makes_it_join_ever_less_often():
    async def story(lab, chip):
        await lab.until(lambda: lab.wifi.joins == 1, "joins")
        lab.up = False
        began = lab.now
        await lab.until(lambda: lab.now - began > 3600000, "an hour passes", 7200)
        assert 6 <= lab.wifi.joins <= 11, lab.wifi.joins
        lab.up = True
        joins = lab.wifi.joins
        await lab.until(lambda: lab.now - began > 7200000, "another passes", 7200)
        assert lab.wifi.joins <= joins + 1, "a network that works is left alone"

    await on_both(story)


async def test_a_wrong_password_is_named_and_not_hammered():
    async def story(lab, chip):
        await lab.until(lambda: lab.heard("the password is wrong"), "names it")
        tries = lab.tries()
        began = lab.now
        await lab.until(lambda: lab.now - began > 600000, "ten minutes pass")
        assert 10 <= lab.tries() - tries <= 20, lab.tries()
        lab.air.key = "wrong-one"
        await lab.until(lambda: lab.wifi.joins == 1, "joins when it is right", 60)

    await on_both(story, password="wrong-one")


async def test_no_address_and_a_full_access_point_are_told_apart():
    async def story(lab, chip):
        lab.air.dhcp = False
        await lab.until(lambda: lab.heard("gives no address"), "names DHCP")
        lab.air.full = True
        await lab.until(lambda: lab.heard("it refused"), "names the refusal")
        lab.air.dhcp, lab.air.full = True, False
        await lab.until(lambda: lab.wifi.joins == 1, "joins")

    await on_both(story)


async def test_a_radio_whose_connect_raises_is_switched_off_and_on():
    async def story(lab, chip):
        lab.radio.stuck = 1000
        await lab.until(lambda: lab.wifi.joins == 1, "joins")
        assert lab.heard("the radio refuses: Wifi Internal Error") and "off" in lab.radio.calls, lab.radio.calls
        assert lab.radio.settings["pm"] == 0, "the settings are set again"

    await on_both(story)


async def test_an_old_firmware_that_says_connecting_for_ever_is_given_up_after_15_s():
    lab = Lab("esp32", password="wrong-one")
    known = lab.radio.config

    def config(**settings):
        if "reconnects" in settings:
            raise ValueError("unknown config param")
        known(**settings)

    lab.radio.config = config
    await lab.until(lambda: lab.tries() == 2, "tries again", 30)
    assert lab.heard("no answer (status 1001)"), lab.said
    lab.task.cancel()


async def test_without_an_ssid_there_is_one_sentence_and_no_radio():
    said = []
    await Wifi({}, said.append).run(lambda: True)
    assert len(said) == 1 and "ssid" in said[0]

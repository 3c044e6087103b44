"""Keeps a board in its Wi-Fi network, for ever. Owns the radio. Never ran on a board here: see docs/boards.md.

The radio says what it believes, and is often wrong: a Pico says "connected" long after the access point went away, an
ESP32 says "connecting" for ever with a wrong password. So a join has a time limit, and whether the network *works* is
judged by the MQTT link, which hears or misses the broker. Nothing here waits in a call, or takes the loop.
"""

import asyncio
import random
import sys

from fleet_node.backoff import Backoff

JOIN_MS = 15000
LOOK_MS = 2000
DEAF_MS = (60000, 600000)  # said to be joined, but without a broker: join again after the first, then ever later
LOCKED_OUT_MS = 30000  # with a wrong password: some access points shut out who asks too often
RADIO_OFF = 3  # failures in a row after which the radio is switched off and on again
PM_OFF_CYW43 = 0xA11140  # for firmware without the word WLAN.PM_NONE

# What status() says. ESP32: 1000 and more are states, the rest the reasons of ESP-IDF. CYW43 (rp2): 0 to 3 are states.
BAD_PASSWORD = (202, 204, 15, 2, -3)  # ESP-IDF gives the others as often as 202
NO_NETWORK = (201, 210, 211, 212, -2)
STATES_ESP32 = 1000
LEAVING_ESP32 = 8  # it tells our own disconnect() late, when the next connect() is under way already
NO_ADDRESS_CYW43 = 2


class Wifi:
    """`config` is the whole configuration: "wifi" has ssid, password and perhaps country; the node's id is the name
    under which a router lists it. `wlan` is a network.WLAN; without one it is this board's."""

    def __init__(self, config, say, wlan=None, sleep_ms=asyncio.sleep_ms, random=random.random):
        wifi = config.get("wifi", {})
        self._ssid = wifi.get("ssid", "")
        self._password = wifi.get("password", "")
        self._country = wifi.get("country", "")
        self._config = config
        self._say = say
        self._wlan = wlan
        self._sleep_ms = sleep_ms
        self._backoff = Backoff(random)
        self._esp32 = False
        self._said = ""
        self.joins = 0

    async def run(self, is_up):
        """Stay joined. `is_up()` tells whether the broker is heard."""
        if not self._ssid:
            return self._say("wifi: no ssid in config.json, so no network")
        await self._switch_on()
        patience = DEAF_MS[0]
        failures = 0
        while True:
            trouble, wait_ms = await self._join()
            if trouble:
                self._tell("cannot join " + self._ssid + ": " + trouble)
                failures += 1
                if failures % RADIO_OFF == 0:
                    await self._switch_on(again=True)
                await self._sleep_ms(max(wait_ms, self._backoff.next_ms()))
                continue
            failures = 0
            self._backoff.attempts = 0
            self.joins += 1
            self._tell("joined " + self._ssid + " as " + self._wlan.ifconfig()[0])
            lost, was_up = await self._watch(is_up, patience)
            patience = DEAF_MS[0] if was_up else min(2 * patience, DEAF_MS[1])
            self._tell(lost)

    def is_joined(self):
        return self._wlan is not None and self._wlan.isconnected()

    def rssi(self):
        """dBm, or None while not joined."""
        if not self.is_joined():
            return None
        try:
            return self._wlan.status("rssi")
        except (OSError, ValueError, TypeError, RuntimeError):  # not every port and firmware knows the word
            return None

    def _tell(self, text):
        """A failure that stays the same is said once."""
        if text != self._said:
            self._said = text
            self._say("wifi: " + text)

    async def _switch_on(self, again=False):
        """The radio, with its settings: each of them is gone when it was off."""
        try:
            self._name_it()
            if again:
                self._wlan.active(False)
                await self._sleep_ms(1000)
            self._wlan.active(True)
        except (OSError, RuntimeError) as error:
            return self._tell("the radio does not start: " + str(error))
        none = getattr(self._wlan, "PM_NONE", PM_OFF_CYW43 if sys.platform == "rp2" else 0)
        # Power save adds up to a beacon interval of latency, and on rp2 it is what loses the network silently.
        # ESP32 otherwise retries by itself for ever, even with a wrong password, and never says so.
        for setting in ({"pm": none}, {"reconnects": 0}):
            try:
                self._wlan.config(**setting)
            except (OSError, ValueError, TypeError, RuntimeError):
                pass  # this port does not have this setting

    def _name_it(self):
        """Country and host name count from before the radio is on. Older firmware knows neither."""
        import network  # only boards have it

        for what, value in (("country", self._country), ("hostname", self._config.get("node", ""))):
            try:
                if value:
                    getattr(network, what)(value)
            except AttributeError:
                pass
            except ValueError as error:
                self._say("wifi: " + what + " " + str(value) + ": " + str(error))
        self._esp32 = getattr(network, "STAT_IDLE", 0) == STATES_ESP32
        if self._wlan is None:
            self._wlan = network.WLAN(network.STA_IF)

    async def _join(self):
        """("", 0) if joined, else (what is in the way, ms to wait at least); 15 s at most, the loop runs meanwhile."""
        try:
            # A connect on top of a connect is an internal error on ESP32, so leave first.
            self._wlan.disconnect()
            await self._sleep_ms(200)
            self._wlan.connect(self._ssid, self._password)
        except (OSError, ValueError, RuntimeError) as error:
            return "the radio refuses: " + str(error), 0
        verdicts = 0
        for _ in range(JOIN_MS // 200):
            await self._sleep_ms(200)
            status = self._wlan.status()
            if self._wlan.isconnected() and self._has_address():
                return "", 0
            verdicts = verdicts + 1 if self._is_verdict(status) else 0
            if verdicts == 3:  # not the rest of an attempt before
                break
        return self._trouble(status)

    def _has_address(self):
        return self._wlan.ifconfig()[0] != "0.0.0.0"

    def _is_verdict(self, status):
        if self._esp32:
            return status < STATES_ESP32 and status != LEAVING_ESP32
        return status < 0

    def _trouble(self, status):
        said = " (status " + str(status) + ")"
        if not self._is_verdict(status):
            if (status == NO_ADDRESS_CYW43 and not self._esp32) or self._hears_it():
                return "joined, but it gives no address: are all of its DHCP taken?" + said, 0
            return "no answer" + said, 0
        if status in BAD_PASSWORD:
            return "the password is wrong, or the signal too weak" + said, LOCKED_OUT_MS
        if status in NO_NETWORK:
            return "no such network is near; 2.4 GHz and WPA2 are needed" + said, 0
        return "it refused" + said, 0

    def _hears_it(self):
        """An ESP32 that is joined without an address only says that it is connecting, but knows its signal."""
        try:
            return bool(self._esp32 and self._wlan.status("rssi"))
        except (OSError, ValueError, TypeError, RuntimeError):
            return False

    async def _watch(self, is_up, patience):
        """Until the network is lost: (why we think so, was the broker heard?)."""
        deaf_ms = 0
        was_up = False
        while True:
            await self._sleep_ms(LOOK_MS)
            if not self._wlan.isconnected() or not self._has_address():
                return "lost " + self._ssid + " (status " + str(self._wlan.status()) + ")", was_up
            deaf_ms += LOOK_MS
            if is_up():
                deaf_ms = 0
                was_up = True
                patience = DEAF_MS[0]
            elif deaf_ms >= patience:
                return "joined, it says, but no broker for " + str(deaf_ms // 1000) + " s: joining again", was_up

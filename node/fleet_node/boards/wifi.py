"""Keeps a board in its Wi-Fi network. Never ran on a board here: see docs/boards.md.

Whether the network *works* is judged by the MQTT link, which hears or misses the broker's pongs; this task only
joins, and joins again when the radio says that it is out (on rp2 it may say so late or never).
"""

import asyncio

_JOIN_MS = 15000
_LOOK_MS = 2000
_RETRY_MS = (1000, 2000, 5000, 10000)


class Wifi:
    def __init__(self, ssid, password, say, wlan=None, sleep_ms=asyncio.sleep_ms):
        """`wlan` is a network.WLAN; without it the station interface of this board is used."""
        self._ssid = ssid
        self._password = password
        self._say = say
        self._wlan = wlan
        self._sleep_ms = sleep_ms
        self.joins = 0

    async def run(self):
        """Stay joined, for ever."""
        if not self._ssid:
            self._say("wifi: no ssid in config.json, so no network")
            return
        self._power_up()
        failures = 0
        while True:
            if self._wlan.isconnected():
                await self._sleep_ms(_LOOK_MS)
            elif await self._join():
                failures = 0
                self.joins += 1
                self._say("wifi: joined " + self._ssid + " as " + self._wlan.ifconfig()[0])
            else:
                self._say("wifi: cannot join " + self._ssid + " (status " + str(self._wlan.status()) + ")")
                await self._sleep_ms(_RETRY_MS[min(failures, len(_RETRY_MS) - 1)])
                failures += 1

    def rssi(self):
        """dBm, or None while not joined."""
        if self._wlan is None or not self._wlan.isconnected():
            return None
        try:
            return self._wlan.status("rssi")
        except (OSError, ValueError, TypeError):  # not every port and firmware knows the word
            return None

    def _power_up(self):
        if self._wlan is None:
            import network  # only boards have it

            self._wlan = network.WLAN(network.STA_IF)
        self._wlan.active(True)
        # Power save adds up to a beacon interval of latency, and on rp2 it is what loses the network silently.
        # ESP32 otherwise retries by itself for ever, even with a wrong password, and never says so.
        for setting in ({"pm": getattr(self._wlan, "PM_NONE", 0)}, {"reconnects": 0}):
            try:
                self._wlan.config(**setting)
            except (OSError, ValueError, TypeError):
                pass  # this port does not have this setting

    async def _join(self):
        """True if joined within 15 s; the loop runs meanwhile."""
        try:
            # A connect on top of a connect is an internal error on ESP32, so leave first.
            self._wlan.disconnect()
            await self._sleep_ms(100)
            self._wlan.connect(self._ssid, self._password)
        except OSError as error:
            self._say("wifi: " + str(error))
            return False
        for _ in range(_JOIN_MS // 200):
            await self._sleep_ms(200)
            if self._wlan.isconnected():
                return True
        return False

"""The `network` module of a simulated board: the station radio of an ESP32 or a Pico W, and what is in the air.

Only tests use it: the node on a PC has the PC's network. A radio tells what the real one does, late and wrong included:
statuses as in ports/esp32/network_wlan.c and extmod/network_cyw43.c of MicroPython, reasons as in ESP-IDF's esp_wifi.
"""

import time

STA_IF = 0
NOTICE_MS = 6000  # an ESP32 misses so many beacons before it believes that the access point is gone
JOIN_MS = 1500
DHCP_MS = 500

# ESP32: reasons of ESP-IDF, and MicroPython's states. CYW43: link states.
ESP32 = {"idle": 1000, "trying": 1001, "up": 1010, "no-ap": 201, "key": 202, "full": 203, "left": 8, "beacon": 200}
CYW43 = {"idle": 0, "trying": 1, "up": 3, "no-ap": -2, "key": -3, "full": -1, "left": 0, "no-ip": 2}
STAT_IDLE = 1000

asked = {}  # what country() and hostname() were told


def chip(name):
    """Whose radio it is: "esp32" or "rp2"."""
    global STAT_IDLE, _words
    _words = ESP32 if name == "esp32" else CYW43
    STAT_IDLE = _words["idle"]
    asked.clear()


def country(code):
    if len(code) != 2:
        raise ValueError("invalid country code")
    asked["country"] = code


def hostname(name):
    if len(name) > 32:
        raise ValueError("name too long")
    asked["hostname"] = name


class Air:
    """One access point. Change it while the radio runs. `clock` tells ms."""

    def __init__(self, ssid="lab", key="secret123", clock=time.ticks_ms):
        self.ssid = ssid
        self.key = key
        self.clock = clock
        self.on = True
        self.dhcp = True
        self.full = False
        self.deaf = False  # it takes nobody's packets, but the radio does not notice
        self.clients = 0  # that it gave an address


class WLAN:
    PM_NONE = 0

    def __init__(self, interface, air=None):
        """The real one takes the interface alone; here a world can come with it."""
        self.air = air or Air()
        self.settings = {}
        self.calls = []  # active, connect, disconnect
        self.stuck = 0  # so many connect() fail until the radio was switched off
        self._on = False
        self._state = "idle"
        self._since = None  # of an attempt
        self._gone = None  # when the access point went

    def active(self, on):
        self.calls.append("on" if on else "off")
        if not on:
            self.stuck = 0
            self.settings.clear()
            self._state = "idle"
            self._since = None
        self._on = on

    def config(self, **settings):
        for key in settings:
            if key not in ("pm", "reconnects") or (key == "reconnects" and _words is CYW43):
                raise ValueError("unknown config param")
        self.settings.update(settings)

    def connect(self, ssid, key):
        self._live()
        self.calls.append("connect")
        if not self._on or self.stuck or self._since is not None or (self._state == "up" and _words is ESP32):
            self.stuck = max(0, self.stuck - 1)
            raise OSError("Wifi Internal Error")
        self._asked = (ssid, key)
        self._state = "trying"
        self._since = self.air.clock()

    def disconnect(self):
        if not self._on and _words is ESP32:
            raise OSError("Wifi Not Started")
        self.calls.append("disconnect")
        self._state = "left"
        self._since = None

    def isconnected(self):
        return self._live() == "up"

    def status(self, what=None):
        state = self._live()
        if what is None:
            return _words["trying" if state == "no-ip" and _words is ESP32 else state]
        if what != "rssi":
            raise ValueError("unknown status param")
        if state not in ("up", "no-ip"):
            raise OSError("Wifi Not Connected")
        return -61

    def ifconfig(self):
        """The only network behind this air is the computer it is simulated on."""
        return ("127.0.0.1" if self._live() == "up" else "0.0.0.0", "255.0.0.0", "127.0.0.1", "127.0.0.1")

    def _live(self):
        """What has come of it by now."""
        air = self.air
        now = air.clock()
        if self._state in ("trying", "no-ip") and self._since is not None and now - self._since >= JOIN_MS:
            self._state = self._answer(now)
            if self._state == "up":
                air.clients += 1
                self._since = self._gone = None
            elif self._state in ("no-ap", "key", "full"):
                again = _words is ESP32 and self.settings.get("reconnects", -1) < 0
                self._state, self._since = ("trying", now) if again else (self._state, None)
        if self._state == "up" and not air.on and _words is ESP32:  # a CYW43 goes on saying "up"
            self._gone = now if self._gone is None else self._gone
            if now - self._gone >= NOTICE_MS:
                self._state = "beacon"
        return self._state

    def _answer(self, now):
        air = self.air
        ssid, key = self._asked
        if not air.on or ssid != air.ssid:
            return "no-ap"
        if key != air.key:
            return "key"
        if air.full:
            return "full"
        if not air.dhcp or now - self._since < JOIN_MS + DHCP_MS:
            return "no-ip"
        return "up"


chip("esp32")

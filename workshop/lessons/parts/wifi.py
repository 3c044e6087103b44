"""connect() gives the address of this computer or board; await join() does too, and other tasks run meanwhile.

A board reads its Wi-Fi from wifi.json: {"ssid": "class", "password": "..."}
"""

import asyncio
import json
import time

STEP_MS = 100
SURE_MS = 1000  # before that, the radio may still tell of an earlier attempt
PATIENCE_MS = 15000
# What status() says on an ESP32 (reasons of ESP-IDF) and on a Pico (negative).
BAD_PASSWORD = (15, 202, 204, -3)
NOT_NEAR = (201, 210, 211, 212, -2)


def connect():
    station = _begin()
    for ms in range(0, PATIENCE_MS, STEP_MS):
        if address := _address(station, ms):
            return address
        time.sleep_ms(STEP_MS)
    raise OSError("no Wi-Fi after 15 s: is the board near enough?")


async def join():
    station = _begin()
    for ms in range(0, PATIENCE_MS, STEP_MS):
        if address := _address(station, ms):
            return address
        await asyncio.sleep_ms(STEP_MS)
    raise OSError("no Wi-Fi after 15 s: is the board near enough?")


def _begin():
    """The radio, on its way into the network; None on a PC."""
    try:
        import network
    except ImportError:
        return None
    try:
        with open("wifi.json") as file:
            wifi = json.load(file)
    except OSError:
        raise OSError("there is no wifi.json beside main.py")
    except ValueError:
        raise OSError('wifi.json is not JSON, as {"ssid": "class", "password": "..."} is')
    station = network.WLAN(network.STA_IF)
    station.active(True)
    if not station.isconnected():
        try:
            station.config(reconnects=0)  # or an ESP32 tries for ever, and never says why
        except ValueError:
            pass  # a Pico does not know this word, and says why without it
        station.disconnect()
        station.connect(wifi["ssid"], wifi["password"])
    return station


def _address(station, ms):
    """None while it is on its way. OSError says what is in the way."""
    if station is None:
        return "127.0.0.1"  # only programs on this PC can reach us
    if station.isconnected():
        return station.ifconfig()[0]
    if ms >= SURE_MS and station.status() in BAD_PASSWORD:
        raise OSError("the Wi-Fi refuses: is the password in wifi.json right?")
    if ms >= SURE_MS and station.status() in NOT_NEAR:
        raise OSError("no such Wi-Fi is near: is the name in wifi.json right, and is it one of 2.4 GHz?")

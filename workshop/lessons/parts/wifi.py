"""connect() gives the address of this computer or board. A board reads its Wi-Fi from wifi.json:
{"ssid": "class", "password": "..."}"""

import json
import time


def connect():
    try:
        import network
    except ImportError:
        return "127.0.0.1"  # a PC: only programs on it can reach us
    with open("wifi.json") as file:
        wifi = json.load(file)
    station = network.WLAN(network.STA_IF)
    station.active(True)
    if not station.isconnected():
        station.connect(wifi["ssid"], wifi["password"])
    for _ in range(150):
        if station.isconnected():
            return station.ifconfig()[0]
        time.sleep_ms(100)
    raise OSError("no Wi-Fi after 15 s: are name and password in wifi.json right?")

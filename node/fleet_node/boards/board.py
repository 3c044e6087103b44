"""What the microcontroller boards share: an id, a reset, Wi-Fi. Each board's own file has its wires."""

import machine

from fleet_node.boards.wifi import Wifi


class Board:
    """Filled in by `create` of a board's module."""

    name = ""
    i2c = None
    buzzer = None
    led = None
    witness = None

    def __init__(self, config):
        self.buttons = {}
        wifi = config.get("wifi", {})
        self.wifi = Wifi(wifi.get("ssid", ""), wifi.get("password", ""), self.say)

    def unique_id(self):
        return machine.unique_id()

    def reset(self):
        machine.reset()

    def rssi(self):
        return self.wifi.rssi()

    def say(self, text):
        print(text)

    def tasks(self):
        return [("wifi", self.wifi.run)]


def button(pin, pull=None):
    """(Pin, active_low) of a button that connects to ground."""
    if pull is None:
        return machine.Pin(pin, machine.Pin.IN), True
    return machine.Pin(pin, machine.Pin.IN, pull), True


def silent_pwm(pin):
    return machine.PWM(machine.Pin(pin), freq=2000, duty_u16=0)

"""What the microcontroller boards share: an id, a reset, Wi-Fi. Each board's own file has its wires."""

import machine

from fleet_node.boards.wifi import Wifi

DAY_MS = 86400000


class Board:
    """Filled in by `create` of a board's module."""

    name = ""
    i2c = None
    buzzer = None
    led = None
    witness = None
    screen = None

    def __init__(self, config):
        self.buttons = {}
        self.config = config
        self.wifi = Wifi(config, self.say)

    def unique_id(self):
        return machine.unique_id()

    def reset(self):
        machine.reset()

    def rssi(self):
        return self.wifi.rssi()

    def say(self, text):
        print(text)

    def tasks(self, node):
        alone = self.config.get("broker", {}).get("host") == ""
        own = [("wifi", lambda: self.wifi.run((lambda: True) if alone else node.link.is_up))]
        return own + (self.watchdog(node) if self.config.get("watchdog") else [])

    def watchdog(self, node):
        from fleet_node.boards import watchdog

        return watchdog.tasks(self.config, node)

    def at_prompt(self):
        """A watchdog of an ESP32 cannot be stopped, but given a longer time."""
        if self.config.get("watchdog"):
            machine.WDT(timeout=DAY_MS)

    def received(self, topic, payload):
        return False


def button(pin, pull=None):
    """(Pin, active_low) of a button that connects to ground."""
    if pull is None:
        return machine.Pin(pin, machine.Pin.IN), True
    return machine.Pin(pin, machine.Pin.IN, pull), True


def silent_pwm(pin):
    return machine.PWM(machine.Pin(pin), freq=2000, duty_u16=0)

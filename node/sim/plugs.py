"""What is plugged into the simulated I2C bus: chips by name, pulled out and put back while the node runs."""

import devices


class Plugs:
    def __init__(self, bus, world):
        """`bus` is the dict of machine.bus(id)."""
        self.bus = bus
        self._world = world
        self._away = {}

    def plug(self, name):
        """Put a chip on the bus, powered on afresh; one that is there stays as it is."""
        if name not in devices.DEVICES:
            raise ValueError("no chip " + name + "; there is " + ", ".join(sorted(devices.DEVICES)))
        address = devices.DEVICES[name][2]
        if address in self.bus:
            return
        device = self._away.pop(name, None)
        if device is None:
            address, device = devices.make(name, self._world)
        else:
            device.power_on()
        self.bus[address] = device

    def unplug(self, name):
        """Pull a chip out: from now on nobody ACKs its address."""
        if name not in devices.DEVICES:
            raise ValueError("no chip " + name + "; there is " + ", ".join(sorted(devices.DEVICES)))
        device = self.bus.pop(devices.DEVICES[name][2], None)
        if device is not None:
            self._away[name] = device

"""The simulated I2C bus: every call of `machine.I2C` becomes start, address, bytes and stop on the devices.

A device has three hooks: `write(data)` -> how many bytes it ACKs, or None if it does not ACK its address;
`read(n)` -> n bytes, or None if it does not ACK; `stop()`. So a driver meets what it meets on wires.
Transfers take no time of their own (a real one holds the CPU about 25 us a byte at 400 kHz).
"""

_ENODEV = 19
_EIO = 5
_NACK_ERRNO = {"esp32": _ENODEV, "rp2": _EIO}

_buses = {}
_nack = _ENODEV


def bus(id=0):
    """The devices on bus `id`: a dict from 7-bit address to device. Plug and unplug by changing it."""
    return _buses.setdefault(id, {})


def chip(name):
    """Whose errno a missing ACK gives: "esp32" ENODEV, "rp2" EIO."""
    global _nack
    _nack = _NACK_ERRNO[name]


class I2C:
    def __init__(self, id=0, *, scl=None, sda=None, freq=400000, timeout=50000):
        self._bus = bus(id)

    def init(self, *, scl=None, sda=None, freq=400000):
        pass

    def deinit(self):
        pass

    def scan(self):
        """The addresses from 0x08 to 0x77 that ACK an empty write: a chip that is busy is not listed."""
        found = []
        for addr in sorted(self._bus):
            if 0x08 <= addr <= 0x77:
                device = self._bus[addr]
                if device.write(b"") is not None:
                    device.stop()
                    found.append(addr)
        return found

    def writeto(self, addr, buf, stop=True):
        """Number of ACKs received for the bytes of `buf`; OSError if the address itself got none."""
        device = self._device(addr)
        acks = self._ack(device.write(bytes(buf)))
        if stop:
            device.stop()
        return acks

    def writevto(self, addr, vector, stop=True):
        return self.writeto(addr, b"".join([bytes(part) for part in vector]), stop)

    def readfrom(self, addr, nbytes, stop=True):
        device = self._device(addr)
        data = self._ack(device.read(nbytes))
        if stop:
            device.stop()
        return data

    def readfrom_into(self, addr, buf, stop=True):
        buf[:] = self.readfrom(addr, len(buf), stop)

    def readfrom_mem(self, addr, memaddr, nbytes, *, addrsize=8):
        self.writeto(addr, _memaddr(memaddr, addrsize), False)
        return self.readfrom(addr, nbytes)

    def readfrom_mem_into(self, addr, memaddr, buf, *, addrsize=8):
        buf[:] = self.readfrom_mem(addr, memaddr, len(buf), addrsize=addrsize)

    def writeto_mem(self, addr, memaddr, buf, *, addrsize=8):
        self.writeto(addr, _memaddr(memaddr, addrsize) + bytes(buf))

    def _device(self, addr):
        device = self._bus.get(addr)
        if device is None:
            raise OSError(_nack)
        return device

    def _ack(self, answer):
        if answer is None:
            raise OSError(_nack)
        return answer


def _memaddr(memaddr, addrsize):
    if addrsize not in (8, 16):
        raise ValueError("addrsize must be 8 or 16")
    return memaddr.to_bytes(addrsize // 8, "big")

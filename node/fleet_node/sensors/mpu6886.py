"""TDK InvenSense MPU-6886, acceleration (datasheet DS-000193, revision 1.1)."""

import struct

from fleet_node.sensors.checks import rounded

_ACCEL_CONFIG = 0x1C
_CONFIG = 0x1A
_DATA = 0x3B
_PWR_MGMT_1 = 0x6B
_WHO_AM_I = 0x75
_CHIP_ID = 0x19
_DEVICE_RESET = b"\x80"
_AWAKE = b"\x01"  # best clock, not asleep
_RANGE_8G = b"\x10"  # a shaken board passes 2 g at once
_G = 9.80665 / 4096  # m/s2 of one step in that range (section 3.2)
_ENODEV = 19


class MPU6886:
    NAME = "mpu6886"
    ADDRESSES = (0x68, 0x69)
    FIELDS = {
        "ax": ("m/s2", "acceleration"),
        "ay": ("m/s2", "acceleration"),
        "az": ("m/s2", "acceleration"),
        "temp": ("Cel", "temperature"),
    }

    def __init__(self, i2c, address, sleep_ms):
        self._i2c = i2c
        self._address = address
        self._sleep_ms = sleep_ms

    async def probe(self):
        """Check WHO_AM_I, reset, wake, choose the range (section 9); 150 ms in all."""
        if self._i2c.readfrom_mem(self._address, _WHO_AM_I, 1)[0] != _CHIP_ID:
            raise OSError(_ENODEV)
        self._set(_PWR_MGMT_1, _DEVICE_RESET)
        await self._sleep_ms(100)  # section 3.3: start-up time for register access, worst case
        self._set(_PWR_MGMT_1, _AWAKE)
        self._set(_CONFIG, b"\x01")  # 176 Hz low-pass
        self._set(_ACCEL_CONFIG, _RANGE_8G)
        await self._sleep_ms(50)  # section 3.2: gyroscope and accelerometer settle

    async def read(self):
        """{ax, ay, az, temp}; lying flat, az is +9.81. The temperature is that of the chip itself."""
        ax, ay, az, temp = struct.unpack(">hhhh", self._i2c.readfrom_mem(self._address, _DATA, 8))
        if not ax and not ay and not az:
            raise ValueError("mpu6886 is asleep")  # it lost its power for a moment
        return {
            "ax": rounded(ax * _G),
            "ay": rounded(ay * _G),
            "az": rounded(az * _G),
            "temp": rounded(temp / 326.8 + 25),
        }

    def _set(self, register, value):
        self._i2c.writeto_mem(self._address, register, value)

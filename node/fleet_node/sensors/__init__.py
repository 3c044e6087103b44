"""Which sensors a node knows. Each driver talks to one chip over I2C and never holds the loop over 5 ms.

A driver has NAME, ADDRESSES and FIELDS {field: (SenML unit, quantity)}; `__init__(i2c, address, sleep_ms)`;
`await probe()` looks whether that chip is there and sets it up (OSError if not);
`await read()` gives {field: rounded number} or raises OSError (bus) or ValueError (checksum, impossible value).
After an error, probe again before the next read: the chip may have lost its power and its settings.
"""

# name, which is that of its module too -> class: imported when first asked for, so that a board loads only what it uses
# (or the class itself: a program may add its own)
DRIVERS = {
    "sht4x": "SHT4x",
    "bmp280": "BMP280",
    "aht20": "AHT20",
    "mpu6886": "MPU6886",
}


def load(name):
    """The driver class; KeyError if there is none of this name."""
    cls = DRIVERS[name]
    if not isinstance(cls, str):
        return cls
    return getattr(__import__("fleet_node.sensors." + name, None, None, (cls,)), cls)

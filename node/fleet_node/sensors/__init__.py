"""Which sensors a node knows. Each driver talks to one chip over I2C and never holds the loop over 5 ms.

A driver has NAME, ADDRESSES and FIELDS {field: (SenML unit, quantity)}; `__init__(i2c, address, sleep_ms)`;
`await probe()` looks whether that chip is there and sets it up (OSError if not);
`await read()` gives {field: rounded number} or raises OSError (bus) or ValueError (checksum, impossible value).
After an error, probe again before the next read: the chip may have lost its power and its settings.
"""

# name -> (module, class): imported when first asked for, so that a board loads only what it uses
DRIVERS = {
    "sht4x": ("fleet_node.sensors.sht4x", "SHT4x"),
    "bmp280": ("fleet_node.sensors.bmp280", "BMP280"),
    "aht20": ("fleet_node.sensors.aht20", "AHT20"),
    "mpu6886": ("fleet_node.sensors.mpu6886", "MPU6886"),
}


def load(name):
    """The driver class; KeyError if there is none of this name."""
    module, cls = DRIVERS[name]
    return getattr(__import__(module, None, None, (cls,)), cls)

"""What a driver does to an answer before it hands it on: checksum, plausibility, rounding."""


def crc8(data):
    """CRC-8, polynomial 0x31, initial value 0xFF (SHT4x datasheet 4.4, AHT20 datasheet 5.4)."""
    crc = 0xFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = ((crc << 1) ^ 0x31) & 0xFF if crc & 0x80 else crc << 1
    return crc


def within(what, value, low, high):
    """`value`, or ValueError if the chip cannot measure that."""
    if low <= value <= high:
        return value
    raise ValueError(what + " of " + str(value) + " is impossible")


def rounded(value):
    """To two digits, as finer is noise; and never -0.0."""
    return round(value, 2) + 0.0

"""What a single value may be: numbers, text, ids. Questions only, nothing here raises."""

MAX_INT = (1 << 53) - 1  # what a float64 reader (JavaScript, SQLite REAL) still holds exactly


def is_int(value, low=0, high=MAX_INT):
    return type(value) is int and low <= value <= high


def is_number(value):
    """A finite number; a bool is not one (F-PAYLOAD-3)."""
    if type(value) is float:
        return value - value == 0  # false for nan and both infinities
    return is_int(value, -MAX_INT)


def is_boot(value):
    """4 lower-case hex digits, drawn at random at every boot."""
    if not isinstance(value, str) or len(value) != 4:
        return False
    for char in value:
        if char not in "0123456789abcdef":
            return False
    return True


def is_text(value, longest, controls=""):
    """Text of at most `longest` characters that a terminal can show: no control characters but `controls`."""
    if not isinstance(value, str):
        return False
    value = join_pairs(value)
    if len(value) > longest:
        return False
    for char in value:
        code = ord(char)
        if code < 0x20 and char not in controls:
            return False
        if 0x7F <= code < 0xA0 or 0xD800 <= code < 0xE000:  # C1 controls, half of a surrogate pair
            return False
    return True


def join_pairs(text):
    """`text` with surrogate pairs made one character, which MicroPython's json leaves as two."""
    joined = ""
    for char in text:
        code = ord(char)
        if 0xDC00 <= code < 0xE000 and joined and 0xD800 <= ord(joined[-1]) < 0xDC00:
            char = chr(0x10000 + ((ord(joined[-1]) - 0xD800) << 10) + code - 0xDC00)
            joined = joined[:-1]
        joined += char
    return joined


def is_command_id(value):
    """[A-Za-z0-9-]{1,16}"""
    if not isinstance(value, str) or not 1 <= len(value) <= 16:
        return False
    for char in value:
        if not ("a" <= char <= "z" or "A" <= char <= "Z" or "0" <= char <= "9" or char == "-"):
            return False
    return True

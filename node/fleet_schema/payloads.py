"""Payloads: one ASCII JSON object each, encoded and checked in one place.

`decode` never trusts the network: it returns a dict whose known keys are legal, or raises SchemaError
with the id of the rule that was broken. Unknown keys are left alone, so that a newer minor version works.
"""

import json

from fleet_schema import SchemaError, topics

LIMITS = {"meta": 1024, "host_last": 2048, "host_board": 2048, "host_chunk": 1024}  # bytes; every other kind has:
LIMIT = 512

NODE_STATES = ("online", "sleeping", "offline", "lost")
ACK_STATES = ("ok", "done", "bad", "unknown", "busy", "muted", "dup", "fail")
HEALTH_KEYS = ("mem", "lag", "reconn", "spool", "drops", "errors", "bad", "rssi")


def encode(kind, fields):
    """The bytes of a payload; SchemaError (F-PAYLOAD-2) if it is over the limit of its kind."""
    values = fields.get("v")
    if isinstance(values, dict):
        fields = {name: value for name, value in fields.items() if name != "v"}
    text = json.dumps(fields, separators=(",", ":"))
    if isinstance(values, dict):
        text = text[:-1] + ("," if fields else "") + '"v":' + _values(values) + "}"
    raw = text.encode()
    if len(raw) != len(text):  # MicroPython's json leaves non-ASCII as it is, CPython's escapes it
        raw = _escape(text).encode()
    if len(raw) > LIMITS.get(kind, LIMIT):
        raise SchemaError("F-PAYLOAD-2", kind + " payload of " + str(len(raw)) + " bytes is too long")
    return raw


def _values(values):
    return "{" + ",".join([json.dumps(name) + ":" + _value(value) for name, value in values.items()]) + "}"


def _value(value):
    """A number with the digits it was given: json on a PC's MicroPython writes 99.99 as 99.98999999999999."""
    if type(value) is float and value - value == 0:
        short = "%.7g" % value
        if float(short) == value:
            return short
    return json.dumps(value, separators=(",", ":"))


def _escape(text):
    parts = []
    for char in text:
        code = ord(char)
        if code > 0xFFFF:  # RFC 8259 section 7: a surrogate pair
            code -= 0x10000
            parts.append("\\u%04x\\u%04x" % (0xD800 + (code >> 10), 0xDC00 + (code & 0x3FF)))
        else:
            parts.append(char if code < 128 else "\\u%04x" % code)
    return "".join(parts)


def decode(kind, raw, loads=json.loads):
    """The checked dict of a payload; `kind` is a key of `checks.CHECKS`, which `kind_of` makes from a topic."""
    from fleet_schema import checks  # a node only encodes, so it never loads these

    fields = parse(kind, raw, loads)
    checks.CHECKS[kind](fields)
    return fields


def kind_of(who, kind):
    """The kind of payload on a parsed topic: `host_status` for `_host/status`, else the topic's own kind."""
    return "host_" + kind if who == topics.HOST else kind


def parse(kind, raw, loads=json.loads):
    """A dict from untrusted bytes: size, ASCII, JSON, an object (F-PAYLOAD-1, -2)."""
    if len(raw) > LIMITS.get(kind, LIMIT):
        raise SchemaError("F-PAYLOAD-2", "over " + str(LIMITS.get(kind, LIMIT)) + " bytes")
    text = to_text(raw)
    if len(text) != len(raw):
        raise SchemaError("F-PAYLOAD-1", "not ASCII")
    fields = load(text, loads)
    if not isinstance(fields, dict):
        raise SchemaError("F-PAYLOAD-1", "not a JSON object")
    return fields


def to_text(raw):
    """Decoded here and not by the JSON reader: CPython's would take UTF-16 for JSON too."""
    try:
        return raw.decode()
    except ValueError:  # of which UnicodeError is one
        raise SchemaError("F-PAYLOAD-1", "not UTF-8 text")


def load(text, loads=json.loads):
    """Any JSON value; `loads` is json.loads or orjson.loads."""
    if "\0" in text:  # MicroPython 1.25 takes NUL for a blank, and so UTF-16 for JSON
        raise SchemaError("F-PAYLOAD-1", "not JSON")
    try:
        return loads(text)
    except (ValueError, RuntimeError, MemoryError):  # RuntimeError, MemoryError: nested too deeply
        raise SchemaError("F-PAYLOAD-1", "not JSON")

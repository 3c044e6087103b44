"""Payloads: one ASCII JSON object each, encoded and checked in one place.

`decode` never trusts the network: it returns a dict whose known keys are legal, or raises SchemaError
with the id of the rule that was broken. Unknown keys are left alone, so that a newer minor version works.
"""

import json

from fleet_schema import SchemaError, topics

MAX_INT = (1 << 53) - 1  # what a float64 reader (JavaScript, SQLite REAL) still holds exactly
LIMITS = {"meta": 1024}  # bytes; every other kind has:
LIMIT = 512

NODE_STATES = ("online", "sleeping", "offline", "lost")
HOST_STATES = ("online", "offline", "lost")
ACK_STATES = ("ok", "done", "bad", "unknown", "busy", "muted", "dup", "fail")
HEALTH_KEYS = ("mem", "lag", "reconn", "spool", "drops", "errors", "bad", "rssi")


def encode(kind, fields):
    """The bytes of a payload; SchemaError (F-PAYLOAD-2) if it is over the limit of its kind."""
    text = json.dumps(fields, separators=(",", ":"))
    raw = text.encode()
    if len(raw) != len(text):  # MicroPython's json leaves non-ASCII as it is, CPython's escapes it
        raw = _escape(text).encode()
    if len(raw) > LIMITS.get(kind, LIMIT):
        raise SchemaError("F-PAYLOAD-2", kind + " payload of " + str(len(raw)) + " bytes is too long")
    return raw


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
    """The checked dict of a `kind` payload (status, meta, tele, event, health, log, ack)."""
    fields = parse(kind, raw, loads)
    CHECKS[kind](fields)
    return fields


def parse(kind, raw, loads=json.loads):
    """A dict from untrusted bytes: size, ASCII, JSON, an object (F-PAYLOAD-1, -2)."""
    if len(raw) > LIMITS.get(kind, LIMIT):
        raise SchemaError("F-PAYLOAD-2", "over " + str(LIMITS.get(kind, LIMIT)) + " bytes")
    try:
        if len(raw.decode()) != len(raw):
            raise SchemaError("F-PAYLOAD-1", "not ASCII")
    except UnicodeError:
        raise SchemaError("F-PAYLOAD-1", "not ASCII")
    try:
        fields = loads(raw)
    except (ValueError, RuntimeError):  # RuntimeError: nested too deeply
        raise SchemaError("F-PAYLOAD-1", "not JSON")
    if not isinstance(fields, dict):
        raise SchemaError("F-PAYLOAD-1", "not a JSON object")
    return fields


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


def is_text(value, longest):
    """Text of at most `longest` characters without control characters."""
    if not isinstance(value, str) or len(value) > longest:
        return False
    for char in value:
        if char < " " or char == "\x7f":
            return False
    return True


def require(condition, rule, why):
    if not condition:
        raise SchemaError(rule, why)


def check_envelope(fields):
    require(is_boot(fields.get("boot")), "F-ENV-1", "boot is 4 lower-case hex digits")
    require(is_int(fields.get("seq")), "F-ENV-2", "seq is an integer from 0")
    require(is_int(fields.get("up")), "F-ENV-3", "up is an integer of ms from 0")


def check_status(fields):
    require(fields.get("state") in NODE_STATES, "F-STATUS-1", "state is online, sleeping, offline or lost")
    require(is_boot(fields.get("boot")), "F-STATUS-2", "boot is 4 lower-case hex digits")
    require(is_int(fields.get("conn"), 1), "F-STATUS-2", "conn counts the connections of this boot from 1")
    if fields["state"] == "sleeping":
        require(is_int(fields.get("wake"), 1), "F-STATUS-4", "sleeping says in how many s it wakes")


def check_tele(fields):
    check_envelope(fields)
    values = fields.get("v")
    require(isinstance(values, dict) and 1 <= len(values) <= 16, "F-TELE-1", "v is an object of 1 to 16 fields")
    for name, value in values.items():
        require(topics.is_name(name), "F-TELE-1", "a field name is [a-z0-9-]{1,16}")
        require(value is None or is_number(value), "F-TELE-2", "a value is a finite number or null")
    require(fields.get("hist", 1) == 1, "F-TELE-3", "hist is 1 or absent")
    require(is_int(fields.get("ts", 1), 1), "F-TELE-4", "ts is UTC in ms")


def check_event(fields):
    check_envelope(fields)
    require(topics.is_name(fields.get("event_type")), "F-EVENT-1", "event_type is a name")
    require(is_int(fields.get("n"), 1), "F-EVENT-2", "n counts the events of this input from 1")
    require(fields.get("hist", 1) == 1, "F-TELE-3", "hist is 1 or absent")


def check_health(fields):
    check_envelope(fields)
    for key in HEALTH_KEYS:
        require(is_int(fields.get(key, 0), -MAX_INT), "F-HEALTH-1", key + " is an integer")


def check_log(fields):
    check_envelope(fields)
    require(is_text(fields.get("msg"), 200), "F-LOG-1", "msg is text of at most 200 characters")
    trace = fields.get("tb", "")
    require(isinstance(trace, str) and len(trace) <= 400, "F-LOG-2", "tb is text of at most 400 characters")


def check_ack(fields):
    check_envelope(fields)
    require(topics.is_name(fields.get("cmd")), "F-ACK-1", "cmd is the name of the command")
    require(fields.get("st") in ACK_STATES, "F-ACK-2", "st is one of " + " ".join(ACK_STATES))
    require(fields.get("id") is None or is_command_id(fields["id"]), "F-CMD-2", "id is [A-Za-z0-9-]{1,16}")
    require(is_text(fields.get("err", ""), 120), "F-ACK-3", "err is text of at most 120 characters")
    result = fields.get("re")
    good = result is None or isinstance(result, bool) or is_number(result) or is_text(result, 120)
    require(good, "F-ACK-4", "re is a scalar")


def is_command_id(value):
    """[A-Za-z0-9-]{1,16}"""
    return isinstance(value, str) and 1 <= len(value) <= 16 and topics.is_name(value.lower())


def check_host_status(fields):
    require(fields.get("state") in HOST_STATES, "F-HOST-1", "state is online, offline or lost")
    require(is_int(fields.get("ts"), 1), "F-HOST-1", "ts is UTC in ms")


def _check_meta(fields):
    from fleet_schema import meta  # a node never decodes a meta, so it never loads this

    meta.check_meta(fields)


CHECKS = {
    "status": check_status,
    "meta": _check_meta,
    "tele": check_tele,
    "event": check_event,
    "health": check_health,
    "log": check_log,
    "ack": check_ack,
    "host_status": check_host_status,
}

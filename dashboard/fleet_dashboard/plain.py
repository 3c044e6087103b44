"""The short way through a reading that looks like the one before: what passes here passes payloads.decode as well."""

from __future__ import annotations

from typing import Any

import orjson

from fleet_dashboard.account import MAX_SEQ
from fleet_schema import payloads
from fleet_schema.values import is_number

MAX_UP = 1 << 40  # ms: 34 years; a larger one is not an uptime and would spoil the clock


def plain_reading(payload: bytes, boot: str, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The fields, if this is a reading of `boot` with exactly the fields `names` and no optional key. All else, and
    all that is bad, gets None and goes through the full check. A test holds that this one is never the laxer."""
    if len(payload) > payloads.LIMIT or not payload.isascii():
        return None
    try:
        fields: dict[str, Any] = orjson.loads(payload)
        values = fields["v"]
        if len(fields) != 4 or fields["boot"] != boot or tuple(values) != names:
            return None
        seq, up = fields["seq"], fields["up"]
        if type(seq) is not int or type(up) is not int or not (0 <= seq <= MAX_SEQ and 0 <= up <= MAX_UP):
            return None
        for value in values.values():
            # A float is finite here: orjson refuses nan and infinities.
            if type(value) is not float and value is not None and not is_number(value):
                return None
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    return fields

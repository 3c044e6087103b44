"""What a node tells about itself: its status, and its birth certificate (meta). Pure but for reading sys."""

import json
import sys

from fleet_node import VERSION
from fleet_node.buttons import EVENTS
from fleet_schema import SCHEMA, SchemaError, commands, payloads, values


def status(state, boot, conn, pause=0):
    """Bytes; `conn` counts the connections of this boot, so that an old will is told from a new one. `pause` in s."""
    fields = {"state": state, "boot": boot, "conn": conn}
    if pause:
        fields["pause"] = pause
    return json.dumps(fields, separators=(",", ":")).encode()


def meta(settings, board, samplers):
    """The fields of a meta payload, without its envelope."""
    return {
        "schema": SCHEMA,
        "name": settings.name,
        "board": board.name,
        "fw": ".".join([str(part) for part in sys.implementation.version[:3]]),
        "app": VERSION,
        "period": settings.period,
        "groups": settings.groups,
        "sensors": {sampler.name: sampler.fields for sampler in samplers},
        "inputs": {name: EVENTS for name in board.buttons},
        "commands": commands.STANDARD,
    }


def check(fields):
    """SchemaError if `fields` of a meta do not leave room for its envelope at its longest."""
    try:
        payloads.encode("meta", dict(fields, boot="ffff", seq=values.MAX_INT, up=values.MAX_INT))
    except SchemaError as error:
        raise SchemaError(error.rule, "shorten the name or the groups: " + error.why)

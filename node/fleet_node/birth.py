"""What a node tells about itself: its status, and its birth certificate (meta). Pure but for reading sys."""

import json
import sys

from fleet_node import VERSION
from fleet_node.buttons import EVENTS
from fleet_schema import SCHEMA, commands


def status(state, boot, conn):
    """Bytes; `conn` counts the connections of this boot, so that an old will is told from a new one."""
    return json.dumps({"state": state, "boot": boot, "conn": conn}, separators=(",", ":")).encode()


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

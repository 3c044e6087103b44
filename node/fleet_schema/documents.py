"""The documents that only the host reads or writes, checked: a node never loads this file.

meta, the birth certificate of a node:
{"boot","seq","up","schema":"1.0","name":"Ada","board":"unix","fw":"1.29.0","app":"0.1.0","period":2000,
 "groups":["red"], "sensors":{"sht4x":{"temp":["Cel","temperature"]}},
 "inputs":{"button-a":["press","release","long"]}, "commands":{"buzz":[["ms","i",10,10000,300]]}}
and what the host retains for late joiners: its status, last values, leaderboards and alerts.
"""

from fleet_schema import commands, require, topics
from fleet_schema.values import is_boot, is_int, is_number, is_text

HOST_STATES = ("online", "offline", "lost")
QUALITIES = ("good", "late", "stale")
MAX_SENSORS = 16
MAX_FIELDS = 16
MAX_COMMANDS = 32
MAX_ROWS = 10


def check_meta(fields):
    """SchemaError F-META-n for the first thing that is wrong, the envelope apart."""
    require(is_version(fields.get("schema")), "F-META-1", "schema is 1.<minor>")
    for key in ("name", "board", "fw", "app"):
        require(is_text(fields.get(key, ""), 32), "F-META-2", key + " is text of at most 32 characters")
    require(is_int(fields.get("period"), 1), "F-META-3", "period is in ms")
    groups = fields.get("groups", [])
    good = isinstance(groups, list) and len(groups) <= commands.MAX_GROUPS
    good = good and all(topics.is_group(group) for group in groups)
    require(good, "F-META-4", "groups is a list of at most 4 group names")
    for sensor in _named(fields.get("sensors", {}), "sensors", "F-META-5", MAX_SENSORS).values():
        for field in _named(sensor, "a sensor", "F-META-5", MAX_FIELDS, least=1).values():
            require(_is_unit(field), "F-META-5", "a field is [SenML unit, quantity], both ASCII")
    for events in _named(fields.get("inputs", {}), "inputs", "F-META-6", MAX_SENSORS).values():
        good = isinstance(events, list) and all(topics.is_name(event) for event in events)
        require(good, "F-META-6", "an input has a list of event types")
    for spec in _named(fields.get("commands", {}), "commands", "F-META-7", MAX_COMMANDS).values():
        good = isinstance(spec, list) and all(_is_argument(arg) for arg in spec)
        require(good, "F-META-7", "a command has a list of [argument, type, low, high, default?]")


def check_host_status(fields):
    require(fields.get("state") in HOST_STATES, "F-HOST-1", "state is online, offline or lost")
    require(is_int(fields.get("ts"), 1), "F-HOST-2", "ts is UTC in ms")
    require(is_version(fields.get("schema", topics.MAJOR + ".0")), "F-HOST-1", "schema is 1.<minor>")


def check_lesson(fields):
    """{"open":true,"until":UTC_MS}: until then nobody needs a password; an empty payload says that it is over."""
    require(fields.get("open") is True, "F-LESSON-1", "open is true")
    require(is_int(fields.get("until"), 1), "F-LESSON-1", "until is UTC in ms")


def check_last(fields):
    require(is_int(fields.get("ts"), 1), "F-HOST-2", "ts is UTC in ms")
    require(is_boot(fields.get("boot")), "F-HOST-3", "boot is 4 lower-case hex digits")
    require(fields.get("q") in QUALITIES, "F-HOST-3", "q is good, late or stale")
    for sensor in _named(fields.get("v"), "v", "F-HOST-3", MAX_SENSORS).values():
        for value in _named(sensor, "a sensor", "F-HOST-3", MAX_FIELDS, least=1).values():
            require(value is None or is_number(value), "F-HOST-3", "a value is a finite number or null")


def check_board(fields):
    for key in ("title", "unit"):
        require(is_text(fields.get(key), 32), "F-HOST-4", key + " is text of at most 32 characters")
    rows = fields.get("top")
    require(isinstance(rows, list) and len(rows) <= MAX_ROWS, "F-HOST-4", "top is a list of at most 10 rows")
    for row in rows:
        good = isinstance(row, list) and len(row) == 3 and topics.is_node_id(row[0])
        require(good and is_text(row[1], 32) and is_number(row[2]), "F-HOST-4", "a row is [node, name, score]")


def check_alert(fields):
    require(is_int(fields.get("ts"), 1), "F-HOST-2", "ts is UTC in ms")
    require(topics.is_alert_id(fields.get("kind")), "F-HOST-5", "kind is [a-z0-9-]{1,32}")
    node = fields.get("node")
    require(node is None or topics.is_target(node), "F-HOST-5", "node is whom it is about, or null")
    require(is_text(fields.get("text"), 200), "F-HOST-5", "text is a sentence of at most 200 characters")


def is_version(value):
    """A schema version of this major: `1.<minor>`."""
    if not is_text(value, 8) or value[:2] != topics.MAJOR + ".":
        return False
    return len(value) > 2 and all(char in "0123456789" for char in value[2:])


def _named(table, what, rule, most, least=0):
    good = isinstance(table, dict) and least <= len(table) <= most and all(topics.is_name(name) for name in table)
    require(good, rule, what + " is an object of " + str(least) + " to " + str(most) + " names")
    return table


def _is_unit(field):
    if not isinstance(field, list) or len(field) != 2:
        return False
    return all(is_text(part, 16) and len(part.encode()) == len(part) for part in field)


def _is_argument(arg):
    if not isinstance(arg, list) or not 4 <= len(arg) <= 5 or arg[1] not in ("i", "n", "b", "s"):
        return False
    name, kind, low, high = arg[:4]
    if not topics.is_name(name) or name == "id":  # `id` is the request's
        return False
    if not is_number(low) or not is_number(high) or low > high:
        return False
    return len(arg) == 4 or commands.fits(arg[4], kind, low, high)

"""The birth certificate of a node, checked: host side only, a node never loads this file.

{"boot","seq","up","schema":"1.0","name":"Ada","board":"unix","fw":"1.29.0","app":"0.1.0","period":2000,
 "groups":["red"], "sensors":{"sht4x":{"temp":["Cel","temperature"]}},
 "inputs":{"button-a":["press","release","long"]}, "commands":{"buzz":[["ms","i",10,10000,300]]}}
"""

from fleet_schema import payloads, topics
from fleet_schema.payloads import is_text, require

MAX_SENSORS = 16
MAX_COMMANDS = 32


def check_meta(fields):
    """SchemaError F-META-n for the first thing that is wrong."""
    payloads.check_envelope(fields)
    schema = fields.get("schema")
    require(is_text(schema, 8) and schema.split(".")[0] == topics.MAJOR, "F-META-1", "schema is 1.<minor>")
    for key in ("name", "board", "fw", "app"):
        require(is_text(fields.get(key, ""), 32), "F-META-2", key + " is text of at most 32 characters")
    require(payloads.is_int(fields.get("period"), 1), "F-META-3", "period is in ms")
    groups = fields.get("groups", [])
    good = isinstance(groups, list) and all(topics.is_group(group) for group in groups)
    require(good, "F-META-4", "groups is a list of group names")
    _check_sensors(_named(fields, "sensors", "F-META-5", MAX_SENSORS))
    for events in _named(fields, "inputs", "F-META-6", MAX_SENSORS).values():
        good = isinstance(events, list) and all(topics.is_name(event) for event in events)
        require(good, "F-META-6", "an input has a list of event types")
    for spec in _named(fields, "commands", "F-META-7", MAX_COMMANDS).values():
        require(isinstance(spec, list) and all(_is_argument(arg) for arg in spec), "F-META-7", "not an argument list")


def _named(fields, key, rule, most):
    table = fields.get(key, {})
    good = isinstance(table, dict) and len(table) <= most and all(topics.is_name(name) for name in table)
    require(good, rule, key + " is an object of at most " + str(most) + " names")
    return table


def _check_sensors(sensors):
    for sensor in sensors.values():
        require(isinstance(sensor, dict) and 1 <= len(sensor) <= 16, "F-META-5", "a sensor has 1 to 16 fields")
        for name, field in sensor.items():
            good = topics.is_name(name) and isinstance(field, list) and len(field) == 2
            good = good and all(is_text(part, 16) and part.isascii() for part in field)
            require(good, "F-META-5", "a field is [SenML unit, quantity]")


def _is_argument(arg):
    if not isinstance(arg, list) or not 4 <= len(arg) <= 5:
        return False
    bounds = payloads.is_number(arg[2]) and payloads.is_number(arg[3])
    return topics.is_name(arg[0]) and arg[1] in ("i", "n", "b", "s") and bounds

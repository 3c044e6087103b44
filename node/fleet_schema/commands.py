"""Commands: which there are, which arguments they take, and how a command payload is read.

An argument is [name, type, low, high] or [name, type, low, high, default]; without a default it must be
given. Types: "i" integer, "n" number, "b" true or false, "s" text (low and high bound its length).
The same table is checked by the node, shown by the CLI and made into forms by the dashboard.
"""

import json

from fleet_schema import SchemaError, payloads, topics, values

STANDARD = {
    "identify": [["ms", "i", 100, 30000, 3000]],
    "echo": [["text", "s", 0, 64, ""]],
    "rebirth": [],
    "period": [["ms", "i", 100, 3600000]],
    "name": [["name", "s", 1, 32]],
    "groups": [["groups", "s", 0, 67, ""]],
    "buzz": [["ms", "i", 10, 10000, 300], ["hz", "i", 50, 10000, 2000], ["tune", "s", 0, 64, ""]],
    "led": [["on", "b", 0, 1, True], ["ms", "i", 0, 60000, 0]],
    "say": [["text", "s", 0, 64]],
    "mute": [["s", "i", 0, 3600, 300]],
    "pause": [["s", "i", 0, 3600, 60]],
    "reset": [],
}
MAX_GROUPS = 4


def decode_command(raw, spec, loads=json.loads):
    """(id, args) of a command payload; id is None if the sender wants none.

    `args` has every argument of `spec`. `{}` means all defaults, a bare scalar is the first
    argument, and bare words are the first argument where that is text, so `mosquitto_pub -m hello` works.
    Raises SchemaError (F-CMD-n, F-PAYLOAD-n): `why` is fit for the ack, `id` is the request's if it was readable.
    """
    fields = _fields(raw, spec, loads)
    request_id = fields.get("id")
    if request_id is not None and not values.is_command_id(request_id):
        raise SchemaError("F-CMD-2", "id is [A-Za-z0-9-]{1,16}")
    try:
        return request_id, check_args(fields, spec)
    except SchemaError as error:
        error.id = request_id  # the ack that says no must still find its request
        raise


def _fields(raw, spec, loads):
    if len(raw) > payloads.LIMIT:
        raise SchemaError("F-PAYLOAD-2", "over 512 bytes")
    if not raw:
        raise SchemaError("F-CMD-3", "an empty payload is no command, but clears a retained one: send {}")
    text = payloads.to_text(raw).strip()
    if not text:
        return {}
    if spec and spec[0][1] == "s" and text[0] not in '{"':
        return {spec[0][0]: text}
    fields = payloads.load(text, loads)
    if isinstance(fields, dict):
        return fields
    if isinstance(fields, list) or fields is None or not spec:
        raise SchemaError("F-CMD-3", "takes an object" if spec else "takes no argument")
    return {spec[0][0]: fields}


def check_args(fields, spec):
    """The arguments of `spec` from `fields`, defaults filled in; SchemaError F-CMD-4 names the bad one."""
    args = {}
    for arg in spec:
        name, kind, low, high = arg[:4]
        value = fields.get(name)
        if value is None:
            if len(arg) < 5:
                raise SchemaError("F-CMD-4", name + " is missing")
            value = arg[4]
        elif not fits(value, kind, low, high):
            raise SchemaError("F-CMD-4", name + " is not " + describe(kind, low, high))
        args[name] = values.join_pairs(value) if kind == "s" else value
    return args


def encode_command(request_id, args):
    """The payload a host sends; `request_id` None asks for an ack without id."""
    fields = dict(args)
    if request_id is not None:
        fields["id"] = request_id
    return payloads.encode("cmd", fields)


def describe(kind, low, high):
    """What an argument of this type and bounds takes, in words a person can act on."""
    if kind == "b":
        return "true or false"
    if kind == "s":
        return "text of " + str(low) + " to " + str(high) + " characters"
    return ("a whole number" if kind == "i" else "a number") + " from " + str(low) + " to " + str(high)


def split_groups(text):
    """The groups in `red,blue`; SchemaError F-CMD-5 if one is illegal or there are more than 4."""
    groups = []
    for group in text.replace(" ", "").split(","):
        if not group:
            continue
        if not topics.is_group(group):
            raise SchemaError("F-CMD-5", "a group is [a-z0-9][a-z0-9-]{0,15}")
        if group not in groups:
            groups.append(group)
    if len(groups) > MAX_GROUPS:
        raise SchemaError("F-CMD-5", "at most 4 groups")
    return groups


def fits(value, kind, low, high):
    """Is `value` of this type and within these bounds?"""
    if kind == "b":
        return isinstance(value, bool)
    if kind == "s":
        return values.is_text(value, high) and len(values.join_pairs(value)) >= low
    if kind == "i":
        return values.is_int(value, low, high)
    return values.is_number(value) and low <= value <= high

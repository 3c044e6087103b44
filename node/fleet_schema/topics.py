"""The only place where a topic is spelled: `<base>/1/<who>/<kind>[/<name>]`.

`who` is a node id, `_all`, `_<group>` or `_host`. Every builder checks what it is given, so a topic
that leaves this module is legal, and `parse` accepts exactly the topics that the builders can make.
"""

from fleet_schema import SchemaError

MAJOR = "1"
ALL = "_all"
HOST = "_host"
MAX_TOPIC = 64

_ALNUM = "abcdefghijklmnopqrstuvwxyz0123456789"
LOG_LEVELS = ("debug", "info", "warning", "error")

# kind -> does a name follow it?
NODE_KINDS = {
    "status": False,
    "meta": False,
    "health": False,
    "ack": False,
    "journal": False,
    "ota": False,
    "tele": True,
    "event": True,
    "log": True,
    "cmd": True,
}
HOST_KINDS = {
    "status": False,
    "lesson": False,
    "last": True,
    "stored": True,
    "board": True,
    "alert": True,
    "ota": True,
    "chunk": True,
}
FOR_ONE = ("last", "stored", "ota", "chunk")  # of these the name is a node id


def _is_word(text, longest, first):
    if not isinstance(text, str) or not 1 <= len(text) <= longest or text[0] not in first:
        return False
    for char in text:
        if char not in _ALNUM and char != "-":
            return False
    return True


def is_base(text):
    """[a-z0-9][a-z0-9-]{0,15}: one level, one per class."""
    return _is_word(text, 16, _ALNUM)


def is_node_id(text):
    """[a-z0-9][a-z0-9-]{0,19}"""
    return _is_word(text, 20, _ALNUM)


def is_name(text):
    """[a-z0-9-]{1,16}: a sensor, field, input, event type, command or argument."""
    return _is_word(text, 16, _ALNUM + "-")


def is_group(text):
    """[a-z0-9][a-z0-9-]{0,15}, but not a reserved word: `red` is addressed as `_red`."""
    return _is_word(text, 16, _ALNUM) and text not in ("all", "host")


def is_alert_id(text):
    """[a-z0-9-]{1,32}"""
    return _is_word(text, 32, _ALNUM + "-")


def is_target(text):
    """Whom a command may address: a node id, `_all` or `_<group>`."""
    return is_node_id(text) or text == ALL or (isinstance(text, str) and text[:1] == "_" and is_group(text[1:]))


def node_topic(base, node, kind, name=None):
    """The topic a node publishes to (or its command topic); SchemaError if a part is illegal."""
    if not is_node_id(node):
        raise SchemaError("F-TOPIC-4", "a node id is [a-z0-9][a-z0-9-]{0,19}")
    return _join(base, node, kind, name)


def command_topic(base, target, name):
    """The topic of command `name` for a node id, `_all` or `_<group>`."""
    return _join(base, target, "cmd", name)


def host_topic(base, kind, name=None):
    """A topic of the host: status, lesson, board/<name>, alert/<id>; of one node: last, stored, ota, chunk/<node>."""
    return _join(base, HOST, kind, name)


def command_filters(base, node, groups=()):
    """The command subscriptions of a node, in the order in which it makes them."""
    targets = [node, ALL]
    for group in groups:
        targets.append("_" + group)
    filters = []
    for target in targets:
        filters.append(_join(base, target, "cmd", "x")[:-1] + "+")
    return filters


def everything(base):
    """The one subscription that shows a whole fleet."""
    return _join(base, HOST, "status", None)[: -len(HOST) - 7] + "#"


def parse(base, topic):
    """(who, kind, name) of a topic of this base; name is None where the kind has none.

    Raises SchemaError (F-TOPIC-n) for everything that the builders could not have made.
    """
    if len(topic) > MAX_TOPIC:
        raise SchemaError("F-TOPIC-1", "a topic has at most 64 bytes")
    levels = topic.split("/")
    if not 4 <= len(levels) <= 5:
        raise SchemaError("F-TOPIC-1", "a topic is <base>/1/<who>/<kind>[/<name>]")
    if levels[1] != MAJOR:
        raise SchemaError("F-TOPIC-3", "the version level is 1")
    if levels[0] != base:
        raise SchemaError("F-TOPIC-2", "not of base " + base)
    who, kind = levels[2], levels[3]
    name = levels[4] if len(levels) == 5 else None
    _check(base, who, kind, name)
    return who, kind, name


def _join(base, who, kind, name):
    _check(base, who, kind, name)
    return "/".join((base, MAJOR, who, kind) if name is None else (base, MAJOR, who, kind, name))


def _check(base, who, kind, name):
    if not is_base(base):
        raise SchemaError("F-TOPIC-2", "a base is [a-z0-9][a-z0-9-]{0,15}")
    kinds = NODE_KINDS
    if who == HOST:
        kinds = HOST_KINDS
    elif not is_target(who):
        raise SchemaError("F-TOPIC-4", "not a node id, _all, _<group> or _host")
    elif who[0] == "_" and kind != "cmd":
        raise SchemaError("F-TOPIC-6", "only cmd goes to _all and to groups")
    if kind not in kinds:
        raise SchemaError("F-TOPIC-6", "no such kind here")
    if kinds[kind] != (name is not None):
        raise SchemaError("F-TOPIC-6", "this kind has " + ("a" if kinds[kind] else "no") + " name")
    if name is None:
        return
    if kind == "log":
        if name not in LOG_LEVELS:
            raise SchemaError("F-TOPIC-7", "a log level is debug, info, warning or error")
    elif kind in FOR_ONE:
        if not is_node_id(name):
            raise SchemaError("F-TOPIC-4", kind + "/<node> needs a node id")
    elif kind == "alert":
        if not is_alert_id(name):
            raise SchemaError("F-TOPIC-5", "an alert id is [a-z0-9-]{1,32}")
    elif not is_name(name):
        raise SchemaError("F-TOPIC-5", "a name is [a-z0-9-]{1,16}")

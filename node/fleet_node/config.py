"""Reads what a person decided about this node, and says everything that is wrong with it at once."""

import json
import os
import sys

from fleet_node import ConfigError, settings
from fleet_schema import topics, values

NUMBERS = {  # key: (least, most, default)
    "keepalive": (2, 600, 15),  # s
    "queue": (1, 5000, 200),  # readings and events that wait in RAM for the host to store them
    "journal_kb": (24, 65536, 256),  # KB of flash for those that wait longer
    "journal_s": (1, 3600, 30),  # s after which they go there
    "period": (100, 3600000, 2000),  # ms between readings
    "jitter": (0, 2000, 200),  # ms over which the acks of a command to many nodes are spread
    "health": (1000, 3600000, 60000),  # ms between health reports
    "trial": (5, 150, 120),  # s in which a new program has to be heard by the host
    "watchdog": (0, 120, 0),  # s after which a board that hangs is reset; 0 for never, else at least 5
    "lag_tick": (1, 1000, 50),  # ms between looks at the loop
    "web": (0, 65535, 0),  # the port of the node's own page; 0 for none
}
TEXTS = ("user", "password", "ca", "tls_name", "fingerprint")  # of "broker"


def load(path=None):
    """The whole configuration as a dict with every key filled in; ConfigError lists all that is wrong."""
    path = path or _env("FLEET_CONFIG")
    errors = []
    config = _read(path or _beside_main("config.json"), bool(path), errors)
    if not errors:
        _read_env(config, errors)
        _check(config, errors)
    if errors:
        raise ConfigError("\n".join(errors))
    return config


def parse_url(url):
    """The "broker" of config.json from mqtt://[user[:password]@]host[:port], or mqtts://...?ca=FILE&name=NAME.

    ValueError if it is neither.
    """
    scheme, _, rest = url.partition("://")
    rest, _, query = rest.partition("?")
    login, _, place = rest.split("/")[0].rpartition("@")
    user, _, password = login.partition(":")
    host, _, port = place.partition(":")
    asked = {}
    for one in query.split("&") if query else ():
        key, _, value = one.partition("=")
        asked[key] = _unquote(value)
    secure = scheme == "mqtts"
    keys = ("ca", "name") if secure else ()
    if scheme not in ("mqtt", "mqtts") or not host or (port and not port.isdigit()) or set(asked) - set(keys):
        raise ValueError("a broker URL is mqtt://[user:password@]host[:port] or mqtts://...?ca=FILE&name=NAME")
    broker = {"host": host, "port": int(port or (8883 if secure else 1883))}
    broker.update({"user": _unquote(user), "password": _unquote(password)})
    if secure:
        broker.update({"tls": True, "ca": asked.get("ca", ""), "tls_name": asked.get("name", "")})
    return broker


def _unquote(text):
    """%40 and the like, as in every URL."""
    parts = text.encode().split(b"%")
    return b"".join([parts[0]] + [bytes((int(part[:2], 16),)) + part[2:] for part in parts[1:]]).decode()


def _read(path, must_exist, errors):
    try:
        with open(path) as file:
            config = json.load(file)
        if isinstance(config, dict):
            return config
        errors.append(path + " is not a JSON object: start from config.example.json")
    except OSError:
        if must_exist:
            errors.append("there is no " + path + ": copy config.example.json, or correct FLEET_CONFIG")
    except ValueError:
        errors.append(path + " is not JSON: look for a missing comma or quote, or start from config.example.json")
    return {}


def _read_env(config, errors):
    """On a PC the environment overrides the file."""
    for key in ("node", "name", "base", "state", "journal", "world", "seed"):
        config[key] = _env("FLEET_" + key.upper()) or config.get(key) or ""
    for key in ("period", "web", "web_commands"):
        given = _env("FLEET_" + key.upper())
        if given:
            config[key] = int(given) if given.isdigit() else given
    if _env("FLEET_BROKER") == "none":
        config["broker"] = {"host": ""}
    elif _env("FLEET_BROKER"):
        try:
            config["broker"] = parse_url(_env("FLEET_BROKER"))
        except ValueError as error:
            errors.append("FLEET_BROKER: " + str(error))


def _check(config, errors):
    def want(good, key, fix):
        if not good:
            errors.append('"' + key + '" is ' + json.dumps(config.get(key)) + ": " + fix)

    config["base"] = config["base"] or "fleet"
    want(not config["node"] or topics.is_node_id(config["node"]), "node", "use [a-z0-9][a-z0-9-]{0,19}, such as ada")
    want(topics.is_base(config["base"]), "base", "use [a-z0-9][a-z0-9-]{0,15}, such as fleet")
    want(not config["name"] or settings.is_human_name(config["name"]), "name", "use up to 32 characters")
    for key, (low, high, default) in NUMBERS.items():
        config.setdefault(key, default)
        want(values.is_int(config[key], low, high), key, "use a whole number from %d to %d" % (low, high))
    for key, default in (("sensors", []), ("groups", []), ("board", ""), ("wifi", {}), ("broker", {})):
        config.setdefault(key, default)
    config.setdefault("web_commands", False)
    want(config["web_commands"] in (True, False), "web_commands", "use true or false: may the node's page command it?")
    want(settings.is_groups(config["groups"]), "groups", 'use a list of up to 4, such as ["red"]')
    sensors = config["sensors"]
    good = isinstance(sensors, list) and len(sensors) <= 8 and all(_is_sensor(name) for name in sensors)
    want(good, "sensors", "use a list of " + ", ".join(sorted(_drivers())))
    broker = config["broker"]
    good = isinstance(broker, dict) and isinstance(broker.setdefault("host", "127.0.0.1"), str)
    good = good and broker.setdefault("tls", False) in (True, False)
    good = good and values.is_int(broker.setdefault("port", 8883 if broker["tls"] else 1883), 1, 65535)
    good = good and values.is_int(broker.setdefault("http", 8080), 1, 65535)  # of the dashboard, which has the CA
    good = good and all(isinstance(broker.setdefault(key, ""), str) for key in TEXTS)
    if not good:  # said without its value: that may hold a password
        errors.append('"broker" is wrong: use {"host": "192.168.1.10", "port": 1883, "user": "", "password": ""}')
    elif not broker["host"]:  # stand-alone: nobody would ever ask for what waits
        config.update({"journal": "", "queue": 1})
    elif broker["tls"] != bool(broker["ca"]) or (
        broker["tls_name"] + broker["fingerprint"] and not broker["tls"]
    ):  # never half of it
        errors.append('TLS needs all of {"tls": true, "ca": "ca.der", "tls_name": "fleet-3b"} in "broker"')


def _drivers():
    from fleet_node import sensors

    return sensors.DRIVERS


def _is_sensor(name):
    return isinstance(name, str) and name in _drivers()


def _env(name):
    return os.getenv(name) if hasattr(os, "getenv") else None


def _beside_main(name):
    return sys.path[0] + "/" + name if sys.path[0] else name

"""Reads the script of a simulated world and checks every line of it before the start."""

import json

from world import REPEAT, parse


def load_script(path):
    """[[at_ms, "line"], ...] from a JSON file, last perhaps [at_ms, "repeat"]; ValueError says what is wrong."""
    try:
        with open(path) as file:
            entries = json.load(file)
    except OSError:
        raise ValueError("there is no world script " + path)
    except ValueError:
        raise ValueError("the world script " + path + " is not JSON")
    if not isinstance(entries, list):
        raise ValueError("the world script " + path + " is not a list of [ms, line]")
    for i, entry in enumerate(entries):
        where = path + ", entry " + str(i + 1) + ": "
        if not isinstance(entry, list) or len(entry) != 2 or type(entry[0]) is not int or not isinstance(entry[1], str):
            raise ValueError(where + 'an entry is [ms, "line"]')
        if entry[1] != REPEAT:
            try:
                parse(entry[1])
            except ValueError as error:
                raise ValueError(where + str(error))
        elif entry[0] < 100 or i + 1 < len(entries):
            raise ValueError(where + "repeat is the last entry, at 100 ms or later")
    return entries

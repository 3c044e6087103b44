"""What commands may change and a reset must not forget: name, groups, period. Owns the state file."""

import json
import os

from fleet_schema import SchemaError, topics, values


class Settings:
    """Read these attributes; change them with `change`. `fits()` is set by the owner: see there."""

    def __init__(self, config, said):
        self.name = config["name"]
        self.groups = config["groups"]
        self.period = config["period"]
        self._path = config["state"]
        self._said = said
        self._load()

    def change(self, key, value):
        """Set `key` and keep it; OSError if it cannot be kept (it is changed all the same).

        SchemaError, and nothing is changed, if `fits` finds that the birth certificate would be too long.
        """
        before = getattr(self, key)
        setattr(self, key, value)
        try:
            self.fits()
        except SchemaError:
            setattr(self, key, before)
            raise
        if not self._path:
            return
        state = {"name": self.name, "groups": self.groups, "period": self.period}
        new = self._path + ".new"
        with open(new, "w") as file:  # a power cut leaves the old file or the new one, never half of one
            json.dump(state, file)
        os.rename(new, self._path)

    def _load(self):
        if not self._path:
            return
        try:
            with open(self._path) as file:
                state = json.load(file)
            for key, good in CHECKS.items():
                if key in state and good(state[key]):
                    setattr(self, key, state[key])
        except OSError:
            pass  # the first start
        except (ValueError, TypeError):
            self._said(self._path + " is damaged and ignored; the next change of name, groups or period renews it")


def is_groups(value):
    return isinstance(value, list) and len(value) <= 4 and all(topics.is_group(group) for group in value)


def is_period(value):
    return values.is_int(value, 100, 3600000)


def is_human_name(value):
    return values.is_text(value, 32) and len(value) > 0


CHECKS = {"name": is_human_name, "groups": is_groups, "period": is_period}

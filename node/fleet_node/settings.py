"""What commands may change and a reset must not forget: name, groups, period. Owns the file in which they are kept."""

from fleet_node.slots import FULL, Slots
from fleet_schema import SchemaError, topics, values


class Settings:
    """Read these attributes; change them with `change`. `fits()` is set by the owner: see there.

    `seen` are the ids of commands that were carried out before a reset that was asked for. `journal` (or None) gives
    up its oldest readings when there is no room on the flash.
    """

    def __init__(self, config, said, journal=None):
        self.name = config["name"]
        self.groups = config["groups"]
        self.period = config["period"]
        self.seen = []
        self._journal = journal
        self._slots = Slots(config["state"]) if config["state"] else None
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
        self._save()

    def keep_seen(self, ids):
        """For the next start; OSError if they cannot be kept."""
        self.seen = ids
        self._save()

    def _save(self):
        state = {"name": self.name, "groups": self.groups, "period": self.period, "seen": self.seen}
        while self._slots:
            try:
                return self._slots.save(state)
            except OSError as error:
                if error.errno not in FULL or not self._journal or not self._journal.drop_oldest():
                    raise

    def _load(self):
        state = self._slots.load() if self._slots else None
        if self._slots and self._slots.damaged:
            self._said("the kept name, groups and period are damaged and ignored; changing one renews them")
        if not isinstance(state, dict):
            return
        for key, good in CHECKS.items():
            if key in state and good(state[key]):
                setattr(self, key, state[key])


def is_groups(value):
    return isinstance(value, list) and len(value) <= 4 and all(topics.is_group(group) for group in value)


def is_period(value):
    return values.is_int(value, 100, 3600000)


def is_human_name(value):
    return values.is_text(value, 32) and len(value) > 0


def is_ids(value):
    return isinstance(value, list) and all(values.is_command_id(one) for one in value)


CHECKS = {"name": is_human_name, "groups": is_groups, "period": is_period, "seen": is_ids}

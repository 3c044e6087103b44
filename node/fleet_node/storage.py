"""What a node finds on its flash when it starts: the number of its boot, and the journal. Runs once."""

import os

from fleet_node.slots import FULL, Slots


def open_storage(config, said):
    """(boot id, Journal); without a folder for it, or with one that cannot be used, (random boot id, None).

    Boot ids count up: among a few hundred that are drawn from 65,536 two would be alike, and their readings with them.
    If the new one cannot be saved it is drawn at random, so that the next start does not use it again.
    """
    folder = config["journal"]
    journal = None
    if folder:
        from fleet_node.journal import Journal  # only now: it costs memory

        try:
            journal = Journal(folder, config["journal_kb"] * 1024)
            return _next_boot(Slots(folder + "/boot"), journal), journal
        except OSError as error:
            said("the journal " + folder + " cannot be written: " + str(error) + "; readings wait in RAM only")
    return _free(_random(), journal), journal


def _next_boot(slots, journal):
    last = slots.load()
    boot = _free((last + 1) & 0xFFFF if isinstance(last, int) else _random(), journal)
    while True:
        try:
            slots.save(int(boot, 16))
            return boot
        except OSError as error:
            if error.errno not in FULL or not journal.drop_oldest():
                raise


def _free(number, journal):
    """As a boot id; the next one of which the journal has no readings."""
    taken = [row[0] for row in journal.rows()] if journal else []
    while "%04x" % number in taken:
        number = (number + 1) & 0xFFFF
    return "%04x" % number


def _random():
    return int.from_bytes(os.urandom(2), "big")

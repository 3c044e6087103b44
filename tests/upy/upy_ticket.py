"""Tickets on MicroPython: the same vectors as in tests/unit/test_ticket.py."""

import json

from fleet_schema import ticket

VECTORS = __file__.rsplit("/", 2)[0] + "/vectors/tickets.json"


def check(case):
    """None, or how the case differs."""
    try:
        got = ticket.parse(case["text"])
    except ticket.TicketError as error:
        good = error.part == case["part"] and str(error)
        return None if good else case["name"] + ": is about " + error.part + ", wanted " + str(case["part"])
    if case["part"] is not None:
        return case["name"] + ": gave " + str(got) + ", wanted an error about " + case["part"]
    if got != case["ticket"] or ticket.compose(got) != case["line"]:
        return case["name"] + ": gave " + str(got) + " and " + ticket.compose(got)
    return None


def test_tickets_are_read_and_written_as_the_vectors_say():
    with open(VECTORS) as file:
        cases = json.load(file)
    wrong = [one for one in [check(case) for case in cases] if one]
    assert not wrong, "\n".join(wrong)
    assert len(cases) >= 60, len(cases)

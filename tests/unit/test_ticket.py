"""Tickets on CPython: the vectors that tests/upy/upy_ticket.py runs on MicroPython, and what the tools add."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet_tools.ticket import Ticket, TicketError, parse
from support.vectors import Case, cases, params

TICKETS = cases("tickets.json")
SECRET = "abcd-efgh-jkmn-pqrs"
PARTS = {"ticket", "scheme", "node", "secret", "host", "port", "base", "ca"}


@pytest.mark.parametrize("case", params(TICKETS))
def test_a_ticket_is_read_as_its_vector_says(case: Case) -> None:
    if case["part"] is None:
        assert parse(case["text"]) == Ticket(**case["ticket"])
        return
    with pytest.raises(TicketError) as caught:
        parse(case["text"])
    assert caught.value.part == case["part"], f"{caught.value} is about {caught.value.part}"
    assert str(caught.value)
    assert SECRET not in str(caught.value).replace(f"mqtt://ada:{SECRET}@192.168.1.10/3b", "")


@pytest.mark.parametrize("case", params([one for one in TICKETS if one["part"] is None]))
def test_a_ticket_is_written_as_it_is_read(case: Case) -> None:
    line = str(Ticket(**case["ticket"]))
    assert line == case["line"]
    assert parse(line) == Ticket(**case["ticket"])


def test_every_part_of_a_ticket_has_a_vector_that_breaks_it() -> None:
    assert {case["part"] for case in TICKETS} - {None} == PARTS
    names = [case["name"] for case in TICKETS]
    assert len(names) == len(set(names))


def test_nothing_but_the_line_itself_shows_the_secret() -> None:
    ticket = parse(f"mqtt://ada:{SECRET}@192.168.1.10/3b")
    assert SECRET in str(ticket)
    assert SECRET not in repr(ticket)
    assert ticket.public == "mqtt://ada@192.168.1.10/3b"


def test_a_node_with_a_secret_logs_in_under_its_id_and_one_without_does_not_log_in() -> None:
    assert parse(f"mqtt://ada:{SECRET}@192.168.1.10/3b").config() == {
        "node": "ada",
        "base": "3b",
        "broker": {"host": "192.168.1.10", "port": 1883, "user": "ada", "password": SECRET},
    }
    assert parse("mqtt://ada@192.168.1.10/3b").config()["broker"]["user"] == ""


def test_a_node_with_tls_is_told_which_certificate_to_trust() -> None:
    broker = parse(f"mqtts://ada:{SECRET}@192.168.1.10/3b#{'0' * 32}").config()["broker"]
    assert (broker["port"], broker["tls"], broker["ca"], broker["tls_name"]) == (8883, True, "ca.der", "fleet-3b")
    assert broker["fingerprint"] == "0" * 32


def test_the_link_of_the_qr_code_is_a_ticket_too() -> None:
    ticket = parse(f"mqtts://ada:{SECRET}@192.168.1.10/3b#{'0' * 32}")
    link = ticket.link("http://192.168.1.10:8080")
    assert link.startswith("http://192.168.1.10:8080/join#mqtts://ada:")
    assert parse(link) == ticket


@given(st.text() | st.text("mqts:/@#.-0123456789abc", max_size=60).map("mqtt://".__add__))
def test_whatever_is_typed_is_a_ticket_or_a_sentence(text: str) -> None:
    try:
        found = parse(text)
    except TicketError as error:
        wrong = {error.part} - PARTS or not str(error)
    else:
        wrong = parse(str(found)) != found
    assert not wrong

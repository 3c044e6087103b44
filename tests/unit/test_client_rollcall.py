"""Which acks count for a roll-call, and what becomes of strange ones."""

import json
from typing import Any

import pytest

from fleet_client import Message, RollCall, Row
from fleet_client.rollcall import note


def ack(node: str, st: str, **more: Any) -> Message:
    fields = {"boot": "9f3a", "seq": 1, "up": 10, "cmd": "buzz", "id": "c7f2", "st": st, **more}
    return Message(f"fleet/1/{node}/ack", json.dumps(fields).encode(), 1, False, False, 0)


@pytest.fixture
def call() -> RollCall:
    return RollCall("c7f2", "_all", "buzz", {}, 0, rows=[Row("ada"), Row("grace")])


@pytest.mark.rule("F-ACK-2")
def test_an_ack_fills_the_row_of_its_node(call: RollCall) -> None:
    assert note(call, "fleet", ack("ada", "bad", err="ms is missing"), 12.34)
    assert call.rows[0] == Row("ada", "bad", 12.3, "ms is missing", None)
    assert [row.node for row in call.refused] == ["ada"]


def test_a_node_that_nobody_expected_is_shown(call: RollCall) -> None:
    assert note(call, "fleet", ack("linus", "ok"), 5)
    assert [row.node for row in call.good] == ["linus"]


def test_the_second_delivery_of_an_ack_changes_nothing(call: RollCall) -> None:
    note(call, "fleet", ack("ada", "ok"), 5)
    assert not note(call, "fleet", ack("ada", "dup"), 90)
    assert call.rows[0].st == "ok"
    assert call.rows[0].ms == 5


def test_done_after_ok_is_news_but_the_time_is_that_of_the_first(call: RollCall) -> None:
    note(call, "fleet", ack("ada", "ok"), 5)
    assert note(call, "fleet", ack("ada", "done", re=7), 300)
    assert call.rows[0] == Row("ada", "done", 5, None, 7)


@pytest.mark.parametrize(
    "message",
    [
        ack("ada", "ok", id="other"),
        ack("ada", "ok", id=None),
        ack("ada", "fine"),
        ack("ada", "ok", boot="XYZ"),
        Message("fleet/1/ada/ack", b"\xff\xfe", 1, False, False, 0),
        Message("fleet/1/ada/ack", b"[]", 1, False, False, 0),
        Message("fleet/1/_all/ack", b"{}", 1, False, False, 0),
        Message("fleet/2/ada/ack", b"{}", 1, False, False, 0),
    ],
)
def test_an_ack_of_another_command_or_an_illegal_one_is_nobody_s_answer(call: RollCall, message: Message) -> None:
    assert not note(call, "fleet", message, 5)
    assert [row.st for row in call.rows] == ["waiting", "waiting"]

"""F29: who has no account and hammers at the broker does not harm those who are in; how far he gets is measured.

With the limits of broker/mosquitto.conf. The limits of this defence are in docs/operations.md.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import siege, tiers
from support.classroom import Classroom

LIMITS = ("max_packet_size", "max_connections", "max_queued_messages", "memory_limit")


def limits() -> list[str]:
    lines = (tiers.ROOT / "broker" / "mosquitto.conf").read_text().splitlines()
    return [line for line in lines if line.split(" ")[0] in LIMITS]


@pytest.fixture
def lesson(tmp_path: Path) -> Iterator[siege.Lesson]:
    room = Classroom(tmp_path, siege.BOARDS)
    with room.broker(*limits()), siege.lesson(room) as lesson:
        yield lesson


def test_guessing_passwords_at_full_speed_opens_nothing_and_disturbs_nobody_who_is_in(lesson: siege.Lesson) -> None:
    print(siege.guessing(lesson))


def test_a_thousand_connections_a_second_disturb_nobody_who_is_in(lesson: siege.Lesson) -> None:
    print(siege.knocking(lesson))


def test_connections_that_say_nothing_keep_newcomers_out_but_nobody_who_is_in(lesson: siege.Lesson) -> None:
    print(siege.silence(lesson))

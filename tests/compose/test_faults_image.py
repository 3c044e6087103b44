"""The faults of a class on the Docker image: the same attempts, and the same judges, as without Docker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support import impersonation, siege
from support.attempts import ATTEMPTS
from support.classroom import Classroom
from support.image import ImageBroker
from support.probe import Probe
from support.storm import Crowd, peak

pytestmark = pytest.mark.timeout(900)  # the first of them builds the image
LINKS, WHOLE = 30, 5
AWAY_S, MOST_TRIES = 3.0, 5
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Classroom, ImageBroker]]:
    """The broker of the image with the accounts of the impersonation tests; a test leaves it as it was."""
    room = impersonation.classroom(tmp_path_factory.mktemp("accounts"))
    with ImageBroker(room.document) as broker:
        room.port = broker.port
        yield room, broker


@pytest.mark.parametrize("attempt", ATTEMPTS, ids=str)
def test_nobody_acts_as_another(image: tuple[Classroom, ImageBroker], attempt: impersonation.Attempt) -> None:
    room, broker = image
    attempt.judge(room, f"the image (mosquitto {broker.version})")


@pytest.fixture
def lesson(tmp_path: Path) -> Iterator[tuple[siege.Lesson, ImageBroker]]:
    room = Classroom(tmp_path, siege.BOARDS)
    with ImageBroker(room.document) as broker:
        room.port = broker.port
        with siege.lesson(room) as lesson:
            yield lesson, broker


def test_packets_over_the_limit_put_their_sender_out_and_disturb_nobody(
    lesson: tuple[siege.Lesson, ImageBroker],
) -> None:
    print(siege.oversize(lesson[0], lesson[1].pid))


def test_strangers_at_the_door_disturb_nobody_who_is_in(lesson: tuple[siege.Lesson, ImageBroker]) -> None:
    for trouble in (siege.guessing, siege.knocking, siege.silence):
        print(trouble(lesson[0]))


def test_a_class_that_lost_its_broker_comes_back_in_few_tries_and_not_all_at_once(tmp_path: Path) -> None:
    links, whole = [f"link-{number:02d}" for number in range(LINKS)], [f"node-{number}" for number in range(WHOLE)]
    room = Classroom(tmp_path, [*links, *whole])
    with ImageBroker(room.document) as broker:
        room.port = broker.port
        here = [{name: room.url(name) for name in names} for names in (links, whole)]
        with Crowd(*here, within=PATIENCE_S) as crowd, Probe(room.url("everything"), "fleet/1/#") as witness:
            crowd.wait_until_steady()
            since = witness.mark()
            storm = crowd.storm(broker, AWAY_S)
            for name in crowd.names:
                witness.expect(f"fleet/1/{name}/tele/+", within=PATIENCE_S, since=since)
    print(storm)
    assert storm.most_tries <= MOST_TRIES
    assert peak(storm.planned) <= (LINKS + WHOLE) / 2

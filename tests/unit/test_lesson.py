"""When an open lesson ends, by two clocks that can each be wrong; and the role of who has no account, as a document.

The broker here only takes down what it is told: on a real one, tests/integration/test_open_lesson.py judges the effect.
"""

import signal

import pytest

from fleet_client import Address
from fleet_tools import lesson
from fleet_tools.errors import FleetError
from fleet_tools.lesson import Lesson, granted, put_into

NOW = 1_790_000_000.0
HOUR = 3600.0


class Broker:
    """Obeys at SIGHUP, as mosquitto does; `stubborn` does not."""

    base = "3b"

    def __init__(self) -> None:
        self.pid: int | None = 1
        self.written = self.open = False
        self.stubborn = False
        self.signals: list[signal.Signals] = []

    def address(self, account: str | None = None) -> Address:
        return Address("127.0.0.1", 1)

    def accounts(self) -> list[str]:
        return ["3b-01"]

    def configure(self, anonymous: bool) -> None:
        self.written = anonymous

    def signal(self, number: signal.Signals) -> None:
        self.signals.append(number)
        if number == signal.SIGHUP and not self.stubborn:
            self.open = self.written
        if number == signal.SIGKILL:
            self.restart()

    def restart(self) -> None:
        assert self.pid is not None
        self.pid += 1
        self.open = self.written


class Clocks:
    def __init__(self) -> None:
        self.wall, self.monotonic = NOW, 5.0

    def later(self, seconds: float) -> None:
        self.wall += seconds
        self.monotonic += seconds


@pytest.fixture
def broker() -> Broker:
    return Broker()


@pytest.fixture
def clocks() -> Clocks:
    return Clocks()


@pytest.fixture
def told() -> list[tuple[int, bool]]:
    return []


@pytest.fixture
def open_lesson(
    broker: Broker, clocks: Clocks, told: list[tuple[int, bool]], monkeypatch: pytest.MonkeyPatch
) -> Lesson:
    async def announce(_broker: object, until: int, _now: int, over: bool) -> None:
        told.append((until, over))

    monkeypatch.setattr(lesson, "gets_in", lambda address: broker.open)
    monkeypatch.setattr(lesson, "announce", announce)
    monkeypatch.setattr(lesson, "OBEYS_S", -1.0)  # one look
    one = Lesson(broker, lambda text: None, lambda: clocks.wall, lambda: clocks.monotonic)
    one.open(int((NOW + HOUR) * 1000))
    assert broker.open
    return one


def test_it_ends_after_its_time(open_lesson: Lesson, broker: Broker, clocks: Clocks) -> None:
    clocks.later(HOUR - 1)
    open_lesson.tend()
    assert broker.open
    clocks.later(1)
    open_lesson.tend()
    assert not broker.open
    assert open_lesson.until == 0


def test_the_clock_of_a_process_stands_still_while_the_laptop_sleeps(
    open_lesson: Lesson, broker: Broker, clocks: Clocks
) -> None:
    clocks.wall += HOUR
    open_lesson.tend()
    assert not broker.open


def test_somebody_sets_the_clock_on_the_wall_back(open_lesson: Lesson, broker: Broker, clocks: Clocks) -> None:
    clocks.wall -= 24 * HOUR
    clocks.later(HOUR)
    open_lesson.tend()
    assert not broker.open


def test_the_configuration_never_stays_open(open_lesson: Lesson, broker: Broker) -> None:
    assert broker.open
    assert not broker.written
    broker.restart()
    assert not broker.open, "who starts it again starts it closed"
    open_lesson.tend()
    assert broker.open, "the lesson goes on"


def test_a_broker_that_does_not_close_is_ended(open_lesson: Lesson, broker: Broker) -> None:
    broker.stubborn = True
    open_lesson.close()
    assert signal.SIGKILL in broker.signals
    assert not broker.open


def test_a_broker_that_does_not_open_is_told_to_close(open_lesson: Lesson, broker: Broker) -> None:
    open_lesson.close()
    broker.stubborn = True
    with pytest.raises(FleetError, match="did not open"):
        open_lesson.open(int((NOW + HOUR) * 1000))
    broker.stubborn = False
    broker.signal(signal.SIGHUP)  # the one that was late
    assert not broker.open
    assert open_lesson.until == 0


def test_each_change_is_told_and_the_end_says_who_was_thrown_out(
    open_lesson: Lesson, clocks: Clocks, told: list[tuple[int, bool]]
) -> None:
    longer = int((NOW + 2 * HOUR) * 1000)
    open_lesson.open(longer)
    clocks.later(2 * HOUR)
    open_lesson.tend()
    assert told == [(int((NOW + HOUR) * 1000), False), (longer, False), (0, True)]


def test_an_end_that_is_over_opens_nothing(open_lesson: Lesson, broker: Broker) -> None:
    open_lesson.open(int((NOW - 1) * 1000))
    assert not broker.open


# -- the role ---------------------------------------------------------------------------------------------------


def allowed(topic: str, right: str = "publishClientSend") -> bool:
    """As the plugin decides: the highest priority that fits."""
    import paho.mqtt.client as paho

    acls = sorted(granted("3b", ["3b-01"])["acls"], key=lambda acl: -acl["priority"])
    fits = (acl for acl in acls if acl["acltype"] == right and paho.topic_matches_sub(acl["topic"], topic))
    found = next(fits, None)
    return found is not None and bool(found["allow"])


@pytest.mark.parametrize("topic", ["3b/1/ada/status", "3b/1/ada/tele/x", "3b/1/ada/event/x", "3b/1/ada/log/info"])
def test_the_role_speaks_as_a_node(topic: str) -> None:
    assert allowed(topic)


@pytest.mark.parametrize(
    "topic", ["3b/1/3b-01/status", "3b/1/_host/status", "3b/1/_host/lesson", "3b/1/ada/cmd/x", "3c/1/ada/status"]
)
def test_the_role_does_not_speak_as_somebody_else(topic: str) -> None:
    assert not allowed(topic)


def test_the_document_gets_the_role_once_and_follows_the_accounts() -> None:
    clients = [{"username": "3b-01"}]
    document = {
        "clients": clients,
        "roles": [{"rolename": "only-3b-01", "acls": []}],
        "groups": [],
        "defaultACLAccess": {},
    }
    once = put_into(document, "3b")
    again = put_into({**once, "clients": [*clients, {"username": "3b-02"}]}, "3b")
    assert [role["rolename"] for role in again["roles"]] == ["only-3b-01", "open-lesson"]
    assert len(again["groups"]) == 1
    assert again["anonymousGroup"] == "open-lesson"
    kept = {acl["topic"] for acl in again["roles"][1]["acls"] if not acl["allow"]}
    assert kept == {"3b/1/3b-01/#", "3b/1/3b-02/#", "3b/1/_host/#", "3b/1/_all/#"}

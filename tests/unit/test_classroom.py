"""Until when the class is muted or paused, as the commands on the broker say; and whom one may forget."""

from typing import Any

import pytest

from fleet_client import Denied, NotConnected
from fleet_dashboard.classroom import MAX_GROUPS, Classroom, ForgetError
from fleet_dashboard.clock import WallClock
from fleet_dashboard.nodes import Registry


class Link:
    """A connection that notes what is published, or breaks."""

    base = "fleet"

    def __init__(self) -> None:
        self.sent: list[tuple[str, bytes, bool]] = []
        self.error: Exception | None = None

    async def publish(self, topic: str, payload: bytes, retain: bool = False) -> None:
        if self.error is not None:
            raise self.error
        self.sent.append((topic, payload, retain))


class Room:
    def __init__(self) -> None:
        self.now = 1_000_000
        self.link, self.registry = Link(), Registry()
        self.clock = WallClock(lambda: self.now + 5000, lambda: self.now)
        self.told: list[Any] = []
        client: Any = self.link
        self.classroom = Classroom(client, self.registry, self.clock, lambda key, view: self.told.append((key, view)))

    def add(self, name: str, state: str) -> None:
        node = self.registry.add(name, 1, self.now)
        node.presence.status({"state": "online", "boot": "aaaa", "conn": 1}, self.now)
        if state != "online":
            node.presence.status({"state": state, "boot": "aaaa", "conn": 1}, self.now)


def test_a_mute_of_everyone_is_told_with_its_end_and_is_over_by_itself() -> None:
    room = Room()
    room.classroom.command("_all", "mute", b'{"id":"c7f2","s":300}')
    end = room.now + 5000 + 300_000
    assert room.told == [("class", {"mute": {"_all": end}, "pause": {}})]
    room.now += 299_999
    assert room.classroom.view()["mute"] == {"_all": end}
    room.now += 1
    assert room.classroom.view() == {"mute": {}, "pause": {}}


def test_short_payloads_count_as_they_do_for_a_node() -> None:
    room = Room()
    room.classroom.command("_all", "pause", b"10")
    assert room.classroom.view()["pause"] == {"_all": room.now + 15_000}
    room.classroom.command("_all", "pause", b"{}")
    assert room.classroom.view()["pause"] == {"_all": room.now + 65_000}
    room.classroom.command("_all", "pause", b"0")
    assert room.classroom.view()["pause"] == {}


@pytest.mark.parametrize("payload", [b"3601", b"soon", b'{"s":-1}', b"\xff", b""])
def test_what_every_node_refuses_changes_nothing(payload: bytes) -> None:
    room = Room()
    room.classroom.command("_all", "mute", payload)
    assert room.told == []


def test_a_group_has_an_end_of_its_own_until_everyone_gets_another() -> None:
    room = Room()
    room.classroom.command("_all", "mute", b"300")
    room.classroom.command("_red", "mute", b"60")
    room.classroom.command("ada", "mute", b"60")
    assert room.classroom.view()["mute"] == {"_all": room.now + 305_000, "_red": room.now + 65_000}
    room.classroom.command("_red", "mute", b"0")
    assert list(room.classroom.view()["mute"]) == ["_all"]
    room.classroom.command("_red", "mute", b"60")
    room.classroom.command("_all", "mute", b"0")
    assert room.classroom.view()["mute"] == {}


def test_only_so_many_groups_are_kept_the_newest() -> None:
    room = Room()
    for number in range(MAX_GROUPS + 5):
        room.classroom.command(f"_g{number}", "mute", b"60")
    assert next(iter(room.classroom.view()["mute"])) == "_g5"
    assert len(room.classroom.view()["mute"]) == MAX_GROUPS


@pytest.mark.parametrize("state", ["lost", "offline"])
async def test_forgetting_clears_what_the_broker_retains_of_a_node_that_is_gone(state: str) -> None:
    room = Room()
    room.add("ada", state)
    await room.classroom.forget("ada")
    assert room.link.sent == [("fleet/1/ada/status", b"", True), ("fleet/1/ada/meta", b"", True)]


@pytest.mark.parametrize(
    ("name", "error", "status", "words"),
    [
        ("nobody", None, 404, "no such node"),
        ("here", None, 409, "switch it off first"),
        ("gone", NotConnected("no link"), 503, "no connection to the broker"),
        ("gone", Denied("fleet/1/gone/status", "Not authorized"), 503, "account is of an earlier version"),
    ],
)
async def test_what_cannot_be_forgotten_is_refused_with_a_sentence(
    name: str, error: Exception | None, status: int, words: str
) -> None:
    room = Room()
    room.add("here", "online")
    room.add("gone", "lost")
    room.link.error = error
    with pytest.raises(ForgetError, match=words) as caught:
        await room.classroom.forget(name)
    assert caught.value.status == status
    assert room.link.sent == []

"""Rounds from the message to the result: a real database and ingest, a clock that is set by hand, no broker."""

import asyncio
from collections.abc import AsyncIterator, Coroutine
from pathlib import Path
from typing import Any

import orjson
import pytest

from fleet_client import ClientError, Message
from fleet_dashboard.arena import Arena
from fleet_dashboard.boot import Boot
from fleet_dashboard.catalogue import Catalogue
from fleet_dashboard.challenge import ChallengeError
from fleet_dashboard.clock import WallClock
from fleet_dashboard.ingest import Ingest
from fleet_dashboard.ledger import Ledger
from fleet_dashboard.nodes import Node, Registry
from fleet_dashboard.results import BROKEN, Results, is_id, to_csv
from fleet_dashboard.store import Store
from fleet_dashboard.tally import Event
from fleet_schema import payloads, topics

UTC0 = 1_800_000_000_000
MOTION = {axis: ["m/s2", "acceleration"] for axis in ("ax", "ay", "az")}
META = {
    **{"schema": "1.1", "board": "unix", "fw": "1", "app": "1", "period": 2000},
    "sensors": {"mpu6886": MOTION, "sht4x": {"temp": ["Cel", "temperature"]}},
}


class Broker:
    """The control link: notes what it is told to publish."""

    base = "fleet"
    connected = True

    def __init__(self) -> None:
        self.sent: list[tuple[str, Any]] = []
        self.broken = False

    async def publish(self, topic: str, payload: bytes, **_: Any) -> None:
        if self.broken:
            raise ClientError("not connected")
        self.sent.append((topic, orjson.loads(payload)))


class Class:
    """A dashboard without network. A node's `up` is the time since it was switched on, at 900,000."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.now = 1_000_000
        self.seqs: dict[str, int] = {}
        self.broker = Broker()
        self.registry = Registry()
        self.clock = WallClock(lambda: UTC0 + self.now, lambda: self.now)
        self.ledger = Ledger(store, self.clock)
        self.ingest = Ingest("fleet", store, self.registry, self.ledger, self.clock, self)
        self.results = Results(folder / "rounds")
        self.arena = Arena(self.registry, self.clock, Catalogue(folder / "challenges"), self.results)
        self.tasks: list[asyncio.Task[None]] = []
        self.arena.link(self.broker, self._spawn)  # type: ignore[arg-type]
        self.view: dict[str, Any] = {}
        self.boards: dict[str, Any] = {}

    def _spawn(self, work: Coroutine[Any, Any, None], name: str) -> None:
        self.tasks.append(asyncio.create_task(work, name=name))

    def event(self, node: Node, event: dict[str, Any]) -> None: ...
    def scored(self, node: Node, boot: Boot, event: Event) -> None:
        self.arena.event(node, boot, event)

    def acked(self, node: Node, boot: Boot, up: int, name: str | None, state: str) -> None:
        self.arena.ack(node, boot, up, name, state)

    def meta_changed(self, node: Node) -> None:
        self.arena.watch(node)

    def command_seen(self, target: str, name: str, payload: bytes) -> None: ...
    def speaks_though_gone(self, node: Node) -> None: ...
    def host_document(self, kind: str, name: str | None, payload: bytes) -> None: ...
    def forgotten(self, node: Node) -> None: ...

    def say(
        self, node: str, kind: str, part: str | None, boot: str = "9f3a", at: int | None = None, **more: Any
    ) -> Message:
        """`at`: when it was sampled, on the host's clock."""
        reads = kind in ("tele", "event")
        seq = more.pop("seq", None)
        if seq is None:
            seq = self.seqs.get(node + boot, 0)
            self.seqs[node + boot] = seq + reads
        fields = {"boot": boot, "seq": seq, "up": (self.now if at is None else at) - 900_000, **more}
        topic = topics.node_topic("fleet", node, kind, part)
        message = Message(topic, payloads.encode(kind, fields), 1, False, False, UTC0 + self.now, arrived=self.now)
        self.ingest.take([message])
        return message

    def join(self, node: str, *groups: str, name: str = "") -> None:
        status = payloads.encode("status", {"state": "online", "boot": "9f3a", "conn": 1})
        topic = topics.node_topic("fleet", node, "status")
        self.ingest.take([Message(topic, status, 1, False, False, UTC0 + self.now, arrived=self.now)])
        self.say(node, "meta", None, **META, name=name or node.title(), groups=list(groups))

    def press(self, node: str, kind: str = "press", n: int = 1, **more: Any) -> Message:
        return self.say(node, "event", "button-a", event_type=kind, n=n, **more)

    async def wait(self, ms: int) -> None:
        """Time passes; the round moves on and is shown."""
        for _ in range(max(1, ms // 200)):
            self.now += min(ms, 200)
            self.clock.refresh()
            news = self.arena.changes(self.now)
            if "round" in news:
                self.view = {**self.view, **news["round"]} if news["round"] else {}
            if self.tasks:
                await asyncio.gather(*self.tasks)
                self.tasks.clear()

    async def play(self, challenge: str, **more: Any) -> str:
        """Start it, and wait until it runs."""
        name = self.arena.start({"challenge": challenge, "countdown": 0, **more})
        await self.wait(200)
        return name

    async def look(self) -> None:
        await self.arena.second(self.now)
        self.boards = {board["name"]: board for board in self.arena.view()["boards"]}

    def top(self) -> list[list[Any]]:
        return self.view["top"]  # type: ignore[no-any-return]


@pytest.fixture
async def lesson(tmp_path: Path) -> AsyncIterator[Class]:
    store = Store(tmp_path / "fleet.db")
    await store.open()
    lesson = Class(store, tmp_path)
    await lesson.arena.ready()
    yield lesson
    await store.close()


async def test_a_round_counts_what_was_sampled_in_it_and_nothing_else(lesson: Class) -> None:
    lesson.join("ada", "red")
    lesson.join("bo", "red", "blue")
    lesson.press("ada")  # before the start
    name = lesson.arena.start({"challenge": "sprint", "seconds": 3, "countdown": 2})
    await lesson.wait(1000)
    assert lesson.view["state"] == "countdown"
    lesson.press("ada")  # in the countdown
    await lesson.wait(1200)
    assert lesson.view["state"] == "running"
    lesson.press("ada")
    lesson.press("ada")
    lesson.press("bo")
    lesson.press("bo", "release")
    await lesson.wait(200)
    assert lesson.top() == [["ada", "Ada", 2], ["bo", "Bo", 1]]
    assert lesson.view["ranks"] == [[1, 0], [2, 0]]
    await lesson.wait(3000)
    assert lesson.view["state"] == "settling"
    lesson.press("bo")  # after the end
    await lesson.wait(3200)
    assert lesson.view["state"] == "done"
    result = lesson.results.get(name)
    assert result is not None
    assert [(row["place"], row["node"], row["score"]) for row in result["rows"]] == [(1, "ada", 2), (2, "bo", 1)]
    assert [(row["team"], row["score"], row["members"]) for row in result["teams"]] == [("red", 1.5, 2), ("blue", 1, 1)]


async def test_late_and_repeated_events_count_once_and_in_the_round_they_belong_to(lesson: Class) -> None:
    lesson.join("ada")
    lesson.press("ada", seq=0)
    await lesson.play("sprint", seconds=10)
    began = lesson.now
    twice = lesson.press("ada", seq=4)
    lesson.ingest.take([twice, twice])
    lesson.press("ada", seq=1, at=began - 5000, hist=1)  # of the time before
    lesson.press("ada", seq=2, at=began + 10, hist=1)
    lesson.press("ada", seq=2, at=began + 10, hist=1)
    await lesson.wait(200)
    assert lesson.top() == [["ada", "Ada", 2]]
    await lesson.wait(10_400)
    assert lesson.view["state"] == "settling"
    lesson.press("ada", seq=3, at=began + 20, hist=1)  # it was on its way
    lesson.press("ada", seq=5, at=lesson.now)
    await lesson.wait(3200)
    assert lesson.top() == [["ada", "Ada", 3]]
    lesson.press("ada", seq=6, at=began + 30, hist=1)
    await lesson.wait(200)
    assert lesson.top() == [["ada", "Ada", 3]], "a result does not change"
    await lesson.play("sprint")
    lesson.press("ada", seq=7, at=began + 40, hist=1)
    await lesson.wait(200)
    assert lesson.top() == [], "the next round is another one"


async def test_what_a_boot_left_behind_that_was_never_heard_live_is_in_no_round(lesson: Class) -> None:
    lesson.join("ada")
    await lesson.play("sprint")
    lesson.press("ada", boot="0001", hist=1)
    await lesson.wait(200)
    assert lesson.top() == []


async def test_who_joins_in_the_middle_or_restarts_takes_part(lesson: Class) -> None:
    lesson.join("ada")
    await lesson.play("shakedown", seconds=10)
    lesson.join("bo")
    lesson.say("bo", "tele", "mpu6886", v={"ax": 0.0, "ay": 0.0, "az": 30.0})
    lesson.say("ada", "tele", "mpu6886", v={"ax": 0.0, "ay": 0.0, "az": 9.81})
    lesson.say("ada", "tele", "mpu6886", boot="0002", v={"ax": 0.0, "ay": 0.0, "az": 40.0})
    lesson.say("ada", "tele", "mpu6886", v={"ax": None, "ay": 0.0, "az": 90.0})
    await lesson.wait(200)
    assert lesson.top() == [["ada", "Ada", 30.19], ["bo", "Bo", 20.19]]
    assert set(lesson.registry.nodes["bo"].taps) == {"mpu6886"}


async def test_the_fastest_press_is_by_the_nodes_own_clock_whatever_the_network_does(lesson: Class) -> None:
    for node in ("ada", "bo", "cy", "dee", "eve"):
        lesson.join(node)
    name = await lesson.play("reaction", seconds=60)
    assert (lesson.view["state"], lesson.view["ends"]) == ("ready", None)
    lesson.press("cy")
    await lesson.wait(7200)
    (topic, command) = lesson.broker.sent[0]
    assert topic == "fleet/1/_all/cmd/buzz"
    go = lesson.now
    # bo hears it late and its press comes first; its own clock says 250 ms, ada's 300
    await lesson.wait(1400)
    lesson.press("bo", at=go + 1250)
    lesson.press("ada", at=go + 300)
    for node, at, state in (("ada", go, "ok"), ("bo", go + 1000, "ok"), ("cy", go, "ok"), ("dee", go, "muted")):
        lesson.say(node, "ack", None, at=at, id=command["id"], cmd="buzz", st=state)
        lesson.say(node, "ack", None, at=at + 90, id=command["id"], cmd="buzz", st="dup")
    lesson.press("eve", at=go + 200)  # its ack never came
    await lesson.wait(200)
    assert lesson.top() == [["bo", "Bo", 250], ["ada", "Ada", 300]]
    lesson.arena.stop(name)
    await lesson.wait(3400)
    result = lesson.results.get(name)
    assert result is not None
    assert [(foul["node"], foul["why"]) for foul in result["fouls"]] == [
        ("cy", "false start"),
        ("dee", "no signal there: muted"),
    ]


async def test_a_signal_that_cannot_be_given_is_said(lesson: Class) -> None:
    await lesson.play("reaction")
    lesson.broker.broken = True
    await lesson.wait(11_000)
    assert "could not be given" in lesson.view["why"]
    lesson.broker.connected = False
    with pytest.raises(ChallengeError, match="no connection"):
        lesson.arena.start({"challenge": "reaction"})


async def test_a_quiz_tells_the_answer_and_the_ranking_only_at_the_end(lesson: Class) -> None:
    lesson.join("ada")
    lesson.join("bo")
    asked = {"text": "1 + 1?", "options": ["one", "two"], "answer": 2}
    name = await lesson.play("quiz", seconds=10, question=asked)
    lesson.press("ada")
    lesson.press("ada", n=3)
    lesson.press("bo")
    await lesson.wait(200)
    assert (lesson.top(), lesson.view["answer"], lesson.view["votes"]) == ([], None, None)
    assert (lesson.view["answered"], lesson.view["options"]) == (2, ["one", "two"])
    lesson.arena.stop(name)
    await lesson.wait(3400)
    assert [row[0] for row in lesson.top()] == ["ada", "bo"]
    assert lesson.top()[0][2] > 900
    assert (lesson.view["answer"], lesson.view["votes"]) == (1, [1, 1])


async def test_standing_boards_need_no_round_and_say_what_changed_only(lesson: Class) -> None:
    lesson.join("ada")
    lesson.join("bo")
    lesson.say("ada", "tele", "sht4x", v={"temp": 21.54})
    lesson.say("bo", "tele", "sht4x", v={"temp": 21.46})
    lesson.press("bo")
    await lesson.look()
    assert next(iter(lesson.boards)) == "presses"
    assert lesson.boards["warmest"]["top"] == [["ada", "Ada", 21.5], ["bo", "Bo", 21.5]]
    assert lesson.boards["warmest"]["ranks"] == [[1, 0], [1, 0]], "equal as shown is equal in rank"
    assert lesson.boards["presses"]["top"] == [["bo", "Bo", 1]]
    assert lesson.boards["delivery"]["top"][0][2] == 100
    assert set(lesson.arena.changes(lesson.now)["boards"]) == set(lesson.boards)
    lesson.say("bo", "tele", "sht4x", v={"temp": 30.0})
    await lesson.look()
    news = lesson.arena.changes(lesson.now)["boards"]
    assert set(news) == {"warmest", "coldest"}
    assert "title" not in news["warmest"]
    assert lesson.arena.changes(lesson.now) == {}


async def test_a_new_file_is_a_board_and_a_removed_one_is_gone(lesson: Class, tmp_path: Path) -> None:
    folder = tmp_path / "challenges"  # made when it started
    (folder / "mine.toml").write_text(
        'title = "Mine"\nrule = "R"\nkind = "standing"\n[score]\nquantity = "shake"\ntake = "highest"\n'
    )
    (folder / "bad.toml").write_text("title = 3")
    lesson.join("ada")
    lesson.now += 3000
    await lesson.look()
    lesson.say("ada", "tele", "mpu6886", v={"ax": 0.0, "ay": 0.0, "az": 19.81})
    await lesson.look()
    assert lesson.boards["mine"]["top"] == [["ada", "Ada", 10.0]]
    assert [one["file"] for one in lesson.arena.changes(lesson.now)["challenges"]["problems"]] == ["bad.toml"]
    (folder / "mine.toml").unlink()
    lesson.now += 3000
    await lesson.look()
    assert lesson.arena.changes(lesson.now)["boards"] == {"mine": None}
    assert not any(board["name"] == "mine" for board in lesson.arena.documents())


@pytest.mark.parametrize("take", ["last", "highest"])
async def test_what_nobody_can_have_measured_does_not_count(lesson: Class, tmp_path: Path, take: str) -> None:
    text = 'title = "Mine"\nrule = "R"\nkind = "standing"\n[score]\nquantity = "temperature"\n'
    (tmp_path / "challenges" / "mine.toml").write_text(f'{text}take = "{take}"\nleast = -40\nmost = 85.5\n')
    for node in ("ada", "bo", "eve", "mallory"):
        lesson.join(node)
    lesson.now += 3000
    await lesson.look()
    for node, temp in (("ada", 21.0), ("bo", 85.5), ("eve", 85.6), ("mallory", -300.0)):
        lesson.say(node, "tele", "sht4x", v={"temp": temp})
    await lesson.look()
    assert [row[0] for row in lesson.boards["mine"]["top"]] == ["bo", "ada"]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "there are sprint"),
        ({"challenge": "warmest"}, "no such round"),
        ({"challenge": ["sprint"]}, "no such round"),
        ({"challenge": "sprint", "seconds": 2}, "seconds is a whole number from 3 to 3600"),
        ({"challenge": "sprint", "seconds": True}, "seconds is a whole number"),
        ({"challenge": "sprint", "question": 0}, "only a quiz"),
        ({"challenge": "sprint", "secs": 9}, "'secs' is not known"),
        ({"challenge": "quiz"}, "question is the number"),
        ({"challenge": "quiz", "question": 99}, "question is the number"),
        ({"challenge": "quiz", "question": {"text": "?", "options": ["a", "b"], "answer": 9}}, "answer is 9"),
    ],
)
async def test_a_round_that_cannot_start_says_why(lesson: Class, fields: dict[str, Any], expected: str) -> None:
    with pytest.raises(ChallengeError) as refusal:
        lesson.arena.start(fields)
    assert expected in str(refusal.value)


async def test_one_round_at_a_time_and_stop_does_what_is_left_to_do(lesson: Class) -> None:
    name = lesson.arena.start({"challenge": "sprint"})
    with pytest.raises(ChallengeError, match="still on"):
        lesson.arena.start({"challenge": "hold"})
    assert lesson.arena.stop("another") is None
    assert lesson.arena.stop(name) == "called off"
    await lesson.wait(200)
    assert (lesson.view, lesson.results.heads) == ({}, [])
    name = await lesson.play("sprint")
    assert lesson.arena.stop(name) == "stopped"
    await lesson.wait(3400)
    assert lesson.view["state"] == "done"
    assert lesson.arena.stop(name) == "put away"
    await lesson.wait(200)
    assert (lesson.view, len(lesson.results.heads)) == ({}, 1)


async def test_a_result_outlives_the_process_and_a_round_that_was_cut_off_says_so(
    lesson: Class, tmp_path: Path
) -> None:
    lesson.join("ada")
    first = await lesson.play("sprint", seconds=3)
    lesson.press("ada")
    await lesson.wait(7000)
    lesson.now += 2000
    second = await lesson.play("sprint")
    again = Results(tmp_path / "rounds")
    again.load()
    assert [(head["id"], head["state"]) for head in again.heads] == [(second, "broken"), (first, "done")]
    assert again.heads[0]["why"] == BROKEN
    assert again.heads[1]["winners"][0]["node"] == "ada"
    reborn = Arena(Registry(), lesson.clock, Catalogue(tmp_path / "none"), Results(tmp_path / "rounds"))
    await reborn.ready()
    assert {"name": "sprint", "title": "Press sprint", "unit": "presses", "top": [["ada", "Ada", 1]]} in (
        reborn.documents()
    )


async def test_a_full_disk_is_said_and_the_result_is_shown(lesson: Class, monkeypatch: pytest.MonkeyPatch) -> None:
    await lesson.play("sprint", seconds=3)

    def full(_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(lesson.results, "save", full)
    await lesson.wait(7000)
    assert lesson.view["state"] == "done"
    assert "No space left" in lesson.view["why"]


@pytest.mark.parametrize(
    "change",
    [
        {"rows": {}},
        {"rows": [{"place": 1, "node": "ada", "name": "Ada", "score": "9", "teams": []}]},
        {"rows": [{"place": 1, "node": "ada", "name": "Ada", "score": 9, "teams": "red"}]},
        {"rows": [7]},
        {"fouls": [{}]},
        {"title": 7},
        {"started": "today"},
        {"id": "20261128-194705-ffffff"},
    ],
)
async def test_a_result_that_somebody_edited_stops_nothing(
    lesson: Class, tmp_path: Path, change: dict[str, Any]
) -> None:
    lesson.join("ada")
    name = await lesson.play("sprint", seconds=3)
    await lesson.wait(7000)
    path = tmp_path / "rounds" / f"{name}.json"
    path.write_bytes(orjson.dumps({**orjson.loads(path.read_bytes()), **change}))
    (tmp_path / "rounds" / "20261128-194705-000000.json").write_text("{")
    again = Results(tmp_path / "rounds")
    again.load()
    assert (again.heads, again.get(name)) == ([], None)
    reborn = Arena(Registry(), lesson.clock, Catalogue(tmp_path / "none"), again)
    await reborn.ready()


async def test_a_round_that_cannot_be_called_off_on_disk_ends_nothing_else(
    lesson: Class, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = lesson.arena.start({"challenge": "sprint"})

    def full(_: Any) -> None:
        raise OSError(30, "Read-only file system")

    monkeypatch.setattr(lesson.results, "discard", full)
    assert lesson.arena.stop(name) == "called off"
    await lesson.wait(200)
    assert lesson.view == {}


def test_only_an_id_names_a_file(tmp_path: Path) -> None:
    assert is_id("20261128-194705-0a1b2c")
    (tmp_path / "rounds").mkdir()
    (tmp_path / "secret.json").write_text('{"id": "secret"}')
    for name in ("../secret", "secret", "20261128-194705-0a1b2c\n", "", "20261128-194705-0A1B2C"):
        assert not is_id(name)
        assert Results(tmp_path / "rounds").get(name) is None


def test_a_spreadsheet_runs_nothing_of_an_exported_result() -> None:
    rows = [
        {"place": 1, "node": "ada", "name": '=HYPERLINK("http://x","y")', "score": -5.5, "teams": ["red"]},
        {"place": 2, "node": "-bo", "name": "@SUM(A1)", "score": 3, "teams": []},
    ]
    fouls = [{"node": "cy", "name": "+1", "why": "false start"}]
    lines = to_csv({"unit": "ms", "rows": rows, "fouls": fouls}).splitlines()
    assert lines[1] == '1,ada,"\'=HYPERLINK(""http://x"",""y"")",-5.5,ms,red,'
    assert lines[2] == "2,'-bo,'@SUM(A1),3,ms,,"
    assert lines[3] == ",cy,'+1,,,,false start"

"""What is noted, what is folded, and what a restart makes of it: a real database, a clock that is set by hand."""

import contextlib
import random
import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from fleet_dashboard import schema, store_happenings, store_write
from fleet_dashboard.alerts import GUIDE, Alerts
from fleet_dashboard.alerts import KINDS as ALERTS
from fleet_dashboard.clock import WallClock
from fleet_dashboard.happenings import BUDGET, FOLD_MS, KINDS, MAX_NEWS, SETTLE_MS, Happenings
from fleet_dashboard.nodes import Node
from fleet_dashboard.store import Store
from support.tiers import ROOT

UTC0 = 1_800_000_000_000


class Host:
    """Happenings with a clock that is set by hand."""

    def __init__(self, path: Path) -> None:
        self.now, self.utc0 = 1_000_000, UTC0
        self.store = Store(path)
        self.clock = WallClock(lambda: self.utc0 + self.now, lambda: self.now)
        self.happenings = Happenings(self.store, self.clock)
        self.nodes: dict[str, Node] = {}

    async def begin(self) -> None:
        await self.store.open()
        await self.happenings.begin()

    def node(self, name: str = "ada") -> Node:
        if name not in self.nodes:
            self.nodes[name] = Node(name, self.store.node_id(name), self.now)
        return self.nodes[name]

    def says(self, state: str, boot: str = "9f3a", conn: int = 1, name: str = "ada") -> None:
        node = self.node(name)
        node.presence.status({"state": state, "boot": boot, "conn": conn, "wake": 5}, self.now)
        self.happenings.nodes([node], self.now)

    async def rows(self, **more: Any) -> list[dict[str, Any]]:
        """Oldest first, without the dashboard's own."""
        await self.store.commit()
        asked = {"span": (0, 1 << 60), "nodes": None, "kinds": None, "before": None, "limit": 10_000, **more}
        found = await self.store.look(lambda database: store_happenings.page(database, **asked), "it")
        return [row for row in found[::-1] if row["kind"] != "host"]

    async def words(self) -> list[str]:
        return [f"{row['kind']} {row['word']}" for row in await self.rows()]


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    host = Host(tmp_path / "fleet.db")
    await host.begin()
    yield host
    await host.store.close()


async def restarted(host: Host, tidy: bool = True) -> Host:
    if tidy:
        host.happenings.end()
    await host.store.close()
    again = Host(host.store.path)
    again.now = host.now + 60_000
    again.clock.refresh()
    await again.begin()
    return again


async def test_a_node_joins_goes_and_comes_back_each_with_its_reason(host: Host) -> None:
    for state, boot in (
        ("online", "9f3a"),
        ("lost", "9f3a"),
        ("online", "9f3a"),
        ("offline", "9f3a"),
        ("online", "77c1"),
    ):
        host.now += 10_000
        host.says(state, boot)
        host.happenings.nodes([host.node()], host.now)  # nothing new is noted once
    rows = await host.rows()
    assert [f"{row['kind']} {row['word']}" for row in rows] == [
        *("birth new", "state lost", "state online", "state offline", "birth boot")
    ]
    assert "its will said so" in rows[1]["text"]
    assert [row["t"] - rows[0]["t"] for row in rows] == [0, 10_000, 20_000, 30_000, 40_000]
    assert rows[-1]["boot"] == "77c1"


async def test_two_boards_with_one_id_are_births_of_boots_that_were_there_before(host: Host) -> None:
    for boot in ("9f3a", "77c1", "9f3a"):
        host.now += 1000
        host.says("online", boot)
    assert await host.words() == ["birth new", "birth boot", "birth again"]


async def test_a_storm_of_one_node_is_folded_and_its_end_is_right(host: Host) -> None:
    host.says("online", name="bo")
    most, every = BUDGET["node"]
    for number in range(500):
        host.now += 100
        host.says("offline" if number % 2 else "online")
    host.happenings.second([], host.now + FOLD_MS)
    rows = await host.rows()
    mine = [row for row in rows if row["node"] == "ada"]
    assert len(mine) == most
    assert sum(row["n"] for row in mine) == 500
    assert (mine[-1]["state"], mine[-1]["until"]) == ("offline", UTC0 + host.now)
    host.now += 3 * every
    host.says("online")
    assert (await host.rows())[-1]["n"] == 1, "after some quiet it has a row of its own again"


async def test_storms_of_everything_stay_bounded(host: Host) -> None:
    dice = random.Random(4)
    rows = 0
    for number in range(20_000):
        host.now += 10
        which = dice.randrange(3)
        if which == 0:
            host.says(dice.choice(["online", "offline"]), name=f"n-{dice.randrange(5)}")
        elif which == 1:
            alert = {"kind": "schema", "node": "ada", "text": "t"}
            host.happenings.alerts({"schema-ada": alert if dice.random() < 0.5 else None}, host.now)
        else:
            call = {"id": str(number), "done": True, "rows": [], "args": {}, "target": "_all", "name": "buzz", "at": 5}
            host.happenings.command(call)
        rows = max(rows, len(host.happenings._news))
    assert rows <= MAX_NEWS
    assert len(await host.rows()) < 6 * 12 + 12 + 85
    assert len(host.happenings._sources) < 10


async def test_alerts_are_noted_when_they_begin_and_when_they_end(host: Host) -> None:
    alerts = Alerts()
    for text in ("first", "another text"):
        alerts.tell("schema", "ada", text, 1)
        host.happenings.alerts(alerts.take_changes(), host.now)
    alerts.end("schema", "ada")
    host.happenings.alerts(alerts.take_changes(), host.now)
    rows = await host.rows()
    assert [(row["word"], row["about"], row["node"], row["text"]) for row in rows] == [
        ("raised", "schema", "ada", "first"),
        ("cleared", "schema", "ada", ""),
    ]


async def test_a_command_is_noted_once_with_how_many_answered(host: Host) -> None:
    call = {"id": "c1", "target": "_all", "name": "buzz", "args": {"ms": 300}, "at": UTC0, "done": False, "rows": []}
    host.happenings.command(call)
    done = {**call, "done": True, "rows": [{"st": "done"}, {"st": "silent"}, {"st": "muted"}]}
    host.happenings.command(done)
    host.happenings.command(done)
    (row,) = await host.rows()
    assert (row["node"], row["about"], row["text"]) == ("_all", "buzz", "ms=300: 2 of 3 answered, some muted")


async def test_rounds_are_noted_from_start_to_winner_and_one_that_is_called_off(host: Host) -> None:
    view = {"id": "r1", "name": "sprint", "title": "Sprint", "state": "countdown", "top": [], "ranks": []}
    host.happenings.round(view, host.now)
    host.happenings.round({**view, "state": "running"}, host.now)
    over = {**view, "state": "done", "top": [["ada", "Ada", 5], ["bo", "Bo", 3]], "ranks": [[1, None], [2, None]]}
    host.happenings.round(over, host.now)
    host.happenings.round({**view, "id": "r2"}, host.now)
    host.happenings.round(None, host.now)
    assert [(row["word"], row["text"]) for row in await host.rows()] == [
        *(("started", "Sprint"), ("ended", "Sprint: Ada first"), ("started", "Sprint"), ("called-off", "Sprint"))
    ]


async def test_a_restart_notes_only_what_changed_meanwhile(host: Host) -> None:
    for name in ("ada", "bo", "cy"):
        host.says("online", name=name)
    again = await restarted(host)
    again.node("cy")  # known from earlier, and the broker says nothing of it
    again.happenings.link(None)
    again.says("online", conn=2)
    again.says("lost", name="bo")
    again.happenings.second(again.nodes.values(), again.now + SETTLE_MS - 1)
    assert len(await again.rows()) == 4
    again.happenings.second(again.nodes.values(), again.now + SETTLE_MS)
    rows = await again.rows()
    assert [(row["node"], row["word"]) for row in rows[3:]] == [("bo", "lost"), ("cy", "lost")]
    await again.store.close()


@pytest.mark.parametrize(("tidy", "words"), [(True, "started stopped started"), (False, "started died started")])
async def test_the_dashboard_notes_its_own_end_also_one_without_a_goodbye(host: Host, tidy: bool, words: str) -> None:
    host.says("online")
    again = await restarted(host, tidy)
    await again.store.commit()
    found = await again.store.look(
        lambda database: store_happenings.page(database, (0, 1 << 60), None, ["host"], None, 100), "it"
    )
    assert " ".join(row["word"] for row in found[::-1]) == words
    await again.store.close()


async def test_the_link_is_noted_when_it_breaks_and_when_it_is_back(host: Host) -> None:
    for why in (None, None, "refused", "refused", None):
        host.happenings.link(why)
    await host.store.commit()
    found = await host.store.look(
        lambda database: store_happenings.page(database, (0, 1 << 60), None, ["host"], None, 100), "it"
    )
    assert [row["word"] for row in found[::-1]] == ["started", "link-lost", "link-back"]


async def test_a_forgotten_node_is_new_when_it_comes_again(host: Host) -> None:
    host.says("online")
    host.happenings.forgotten("ada")
    host.says("online", conn=2)
    assert await host.words() == ["birth new", "state forgotten", "birth new"]


async def test_a_clock_that_is_set_soon_after_the_start_takes_along_what_was_noted(host: Host) -> None:
    host.says("online")
    await host.store.commit()
    host.says("offline")
    host.utc0 += 3_600_000
    host.clock.refresh()
    host.happenings.clock_was_set(host.clock.take_jump())
    host.says("online", conn=2)
    assert [row["t"] for row in await host.rows()] == [UTC0 + 3_600_000 + host.now] * 3


async def test_pages_follow_each_other_without_a_gap_or_a_repetition(host: Host) -> None:
    dice = random.Random(7)
    for _ in range(300):
        host.now += dice.choice((0, 0, 1, 5000))
        host.says(dice.choice(("online", "offline", "lost")), name=f"n-{dice.randrange(40)}")
    whole = (await host.rows())[::-1]
    nodes = KINDS[:2]
    for filters in (
        {"kinds": nodes},
        {"nodes": ["n-3", "n-7"]},
        {"kinds": ["state"]},
        {"nodes": ["n-3"], "kinds": nodes},
    ):
        wanted = [
            row
            for row in whole
            if row["node"] in filters.get("nodes", [row["node"]]) and row["kind"] in filters.get("kinds", [row["kind"]])
        ]
        found: list[dict[str, Any]] = []
        before = None
        while page := (await host.rows(limit=7, before=before, **filters))[::-1]:
            found += page
            before = page[-1]["t"], page[-1]["id"]
        assert found == wanted
    assert whole == sorted(whole, key=lambda row: (-row["t"], -row["id"]))


def database(path: Path) -> sqlite3.Connection:
    made = store_write.connect(path)
    store_write.migrate(made)
    return made


def add(made: sqlite3.Connection, number: int, ts: int, node: str, state: str | None) -> None:
    made.execute(store_happenings.WRITE, (number, ts, ts, 1, node, "state", state or "x", "", state, "", ""))


def test_what_is_old_goes_but_the_last_state_of_each_node_stays(tmp_path: Path) -> None:
    with contextlib.closing(database(tmp_path / "fleet.db")) as made:
        for number in range(3000):
            add(made, number + 1, number, f"n-{number % 3}", None if number % 2 else "online")
        while store_happenings.expire(made, 2900):
            pass
        assert made.execute("SELECT count(*) FROM happening WHERE ts < 2900").fetchone() == (0,)
        while store_happenings.expire(made, 10_000):
            pass
        assert made.execute("SELECT node, ts FROM happening ORDER BY node").fetchall() == [
            *(("n-0", 2994), ("n-1", 2998), ("n-2", 2996))
        ]


def test_there_are_never_more_rows_than_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_happenings, "MAX_ROWS", 500)
    with contextlib.closing(database(tmp_path / "fleet.db")) as made:
        for number in range(2600):
            add(made, number + 1, number, "ada", None)
        slices = 1
        while store_happenings.expire(made, None):
            slices += 1
        assert slices == 3
        assert made.execute("SELECT count(*), min(ts) FROM happening").fetchone() == (500, 2100)


async def test_a_database_of_schema_3_knows_since_when_its_nodes_are_there(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as old:
        for number, script in enumerate(schema.MIGRATIONS[:3], 1):
            old.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")
        old.execute("INSERT INTO node(id, name, shown) VALUES(1, 'ada', 1), (2, 'bo', 1), (3, 'gone', 0), (4, 'cy', 1)")
        boots = [(1, 1, "9f3a", 5000, 9000), (2, 1, "77c1", 20_000, 90_000), (3, 2, "aaaa", None, 7000)]
        boots += [(4, 3, "bbbb", 1000, 2000), (5, 4, "cccc", None, None)]
        old.executemany("INSERT INTO boot(id, node, boot, boot_ms, seen_ms) VALUES(?, ?, ?, ?, ?)", boots)
    host = Host(path)
    await host.begin()
    rows = await host.rows()
    assert [(row["node"], row["word"], row["t"], row["boot"]) for row in rows] == [
        *(("ada", "new", 5000, "9f3a"), ("bo", "new", 7000, "aaaa"), ("ada", "boot", 20_000, "77c1"))
    ]
    host.says("online", "77c1")
    assert len(await host.rows()) == 3, "it is as it was noted"
    host.says("lost", "77c1")
    assert (await host.words())[3:] == ["state lost"]
    await host.store.close()


async def test_a_commit_that_fails_loses_no_happening(host: Host) -> None:
    host.says("online")
    other = sqlite3.connect(host.store.path, isolation_level=None)
    other.execute("ALTER TABLE happening RENAME TO away")
    with pytest.raises(store_write.StoreError):
        await host.store.commit()
    host.says("lost")
    other.execute("ALTER TABLE away RENAME TO happening")
    other.close()
    assert await host.words() == ["birth new", "state lost"]


def test_every_alert_says_what_it_means_and_what_to_do_and_the_book_has_the_same_words() -> None:
    assert set(ALERTS) <= set(GUIDE)
    book = " ".join((ROOT / "docs" / "operations.md").read_text().split())
    for kind, guide in GUIDE.items():
        for words in (guide.title, guide.means, guide.do):
            assert words in book, f"docs/operations.md does not say of {kind}: {words}"


async def test_what_is_noted_is_seen_at_once_and_at_most_so_much(host: Host) -> None:
    host.happenings.take_news()
    for number in range(2 * MAX_NEWS):
        host.says("online", name=f"n-{number}")
    news = host.happenings.take_news()
    assert [row["node"] for row in news] == [f"n-{number}" for number in range(MAX_NEWS, 2 * MAX_NEWS)]
    assert host.happenings.take_news() == []

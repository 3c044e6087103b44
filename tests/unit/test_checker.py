"""The judge of the fault tests: it finds a planted violation of each kind, and none in a history that is clean."""

import copy
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fleet_dashboard.schema import MIGRATIONS
from support import checker
from support.history import History, Record, last_boot, rows_of, taken_from
from support.probe import Seen

START = 1_790_000_000_000


def reading(seq: int, node: str = "ada", boot: str = "9f3a", period: int = 100) -> Record:
    up = seq * period + 40
    return {
        "what": "taken", "at": 0.0, "node": node, "boot": boot, "seq": seq, "up": up,
        "kind": "tele", "name": "sht4x", "v": {"temp": 20 + seq / 100, "hum": None},
    }  # fmt: skip


def event(seq: int, n: int, node: str = "ada", boot: str = "9f3a") -> Record:
    taken = {**reading(seq, node, boot), "kind": "event", "name": "button-a", "event_type": "press", "n": n}
    del taken["v"]
    return taken


def row(taken: Record, **other: Any) -> Record:
    return {**copy.deepcopy(taken), "what": "row", "ts": START + taken["up"], **other}


def kept(dropped: int, node: str = "ada", boot: str = "9f3a") -> Record:
    return {"what": "kept", "at": 1.0, "node": node, "rows": [[boot, 0, 0, dropped]], "more": 0}


def told(seq: int, at: float, node: str = "ada", boot: str = "9f3a") -> Record:
    return {"what": "told", "at": at, "node": node, "boot": boot, "seq": seq}


def kill(at: float, node: str = "ada", boot: str = "9f3a") -> Record:
    return {"what": "kill", "at": at, "node": node, "boot": boot}


def clean(count: int = 50) -> list[Record]:
    """Readings of one boot with a press among them, all stored and all told."""
    taken = [event(seq, seq // 10 + 1) if seq % 10 == 9 else reading(seq) for seq in range(count)]
    return [*taken, *[row(one) for one in taken], told(count, 9.0)]


def rows_and_rest(records: list[Record]) -> tuple[list[Record], list[Record]]:
    return [one for one in records if one["what"] == "row"], [one for one in records if one["what"] != "row"]


def without(records: list[Record], *seqs: int) -> list[Record]:
    return [one for one in records if one["what"] != "row" or one["seq"] not in seqs]


def kinds(result: checker.Result) -> dict[str, int]:
    return {kind: len(cases) for kind, cases in result.violations.items() if cases}


def test_a_clean_history_is_clean() -> None:
    result = checker.check(clean())
    assert result.ok, str(result)
    assert result.sentence == "taken 50 = stored 50 + dropped 0 + in RAM at a kill 0"


def test_lost_is_what_was_taken_and_is_not_there() -> None:
    history = [one for one in without(clean(), 20, 21) if one["what"] != "told"]
    result = checker.check(history)
    assert kinds(result) == {"lost": 2}
    assert result.sentence.endswith("+ LOST 2")
    assert "ada 9f3a 20" in str(result)


def test_lost_acked_is_what_the_host_said_it_has() -> None:
    result = checker.check([*without(clean(), 20, 45), told(30, 5.0)])
    assert kinds(result) == {"lost-acked": 2}
    late = [one for one in without(clean(), 20, 45) if one["what"] != "told"]
    assert kinds(checker.check([*late, told(30, 5.0)])) == {"lost-acked": 1, "lost": 1}


def test_what_the_node_counted_as_dropped_is_no_loss_and_not_one_more() -> None:
    history = without(clean(), 0, 1, 2)
    assert checker.check([*history, kept(3)]).sentence == "taken 50 = stored 47 + dropped 3 + in RAM at a kill 0"
    assert kinds(checker.check([*history, kept(2)])) == {"lost-acked": 1}
    assert checker.check([*history, kept(5)]).overcounted == 2
    assert kinds(checker.check([*history, kept(3, boot="0000")])) == {"lost-acked": 3}


def test_what_the_node_says_it_has_and_never_sends_is_lost_however_many_it_dropped() -> None:
    claim = {**kept(10), "rows": [["9f3a", 10, 50, 10]]}
    assert kinds(checker.check([*without(clean(), 5, 20), claim])) == {"lost-acked": 1}
    assert checker.check([*without(clean(), 5, 20), claim, kept(10)]).ok, "later it said that it has it no more"


def test_what_was_in_ram_at_a_kill_is_no_loss() -> None:
    history = [one for one in without(clean(), 47, 48, 49) if one["what"] != "told"]
    result = checker.check([*history, told(47, 5.0), kill(6.0)])
    assert result.ok, str(result)
    assert result.sentence == "taken 50 = stored 47 + dropped 0 + in RAM at a kill 3"
    assert kinds(checker.check([*history, told(47, 5.0)])) == {"lost": 3}, "nobody killed it"
    assert kinds(checker.check([*history, told(47, 5.0), kill(6.0, boot="0000")])) == {"lost": 3}


def test_what_was_told_settled_before_the_kill_must_be_there() -> None:
    history = [one for one in without(clean(), 48) if one["what"] != "told"]
    assert kinds(checker.check([*history, told(50, 5.0), kill(6.0)])) == {"lost-acked": 1}
    assert checker.check([*history, told(50, 7.0), kill(6.0)]).ok, "told later: because the node said it has it no more"


@pytest.mark.parametrize(
    ("count", "period", "seq"), [(400, 100, 100), (60, 2000, 10)], ids=["too many after it", "too long before the end"]
)
def test_what_should_have_been_on_flash_is_lost(count: int, period: int, seq: int) -> None:
    taken = [reading(number, period=period) for number in range(count)]
    history = [*taken, *[row(one) for one in taken if one["seq"] != seq], kill(1.0)]
    assert kinds(checker.check(history)) == {"lost": 1}


def test_duplicate_is_one_number_in_two_rows_or_one_moment_under_two_numbers() -> None:
    history = clean()
    assert kinds(checker.check([*history, row(reading(7))])) == {"duplicate": 1}
    again = {**reading(7), "seq": 50}
    result = checker.check([*history, again, row(again)])
    assert "duplicate" in kinds(result)
    press = {**event(9, 1), "seq": 50, "up": 5040}
    assert kinds(checker.check([*history, press, row(press)])) == {"duplicate": 1}


def test_phantom_is_what_nobody_took() -> None:
    assert kinds(checker.check([*clean(), row(reading(50))])) == {"phantom": 1}
    assert kinds(checker.check([*clean(), row(reading(3, boot="0001"))])) == {"phantom": 1}


@pytest.mark.parametrize(
    "change",
    [
        {"up": 741}, {"v": {"temp": 20.08, "hum": None}}, {"v": {"temp": 20.07, "hum": 0.0}}, {"name": "bmp280"},
        {"v": {"temp": None, "hum": None}}, {"v": {"temp": 20.07, "hum": None, "press": 1.0}},
    ],
    ids=str,
)  # fmt: skip
def test_changed_is_what_differs_in_any_part(change: dict[str, Any]) -> None:
    history = [*without(clean(), 7), row(reading(7), **change)]
    result = checker.check(history)
    assert kinds(result) == {"changed": 1}, str(result)


def test_changed_also_of_an_event() -> None:
    assert kinds(checker.check([*without(clean(), 9), row(event(9, 1), event_type="release")])) == {"changed": 1}


def test_order_is_by_the_time_of_the_sample() -> None:
    history = without(clean(), 7)
    assert kinds(checker.check([*history, row(reading(7), ts=START + 540)])) == {"order": 1}
    few = [*history, row(reading(7), ts=START + reading(6)["up"] - 4)]
    assert checker.check(few).ok, "a few ms are the clock's"
    assert checker.check(few).back_ms == 4


def test_a_twin_is_two_readings_under_one_number() -> None:
    assert kinds(checker.check([*clean(), reading(7)])) == {"twin": 1}


# -- any number of nodes, boots, drops and kills -----------------------------------------------------------------


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Record], dict[str, int]]:
    """A history in which every missing reading has its excuse, and the sums that must come out."""
    records: list[Record] = []
    sums = {"taken": 0, "stored": 0, "dropped": 0, "ram": 0}
    for number in range(draw(st.integers(1, 4))):
        node = f"n{number % 2}"
        boot = f"{number:04x}"
        count = draw(st.integers(0, 150))
        dropped = draw(st.integers(0, count))
        killed = draw(st.booleans())
        in_ram = draw(st.integers(0, min(checker.RAM_READINGS, count - dropped))) if killed else 0
        taken = [reading(seq, node, boot) for seq in range(count)]
        stored = taken[dropped : count - in_ram]
        records += taken + [row(one) for one in stored]
        records.append(kept(dropped, node, boot))
        records.append(told(count - in_ram, 1.0, node, boot))
        if killed:
            records += [kill(2.0, node, boot), told(count, 3.0, node, boot)]
        for key, value in (("taken", count), ("stored", len(stored)), ("dropped", dropped), ("ram", in_ram)):
            sums[key] += value
    order = draw(st.randoms(use_true_random=False))
    order.shuffle(records)
    return records, sums


@given(histories())
@settings(deadline=None, max_examples=60)
def test_every_clean_history_adds_up(history: tuple[list[Record], dict[str, int]]) -> None:
    records, sums = history
    result = checker.check(records)
    assert result.ok, str(result)
    assert {key: getattr(result, key) for key in sums} == sums
    assert result.taken == result.stored + result.dropped + result.ram
    assert result.overcounted == 0


def lose(rows: list[Record], rest: list[Record], at: int) -> tuple[list[Record], str]:
    """Take one away from the middle of what is stored: told, so it is lost-acked."""
    return [*rows[:at], *rows[at + 1 :], *rest], "lost-acked"


def double(rows: list[Record], rest: list[Record], at: int) -> tuple[list[Record], str]:
    return [*rows, copy.deepcopy(rows[at]), *rest], "duplicate"


def invent(rows: list[Record], rest: list[Record], at: int) -> tuple[list[Record], str]:
    return [*rows, *rest, {**rows[at], "seq": 1 << 20, "up": 1 << 30, "ts": START + (1 << 30)}], "phantom"


def alter(rows: list[Record], rest: list[Record], at: int) -> tuple[list[Record], str]:
    return [*rows[:at], {**rows[at], "v": {"temp": -1.5, "hum": None}}, *rows[at + 1 :], *rest], "changed"


def misplace(rows: list[Record], rest: list[Record], at: int) -> tuple[list[Record], str]:
    return [*rows[:at], {**rows[at], "ts": rows[at]["ts"] - 1000}, *rows[at + 1 :], *rest], "order"


@given(histories(), st.sampled_from([lose, double, invent, alter, misplace]), st.data())
@settings(deadline=None, max_examples=120)
def test_a_violation_planted_in_any_history_is_found(
    history: tuple[list[Record], dict[str, int]],
    plant: Callable[[list[Record], list[Record], int], tuple[list[Record], str]],
    data: st.DataObject,
) -> None:
    rows, rest = rows_and_rest(history[0])
    rows = sorted(rows, key=lambda one: (one["node"], one["boot"], one["seq"]))
    inner = [at for at in range(1, len(rows)) if rows[at - 1]["boot"] == rows[at]["boot"]]
    if not inner:
        return
    records, kind = plant(rows, rest, data.draw(st.sampled_from(inner)))
    assert kind in kinds(checker.check(records))


# -- where the records come from -----------------------------------------------------------------------------------


def test_a_history_keeps_what_matters_and_each_record_is_a_line(tmp_path: Path) -> None:
    with History(tmp_path / "history.jsonl") as history:
        history.heard(Seen("fleet/1/_host/stored/ada", b'{"boot":"9f3a","seq":41}', 0, False))
        history.heard(Seen("fleet/1/ada/journal", b'{"boot":"9f3a","seq":9,"up":1,"kept":[["9f3a",3,9,2]]}', 0, False))
        for noise in (b"", b"[]", b"{}", b"\xff"):
            history.heard(Seen("fleet/1/_host/stored/ada", noise, 0, False))
        history.heard(Seen("fleet/1/_host/stored/ada", b'{"boot":"9f3a","seq":99}', 0, True))
        history.add("fault", name="cut", on="ada")
    lines = [json.loads(line) for line in (tmp_path / "history.jsonl").read_text().splitlines()]
    assert lines == history.records
    assert [(line["what"], line.get("seq"), line.get("rows")) for line in lines] == [
        ("told", 41, None), ("kept", None, [["9f3a", 3, 9, 2]]), ("fault", None, None),
    ]  # fmt: skip


def test_the_line_that_a_kill_cut_short_does_not_count(tmp_path: Path) -> None:
    path = tmp_path / "ada.jsonl"
    whole = '{"boot":"9f3a","seq":0,"up":7,"kind":"tele","name":"sht4x","v":{"temp":21.5}}\n'
    path.write_text(whole + whole.replace("9f3a", "9f3b") + '{"boot":"9f3c","se')
    assert [one["boot"] for one in taken_from("ada", path)] == ["9f3a", "9f3b"]
    assert last_boot(path) == "9f3b"
    assert last_boot(tmp_path / "none") is None


def test_rows_are_read_from_a_database_of_the_dashboard(tmp_path: Path) -> None:
    path = tmp_path / "fleet.db"
    database = sqlite3.connect(path)
    for script in MIGRATIONS:
        database.executescript(script)
    database.execute("INSERT INTO node(id, name) VALUES(1, 'ada')")
    database.execute("INSERT INTO boot(id, node, boot) VALUES(3, 1, '9f3a')")
    database.execute("""INSERT INTO sensor(id, node, name, fields) VALUES(2, 1, 'sht4x', '["temp", "hum"]')""")
    database.execute(f"INSERT INTO sample(id, sensor, up, ts, v0) VALUES({3 << 32 | 7}, 2, 740, {START + 740}, 20.07)")
    database.execute(f"INSERT INTO event VALUES({3 << 32 | 9}, 1, 'button-a', 'press', 1, 940, {START + 940})")
    database.commit()
    database.close()
    assert list(rows_of(path)) == [
        {key: value for key, value in row(taken).items() if key != "at"} for taken in (reading(7), event(9, 1))
    ]

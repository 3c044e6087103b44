"""`fleet verify`: what it makes of every account that a dashboard can give, and what it says when there is none.

The dashboard is a small HTTP server of the test, which answers with the document that the test puts there.
"""

import http.server
import json
import re
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from fleet_tools import cli, delivery, doctor
from support.broker import free_port

NOW = 1_700_000_000_000
Capture = pytest.CaptureFixture[str]


class Host(http.server.ThreadingHTTPServer):
    """Answers `answers[path]` = (status, document), and notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.answers: dict[str, tuple[int, Any]] = {"/api/health": (200, {"ok": True, "now": NOW})}
        self.asked: list[str] = []
        self.later: list[Any] = []  # documents that take the place of /api/delivery one by one

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def account(self, **nodes: list[dict[str, Any]]) -> None:
        self.answers["/api/delivery"] = (200, document(**nodes))


class Answer(http.server.BaseHTTPRequestHandler):
    server: Host

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        path = self.path.partition("?")[0]
        status, said = self.server.answers.get(path, (404, b"Not Found"))  # as Starlette says it
        if path == "/api/delivery" and self.server.later:
            self.server.answers[path] = (200, self.server.later.pop(0))
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


def boot(**more: Any) -> dict[str, Any]:
    """The account of a boot of which all is stored, changed as a test wants it."""
    whole = {"boot": "9f3a", "seen": NOW - 4000, "taken": 12345, "stored": 12345, "missing": 0, "ranges": []}
    whole.update({"twice": 0, "dropped": 0, "gone": 0, "before": 0, "timed": True, "counted": True})
    return {**whole, **more}


def document(**nodes: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "now": NOW,
        "nodes": [{"id": node, "name": node.title(), "boots": boots} for node, boots in nodes.items()],
    }


MISSING = boot(boot="9f39", taken=100, stored=93, missing=7, ranges=[[41, 43], [50, 53]])


@pytest.fixture
def host(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    monkeypatch.chdir(tmp_path_factory.mktemp("empty"))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    with Host() as server:
        monkeypatch.setenv("FLEET_DASHBOARD", server.url)
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def verify(*typed: str, wait: str = "0") -> int:
    return cli.run(["verify", "--wait", wait, *typed])


def row(out: str, name: str) -> dict[str, str]:
    """The line of the table that begins with the boot's node and id, by column; two spaces lie between columns."""
    lines = [re.split(" {2,}", line.strip()) for line in out.splitlines()]
    cells = next(line for line in lines if line[:2] == name.split())
    return dict(zip(lines[0], cells, strict=True))


# -- every verdict ---------------------------------------------------------------------------------------------


def test_a_whole_account_is_code_0_with_a_line_for_each_boot(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot(twice=3), boot(boot="9f39", taken=5, stored=5)], bo=[boot(boot="0001")])
    assert verify() == 0
    said = capsys.readouterr()
    assert row(said.out, "ada 9f3a") == {
        "node": "ada", "boot": "9f3a", "taken": "12,345", "stored": "12,345", "missing": "0", "gone": "0",
        "dropped": "0", "twice": "3", "heard": "4 s", "times": "exact", "result": "complete",
    }  # fmt: skip
    assert [line.split()[:2] for line in said.out.splitlines()[1:]] == [
        ["ada", "9f3a"],
        ["ada", "9f39"],
        ["bo", "0001"],
    ]
    assert said.err == ("complete: 2 nodes took 24,695 readings in 3 boots, and every one is stored exactly once\n"), (
        "what is whole needs no further words"
    )


def test_missing_readings_are_code_3_and_are_named(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot(), MISSING], bo=[boot()])
    assert verify() == 3
    said = capsys.readouterr()
    assert row(said.out, "ada 9f39")["missing"] == "7"
    assert row(said.out, "ada 9f39")["result"] == "missing"
    assert "ada, boot 9f39: missing 41-43, 50-53" in said.err
    assert "not complete: 2 nodes took 24,790 readings in 3 boots: 24,783 stored exactly once, 7 missing" in said.err
    assert "ada may still have them and will be asked; leave it on and in reach, and look again" in said.err


def test_what_is_gone_is_code_3_with_the_reason(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot(stored=12340, gone=5)])
    assert verify() == 3
    said = capsys.readouterr()
    assert row(said.out, "ada 9f3a")["gone"] == "5"
    assert "not complete" in said.err
    assert "the power failed" in said.err
    assert "docs/operations.md" in said.err


def test_an_account_that_does_not_add_up_is_code_3(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot(stored=12340)], bo=[boot()])
    assert verify() == 3
    said = capsys.readouterr()
    assert row(said.out, "ada 9f3a")["result"] == "wrong"
    assert row(said.out, "bo 9f3a")["result"] == "complete"
    assert "the numbers of ada contradict each other: please report it" in said.err


def test_what_a_full_journal_dropped_is_code_0_and_is_said(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot(stored=12000, dropped=345)])
    assert verify() == 0
    said = capsys.readouterr()
    assert row(said.out, "ada 9f3a")["dropped"] == "345"
    assert (
        "all accounted for: 1 node took 12,345 readings in 1 boot: 12,000 stored exactly once, 345 dropped" in said.err
    )
    assert "journal_kb" in said.err


def test_what_was_before_the_dashboard_is_code_0_and_is_said(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot(stored=12335, before=10)])
    assert verify() == 0
    said = capsys.readouterr()
    assert row(said.out, "ada 9f3a")["before"] == "10"
    assert "all accounted for" in said.err
    assert "10 had come and gone when this dashboard first heard that boot" in said.err


def test_what_has_expired_by_the_settings_is_complete_and_is_said(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot(stored=345, expired=12000)])
    assert verify() == 0
    said = capsys.readouterr()
    assert (row(said.out, "ada  9f3a")["expired"], row(said.out, "ada  9f3a")["result"]) == ("12,000", "complete")
    assert "every one was stored exactly once; 12,000 have expired since" in said.err


def test_times_that_are_only_a_bound_are_said_to_be_one(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot(timed=False)])
    assert verify() == 0
    said = capsys.readouterr()
    assert row(said.out, "ada 9f3a")["times"] == "bound"
    assert 'times are "no later than"' in said.err
    assert "its readings may be older" in said.err


def test_a_boot_that_cannot_be_judged_spoils_nothing_but_is_said(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot(), boot(boot="0001", taken=0, stored=70, counted=False)])
    assert verify() == 0
    said = capsys.readouterr()
    assert row(said.out, "ada 0001")["taken"] == "?"
    assert row(said.out, "ada 0001")["stored"] == "70"
    assert row(said.out, "ada 0001")["result"] == "unknown"
    assert "of 1 boot nothing can be said" in said.err


def test_where_nothing_can_be_judged_it_does_not_say_that_all_is_well(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot(counted=False)])
    assert verify() == 4
    assert "nothing can be verified" in capsys.readouterr().err
    host.account()
    assert verify() == 4
    said = capsys.readouterr()
    assert said.out == ""
    assert "there is nothing to verify" in said.err


@pytest.mark.parametrize(
    ("more", "verdict"),
    [
        ({}, "complete"),
        ({"stored": 12300, "expired": 45}, "complete"),
        ({"stored": 12300, "expired": 44}, "wrong"),
        ({"stored": 12344, "dropped": 1}, "dropped"),
        ({"stored": 12343, "dropped": 1, "missing": 1}, "missing"),
        ({"stored": 12342, "dropped": 1, "missing": 1, "gone": 1}, "gone"),
        ({"stored": 12346}, "wrong"),
        ({"counted": False, "missing": 1}, "?"),
    ],
)
def test_the_verdict_is_the_worst_that_is_true(more: dict[str, Any], verdict: str) -> None:
    (found,) = delivery.read("ada", [boot(**more)])
    assert found.verdict == verdict


def test_many_ranges_are_shown_in_part_and_the_rest_is_counted() -> None:
    (one,) = delivery.read("ada", [boot(missing=1000, ranges=[[n * 10, n * 10 + 1] for n in range(20)])])
    assert delivery.which(one) == "0-1, 10-11, 20-21, 30-31, 40-41, 50-51 and 988 more"


# -- which nodes and since when --------------------------------------------------------------------------------


def test_only_the_named_nodes_are_shown_by_id_or_by_name(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot()], bo=[MISSING], cy=[boot()])
    assert verify("cy", "Ada", "ada") == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["node", "cy", "ada"]
    assert verify("bo") == 3


def test_a_mistyped_node_is_answered_with_the_closest_one(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot()])
    assert verify("adda") == 2
    said = capsys.readouterr()
    assert "fleet: the dashboard knows no node 'adda'; did you mean \"ada\"?" in said.err
    assert said.out == ""


def test_a_node_without_an_account_in_that_time_is_said_to_be_silent(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot()])
    host.answers["/api/snapshot"] = (200, {"nodes": [{"id": "ada", "name": "Ada"}, {"id": "bo", "name": "Bo"}]})
    assert verify("bo", "--since", "1h") == 4
    assert "bo has sent nothing in this time" in capsys.readouterr().err
    assert verify("ada", "bo") == 0


@pytest.mark.parametrize(("typed", "ms"), [("90s", 90_000), ("30m", 1_800_000), ("1h", 3_600_000), ("2D", 172_800_000)])
def test_since_is_counted_back_from_the_clock_of_the_dashboard(host: Host, typed: str, ms: int) -> None:
    host.account(ada=[boot()])
    assert verify("--since", typed) == 0
    assert host.asked[-1] == f"/api/delivery?since={NOW - ms}"


@pytest.mark.parametrize(
    "typed", ["", "1", "h", "1 h", "-1h", "1.5h", "0m", "1w", "1h30m", "99999999d", "٣h", "yesterday"]
)
def test_a_time_that_is_none_is_one_sentence(host: Host, typed: str, capsys: Capture) -> None:
    assert verify("--since", typed) == 2
    said = capsys.readouterr()
    assert f"{typed!r} is not a length of time like 30m, 1h or 2d" in said.err
    assert len(said.err.splitlines()) == 1
    assert host.asked == []


# -- waiting ---------------------------------------------------------------------------------------------------


def test_it_looks_again_while_something_is_on_its_way(host: Host, capsys: Capture) -> None:
    host.account(ada=[MISSING])
    host.later = [document(ada=[boot(boot="9f39", taken=100, stored=100)])]
    assert verify(wait="30") == 0
    assert len(host.asked) == 2
    assert "complete" in capsys.readouterr().err


def test_it_does_not_wait_for_what_is_gone(host: Host) -> None:
    host.account(ada=[boot(stored=12340, gone=5)])
    began = time.monotonic()
    assert verify(wait="60") == 3
    assert time.monotonic() - began < 30


def test_it_gives_up_waiting_when_the_time_is_over(host: Host) -> None:
    host.account(ada=[MISSING])
    assert verify(wait="0.1") == 3
    assert len(host.asked) >= 2


# -- for programs ----------------------------------------------------------------------------------------------


def test_json_is_one_document_with_the_verdicts_and_the_same_code(host: Host, capsys: Capture) -> None:
    host.account(ada=[boot(), MISSING], bo=[boot()])
    assert verify("ada", "--json") == 3
    said = capsys.readouterr()
    found = json.loads(said.out)
    assert (found["version"], found["verdict"], found["code"], found["now"]) == (1, "missing", 3, NOW)
    assert [one["id"] for one in found["nodes"]] == ["ada"]
    assert found["nodes"][0]["boots"][1] == {**MISSING, "verdict": "missing"}
    assert said.err == ""


# -- no dashboard, or not one that knows -----------------------------------------------------------------------


def test_without_a_dashboard_it_is_code_1_with_the_way_out(
    host: Host, monkeypatch: pytest.MonkeyPatch, capsys: Capture
) -> None:
    monkeypatch.delenv("FLEET_DASHBOARD")
    assert verify() == 1
    assert "fleet demo" in capsys.readouterr().err
    assert verify("--dashboard", f"http://127.0.0.1:{free_port()}") == 1
    said = capsys.readouterr()
    assert "no dashboard answers at http://127.0.0.1:" in said.err
    assert "Connection refused" in said.err
    assert said.out == ""
    assert verify("--dashboard", "127.0.0.1:8080") == 1
    assert "is not an address like http://" in capsys.readouterr().err


def test_a_dashboard_of_an_older_version_is_said_to_be_one(host: Host, capsys: Capture) -> None:
    assert verify() == 1
    assert "older version" in capsys.readouterr().err


def test_what_the_dashboard_refuses_is_said_in_its_words(host: Host, capsys: Capture) -> None:
    host.answers["/api/delivery"] = (503, {"error": "the database is locked"})
    assert verify() == 1
    assert "answers 503: the database is locked" in capsys.readouterr().err
    host.answers["/api/delivery"] = (500, b"<html>")
    assert verify() == 1
    assert "answers 500: Internal Server Error" in capsys.readouterr().err


@pytest.mark.parametrize(
    "said",
    [
        b"<html>",
        b"[1]",
        {},
        {"now": NOW, "nodes": [1]},
        {"now": NOW, "nodes": [{"id": "ada", "boots": 7}]},
        {"now": NOW, "nodes": [{"id": "ada", "boots": [{}]}]},
        {"now": NOW, "nodes": [{"id": "ada", "boots": [boot(ranges=[[1]])]}]},
    ],
)
def test_an_answer_that_is_none_is_one_sentence(host: Host, said: Any, capsys: Capture) -> None:
    host.answers["/api/delivery"] = (200, said)
    assert verify() == 1
    shown = capsys.readouterr()
    assert len(shown.err.splitlines()) == 1
    assert shown.out == ""


# -- the same account in other verbs ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("boots", "expected"),
    [
        ([], ""),
        ([boot()], "12,345 readings taken in 1 boot, all stored"),
        ([boot(), MISSING], "12,445 readings taken in 2 boots, 12,438 stored, 7 missing"),
        ([boot(stored=1)], "12,345 readings taken in 1 boot, 1 stored, does not add up"),
        ([boot(counted=False)], "cannot be told: the node or the dashboard is too old"),
    ],
)
def test_a_node_s_delivery_fits_on_one_line(boots: list[dict[str, Any]], expected: str) -> None:
    assert delivery.one_line(delivery.read("ada", boots)) == expected


@pytest.mark.parametrize(
    ("boots", "state", "text", "fix"),
    [
        ([boot()], "ok", "complete: 1 node took 12,345 readings", ""),
        ([boot(stored=12344, dropped=1)], "ok", "all accounted for", ""),
        ([MISSING], "warn", "not complete: 1 node took 100 readings in 1 boot: 93 stored", "fleet verify --since 1d"),
        ([boot(stored=12344, gone=1)], "warn", "1 gone", "fleet verify --since 1d"),
        ([boot(stored=1)], "bad", "does not add up", "fleet verify --since 1d"),
        ([], "ok", "nothing to verify", ""),
    ],
)
def test_doctor_has_a_line_about_the_last_day(
    host: Host, boots: list[dict[str, Any]], state: str, text: str, fix: str
) -> None:
    host.account(**({"ada": boots} if boots else {}))
    check = doctor.check_delivery(host.url)
    assert (check.name, check.state) == ("delivery", state)
    assert text in check.text
    assert check.fix.startswith(fix)
    assert bool(check.fix) == bool(fix)
    assert host.asked[-1] == f"/api/delivery?since={NOW - 86_400_000}"


def test_doctor_says_when_the_dashboard_is_too_old_to_tell(host: Host) -> None:
    check = doctor.check_delivery(host.url)
    assert (check.state, "older version" in check.text) == ("warn", True)


def test_every_verdict_has_a_colour() -> None:
    assert set(delivery.COLOURS) == {"complete", "dropped", "missing", "gone", "wrong", "?"}

"""F27: what is asked of the HTTP API is data: no text of it is SQL, and no input makes it fail or answer otherwise than
its own description says. schemathesis makes the input from that description, as the teacher and as a viewer.
"""

import contextlib
import json
import sqlite3
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from fleet_schema import payloads, topics
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe
from support.rights import TEACHER
from support.security import tried

EXAMPLES = 10  # of each phase and operation
SEED = 27
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,ignored_auth"
SQL = (
    "'", '"', "`", ";", "' --", "' OR '1'='1", "' OR 1=1 --", '" OR ""="', "') OR ('1'='1", "1 OR 1=1",
    "'; DROP TABLE sample; --", "1; DELETE FROM node", "' UNION SELECT * FROM node --", "ada' AND '1'='1", "ada%",
    "ada'/**/OR/**/1=1--", "1)) UNION SELECT sql FROM sqlite_master --", "'||(SELECT name FROM node)||'", "?1", "a_a",
    "' AND randomblob(1000000000) --", "ada\x00' OR 1=1", "%27%20OR%201=1", "\uff41da", "ada' COLLATE NOCASE --",
    "ATTACH DATABASE '/tmp/x' AS y", "load_extension('x')", "\\' OR 1=1 --",
)  # fmt: skip
PLACES = (
    "/api/nodes/{}", "/api/nodes/{}/series?sensor=sht4x", "/api/nodes/ada/series?sensor={}",
    "/api/nodes/ada/series?sensor=sht4x&from={}", "/api/nodes/ada/series?sensor=sht4x&to={}",
    "/api/nodes/ada/series?sensor=sht4x&points={}", "/api/delivery?since={}", "/api/commands/{}", "/api/rounds/{}",
    "/api/rounds/{}.csv", "/api/export/readings.csv?node={}", "/api/export/readings.csv?node=ada&sensor={}",
    "/api/export/readings.csv?from={}", "/api/export/events.csv?to={}", "/api/export/events.csv?node={}",
    "/api/export/readings.parquet?node={}", "/api/timeline?node={}", "/api/timeline?group={}", "/api/timeline?kind={}",
    "/api/timeline?before={}", "/api/timeline?limit={}", "/api/replay?from={}", "/api/replay?every={}",
    "/api/replay/marks?to={}", "/api/report?group={}", "/api/report.csv?from={}", "/api/report.html?zone={}",
)  # fmt: skip


@pytest.fixture(scope="module")
def dashboard() -> Iterator[DashboardProcess]:
    """It has a node with readings and an event: something that could be lost."""
    with Broker() as broker, DashboardProcess(broker.url) as running, Probe(broker.url, "fleet/1/#") as probe:
        for seq in range(20):
            fields = {"boot": "0a0b", "seq": seq, "up": seq * 10, "v": {"temp": seq / 2}}
            probe.publish(topics.node_topic("fleet", "ada", "tele", "sht4x"), payloads.encode("tele", fields))
        event = {"boot": "0a0b", "seq": 20, "up": 300, "event_type": "press", "n": 1}
        probe.publish(topics.node_topic("fleet", "ada", "event", "button-a"), payloads.encode("event", event))
        running.wait_for("/api/stats", lambda stats: stats["rows"] == 21, within=30)
        yield running


def ask(url: str, body: Any = None) -> tuple[int, bytes]:
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(urllib.request.Request(url, data, TEACHER), timeout=60) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def contents(dashboard: DashboardProcess) -> dict[str, Any]:
    """How many rows each table has, and the tables themselves."""
    with contextlib.closing(sqlite3.connect(f"file:{dashboard.database}?mode=ro", uri=True)) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        tables = dict(database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table'").fetchall())
        rows = {
            name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0]
            for name in ("sample", "event", "node")
        }
    return {"tables": tables, **rows}


@pytest.mark.parametrize("place", PLACES)
def test_text_in_a_request_is_never_sql(dashboard: DashboardProcess, place: str) -> None:
    before = contents(dashboard)
    for text in SQL:
        status, said = ask(dashboard.url + place.format(quote(text, safe="")))
        # What nobody is called is not found or has nothing, and a number that is none is refused.
        through = status not in (200, 400, 404) or (status == 200 and (b'"ada"' in said or b"sht4x" in said))
        tried("F27", text, place, through, "no such thing, or refused")
        assert not through, f"{text!r} in {place}: {status} {said[:200]!r}"
        assert b"sqlite" not in said.lower()
        assert b"syntax" not in said.lower()
    assert contents(dashboard) == before
    assert dashboard.get("/api/nodes/ada")["id"] == "ada"


def test_text_in_a_body_is_never_sql(dashboard: DashboardProcess) -> None:
    before = contents(dashboard)
    for text in SQL:
        for path, body in (
            ("/api/commands", {"target": text, "name": "buzz", "args": {}}),
            ("/api/commands", {"target": "_all", "name": text, "args": {}}),
            ("/api/rounds", {"challenge": text}),
            ("/api/rounds", {"challenge": "sprint", "seconds": text}),
            (f"/api/rounds/{quote(text, safe='')}/stop", {}),
            (f"/api/nodes/{quote(text, safe='')}/forget", {}),
        ):
            status, said = ask(dashboard.url + path, body)
            where = path.replace(quote(text, safe=""), "{}")
            tried("F27", text, f"POST {where}", status not in (400, 404))
            assert status in (400, 404), f"{path} {body}: {status} {said[:200]!r}"
    assert contents(dashboard) == before


@pytest.mark.timeout(300)
@pytest.mark.parametrize("role", ["teacher", "viewer"])
def test_the_api_answers_as_it_is_described_whatever_is_asked(
    dashboard: DashboardProcess, role: str, tmp_path: Path
) -> None:
    before = contents(dashboard)
    # The stream has no end. A teacher who logs in wrongly so often would have to wait, which is tried as a viewer.
    left_out = ["/api/stream"] + (["/api/login"] if role == "teacher" else [])
    command = [
        str(Path(sys.executable).with_name("st")), "run", f"{dashboard.url}/api/openapi.json",
        "--phases", "examples,coverage,fuzzing", "--max-examples", str(EXAMPLES), "--seed", str(SEED),
        "--checks", CHECKS, "--generation-database", "none",
        "--suppress-health-check", "all", "--no-color", "--request-timeout", "60",
        "--report", "json", "--report-json-path", str(tmp_path / "report.json"),
    ]  # fmt: skip
    for path in left_out:
        command += ["--exclude-path", path]
    if role == "teacher":
        command += ["--header", f"Authorization:{TEACHER['authorization']}"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)
    tried("F27", f"schemathesis, seed {SEED}", f"every operation, as a {role}", done.returncode != 0, "as described")
    assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
    assert contents(dashboard)["sample"] == before["sample"]
    assert dashboard.get("/api/health")["ok"]
    assert "Traceback" not in dashboard.output, dashboard.output[-3000:]

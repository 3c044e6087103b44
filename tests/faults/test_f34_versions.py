"""F34: nodes and hosts of every version of the contract together. What one does not know it ignores, or calls unknown.

Each host runs with all nodes at once, and with a node of a version that is yet to come. What happened is a table in
tests/artifacts/versions.md.
"""

import contextlib
import json
import sqlite3
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_client import Message
from fleet_tools.conformance import Conformance
from fleet_tools.verdicts import KEPT, Verdicts
from support import tiers, versions
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.probe import Probe

PATIENCE = 60.0
TABLE = tiers.ROOT / "tests" / "artifacts" / "versions.md"
NODES = [*versions.RELEASED, versions.NOW]
COLUMNS = (
    "host",
    "node",
    "shown",
    "stored",
    "echo",
    "key of tomorrow",
    "no such command",
    "pause",
    "breaks",
    "after a restart",
)
# In 1.0, seq numbered every message: a host of that time takes a reading that has the number of the message before it
# for a twin. It stores the others, and breaks over none.
TWINS = ("1.0",)
FUTURE = {"x-colour": "red", "x-list": [1, {"deep": None}]}

Row = dict[str, str]


@pytest.fixture(scope="module")
def table() -> Iterator[list[Row]]:
    rows: list[Row] = []
    yield rows
    TABLE.parent.mkdir(exist_ok=True)
    lines = ["# Versions of the contract together\n", "| " + " | ".join(COLUMNS) + " |", "|---" * len(COLUMNS) + "|"]
    lines += ["| " + " | ".join(row[column] for column in COLUMNS) + " |" for row in rows]
    lines.append(
        "\nIn 1.0 `seq` numbered every message. A host of that time takes the first reading after any other message"
    )
    lines.append("of a newer node for a twin and does not store it: update the host first, or both.")
    TABLE.write_text("\n".join(lines) + "\n")


def id_of(version: str) -> str:
    return "node-" + version.replace(".", "-")


def test_the_released_versions_are_all_that_there_were() -> None:
    minor = int(versions.schema(versions.NOW).split(".")[1])
    wanted = {f"1.{number}" for number in range(minor)}
    assert wanted <= set(versions.RELEASED), "see tests/vectors/versions/README.md"


def ask(probe: Probe, node: str, name: str, **args: Any) -> dict[str, Any]:
    """One command; its ack."""
    request, mark = f"f34-{uuid.uuid4().hex[:6]}", probe.mark()
    probe.publish(f"fleet/1/{node}/cmd/{name}", json.dumps({"id": request, **args}))
    answer = probe.expect(
        f"fleet/1/{node}/ack", lambda seen: seen.json().get("id") == request, within=PATIENCE, since=mark
    )
    found: dict[str, Any] = answer.json()
    return found


def ask_by_the_host(dashboard: DashboardProcess, node: str, name: str, args: dict[str, Any]) -> dict[str, Any]:
    """The same through the HTTP API of this host; the row of the roll-call."""
    status, answer = dashboard.post("/api/commands", {"target": node, "name": name, "args": args})
    assert status == 202, answer
    call = dashboard.wait_for(f"/api/commands/{answer['id']}", lambda call: call["done"], PATIENCE)
    row: dict[str, Any] = call["rows"][0]
    return row


def stored(database: Path, node: str) -> set[tuple[str, int]]:
    """(boot, seq) of its readings; all hosts so far have these tables."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True, timeout=10)) as connection:
        return set(
            connection.execute(
                "SELECT boot.boot, sample.id & 0xFFFFFFFF FROM sample JOIN boot ON boot.id = sample.id >> 32"
                " JOIN node ON node.id = boot.node WHERE node.name = ?",
                (node,),
            )
        )


def taken(probe: Probe, node: str) -> set[tuple[str, int]]:
    """(boot, seq) of the readings that it sent."""
    return {(seen.json()["boot"], seen.json()["seq"]) for seen in probe.seen(f"fleet/1/{node}/tele/+")}


def wait(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def from_the_future(probe: Probe) -> None:
    """What a later version may say, from nodes and from the host: unknown keys, kinds and documents."""
    envelope = {"boot": "9f3a", "seq": 0, "up": 100, **FUTURE}
    meta = {"schema": "1.99", "period": 1000, "sensors": {"die": {"eyes": ["/", "eyes"]}}, "commands": {}}
    status = {"state": "online", "boot": "9f3a", "conn": 1, **FUTURE}
    probe.publish("fleet/1/tomorrow/status", json.dumps(status), retain=True)
    probe.publish("fleet/1/tomorrow/meta", json.dumps({**envelope, **meta}), retain=True)
    probe.publish("fleet/1/tomorrow/tele/die", json.dumps({**envelope, "seq": 1, "v": {"eyes": 6}}))
    probe.publish("fleet/1/tomorrow/event/lid", json.dumps({**envelope, "seq": 2, "event_type": "open", "n": 1}))
    probe.publish("fleet/1/tomorrow/battery", json.dumps(envelope))
    probe.publish("fleet/1/tomorrow/trace/heap", json.dumps(envelope))
    probe.publish("fleet/2/tomorrow/status", json.dumps(status))
    probe.publish("fleet/1/_host/future", json.dumps({"ts": 1790000000000}), retain=True)
    probe.publish("fleet/1/_host/lesson", json.dumps({"open": True, "until": 1790000000000}), retain=True)


@pytest.mark.rule("F-COMPAT-1", "F-COMPAT-2")
@pytest.mark.parametrize("host", [versions.NOW, *reversed(versions.RELEASED)])
def test_nodes_of_every_version_work_with_this_host(tmp_path: Path, table: list[Row], host: str) -> None:
    rows: dict[str, Row] = {}
    environment = versions.host_environment(host, tmp_path)
    with contextlib.ExitStack() as stack:
        broker = stack.enter_context(Broker())
        probe = stack.enter_context(Probe(broker.url, "fleet/#"))
        dashboard = DashboardProcess(broker.url, data_dir=tmp_path / "data", environment=environment)
        stack.enter_context(dashboard)
        nodes = {}
        for version in NODES:
            script = versions.node_program(version, tmp_path)
            node = NodeProcess(broker.url, id_of(version), script=script, period=500, health=1000, sensors=["sht4x"])
            nodes[version] = stack.enter_context(node)
        from_the_future(probe)
        for version, node in nodes.items():
            row = rows[version] = {"host": host, "node": version}
            shown = dashboard.node(node.id, lambda one: one["state"] == "online" and one["v"] and one["meta"], PATIENCE)
            assert shown["meta"]["schema"] == versions.schema(version)
            row["shown"] = "online, with values"
            wait(lambda node=node: len(stored(dashboard.database, node.id)) >= 3, f"{host} stores nothing of {node.id}")
            answer = ask_by_the_host(dashboard, node.id, "echo", {"text": "hello"})
            assert (answer["st"], answer["re"]) == ("done", "hello")
            row["echo"] = "done, and the text came back"
            assert ask(probe, node.id, "echo", text="x", **FUTURE)["re"] == "x"
            row["key of tomorrow"] = "ignored"
            assert ask(probe, node.id, "teleport")["st"] == "unknown"
            row["no such command"] = "unknown"
            pause = ask(probe, node.id, "pause", s=0)["st"]
            assert pause == ("done" if "pause" in shown["meta"]["commands"] else "unknown")
            row["pause"] = pause
        tomorrow = dashboard.node("tomorrow", lambda one: one["v"], PATIENCE)
        assert tomorrow["v"] == {"die": {"eyes": 6}}, "unknown keys are ignored, the rest is taken"
        bad = dashboard.get("/api/stats")["bad"]
        for version, node in nodes.items():
            verdicts = judged(probe, node.id)
            assert not verdicts.broken, f"{node.id}: {verdicts.broken}"
            assert verdicts.of("F-SEQ-1") == verdicts.of("F-META-8") == KEPT
            rows[version]["breaks"] = "no rule"
        births = {version: len(born(probe, node.id)) for version, node in nodes.items()}
        broker.stop()
        broker.start()
        for version, node in nodes.items():
            wait(
                lambda node=node, before=births[version]: len(born(probe, node.id)) > before,
                f"{node.id} did not come back; it said:\n{node.output}",
            )
            before = len(stored(dashboard.database, node.id))
            wait(
                lambda node=node, before=before: len(stored(dashboard.database, node.id)) > before,
                f"{host} stores nothing more of {node.id}",
            )
            sent = taken(probe, node.id)
            if host not in TWINS:
                wait(
                    lambda node=node, sent=sent: sent <= stored(dashboard.database, node.id),
                    f"{host} has not all readings of {node.id}",
                )
            assert len({boot for boot, _ in born(probe, node.id)}) == 1, "it started again"
            assert "Traceback" not in node.output
            rows[version]["after a restart"] = "same boot, readings go on"
            rows[version]["stored"] = f"{len(sent & stored(dashboard.database, node.id))} of {len(sent)}"
        assert dashboard.get("/api/health")["ok"]
        assert "Traceback" not in dashboard.output, dashboard.output
    assert bad.keys() == {"F-TOPIC-6"}, f"more than unknown kinds was called bad: {bad}"
    assert bad["F-TOPIC-6"] >= 2, "the kinds that are yet to come are counted"
    table += rows.values()


def judged(probe: Probe, node: str) -> Verdicts:
    """What `fleet lint` says of it."""
    judge = Conformance("fleet")
    for seen in probe.seen("fleet/#"):
        at = int(seen.at * 1000)
        judge.take(Message(seen.topic, seen.payload, seen.qos, seen.retain, False, 0, 1, 0, at))
    judge.finish(int(time.monotonic() * 1000))
    return judge.subjects[node].verdicts


def born(probe: Probe, node: str) -> set[tuple[str, int]]:
    """(boot, conn) of each connection of which it said that it is online."""
    said = [seen.json() for seen in probe.seen(f"fleet/1/{node}/status")]
    return {(one["boot"], one["conn"]) for one in said if one["state"] == "online"}

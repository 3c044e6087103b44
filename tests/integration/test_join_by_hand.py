"""docs/join.md: its program joins a closed class with a ticket, and is on the wall; its table names every outcome."""

import json
import os
import pty
import re
import subprocess
import sys
from pathlib import Path

from fleet_schema import payloads, topics
from fleet_tools.accounts import dashboard, document, node
from support import tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.probe import Probe

DOC = tiers.ROOT / "docs" / "join.md"
SECRET = "abcd-efgh-jkmn-pqrs"


def test_the_program_of_the_page_joins_and_is_on_the_wall(tmp_path: Path) -> None:
    library = tiers.dynamic_security()
    tiers.require(library, "mosquitto's dynamic-security plugin is not installed")
    programs = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)
    assert len(programs) == 1
    script = tmp_path / "mine.py"
    script.write_text(programs[0])
    path = tmp_path / "dynamic-security.json"
    path.write_text(json.dumps(document([node("3b", "ada", SECRET), dashboard("3b", "hosts")])))
    config = ("allow_anonymous false", f"plugin {library}", f"plugin_opt_config_file {path}")
    with Broker(*config) as broker:
        url = f"mqtt://dashboard:hosts@127.0.0.1:{broker.port}"
        with DashboardProcess(url, base="3b") as host, Probe(url, "3b/1/#") as probe:
            ours, theirs = pty.openpty()  # it asks as a terminal is asked: unseen
            process = subprocess.Popen(
                [sys.executable, str(script)], stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"}, start_new_session=True,
            )  # fmt: skip
            try:
                assert process.stdout is not None
                said = ""
                while "Ticket: " not in said:  # what is typed before the question is thrown away
                    said += os.read(process.stdout.fileno(), 100).decode()
                    assert process.poll() is None, said
                os.write(ours, f"mqtt://ada:{SECRET}@127.0.0.1:{broker.port}/3b\n".encode())
                probe.expect("3b/1/ada/tele/die", within=30)
                told = probe.expect("3b/1/_host/stored/ada", lambda one: one.json()["seq"] > 0, within=30)
                assert told.json()["boot"] == probe.expect("3b/1/ada/status").json()["boot"]
                probe.publish("3b/1/ada/cmd/dance", "{}")
                assert probe.expect("3b/1/ada/ack", within=30).json()["st"] == "unknown"
                seen = host.wait_for("/api/snapshot", lambda page: page["nodes"], within=30)["nodes"][0]
                assert (seen["id"], seen["state"]) == ("ada", "online")
                assert 1 <= seen["v"]["die"]["eyes"] <= 6
            finally:
                process.kill()
                said = process.communicate(timeout=10)[0]
                os.close(ours)
                os.close(theirs)
            assert "connected\n" in said
            assert "it works: the dashboard has" in said
            assert "Traceback" not in said
            assert SECRET not in said
            for one in probe.seen("3b/1/ada/#"):
                if "/cmd/" not in one.topic:
                    _, kind, _ = topics.parse("3b", one.topic)
                    payloads.decode(kind, one.payload)  # what it sends keeps to the contract


def test_the_table_of_the_page_has_every_outcome_that_a_node_may_name() -> None:
    said = (tiers.NODE / "fleet_node" / "joining.txt").read_text().splitlines()
    titles = {line.partition("|")[2].split(". ")[0] for line in said} - {"broker not ready", "broker refuses"}
    table = DOC.read_text().split("| it says |")[1].split("\n\n")[0]
    named = {title for cell in re.findall(r"^\| ([^|]+?) \|", table, re.MULTILINE) for title in cell.split(", ")}
    assert len(titles) > 14
    assert not titles - named

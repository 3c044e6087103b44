"""The `fleet` command against a real broker and real nodes, as a person runs it."""

import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fleet_schema import SCHEMA
from fleet_tools import processes
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.probe import Probe


@dataclass
class Ran:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Fleet = Callable[..., Ran]


@pytest.fixture
def fleet(broker: Broker, tmp_path: Path) -> Fleet:
    """Runs `fleet ...` in an empty folder, with the broker in the environment."""

    def run(*typed: str, within: float = 20, dashboard: str = "") -> Ran:
        env = {**os.environ, "FLEET_BROKER": broker.url, "XDG_CONFIG_HOME": str(tmp_path), "NO_COLOR": "1"}
        env["FLEET_DASHBOARD"] = dashboard
        done = subprocess.run(
            [sys.executable, "-m", "fleet_tools", *typed], capture_output=True, text=True, env=env, cwd=tmp_path,
            timeout=within, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout, done.stderr)

    return run


@pytest.fixture
def nodes(broker: Broker, probe: Probe, tmp_path: Path) -> Iterator[dict[str, processes.Child]]:
    """Two real nodes, ada and grace, that have said hello."""
    config = tmp_path / "node.json"
    config.write_text(json.dumps({"sensors": ["sht4x"], "groups": ["red"], "period": 500}))
    env = {"FLEET_CONFIG": str(config), "FLEET_BROKER": broker.url, "FLEET_LIFE": "0"}
    children = {name: processes.node_child(name, env, tmp_path / f"{name}.log") for name in ("ada", "grace")}
    try:
        for name, child in children.items():
            child.start()
            probe.expect(f"fleet/1/{name}/tele/sht4x", within=20)
        yield children
    finally:
        for child in children.values():
            child.signal(signal.SIGCONT)
        processes.stop(list(children.values()), signal.SIGINT, 3, lambda: False)


@pytest.mark.usefixtures("nodes")
def test_ls_names_the_nodes_and_what_they_carry(fleet: Fleet) -> None:
    ran = fleet("ls")
    assert ran.code == 0
    assert [line.split()[0] for line in ran.out.splitlines()] == ["node", "ada", "grace"]
    assert "2 of 2 online" in ran.err
    found = fleet("ls", "--json").json
    assert found["version"] == 1
    assert [(one["id"], one["state"], one["sensors"]) for one in found["nodes"]] == [
        ("ada", "online", ["sht4x"]),
        ("grace", "online", ["sht4x"]),
    ]


def test_ls_of_an_empty_broker_says_how_to_get_nodes(fleet: Fleet) -> None:
    ran = fleet("ls")
    assert (ran.code, ran.out) == (0, "")
    assert "fleet sim up" in ran.err


@pytest.mark.usefixtures("nodes")
def test_info_tells_sensors_and_commands_in_words(fleet: Fleet) -> None:
    ran = fleet("info", "ada")
    assert ran.code == 0
    for expected in (
        "ada: online",
        "in °C",
        "press, release, long",
        "ms: a whole number from 10 to 10000 (300 if left out)",
    ):
        assert expected in ran.out
    assert fleet("info", "ada", "--json").json["meta"]["schema"] == SCHEMA


@pytest.mark.usefixtures("nodes")
def test_a_mistyped_node_is_answered_with_the_closest_one(fleet: Fleet) -> None:
    for typed in (["info", "adda"], ["buzz", "adda"], ["send", "echo", "--to", "adda"]):
        ran = fleet(*typed)
        assert ran.code == 2
        assert 'did you mean "ada"?' in ran.err


@pytest.mark.usefixtures("nodes")
def test_watch_stops_after_the_asked_number_of_lines(fleet: Fleet) -> None:
    ran = fleet("watch", "+/tele/#", "-n", "3")
    assert ran.code == 0
    assert len(ran.out.splitlines()) == 3
    assert all("°C" in line for line in ran.out.splitlines())
    documents = [json.loads(line) for line in fleet("watch", "ada", "-n", "4", "--json").out.splitlines()]
    assert {one["node"] for one in documents} == {"ada"}
    assert {one["version"] for one in documents} == {1}


def test_watch_stops_after_the_asked_time_and_at_ctrl_c(fleet: Fleet, broker: Broker) -> None:
    assert fleet("watch", "--for", "0.3").code == 0
    command = [sys.executable, "-m", "fleet_tools", "watch", "--broker", broker.url]
    with (
        Probe(broker.url) as other,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process,
    ):
        deadline = time.monotonic() + 10
        while not select.select([process.stdout], [], [], 0.05)[0]:
            assert time.monotonic() < deadline, "watch showed nothing"
            other.publish("fleet/1/ada/tele/x", "1")
        process.send_signal(signal.SIGINT)
        try:
            _, said = process.communicate(timeout=10)
        finally:
            process.kill()  # if it did not listen
    assert (process.returncode, said.strip()) == (130, ""), "a traceback, or words that nobody needs"


@pytest.mark.usefixtures("nodes")
def test_watch_ends_quietly_when_its_reader_has_enough(broker: Broker) -> None:
    command = f"{sys.executable} -m fleet_tools watch --broker {broker.url} | head -n 2; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=20, check=False)
    assert (done.returncode, len(done.stdout.splitlines()), done.stderr) == (0, 2, "")


@pytest.mark.usefixtures("nodes")
def test_a_command_that_all_obey_is_code_0_with_a_line_each(fleet: Fleet) -> None:
    ran = fleet("buzz", "--all", "--ms", "20")
    assert ran.code == 0
    assert sorted(line.split()[0] for line in ran.out.splitlines()) == ["ada", "grace"]
    assert all(" ms  ok" in line for line in ran.out.splitlines())
    assert "buzz: 2 of 2 obeyed" in ran.err


@pytest.mark.usefixtures("nodes")
def test_the_answer_of_a_node_comes_back(fleet: Fleet) -> None:
    ran = fleet("send", "echo", "hello", "there", "--to", "ada", "--json")
    assert ran.code == 0
    assert ran.json["rows"][0]["node"] == "ada"
    assert ran.json["rows"][0]["re"] == "hello there"


@pytest.mark.usefixtures("nodes")
def test_a_group_is_its_members(fleet: Fleet) -> None:
    assert fleet("send", "groups", "blue", "--to", "grace").code == 0
    assert [row["node"] for row in fleet("buzz", "--group", "red", "--json").json["rows"]] == ["ada"]
    assert [row["node"] for row in fleet("buzz", "--group", "blue", "ada", "--json").json["rows"]] == ["ada", "grace"]
    twice = fleet("send", "echo", "once", "--group", "red", "--to", "ada", "--json").json
    assert [row["node"] for row in twice["rows"]] == ["ada"], "named and in a named group: one command all the same"


def test_a_silent_node_is_named_and_makes_it_code_3(fleet: Fleet, nodes: dict[str, processes.Child]) -> None:
    nodes["grace"].signal(signal.SIGSTOP)
    ran = fleet("identify", "--all", "--wait", "1")
    assert ran.code == 3
    assert "1 of 2 obeyed" in ran.err
    assert "silent: grace" in ran.err
    assert fleet("identify", "grace", "--wait", "0.3").code == 4


@pytest.mark.usefixtures("nodes")
def test_a_node_that_refuses_makes_it_code_3_with_its_reason(fleet: Fleet) -> None:
    assert fleet("send", "mute", "60", "--to", "ada").code == 0
    ran = fleet("buzz", "--all")
    assert ran.code == 3
    assert "refused: ada" in ran.err


@pytest.mark.usefixtures("nodes")
def test_pause_is_sent_like_any_command_and_ls_says_who_is_paused(fleet: Fleet) -> None:
    ran = fleet("send", "pause", "s=300", "--all")
    assert (ran.code, "2 of 2 obeyed" in ran.err) == (0, True), ran
    rows = fleet("ls", "--json").json["nodes"]
    assert [(row["state"], row["paused"]) for row in rows] == [("online", True), ("online", True)]
    assert "online, paused" in fleet("ls").out
    assert fleet("send", "pause", "0", "--to", "ada").code == 0
    assert [row["paused"] for row in fleet("ls", "--json").json["nodes"]] == [False, True]
    assert "s is a whole number from 0 to 3600, not '1h'" in fleet("send", "pause", "1h", "--all").err


def test_nobody_at_all_is_code_4(fleet: Fleet) -> None:
    ran = fleet("buzz", "--all", "--wait", "0.3")
    assert (ran.code, ran.out) == (4, "")
    assert "no node is online" in ran.err


@pytest.mark.usefixtures("nodes")
@pytest.mark.rule("F-CMD-4")
def test_a_bad_argument_is_refused_before_anything_is_sent(fleet: Fleet, probe: Probe) -> None:
    mark = probe.mark()
    assert fleet("buzz", "--all", "--ms", "5").code == 2
    probe.settle()
    assert [str(one) for one in probe.seen("fleet/1/+/cmd/+")[mark:]] == []


@pytest.mark.rule("F-CMD-1")
def test_doctor_finds_a_retained_command_and_clears_it_when_told(fleet: Fleet, probe: Probe) -> None:
    probe.publish("fleet/1/ada/cmd/buzz", "300", retain=True)
    ran = fleet("doctor")
    assert ran.code == 1
    assert "fleet/1/ada/cmd/buzz" in ran.out
    assert "fleet doctor --fix" in ran.out
    assert "cleared the retained fleet/1/ada/cmd/buzz" in fleet("doctor", "--fix").out
    assert fleet("doctor").code == 0


def test_sim_up_starts_nodes_that_say_goodbye_and_come_back_after_a_reset(
    fleet: Fleet, broker: Broker, probe: Probe, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "fleet_tools", "sim", "up", "2", "--broker", broker.url, "--period", "300"]
    with (tmp_path / "sim.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    try:
        first = probe.expect("fleet/1/sim-1/status", lambda one: one.json()["state"] == "online", within=20)
        probe.expect("fleet/1/sim-2/tele/+", within=20)
        assert fleet("send", "reset", "--to", "sim-1").code == 0
        boot = first.json()["boot"]
        probe.expect(
            "fleet/1/sim-1/status",
            lambda one: one.json()["state"] == "online" and one.json()["boot"] != boot,
            within=20,
        )
        process.send_signal(signal.SIGINT)
        assert process.wait(10) == 0, (tmp_path / "sim.log").read_text()
        for name in ("sim-1", "sim-2"):
            last = probe.seen(f"fleet/1/{name}/status")[-1]
            assert last.json()["state"] == "offline", f"{name} said no goodbye: {last}"
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


@pytest.fixture
def dashboard(broker: Broker) -> Iterator[DashboardProcess]:
    with DashboardProcess(broker.url) as dashboard:
        yield dashboard


def received(count: int) -> Callable[[Any], bool]:
    return lambda node: bool(node["counts"]["received"] >= count)


def test_verify_accounts_for_every_reading_of_a_healthy_fleet(
    fleet: Fleet, broker: Broker, dashboard: DashboardProcess
) -> None:
    with NodeProcess(broker.url, "ada") as ada, NodeProcess(broker.url, "bo"):
        ada.world("tap button-a")
        for name in ("ada", "bo"):
            dashboard.node(name, received(15))
        ran = fleet("verify", "--wait", "10", dashboard=dashboard.url)
        assert ran.code == 0, ran
        assert [line.split()[0] for line in ran.out.splitlines()] == ["node", "ada", "bo"]
        assert "complete: 2 nodes took" in ran.err
        found = fleet("verify", "ADA", "--since", "1h", "--wait", "10", "--json", dashboard=dashboard.url).json
        ((boot,),) = [one["boots"] for one in found["nodes"]]
        assert boot["verdict"] == "complete"
        assert boot["taken"] == boot["stored"] >= 10
        ran = fleet("verify", "adda", dashboard=dashboard.url)
        assert (ran.code, ran.out) == (2, "")
        assert 'did you mean "ada"?' in ran.err
        assert "readings taken in 1 boot, all stored" in fleet("info", "ada", dashboard=dashboard.url).out
        assert "of the last day: complete" in fleet("doctor", dashboard=dashboard.url).out


def test_verify_says_that_there_is_nothing_to_verify(fleet: Fleet, dashboard: DashboardProcess) -> None:
    ran = fleet("verify", dashboard=dashboard.url)
    assert (ran.code, ran.out) == (4, "")
    assert "nothing to verify" in ran.err


def test_a_reset_of_a_simulated_node_loses_nothing_also_while_nobody_stores(
    fleet: Fleet, broker: Broker, probe: Probe, tmp_path: Path
) -> None:
    command = [sys.executable, "-m", "fleet_tools", "sim", "up", "1", "--broker", broker.url, "--period", "200"]
    with (tmp_path / "sim.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=tmp_path)
    try:
        first = probe.expect("fleet/1/sim-1/status", within=20).json()["boot"]
        probe.expect_count(10, "fleet/1/sim-1/tele/+", within=20)  # and there is no dashboard yet to store them
        assert fleet("send", "reset", "--to", "sim-1").code == 0
        probe.expect("fleet/1/sim-1/tele/+", lambda one: one.json()["boot"] != first, within=20)
        with DashboardProcess(broker.url) as dashboard:
            dashboard.wait_for("/api/nodes/sim-1", lambda node: boots_of(node)[1:] == [first], within=30)
            ran = fleet("verify", "--wait", "30", "--json", within=60, dashboard=dashboard.url)
            assert ran.code == 0, ran
            before = ran.json["nodes"][0]["boots"][1]
            assert (before["boot"], before["verdict"]) == (first, "complete")
            assert before["taken"] == before["stored"] >= 10
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(10)
        finally:
            process.kill()


def boots_of(node: Any) -> list[str]:
    """Newest first; none before the dashboard knows the node."""
    return [one["boot"] for one in node.get("delivery", [])]

"""Docker as the user types it: one command brings up broker, dashboard and ten nodes, closed to strangers."""

import asyncio
import json
import re
import shlex
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_client import Client
from support import attacks, tiers
from support.composed import NODES, Fleet, wait_until
from support.logins import Login
from support.node import NodeProcess
from support.probe import Probe

pytestmark = pytest.mark.timeout(900)
TLS_FILES = ("/credentials/tls/server.key", "/credentials/tls/ca.key", "/credentials/tls/ca.pem")
SERVICES = ("broker", "dashboard", "nodes")


def all_online(fleet: Fleet) -> None:
    wait_until(lambda: fleet.states() == dict.fromkeys(NODES, "online"), fleet.states)


@pytest.fixture(scope="module")
def fleet() -> Iterator[Fleet]:
    fleet = Fleet()
    try:
        fleet.compose("build", within=800)
        first = fleet.run("docker", "compose", "up", "--detach", "--wait", within=180)
        assert first.returncode == 0, first.stderr[-6000:]
        fleet.at_first = set(fleet.compose("ps", "--services", "--status", "running").split())
        fleet.compose("up", "--detach", "--wait", within=180)
        yield fleet
    finally:
        logs = fleet.run("docker", "compose", "--profile", "sim", "logs", "--no-color", "--tail", "40")
        print(logs.stdout[-12000:])
        fleet.run("docker", "compose", "--profile", "sim", "down", "--volumes", "--timeout", "5", within=120)


def test_one_command_is_broker_and_dashboard_and_the_nodes_come_on_demand(fleet: Fleet) -> None:
    assert fleet.at_first == {"broker", "dashboard"}


def test_ten_nodes_stand_on_the_wall(fleet: Fleet) -> None:
    all_online(fleet)
    wait_until(lambda: all(node["v"] for node in fleet.snapshot()["nodes"] if node["id"] in NODES), fleet.snapshot)


def test_every_service_says_that_it_is_healthy(fleet: Fleet) -> None:
    said = [json.loads(line) for line in fleet.compose("ps", "--format", "json").splitlines()]
    assert {one["Service"]: one["Health"] for one in said} == dict.fromkeys(SERVICES, "healthy")


def test_the_printed_mosquitto_sub_shows_everything_in_plain_text(fleet: Fleet) -> None:
    tiers.require(tiers.mosquitto(), "mosquitto-clients is not installed", "compose")
    line = next(one for one in fleet.lines().splitlines() if one.startswith("mosquitto_sub"))
    said = fleet.run(*shlex.split(line), "-W", "6").stdout
    for kind in ("status", "meta", "tele/sht4x"):
        found = re.search(rf"^fleet/1/sim-\d+/{kind} (\{{.*\}})$", said, re.MULTILINE)
        assert found, f"no {kind} in what {line.split()[0]} printed:\n{said[:3000]}"
        assert isinstance(json.loads(found[1]), dict)


def log_in(url: str, code: str) -> int:
    """The status of the answer."""
    request = urllib.request.Request(f"{url}/api/login", json.dumps({"code": code}).encode())
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_the_printed_code_and_nothing_else_lets_the_page_command(fleet: Fleet) -> None:
    said = dict(line.split() for line in fleet.compose("exec", "-T", "dashboard", "fleet", "teacher").splitlines())
    url = f"http://127.0.0.1:{fleet.http}"
    assert said["link"] == f"{url}/#teacher={said['code']}"
    assert (log_in(url, "not-the-code"), log_in(url, said["code"])) == (401, 200)
    logs = fleet.compose("logs", "--no-color", "dashboard")
    assert said["code"] not in logs


def test_buzz_all_is_acknowledged_by_all_ten(fleet: Fleet) -> None:
    all_online(fleet)
    said = json.loads(fleet.compose("exec", "-T", "dashboard", "fleet", "buzz", "--all", "--json"))
    answers = {row["node"]: row["st"] for row in said["rows"]}
    assert set(answers) == set(NODES)
    assert set(answers.values()) <= {"ok", "done"}, answers


def test_the_printed_export_line_lets_fleet_in_from_this_computer(fleet: Fleet) -> None:
    line = next(one for one in fleet.lines().splitlines() if one.startswith("export FLEET_BROKER"))
    settings = dict(one.split("=", 1) for one in shlex.split(line)[1:])
    done = subprocess.run(
        [sys.executable, "-m", "fleet_tools", "ls", "--json"],
        env={**fleet.env, **settings},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert all(node in done.stdout for node in NODES), done.stdout


def test_a_stranger_gets_nothing(fleet: Fleet) -> None:
    for user, password in ((None, None), ("sim-1", "guess"), ("admin", "admin")):
        with Login(fleet.mqtt, user, password, "sim-1") as stranger:
            assert stranger.refused, f"{user} came in"


def test_a_node_that_speaks_as_another_is_heard_by_nobody(fleet: Fleet) -> None:
    with Probe(fleet.url("tools"), "fleet/1/#") as probe, Login(fleet.mqtt, "ada", fleet.password("ada"), "ada") as ada:
        for template in attacks.FORBIDDEN_TOPICS:
            attacks.nothing_gets_through(ada, "ada", attacks.named(template, "ada", "sim-1"), probe)


def test_a_node_that_listens_to_others_hears_nothing(fleet: Fleet) -> None:
    with (
        Login(fleet.mqtt, "ada", fleet.password("ada"), "ada") as ada,
        Login(fleet.mqtt, "tools", fleet.password("tools")) as teacher,
    ):
        ada.subscribe("fleet/1/ada/cmd/+")
        for template in attacks.FORBIDDEN_FILTERS:
            topics = ["fleet/1/grace/cmd/buzz", "fleet/1/_purple/cmd/buzz", "fleet/1/grace/tele/sht4x"]
            attacks.nothing_is_heard(ada, "ada", attacks.named(template, "ada", "grace"), teacher, topics)


def test_a_will_in_the_name_of_another_is_heard_by_nobody(fleet: Fleet) -> None:
    password = fleet.password("ada")
    with Probe(fleet.url("tools"), "fleet/1/+/status") as probe:
        with Login(fleet.mqtt, "ada", password, "ada", will="fleet/1/sim-1/status") as forger:
            forger.cut()
        with Login(fleet.mqtt, "ada", password, "ada", will="fleet/1/ada/status") as honest:
            honest.cut()
        probe.expect("fleet/1/ada/status", lambda one: one.payload == b"will")
        assert not [str(one) for one in probe.seen("fleet/1/sim-1/status") if one.payload == b"will"]


def test_a_node_cannot_push_another_out_by_its_client_id(fleet: Fleet) -> None:
    password = fleet.password("ada")
    with Login(fleet.mqtt, "grace", fleet.password("grace"), "grace") as grace:
        with Login(fleet.mqtt, "ada", password, "grace") as forger:
            assert forger.refused
        assert grace.publish("fleet/1/grace/status", b"") == 0
        assert grace.connected


async def online_nodes(url: str) -> dict[str, Any]:
    async with Client(url, client_id="watch") as client:
        return await client.online_nodes(1)


def test_the_door_with_tls_is_known_by_the_ca_that_the_dashboard_gives_away(fleet: Fleet, tmp_path: Path) -> None:
    ca = tmp_path / "ca.pem"
    with urllib.request.urlopen(f"http://127.0.0.1:{fleet.http}/ca.pem", timeout=5) as answer:
        ca.write_bytes(answer.read())
    login = fleet.url("watch").removeprefix("mqtt://").partition("@")[0]
    url = f"mqtts://{login}@127.0.0.1:{fleet.mqtts}?ca={ca}&name=fleet-fleet"
    assert set(asyncio.run(online_nodes(url))) >= set(NODES)
    password = fleet.password("ada")
    about = {"host": "127.0.0.1", "port": fleet.mqtts, "user": "ada", "password": password, "ca": str(ca)}
    with NodeProcess("", "ada", broker={**about, "tls": True, "tls_name": "fleet-fleet"}) as node:
        node.expect("joining: it works", within=60)


def test_the_key_of_the_broker_is_for_the_broker_and_that_of_the_ca_for_no_service(fleet: Fleet) -> None:
    listed = fleet.compose("exec", "-T", "broker", "stat", "-c", "%n %u %a", *TLS_FILES).split("\n")
    assert [line.split()[1:] for line in listed if line] == [["1883", "600"], ["0", "600"], ["0", "644"]]
    for service, path in (("broker", TLS_FILES[1]), ("dashboard", TLS_FILES[1]), ("dashboard", TLS_FILES[0])):
        done = fleet.run("docker", "compose", "exec", "-T", service, "cat", path)
        assert "Permission denied" in done.stderr, f"{service} reads {path}"


def class_secrets(fleet: Fleet) -> dict[str, str]:
    said = json.loads(fleet.compose("run", "--rm", "-T", "class", "show", "--secrets", "--json"))
    return {one["id"]: one["secret"] for one in said["nodes"]}


def comes_in(fleet: Fleet, node: str, secret: str) -> bool:
    with Login(fleet.mqtt, node, secret, node) as login:
        return login.refused is None


def test_a_class_is_made_and_changed_while_the_broker_runs(fleet: Fleet) -> None:
    container = fleet.compose("ps", "--quiet", "broker").strip()
    began = fleet.run("docker", "inspect", "--format", "{{.State.StartedAt}}", container).stdout
    fleet.compose("run", "--rm", "-T", "class", "new", "fleet", "--nodes", "30")
    secrets = class_secrets(fleet)
    assert len(secrets) == 30
    with Probe(fleet.url("tools"), "fleet/1/#") as probe:
        with (
            Login(fleet.mqtt, "fleet-01", secrets["fleet-01"], "fleet-01") as first,
            Login(fleet.mqtt, "fleet-02", secrets["fleet-02"], "fleet-02") as second,
        ):
            fleet.compose("run", "--rm", "-T", "class", "revoke", "fleet", "fleet-01")
            first.wait_until_thrown_out()
            second.publish("fleet/1/fleet-02/tele/sht4x", b"still here")
            probe.expect("fleet/1/fleet-02/tele/sht4x", lambda one: one.payload == b"still here")
            fleet.compose("run", "--rm", "-T", "class", "reset", "fleet", "fleet-02")
            second.wait_until_thrown_out()
        fleet.compose("run", "--rm", "-T", "class", "add", "fleet", "Grace H")
        now = class_secrets(fleet)
        with Login(fleet.mqtt, "grace-h", now["grace-h"], "grace-h") as late:
            late.publish("fleet/1/grace-h/tele/sht4x", b"new")
            probe.expect("fleet/1/grace-h/tele/sht4x", lambda one: one.payload == b"new")
    assert not comes_in(fleet, "fleet-01", secrets["fleet-01"])
    assert not comes_in(fleet, "fleet-02", secrets["fleet-02"])
    assert comes_in(fleet, "fleet-02", now["fleet-02"])
    assert fleet.run("docker", "inspect", "--format", "{{.State.StartedAt}}", container).stdout == began
    all_online(fleet)


def test_the_next_start_forgets_no_change_of_the_class(fleet: Fleet) -> None:
    before = class_secrets(fleet)
    document = fleet.compose("exec", "-T", "broker", "cat", "/var/lib/mosquitto/dynamic-security.json")
    fleet.compose("up", "--detach", "--wait", within=180)
    assert fleet.compose("exec", "-T", "broker", "cat", "/var/lib/mosquitto/dynamic-security.json") == document
    fleet.compose("stop", "broker")
    fleet.compose("run", "--rm", "-T", "class", "revoke", "fleet", "fleet-03")  # into the file: no broker runs
    fleet.env["FLEET_BOARDS"] = "ada grace alan"  # one more account: this changes the document and restarts the broker
    fleet.compose("up", "--detach", "--wait", within=180)
    assert class_secrets(fleet) == before
    assert comes_in(fleet, "alan", fleet.board("alan"))
    assert not comes_in(fleet, "fleet-01", before["fleet-01"])
    assert not comes_in(fleet, "fleet-03", before["fleet-03"])
    assert comes_in(fleet, "fleet-02", before["fleet-02"])
    fleet.compose("run", "--rm", "-T", "class", "new", "fleet", "--nodes", "30")
    assert not comes_in(fleet, "fleet-01", before["fleet-01"])
    all_online(fleet)


def test_the_dashboard_reads_the_roster_and_no_service_reads_the_secrets_of_the_class(fleet: Fleet) -> None:
    roster = json.loads(fleet.compose("exec", "-T", "dashboard", "cat", "/credentials/class.json"))
    assert {"id": "grace-h", "name": "Grace H"} in roster["nodes"]
    for service in ("broker", "dashboard"):
        path = "/credentials/class/nodes.json"
        done = fleet.run("docker", "compose", "exec", "-T", service, "cat", path)
        assert "Permission denied" in done.stderr, f"{service} reads {path}"


def test_nothing_runs_as_root_and_no_secret_shows_from_outside(fleet: Fleet) -> None:
    secrets = [fleet.password(name) for name in ("tools", "watch", "ada")]
    secrets.append(fleet.compose("exec", "-T", "dashboard", "cat", "/credentials/dashboard/password").strip())
    for service in SERVICES:
        container = fleet.compose("ps", "--quiet", service).strip()
        about = json.loads(fleet.run("docker", "inspect", container).stdout)[0]
        assert about["Config"]["User"] not in ("", "0", "root"), service
        assert about["HostConfig"]["ReadonlyRootfs"], service
        assert about["HostConfig"]["CapDrop"] == ["ALL"], service
        seen = json.dumps(about) + fleet.run("docker", "top", container, "-eo", "pid,args").stdout
        assert not [one for one in secrets if one in seen], f"a password of the {service} shows"


@pytest.mark.parametrize("path", ["tools/password", "watch/password", "dashboard/password", "sim/nodes.json"])
def test_a_service_cannot_read_the_secrets_of_another(fleet: Fleet, path: str) -> None:
    done = fleet.run("docker", "compose", "exec", "-T", "broker", "cat", f"/credentials/{path}")
    assert done.returncode != 0
    assert "Permission denied" in done.stderr
    if not path.startswith("sim/"):
        done = fleet.run("docker", "compose", "--profile", "sim", "exec", "-T", "nodes", "cat", f"/credentials/{path}")
        assert "Permission denied" in done.stderr


def test_after_kill_9_of_the_broker_all_is_as_it_was(fleet: Fleet) -> None:
    all_online(fleet)
    topic = "fleet/1/_host/board/kept"
    with Probe(fleet.url("tools"), "fleet/1/#") as probe:
        probe.publish(topic, b"kept", retain=True)
        fleet.wait_for_a_save()
        fleet.wait_for_a_save()  # the first may have begun before the message came
        before = {node["id"]: node["conn"] for node in fleet.snapshot()["nodes"] if node["id"] in NODES}
        fleet.compose("exec", "-T", "broker", "sh", "-c", "kill -9 $(cat /proc/1/task/1/children)")

        def all_came_back() -> bool:
            nodes = [node for node in fleet.snapshot()["nodes"] if node["id"] in NODES]
            return len(nodes) == 10 and all(
                one["state"] == "online" and one["conn"] > before[one["id"]] for one in nodes
            )

        wait_until(all_came_back, lambda: fleet.snapshot()["nodes"])
    with Probe(fleet.url("tools"), topic) as late:
        late.expect(topic, lambda one: one.retain and one.payload == b"kept")
        late.publish(topic, b"", retain=True)


def test_passwords_survive_down_and_up(fleet: Fleet) -> None:
    before = fleet.lines()
    fleet.compose("down", "--timeout", "10")
    fleet.compose("up", "--detach", "--wait", within=180)
    assert fleet.lines() == before
    all_online(fleet)


def test_down_with_volumes_leaves_nothing(fleet: Fleet) -> None:
    fleet.compose("down", "--volumes", "--timeout", "10")
    assert fleet.left_over() == {}

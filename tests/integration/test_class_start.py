"""`fleet class start` as a teacher types it: what listens where, what it says, and that nothing is left of it."""

import json
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from fleet_tools import class_broker, lan
from fleet_tools.class_folder import ClassFolder
from fleet_tools.class_story import about_the_sheets
from fleet_tools.errors import FleetError
from support import tiers
from support.broker import free_port
from support.class_run import ClassRun, environment, fleet, library, wait_for

LINES = class_broker.read_shipped().splitlines()


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    library()
    root = tmp_path_factory.mktemp("classes")
    fleet(root, "class", "new", "3b", "--nodes", "2")
    fleet(root, "class", "new", "4a", "--nodes", "1")  # one that does not run
    return root


@pytest.fixture(scope="module")
def running(root: Path) -> Iterator[ClassRun]:
    with ClassRun(root) as run:
        yield run


def answers(address: str, port: int) -> bool:
    with socket.socket() as sock:
        sock.settimeout(2)
        return sock.connect_ex((address, port)) == 0


def outside() -> list[str]:
    """Where only other computers would ask."""
    return [*lan.addresses(), *(["127.0.0.2"] if sys.platform == "linux" else [])]


# -- its broker -----------------------------------------------------------------------------------------------


def test_only_this_computer_gets_in(running: ClassRun) -> None:
    for port in (running.mqtt, running.mqtts, running.http):
        assert answers("127.0.0.1", port)
        assert not [address for address in outside() if answers(address, port)]
    assert "only this computer gets in" in running.said


def test_its_configuration_is_the_one_that_we_ship_but_for_places(running: ClassRun) -> None:
    own = (running.folder / "broker" / "mosquitto.conf").read_text().splitlines()
    ours = ("listener", *class_broker.OURS, *class_broker.NEVER)
    shipped = [line for line in LINES if line and not line.startswith("#") and line.split()[0] not in ours]
    assert len(shipped) > 10
    assert [line for line in shipped if line not in own] == []
    (most,) = [line for line in LINES if line.startswith("max_connections")]
    assert own.count(most) == 2, "of each listener"
    assert f"listener {running.mqtt} 127.0.0.1" in own
    assert "allow_anonymous false" in own


def test_a_node_comes_on_with_its_secret_and_nobody_without(running: ClassRun) -> None:
    with running.witness() as witness, running.login("3b-01") as node:
        node.publish("3b/1/3b-01/tele/x", b'{"boot":"9f3a","seq":0,"up":1,"v":{"a":1}}')
        witness.expect("3b/1/3b-01/tele/x")
    with running.stranger() as client:
        assert client.refused


def test_its_tls_port_shows_the_certificate_of_the_class(running: ClassRun) -> None:
    command = ["openssl", "s_client", "-connect", f"127.0.0.1:{running.mqtts}", "-CAfile", "ca.pem"]
    command += ["-verify_hostname", "fleet-3b", "-verify_return_error", "-brief"]
    tiers.require(shutil.which("openssl"), "there is no openssl")
    done = subprocess.run(
        command, cwd=running.folder / "tls", stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "Verification: OK" in done.stderr
    assert "fleet-3b" in done.stderr


# -- what it says and writes ----------------------------------------------------------------------------------


def test_other_commands_find_it(running: ClassRun) -> None:
    assert running.running == {
        "pid": running.pid,
        "host": "127.0.0.1",
        "mqtt": running.mqtt,
        "mqtts": running.mqtts,
        "http": running.http,
        "lesson": 0,
    }
    assert stat.S_IMODE((running.folder / "running.json").stat().st_mode) == 0o600


def test_scripts_read_where_it_is_and_the_teacher_gets_a_link(running: ClassRun) -> None:
    assert running.lines == [f"broker mqtt://127.0.0.1:{running.mqtt}", f"dashboard http://127.0.0.1:{running.http}"]
    link = wait_for(lambda: re.search(r"for you +(http://\S+)", running.said), "that it says the link")
    url, code = link[1].split("/#teacher=")
    body = json.dumps({"code": code}).encode()
    with urllib.request.urlopen(urllib.request.Request(f"{url}/api/login", body, method="POST"), timeout=10) as answer:
        assert answer.status == 200


def test_the_line_for_every_message_works_and_holds_no_secret(running: ClassRun) -> None:
    tiers.require(shutil.which("mosquitto_sub"), "there is no mosquitto_sub")
    line = re.search(r"every message +(.*)", running.said)
    assert line
    assert running.password("watch") not in running.said
    heard = subprocess.run(
        ["sh", "-c", line[1] + " -C 1 -W 20"], cwd=running.root, capture_output=True, text=True, check=False
    )
    assert heard.stdout.startswith("3b/1/"), heard


def test_the_line_for_fleet_finds_broker_and_dashboard(running: ClassRun) -> None:
    env = {**environment(running.root), "XDG_CONFIG_HOME": str(running.folder / "credentials" / "tools")}
    command = [sys.executable, "-m", "fleet_tools", "doctor", "--json"]
    done = subprocess.run(command, env=env, cwd=running.root, capture_output=True, text=True, check=False)
    checks = {one["name"]: one for one in json.loads(done.stdout)["checks"]}
    assert checks["broker"]["state"] == "ok", done.stdout
    assert "as tools" in checks["broker"]["text"]
    assert checks["dashboard"]["text"] == f"http://127.0.0.1:{running.http}"
    assert "lesson" not in checks


def test_secrets_are_in_no_list_of_processes(running: ClassRun) -> None:
    passwords = [running.password(one) for one in ("tools", "dashboard", "watch", "admin")]
    shown = b"".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in running.processes())
    assert b"mosquitto" in shown
    assert not [one for one in passwords if one.encode() in shown]


def test_a_class_runs_once(running: ClassRun) -> None:
    assert "runs already" in fleet(running.root, "class", "start", "3b", code=1)


# -- its choices ------------------------------------------------------------------------------------------------


def test_in_the_network_by_choice_it_says_where_and_what_the_sheets_say(tmp_path: Path) -> None:
    library()
    tiers.require(lan.addresses(), "this computer is in no network")
    here = lan.addresses()[0]
    fleet(tmp_path, "class", "new", "3b", "--nodes", "1")
    with ClassRun(tmp_path, "3b", "--lan") as run:
        for port in (run.mqtt, run.mqtts, run.http):
            assert answers(here, port)
        with urllib.request.urlopen(f"http://{here}:{run.http}/api/health", timeout=10) as answer:
            assert answer.status == 200
        assert f"http://{here}:{run.http}" in run.said
    fleet(tmp_path, "class", "sheets", "3b", "--at", "10.99.98.97")
    folder = ClassFolder.open("3b", {"FLEET_CLASSES": str(tmp_path)})
    listeners = class_broker.Listeners(1883, True, 8883)
    assert "10.99.98.97, which this computer is not called here" in about_the_sheets(folder, listeners, [here])
    assert about_the_sheets(folder, listeners, ["10.99.98.97"]) == "say 10.99.98.97, which is right"
    folder.sheets.unlink()
    assert "not made yet" in about_the_sheets(folder, listeners, [here])


def test_websockets_are_there_on_demand_and_on_this_computer_only(tmp_path: Path) -> None:
    library()
    fleet(tmp_path, "class", "new", "3b", "--nodes", "1")
    port = free_port()
    with ClassRun(tmp_path, "3b", "--websockets", "--websockets-port", str(port)) as run:
        assert answers("127.0.0.1", port)
        assert not [address for address in outside() if answers(address, port)]
        key = "GET /mqtt HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        key += "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n"
        key += "Sec-WebSocket-Protocol: mqtt\r\n\r\n"
        with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
            sock.sendall(key.encode())
            assert b"101" in sock.recv(200), "it is no WebSocket"
        assert answers("127.0.0.1", run.mqtt)


# -- what can be in the way ---------------------------------------------------------------------------------------


def start_without(root: Path, path: str) -> str:
    env = {**environment(root), "PATH": path}
    command = [sys.executable, "-m", "fleet_tools", "class", "start", "4a"]
    done = subprocess.run(command, env=env, cwd=root, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 5, done
    return done.stderr


def fake(folder: Path, version: str) -> str:
    """A PATH with a mosquitto of that version and nothing else."""
    (folder / "bin").mkdir()
    binary = folder / "bin" / "mosquitto"
    binary.write_text(f"#!/bin/sh\necho mosquitto version {version}\n")
    binary.chmod(0o755)
    return str(folder / "bin")


def test_a_mosquitto_that_is_too_old_is_named(root: Path, tmp_path: Path) -> None:
    said = start_without(root, fake(tmp_path, "1.6.12"))
    assert "mosquitto 1.6.12" in said
    assert "apt install mosquitto" in said


@pytest.mark.parametrize(("version", "warned"), [((2, 0, 11), True), ((2, 0, 18), True), ((2, 0, 19), False)])
def test_an_old_one_is_a_warning_that_names_what_debian_did(version: tuple[int, ...], warned: bool) -> None:
    warning = class_broker.Mosquitto("mosquitto", version, Path("x.so")).warning
    assert (warning is not None) is warned
    if warning:
        assert "2.0.11-1.2+deb12u2" in warning


def test_without_mosquitto_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(class_broker, "SBIN", str(tmp_path))
    with pytest.raises(FleetError, match=r"there is none here.*apt install mosquitto"):
        class_broker.find()


def test_without_the_plugin_there_is_one_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", fake(tmp_path, "2.0.21"))
    monkeypatch.setattr(class_broker, "LIBRARIES", ())
    with pytest.raises(FleetError, match=r"not its plugin mosquitto_dynamic_security\.so"):
        class_broker.find()


@pytest.mark.parametrize("folder", ["lib", "lib/aarch64-linux-gnu"])
def test_the_plugin_beside_the_binary_is_found(tmp_path: Path, folder: str) -> None:
    binary = Path(fake(tmp_path, "2.0.21")) / "mosquitto"
    (tmp_path / folder).mkdir(parents=True)
    plugin = tmp_path / folder / class_broker.PLUGIN
    plugin.touch()
    assert class_broker.find_plugin(binary) == plugin


@pytest.mark.parametrize("option", ["--port", "--broker-port", "--tls-port"])
def test_a_port_that_is_taken_is_said_before_anything_starts(root: Path, option: str) -> None:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        sock.listen()
        taken = str(sock.getsockname()[1])
        ports = {name: str(free_port()) for name in ("--port", "--broker-port", "--tls-port")} | {option: taken}
        said = fleet(root, "class", "start", "4a", *[word for pair in ports.items() for word in pair], code=5)
    assert f"port {taken}" in said
    assert "is taken" in said


# -- its end ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGKILL])
def test_nothing_is_left_of_it_however_it_ends(tmp_path: Path, how: signal.Signals) -> None:
    library()
    fleet(tmp_path, "class", "new", "3b", "--nodes", "1")
    with ClassRun(tmp_path) as run:
        ours = list(run.processes())
        assert len(ours) == 5, "itself, broker and dashboard, and what holds each"
        code = run.end(how)
        assert code == (-signal.SIGKILL if how == signal.SIGKILL else 0)
        wait_for(lambda: not [pid for pid in ours if alive(pid)], "that all have ended")
        if how != signal.SIGKILL:
            assert not run.running
        with run, run.login("3b-01") as node:  # a stale running.json is no class that runs
            assert node.connected


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_a_dashboard_that_cannot_run_ends_the_class_with_its_reason(tmp_path: Path) -> None:
    library()
    fleet(tmp_path, "class", "new", "3b", "--nodes", "1")
    (tmp_path / "3b" / "data").mkdir()
    (tmp_path / "3b" / "data" / "fleet.db").write_bytes(b"this is no database, but it has some length" * 100)
    run = ClassRun(tmp_path)
    run.launch()
    try:
        wait_for(lambda: "the dashboard cannot run" in run.said, "that it says why")
        assert "fleet.db" in run.said
    finally:
        assert run.end(within=30) == 1


@pytest.mark.parametrize("option", ["--tls", "--no-tls"])
def test_what_stands_on_a_sheet_brings_a_node_on(tmp_path: Path, option: str) -> None:
    """The whole way: sheets, a class that runs, and `fleet join` with the text of a QR code."""
    library()
    tiers.require(tiers.micropython(), "there is no micropython")
    fleet(tmp_path, "class", "new", "3b", "--nodes", "2", "--at", "127.0.0.1")
    roster = tmp_path / "3b" / "class.json"
    ports = (free_port(), free_port(), free_port())
    named = dict(zip(("mqtt", "mqtts", "http"), ports, strict=True))
    roster.write_text(json.dumps({**json.loads(roster.read_text()), "ports": named}))
    fleet(tmp_path, "class", "sheets", "3b", *([option] if option == "--no-tls" else []))
    (line,) = re.findall(
        r'<code class="ticket">(mqtt\S*3b-02\S*)</code>', (tmp_path / "3b" / "sheets.html").read_text()
    )
    ticket = line.replace("<wbr>", "")
    assert ticket.startswith("mqtts://" if option == "--tls" else "mqtt://")
    with ClassRun(tmp_path, ports=ports) as run:
        command = [sys.executable, "-m", "fleet_tools", "join", "--ticket-file", "-", "--check"]
        env = {**environment(tmp_path), "FLEET_MICROPYTHON": str(tiers.micropython())}
        text = f"http://127.0.0.1:{run.http}/join#{ticket}"
        done = subprocess.run(command, input=text, env=env, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

"""`fleet demo` as a newcomer runs it: with mosquitto, without it, on taken ports, and stopped in every way."""

import asyncio
import importlib.util
import json
import os
import re
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_client import Client
from support import tiers
from support.broker import Broker, free_port
from support.probe import Probe


class Demo:
    """A running `fleet demo`; its two ready lines are in `broker` and `dashboard`."""

    def __init__(self, folder: Path, *options: str, path: str | None = None) -> None:
        self.folder = folder
        self.err = folder / f"stderr-{time.monotonic_ns()}"
        ports = ["--port", str(free_port()), "--broker-port", str(free_port())]
        env = {key: value for key, value in os.environ.items() if not key.startswith("FLEET_")}
        if binary := tiers.micropython():
            env["FLEET_MICROPYTHON"] = binary
        command = [sys.executable, "-m", "fleet_tools", "demo", "--nodes", "2", *ports, *options]
        env["PATH"] = path if path is not None else env["PATH"] + ":/usr/sbin"
        with self.err.open("w") as err:
            self.process = subprocess.Popen(
                command, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=err, text=True, start_new_session=True
            )
        self.lines: list[str] = []

    def ready(self) -> None:
        assert self.process.stdout is not None
        while len(self.lines) < 2:
            line = self.process.stdout.readline()
            assert line, f"the demo ended:\n{self.said}"
            self.lines.append(line.strip())

    @property
    def said(self) -> str:
        return self.err.read_text()

    def url(self, name: str) -> str:
        found = [line.split()[1] for line in self.lines if line.startswith(name + " ")]
        assert len(found) == 1, self.lines
        return found[0]

    def children(self) -> list[int]:
        every = [path for path in Path("/proc").glob("[0-9]*/stat")]
        found = []
        for path in every:
            try:
                fields = path.read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.process.pid:
                found.append(int(path.parent.name))
        return found

    def stop(self, how: signal.Signals = signal.SIGINT, within: float = 15) -> int:
        self.process.send_signal(how)
        return self.process.wait(within)

    def ports(self) -> list[int]:
        return [int(self.url(name).rpartition(":")[2]) for name in ("broker", "dashboard")]


Start = Callable[..., Demo]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    demos: list[Demo] = []

    def begin(*options: str, path: str | None = None) -> Demo:
        demos.append(Demo(tmp_path, *options, path=path))
        return demos[-1]

    yield begin
    for demo in demos:
        if demo.process.poll() is None:
            demo.stop()
        assert demo.process.stdout is not None
        demo.process.stdout.close()


def listens(port: int) -> bool:
    with socket.socket() as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def alive(pids: list[int]) -> list[int]:
    return [pid for pid in pids if Path(f"/proc/{pid}/exe").exists()]


def wait_for(condition: Callable[[], bool], what: str, within: float = 15) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen within {within} s"
        time.sleep(0.02)


async def hear(url: str, wanted: set[str], within: float = 15) -> None:
    """With the fleet's own client, which speaks to every broker that the demo may choose."""
    missing = set(wanted)
    async with Client(url) as client:
        await client.subscribe("fleet/1/#")
        try:
            async with asyncio.timeout(within):
                async for batch in client.batches():
                    missing -= {one.topic for one in batch}
                    if not missing:
                        return
        except TimeoutError:
            pytest.fail(f"not heard within {within} s: {sorted(missing)}")


def show_readings_and_page(demo: Demo) -> None:
    topics = {f"fleet/1/{name}/{tail}" for name in ("ada", "grace") for tail in ("status", "meta", "tele/sht4x")}
    asyncio.run(hear(demo.url("broker"), topics))
    with urllib.request.urlopen(demo.url("dashboard") + "/api/snapshot", timeout=20) as answer:
        assert {node["id"] for node in json.load(answer)["nodes"]} == {"ada", "grace"}


def log_in(demo: Demo) -> Any:
    """With the link that it prints, as the page does."""
    wait_for(lambda: "#teacher=" in demo.said, "printing the teacher's link")
    link, code = re.findall(r"^open (http://\S+)/#teacher=(\S+) ", demo.said, re.M)[0]
    assert link == demo.url("dashboard")
    request = urllib.request.Request(f"{link}/api/login", json.dumps({"code": code}).encode())
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_the_demo_shows_readings_and_leaves_nothing_behind(start: Start, how: signal.Signals, tmp_path: Path) -> None:
    demo = start()
    demo.ready()
    show_readings_and_page(demo)
    assert "mosquitto" in demo.said
    assert log_in(demo) == {"role": "teacher"}
    assert stat.S_IMODE((tmp_path / ".demo").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / ".demo/fleet.toml").stat().st_mode) == 0o600
    pids = demo.children()
    assert len(pids) == 4, "broker, dashboard, two nodes"
    with Probe(demo.url("broker"), "fleet/1/+/status") as probe:
        code = demo.stop(how)
        for name in ("ada", "grace"):
            probe.expect(f"fleet/1/{name}/status", lambda one: one.json()["state"] == "offline")
    assert code == 0, demo.said
    assert alive(pids) == []
    assert [port for port in demo.ports() if listens(port)] == []
    assert not (tmp_path / ".demo/fleet.toml").exists()


def test_without_mosquitto_it_takes_iotcore_and_says_what_that_means(start: Start, tmp_path: Path) -> None:
    tiers.require(importlib.util.find_spec("iotcore"), "iotcore is not installed", "integration")
    demo = start(path=str(tmp_path / "no-programs"))
    demo.ready()
    show_readings_and_page(demo)
    assert "iotcore" in demo.said
    assert "on this computer only" in demo.said
    pids = demo.children()
    assert demo.stop() == 0
    assert alive(pids) == []
    assert [port for port in demo.ports() if listens(port)] == []


def test_taken_ports_are_named_and_others_are_used(start: Start) -> None:
    with socket.create_server(("127.0.0.1", 0)) as one, socket.create_server(("127.0.0.1", 0)) as two:
        taken = [sock.getsockname()[1] for sock in (one, two)]
        demo = start("--port", str(taken[0]), "--broker-port", str(taken[1]))
        demo.ready()
    assert all(f"port {port} is taken" in demo.said for port in taken)
    assert not set(demo.ports()) & set(taken)
    show_readings_and_page(demo)


def test_fleet_in_the_same_folder_finds_the_demo(start: Start, tmp_path: Path) -> None:
    left = tmp_path / ".demo" / "ada-journal" / "1.j"
    left.parent.mkdir(parents=True)
    left.write_text("what an earlier demo did not get stored")
    demo = start()
    demo.ready()
    env = {key: value for key, value in os.environ.items() if not key.startswith("FLEET_")}
    for typed, expected in (
        (["buzz", "--all"], "2 of 2 obeyed"),
        (["verify", "--wait", "10"], "and every one is stored exactly once"),
    ):
        done = subprocess.run(
            [sys.executable, "-m", "fleet_tools", *typed],
            cwd=tmp_path,
            env=env,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert expected in done.stderr
    assert {one.name for one in (tmp_path / ".demo").glob("*-journal")} == {"ada-journal", "grace-journal"}
    assert not left.exists(), "a demo begins anew"


def test_whoever_is_killed_is_reported_and_started_again(start: Start) -> None:
    demo = start()
    demo.ready()
    pids = demo.children()
    with Probe(demo.url("broker"), "fleet/1/#") as probe:
        probe.expect_count(8, "fleet/1/ada/tele/sht4x", within=20)  # so it has run for longer than a stillborn process
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    wait_for(lambda: len(set(demo.children()) - set(pids)) == 4, "starting all four again")
    wait_for(lambda: all(listens(port) for port in demo.ports()), "listening again")
    show_readings_and_page(demo)
    for name in ("mosquitto", "dashboard", "ada", "grace"):
        assert f"{name} was ended by SIGKILL" in demo.said


def test_a_broker_of_one_s_own_is_used_and_left_alone(start: Start, broker: Broker) -> None:
    demo = start("--broker", broker.url)
    demo.ready()
    assert demo.url("broker") == broker.url
    assert len(demo.children()) == 3, "dashboard and two nodes, no broker"
    show_readings_and_page(demo)
    assert demo.stop() == 0
    assert listens(broker.port)


def test_a_broker_that_does_not_answer_ends_it_before_anything_starts(start: Start) -> None:
    demo = start("--broker", f"mqtt://127.0.0.1:{free_port()}")
    assert demo.process.wait(15) == 5
    assert "no broker at" in demo.said
    assert "starting" not in demo.said


def test_a_second_demo_in_the_folder_is_refused(start: Start) -> None:
    start().ready()
    second = start()
    assert second.process.wait(15) == 1
    assert "runs in this folder already" in second.said

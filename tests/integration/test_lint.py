"""`fleet lint` on a real broker: real nodes get a whole grade, whatever happens to them, and a beginner gets a step."""

import contextlib
import json
import os
import pty
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from fleet_tools import cli
from support import tiers
from support.broker import Broker
from support.dashboard import DashboardProcess
from support.node import NodeProcess
from support.probe import Probe
from support.proxy import Proxy

SENSORS = ["sht4x", "bmp280"]


class Lint:
    """`fleet lint` as a process beside what happens."""

    def __init__(self, broker: Broker, folder: Path, *typed: str) -> None:
        env = {**os.environ, "FLEET_BROKER": broker.url, "XDG_CONFIG_HOME": str(folder), "NO_COLOR": "1"}
        command = [sys.executable, "-m", "fleet_tools", "lint", *typed]
        self._process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=env, cwd=folder
        )

    def end(self, within: float = 90, stop: bool = False) -> tuple[int, str, str]:
        """(code, stdout, stderr); `stop`: as with Ctrl-C, else it ends by itself."""
        if stop:
            self._process.send_signal(signal.SIGINT)
        try:
            out, said = self._process.communicate(timeout=within)
        finally:
            self._process.kill()
        return self._process.returncode, out, said

    def document(self, stop: bool = False) -> dict[str, Any]:
        code, out, said = self.end(stop=stop)
        assert out, f"code {code}: {said}"
        return {"code": code, **json.loads(out)}


Start = Callable[..., Lint]


@pytest.fixture
def lint(broker: Broker, tmp_path: Path) -> Start:
    return lambda *typed: Lint(broker, tmp_path, *typed)


def rules_of(document: dict[str, Any], node: str = "ada") -> dict[str, dict[str, Any]]:
    entry = next(one for one in document["nodes"] if one["id"] == node)
    return {one["rule"]: one for one in entry["rules"]}


def states(document: dict[str, Any], node: str = "ada") -> dict[str, str]:
    return {rule: one["state"] for rule, one in rules_of(document, node).items()}


def broken(document: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [
        (node["id"], one["rule"], f"{one['why']}: {one.get('topic')} {one.get('payload')}")
        for node in document["nodes"]
        for one in node["rules"]
        if one["state"] == "broken"
    ]


def wait_until_listening(probe: Probe, broker: Broker) -> None:
    """lint is there when the broker logged its subscription."""
    deadline = time.monotonic() + 30
    while "fleet/# (QoS 1)" not in broker.log:
        assert time.monotonic() < deadline, broker.log[-2000:]
        time.sleep(0.05)


# -- real nodes --------------------------------------------------------------------------------------------------------


@pytest.mark.rule("F-QOS-1", "F-META-8", "F-CMD-11", "F-ENV-4")
def test_a_real_node_that_is_asked_keeps_every_rule_that_a_node_shows(
    broker: Broker, probe: Probe, lint: Start
) -> None:
    running = lint("ada", "--ask", "--strict", "--json")
    wait_until_listening(probe, broker)
    with NodeProcess(broker.url, "ada", sensors=SENSORS, health=1000):
        document = running.document()
    assert broken(document) == []
    assert document["code"] == 0, document
    assert document["good"]
    kept = {rule for rule, state in states(document).items() if state == "kept"}
    assert kept >= {"F-STATUS-5", "F-SEQ-1", "F-RETAIN-1", "F-CMD-6", "F-CMD-8", "F-COMPAT-1", "F-COMPAT-2"}
    assert kept >= {"F-HEALTH-1", "F-KEPT-1", "F-CMD-4", "F-CMD-11", "F-META-8", "F-QOS-1", "F-ENV-4"}
    assert document["nodes"][0]["kept"] == document["nodes"][0]["of"] >= 40


def test_a_life_with_cuts_resets_and_a_broker_that_starts_again_is_a_whole_grade(
    broker: Broker, probe: Probe, lint: Start
) -> None:
    """Under way: a cut link and the catch-up from the journal, a reset, a killed broker, a pause, a mute, an end."""
    running = lint("ada", "--ask", "--for", "300", "--json")
    wait_until_listening(probe, broker)
    with DashboardProcess(broker.url), Proxy(broker.port) as proxy:
        node = NodeProcess(proxy.url, "ada", sensors=SENSORS, health=1000, flash=True, reborn=True)
        with node:
            probe.expect("fleet/1/ada/tele/+", within=20)
            node.world("tap button-a")
            probe.expect("fleet/1/ada/event/button-a", within=10)
            proxy.refuse()
            time.sleep(3.5)
            mark = probe.mark()
            proxy.heal()
            probe.expect("fleet/1/ada/tele/+", lambda seen: "hist" in seen.json(), within=20, since=mark)
            for name, payload in (("pause", b"1"), ("mute", b"1")):
                probe.publish(f"fleet/1/ada/cmd/{name}", payload)
            mark = probe.mark()
            probe.publish("fleet/1/ada/cmd/reset", b'{"id":"r1"}')
            probe.expect("fleet/1/ada/status", lambda seen: seen.json()["state"] == "online", within=20, since=mark)
            broker.kill()
            time.sleep(0.5)
            mark = probe.mark()
            broker.start()
            probe.expect("fleet/1/ada/tele/+", within=30, since=mark)
            node.world("tap button-a")
            probe.expect("fleet/1/ada/event/button-a", within=20, since=mark)
            time.sleep(1)
            document = running.document(stop=True)
    assert broken(document) == []
    assert document["code"] == 0
    seen = states(document)
    assert seen["F-TIME-2"] == "kept"
    assert seen["F-STATUS-5"] == "kept"
    assert seen["F-EVENT-2"] == "kept"


def test_a_class_of_nodes_has_a_line_each(broker: Broker, lint: Start) -> None:
    with NodeProcess(broker.url, "ada"), NodeProcess(broker.url, "bob"), NodeProcess(broker.url, "cyd"):
        code, out, said = lint().end()
    lines = [line for line in out.splitlines() if line.strip()]
    assert code == 0, out
    assert [line.split(":")[0] for line in lines] == ["ada", "bob", "cyd"]
    assert all("rules kept, and none is broken" in line for line in lines)
    assert "3 of 3 nodes keep all that was seen" in said


# -- beginners ---------------------------------------------------------------------------------------------------


class Beginner:
    """A program of a few lines that says the same again and again."""

    def __init__(self, broker: Broker, topic: str, make: Callable[[int], str], qos: int = 0) -> None:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(broker, topic, make, qos))

    def _run(self, broker: Broker, topic: str, make: Callable[[int], str], qos: int) -> None:
        with Probe(broker.url, "none") as probe:
            for number in range(10_000):
                probe.publish(topic, make(number), qos)
                if self._over.wait(0.1):
                    return

    def __enter__(self) -> "Beginner":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(20)


@pytest.fixture
def bare(broker: Broker) -> Iterator[Beginner]:
    with Beginner(broker, "fleet/1/eve/tele/temp", lambda number: str(20 + number / 10)) as running:
        yield running


@pytest.mark.usefixtures("bare")
def test_bare_readings_are_graded_kindly_what_works_first_then_one_step(lint: Start) -> None:
    code, out, _ = lint("eve").end()
    lines = out.splitlines()
    assert code == 3
    assert lines[0].startswith("eve, ")
    assert lines[1].split()[:2] == ["kept", "F-TOPIC-1"]
    assert lines[-1] == "eve: 5 of 8 rules kept; next: F-PAYLOAD-1, send a JSON object in place of what you send now"
    place = next(number for number, line in enumerate(lines) if line.split()[:2] == ["broken", "F-PAYLOAD-1"])
    shown = "\n".join(lines[place : place + 6])
    assert "fleet/1/eve/tele/temp" in shown
    assert '{"boot":"9f3a","seq":0,"up":1234,"v":{"temp":2' in shown, "its own value, as it should be sent"
    assert 'docs/topics.md, "What a message must look like"' in shown
    assert "\x1b[" not in out, "colours are for terminals"


def test_the_next_step_goes_on_when_the_first_is_done(broker: Broker, lint: Start) -> None:
    def reading(number: int) -> str:
        return json.dumps({"boot": "9f3a", "seq": number, "up": 100 * number, "v": {"temp": 20}})

    with Beginner(broker, "fleet/1/eve/tele/temp", reading, qos=1):
        document = lint("eve", "--json").document()
    assert document["nodes"][0]["next"] == "F-STATUS-5"
    assert [rule for _, rule, _ in broken(document)] == ["F-STATUS-5"]
    assert states(document, "eve")["F-SEQ-1"] == "kept"


@pytest.mark.usefixtures("bare")
def test_the_node_on_the_page_of_the_contract_gets_a_whole_grade(
    broker: Broker, probe: Probe, lint: Start, tmp_path: Path
) -> None:
    program = re.findall(r"```python\n(.*?)```", (tiers.ROOT / "docs" / "topics.md").read_text(), flags=re.S)[0]
    path = tmp_path / "dice.py"
    path.write_text(program)
    running = lint("dice", "--ask", "--json")
    wait_until_listening(probe, broker)
    environment = {**os.environ, "HOST": "127.0.0.1", "PORT": str(broker.port)}
    process = subprocess.Popen([sys.executable, str(path)], env=environment, stderr=subprocess.PIPE, text=True)
    try:
        document = running.document()
    finally:
        process.kill()
        process.communicate(timeout=5)
    assert broken(document) == []
    assert document["code"] == 0
    kept = {rule for rule, state in states(document, "dice").items() if state == "kept"}
    assert kept >= {"F-STATUS-5", "F-SEQ-1", "F-RETAIN-1", "F-CMD-8", "F-COMPAT-2", "F-META-8"}


def test_an_account_that_may_only_look_can_lint_but_not_ask(tmp_path: Path) -> None:
    library = tiers.dynamic_security()
    tiers.require(library, "mosquitto's dynamic-security plugin is not installed")
    folder = tmp_path / "accounts"
    assert cli.run(["accounts", "init", "--folder", str(folder), "--board", "ada"]) == 0
    lines = ("allow_anonymous false", f"plugin {library}", f"plugin_opt_config_file {folder}/dynamic-security.json")
    with Broker(*lines) as closed:
        words = {name: (folder / name / "password").read_text().strip() for name in ("watch", "tools")}
        board = json.loads((folder / "boards" / "nodes.json").read_text())["ada"]
        place = f"127.0.0.1:{closed.port}"
        with NodeProcess(f"mqtt://ada:{board}@{place}", "ada"):
            document = Lint(
                closed, tmp_path, "ada", "--json", "--broker", f"mqtt://watch:{words['watch']}@{place}"
            ).document()
            assert (document["code"], broken(document)) == (0, [])
            code, _, said = Lint(
                closed, tmp_path, "ada", "--ask", "--broker", f"mqtt://watch:{words['watch']}@{place}"
            ).end()
            assert code == 1
            assert "--ask needs an account that may send commands" in said
            assert words["watch"] not in said
            document = Lint(
                closed, tmp_path, "ada", "--ask", "--json", "--broker", f"mqtt://tools:{words['tools']}@{place}"
            ).document()
            assert (document["code"], broken(document)) == (0, [])
            assert states(document)["F-CMD-6"] == "kept"


def test_a_misspelt_id_is_shown_to_who_asks_for_it(broker: Broker, lint: Start) -> None:
    with Beginner(broker, "fleet/1/Zoe/tele/temp", str):
        code, out, _ = lint("Zoe").end()
    assert code == 3
    assert "it reaches the broker: that works" in out
    assert "F-TOPIC-4, choose an id of small letters" in out.splitlines()[-1]


@pytest.mark.usefixtures("bare")
def test_strict_counts_what_was_not_seen(broker: Broker, lint: Start) -> None:
    with NodeProcess(broker.url, "ada"):
        lenient, strict = lint("ada", "--json").document(), lint("ada", "--ask", "--strict", "--json").document()
    assert lenient["code"] == 0
    assert strict["nodes"][0]["of"] > lenient["nodes"][0]["of"]


def test_nobody_is_code_4_and_a_node_that_is_missing_is_named(broker: Broker, lint: Start) -> None:
    code, out, said = lint("--for", "1").end()
    assert (code, out) == (4, "")
    assert "nobody was heard" in said
    with NodeProcess(broker.url, "ada"):
        code, out, said = lint("ada", "bob", "--for", "3").end()
    assert code == 3
    assert "bob was not heard" in said
    assert "ada: " in out


def test_no_broker_is_code_5(tmp_path: Path, broker: Broker) -> None:
    broker.stop()
    code, _, said = Lint(broker, tmp_path, "ada", "--for", "1").end()
    assert code == 5
    assert "no broker at" in said


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize("plain", [False, True], ids=["a terminal", "NO_COLOR"])
def test_colours_are_for_terminals_of_people_who_want_them(broker: Broker, tmp_path: Path, plain: bool) -> None:
    leader, follower = pty.openpty()
    env = {key: value for key, value in os.environ.items() if key not in ("NO_COLOR", "FORCE_COLOR")}
    env |= {"FLEET_BROKER": broker.url, "XDG_CONFIG_HOME": str(tmp_path), "TERM": "xterm"}
    command = [sys.executable, "-m", "fleet_tools", "lint", "eve", "--for", "2"]
    with subprocess.Popen(
        command, stdout=follower, stderr=subprocess.DEVNULL, env={**env, **({"NO_COLOR": "1"} if plain else {})}
    ) as process:
        os.close(follower)
        said = b""
        with contextlib.suppress(OSError):  # the other end is closed
            while part := os.read(leader, 65536):
                said += part
        os.close(leader)
        assert process.wait(60) == 3
    assert b"F-PAYLOAD-1" in said
    assert bool(re.search(rb"\x1b\[[0-9;]*3[0-7]m", said)) is not plain

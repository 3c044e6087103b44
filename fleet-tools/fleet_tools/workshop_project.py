"""What runs beside a project of the workshop: a broker, the dashboard, other nodes. beside = ["project"] of check.toml.

All of it is the check's own, on this computer. What check.toml says, beside what workshop_mqtt does:

[stage]
challenge = "energy.toml"        # a file of the learner's that the dashboard gets
group = "red"                    # of these nodes, which are node/ on this computer:
nodes = ["ada", "bo"]
here = "a sentence"              # why there is no check on a board
[stage.config]                   # what the learner's config.json says during the check
period = 100
[[run]]
files = {"shake.csv" = "1,2,3"}  # what lies beside main.py in this run
torn = {"box.csv" = "1,2,"}      # and, if there is that file, at its end: the power went meanwhile
config = {quiet = [0, 24]}       # and what else config.json says, from now on
[[run.step]]                     # in this order; one of:
hears = ..., says = ...          # as in workshop_mqtt; retain = true: the broker keeps what is said
prints = "connected {*}"         # the program, after what was printed for the step before
until = "ended {*}"              # what is not there when this line comes will not come
does = "set temp 41"             # this happens to the node `at`
broker = "stops"                 # or "starts"
board = "energy"                 # of the leaderboard:
top = ["kim 25", "bo 16"]
wall = "/api/nodes/kim"          # the dashboard answers
json = {...}
stored = "reading {*}"           # every such line that was printed, in all runs so far, is a reading on the wall's disk
spaced = "shake"                 # of this sensor the wall has stored at least `count` readings, all `ms` apart or more
count = 3
ms = 900
silent = "{base}/1/_red/cmd/buzz"  # nothing comes there for so many seconds
for = 2
before = "{base}/1/{node}/tele/x"  # of any: what is not there when so many of these have come will not come
times = 15                       # 3 if not given
seen = "it is silent"            # of any: how that is told when it is as it should be
"""

from __future__ import annotations

import asyncio
import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

from fleet_client import ClientError
from fleet_schema import topics
from fleet_tools import broker as brokers
from fleet_tools import dashboard, delivery, lan
from fleet_tools import workshop_expect as expect
from fleet_tools.dashboard_child import dashboard_child, ready_line
from fleet_tools.errors import NO_BROKER, FleetError
from fleet_tools.processes import Child, node_child, node_files, stop
from fleet_tools.workshop_mqtt import Beside as Broker
from fleet_tools.workshop_mqtt import Config
from fleet_tools.workshop_run import POLL_S, Program, Trouble

READY_S = 20.0
LOOK_S = 0.1  # between two looks at the dashboard
UNDER_WAY_S = 0.3  # what was said before a silence may come so much later
NODE_PERIOD_MS = 200


class Beside(Broker):
    """See workshop_run.Beside."""

    def __init__(self, port: str | None, patience: float) -> None:
        super().__init__(port, patience)
        self._port = port
        self._many = patience

    def prepare(self, place: Path, declared: dict[str, Any]) -> None:
        self._stage: dict[str, Any] = declared.get("stage", {})
        if self._port and "here" in self._stage:
            raise FleetError(self._stage["here"])
        self._start_broker(place)
        self._place = place
        self._configure(self._stage.get("config", {}))
        self._programs: list[Program] = []
        self._printed = 0  # lines of the program that runs, up to the last `prints`
        self._nodes: dict[str, Child] = {}
        self._start_dashboard()
        for name in self._stage.get("nodes", []):
            self._start_node(name)
        for name, child in self._nodes.items():
            self._until(lambda: "connected to" in child.output(), child, f"the node {name} did not connect")  # noqa: B023

    def _start_broker(self, place: Path) -> None:
        """For a real board it listens at the address of this computer that config.json names, without passwords and
        until the check ends."""
        self._config = Config(place)
        also = None if self._config.is_ours else self._config.host
        if also is not None and also not in (ours := lan.addresses()):
            raise FleetError(
                f"the check of a project brings its own broker, wall and nodes: {also} in config.json is none of this "
                f"computer's addresses. Use 127.0.0.1, or for a board {' or '.join(ours) or 'one of its own'}"
            )
        self._start_own(also)

    def _start_dashboard(self) -> None:
        data = self._folder / "data"
        (data / "challenges").mkdir(parents=True)
        if challenge := self._stage.get("challenge"):
            if not (self._place / challenge).is_file():
                raise Trouble(f"a file `{challenge}` beside main.py", "it is not there", "start the project again")
            shutil.copy(self._place / challenge, data / "challenges")
        env = {
            "FLEET_BROKER": self._broker.url,
            "FLEET_BASE": self._config.names["base"],
            "FLEET_PROTOCOL": self._broker.protocol,
            "FLEET_HTTP_HOST": "127.0.0.1",
            "FLEET_HTTP_PORT": "0",
            "FLEET_DATA": str(data),
            "FLEET_CHALLENGES": str(data / "challenges"),
        }
        self._wall = dashboard_child(env, self._folder / "dashboard.log")
        self._run(self._wall)
        self._until(lambda: ready_line(self._wall.output()), self._wall, "the dashboard is not ready")
        self._url = str(ready_line(self._wall.output()))
        if wrong := dashboard.require(self._url, "/api/challenges")["problems"]:
            raise Trouble(f"a `{self._stage['challenge']}` that is a challenge", wrong[0]["text"])

    def _start_node(self, name: str) -> None:
        config = self._folder / f"{name}.json"
        groups = [self._stage["group"]] if "group" in self._stage else []
        told = {"name": name.capitalize(), "groups": groups, "sensors": ["sht4x"], "jitter": 0}
        config.write_text(json.dumps(told))
        env = {
            "FLEET_LIFE": "0",  # nobody passes by and presses its button
            **node_files(self._folder, name),
            "FLEET_CONFIG": str(config),
            "FLEET_BROKER": self._broker.url,
            "FLEET_BASE": self._config.names["base"],
            "FLEET_PERIOD": str(NODE_PERIOD_MS),
        }
        child = self._nodes[name] = node_child(name, env, self._folder / f"{name}.log", typed=True)
        self._run(child)

    def _run(self, child: Child) -> None:
        """Its end need not be a good one: nothing that it wrote is kept."""
        child.start()
        self._stack.callback(stop, [child], signal.SIGKILL, 3.0, lambda: False)

    def _until(self, is_so: Callable[[], Any], child: Child, else_: str) -> None:
        deadline = time.monotonic() + READY_S * self._many
        while not is_so():
            if not child.running or time.monotonic() > deadline:
                raise FleetError(f"{else_}:\n{child.tail()}")
            time.sleep(POLL_S)

    def _configure(self, told: dict[str, Any]) -> None:
        config = self._place / "config.json"
        config.write_text(json.dumps({**json.loads(config.read_text()), **told}))

    def before(self, run: dict[str, Any]) -> None:
        self._configure(run.get("config", {}))
        for name, text in run.get("files", {}).items():
            (self._place / name).write_text(text)
        for name, text in run.get("torn", {}).items():
            if (self._place / name).exists():
                with (self._place / name).open("a") as file:
                    file.write(text)
        steps = self._config.fill(run.get("step", []))
        self._topics = {step[key] for step in steps for key in ("hears", "before", "silent") if key in step}
        self._runner.run(self._listen(self._topics) if self._broker_runs else self._listening.aclose())

    @property
    def _broker_runs(self) -> bool:
        return self._broker.child is not None and self._broker.child.running

    def during(self, run: dict[str, Any], program: Program) -> Iterator[str]:
        self._programs.append(program)
        self._printed = 0
        kinds = ("hears", "says", "prints", "does", "broker", "board", "wall", "stored", "spaced", "silent")
        for step in self._config.fill(run.get("step", [])):
            kind = next(one for one in kinds if one in step)
            try:
                seen = getattr(self, f"_step_{kind}")(step, program)
            except ClientError as error:
                raise FleetError(str(error), NO_BROKER) from None
            if seen:
                yield str(step.get("seen", seen))

    def _step_hears(self, step: dict[str, Any], program: Program) -> str:
        """Takes the message, and all before it on its topic, out of what was heard."""

        wrong: str | None = "nothing on that topic"

        def look() -> str | None:
            nonlocal wrong
            for message in [one for one in self._heard if one.topic == step["hears"]]:
                self._heard.remove(message)
                if (wrong := _differs(step["json"], message.payload)) is None:
                    break
            return wrong

        like = expect.HOLE.sub(expect.said, json.dumps(step["json"]))
        self._wait(f"on the topic `{step['hears']}` JSON like `{like}`", look, program, step)
        return f"says {step['hears']}"

    def _step_says(self, step: dict[str, Any], program: Program) -> None:
        payload = json.dumps(step["send"])
        self._runner.run(self._client.publish(step["says"], payload, retain=step.get("retain", False)))

    def _step_prints(self, step: dict[str, Any], program: Program) -> str:
        text, until = expect.Text(step["prints"]), expect.Text(step.get("until", ""))

        def look() -> str | None:
            came = program.lines[self._printed :]
            wrong = expect.lines([step["prints"]], came)
            if wrong is None:
                self._printed += next(number for number, line in enumerate(came) if text.fits(line)) + 1
                return None
            if any(until.fits(line) for line in came):
                raise Trouble(*wrong)
            return wrong[1]

        self._wait(f"the line `{text.shown}`", look, program, step)
        return f"prints {text.shown}"

    def _step_does(self, step: dict[str, Any], program: Program) -> None:
        self._nodes[step["at"]].type(step["does"])

    def _step_broker(self, step: dict[str, Any], program: Program) -> None:
        child = self._broker.child
        assert child is not None
        if step["broker"] == "stops":
            stop([child], signal.SIGTERM, 5.0, lambda: False)
        else:
            child.start()
            brokers.wait_for_port(child, self._config.port)
            self._runner.run(self._listen(self._topics))

    def _step_board(self, step: dict[str, Any], program: Program) -> str:
        name = topics.host_topic(self._config.names["base"], "board", step["board"])
        top = [expect.Text(one) for one in step["top"]]

        def look() -> str | None:
            kept = self._runner.run(self._kept(name))
            rows = [f"{node} {score:g}" for node, _, score in json.loads(kept[-1].payload)["top"]] if kept else []
            fits = len(rows) == len(top) and all(one.fits(row) for one, row in zip(top, rows, strict=True))
            return None if fits else ", ".join(rows) or "nobody is on it"

        wanted = ", ".join(one.shown for one in top)
        self._wait(f"on the leaderboard {step['board']}: {wanted}", look, program, step)
        return f"the leaderboard {step['board']}: {wanted}"

    def _step_wall(self, step: dict[str, Any], program: Program) -> str:
        def look() -> str | None:
            found = dashboard.get(self._url, step["wall"])
            return "no answer" if found is None else expect.value(step["json"], found)

        like = expect.HOLE.sub(expect.said, json.dumps(step["json"]))
        self._wait(f"on the wall, at {step['wall']}, `{like}`", look, program, step)
        return f"the wall has {step['wall']}"

    def _step_stored(self, step: dict[str, Any], program: Program) -> str:
        text, node = expect.Text(step["stored"]), self._config.names["node"]
        wanted, sentence = "that every reading is stored on the wall, exactly once", ""

        def look() -> str | None:
            nonlocal sentence
            taken = sum(text.fits(line) for one in self._programs for line in one.lines)
            boots = dashboard.require(self._url, "/api/delivery")["nodes"]
            mine = [one for one in boots if one["id"] == node]
            account = delivery.Account(tuple(delivery.read(node, mine[0]["boots"] if mine else [])))
            sentence = delivery.sentences(account)[0]
            if account.total("gone"):
                raise Trouble(wanted, sentence)
            if account.verdict == "complete" and account.total("stored") >= taken and not account.total("before"):
                return None
            return f"of {taken} that were printed {account.total('stored')} are stored. {sentence}"

        self._wait(wanted, look, program, step)
        return sentence

    def _step_spaced(self, step: dict[str, Any], program: Program) -> str:
        sensor, ms = step["spaced"], step["ms"]
        since = int((time.time() - 3600) * 1000)
        where = f"/api/nodes/{self._config.names['node']}/series?sensor={sensor}&points=5000&from={since}"
        wanted = f"readings of `{sensor}` on the wall, each measured {ms} ms or more after the last"

        def look() -> str | None:
            times = (dashboard.get(self._url, where) or {"t": []})["t"]
            apart = sorted(after - before for before, after in pairwise(times))[len(self._programs) - 1 :]
            if apart and apart[0] < ms:  # a new start may begin with one at once
                raise Trouble(wanted, f"two that were {apart[0]} ms apart")
            return None if len(times) >= step["count"] else f"there are {len(times)} of at least {step['count']}"

        self._wait(wanted, look, program, step)
        return wanted

    def _step_silent(self, step: dict[str, Any], program: Program) -> str:
        self._runner.run(asyncio.sleep(UNDER_WAY_S * self._many))
        self._heard[:] = [one for one in self._heard if one.topic != step["silent"]]
        ends = time.monotonic() + step["for"]
        while time.monotonic() < ends:
            self._runner.run(asyncio.sleep(POLL_S))
            if any(one.topic == step["silent"] for one in self._heard):
                raise Trouble(f"nothing more on `{step['silent']}`", "it went on")
        return f"is silent on {step['silent']}"

    def _wait(self, wanted: str, look: Callable[[], str | None], program: Program, step: dict[str, Any]) -> None:
        """Until `look` gives None; else Trouble with what it said last."""
        deadline = time.monotonic() + self._patience_s
        before = step.get("before", "")
        until = self._counts[before] + int(step.get("times", 3))
        while True:  # what it does last is then seen
            over = not program.running or program.error is not None or self._counts[before] >= until
            wrong = look()
            if wrong is None:
                return
            if over or time.monotonic() > deadline:
                raise Trouble(wanted, f"{wrong}; the program said `{program.error}`" if program.error else wrong)
            self._runner.run(asyncio.sleep(LOOK_S))


def _differs(expected: Any, payload: bytes) -> str | None:
    try:
        return expect.value(expected, json.loads(payload))
    except ValueError:
        return f"this is no JSON: `{payload[:80].decode(errors='replace')}`"

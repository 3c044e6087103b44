"""`fleet demo`: a broker, five nodes and the dashboard on this computer, until Ctrl-C.

Owns the folder .demo and every process it starts; nothing of either is left running when it ends.
"""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import sys
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import click

from fleet_tools import fetch, session, settings
from fleet_tools.errors import ERROR, OK, FleetError

if TYPE_CHECKING:
    from fleet_tools.broker import Broker
    from fleet_tools.crew import Crew
    from fleet_tools.processes import Child, Interrupt

NODES = ("ada", "grace", "linus", "margaret", "katherine", "alan", "hedy", "radia", "edsger", "barbara")
GROUPS = ("red", "blue")
SENSORS = ("sht4x", "bmp280", "mpu6886")
PERIOD_MS = 1000
READY_S = 30.0
FOLDER = settings.DEMO_FILE.parent
GOODBYE_S = 3.0
EPILOG = """\b
Examples:
  fleet demo
  fleet demo --nodes 10 --port 8000
  fleet demo --broker mqtt://192.168.1.10      nodes and dashboard at a broker that runs already
"""


@click.command("demo", epilog=EPILOG)
@click.option("--nodes", type=click.IntRange(1, 100), default=5, show_default=True, metavar="N", help="How many nodes.")
@click.option("--broker", metavar="URL", envvar="FLEET_BROKER", help="Use this broker instead of starting one.")
@click.option("--base", metavar="NAME", help="First level of the topics.  [default: fleet]")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="Of the dashboard.")
@click.option(
    "--broker-port", type=click.IntRange(1, 65535), default=1883, show_default=True, help="Of the broker we start."
)
def demo_command(nodes: int, broker: str | None, base: str | None, port: int, broker_port: int) -> int:
    """A broker, five nodes and the dashboard on this computer; Ctrl-C stops them.

    It keeps its logs in .demo in this folder. While it runs, `fleet` in this folder finds its broker.
    """
    from fleet_tools.processes import Interrupt, private_folder

    running = settings.read_toml(settings.DEMO_FILE)
    if settings.is_running(running.get("pid")):
        raise FleetError(f"a demo runs in this folder already (process {running['pid']}): {running.get('dashboard')}")
    chosen = settings.load(broker, base)
    try:
        fetch.fetch()
    except fetch.FetchError as error:
        raise FleetError(str(error)) from None
    private_folder(FOLDER)
    plan = Plan(broker, chosen.base, nodes, port, broker_port)
    with Interrupt() as interrupt:
        demo = Demo(plan, interrupt)
        try:
            return demo.run()
        finally:
            demo.stop()


@dataclass(frozen=True)
class Plan:
    """What was asked for; a `broker` is given only if it is not ours to start."""

    broker: str | None
    base: str
    nodes: int
    http_port: int
    broker_port: int


@dataclass
class Demo:
    plan: Plan
    interrupt: Interrupt
    started: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        from fleet_tools.crew import Crew

        self.crew: Crew = Crew(session.note)
        self.broker: Broker | None = None
        self.dashboard: Child | None = None
        self.nodes: list[Child] = []

    def run(self) -> int:
        """Returns when interrupted, or when what cannot be missed has died."""
        from fleet_tools import broker, teacher

        self.broker = broker.choose(self.plan.broker, self.plan.broker_port, FOLDER, session.note)
        if self.broker.child is not None:
            self.crew.adopt(self.broker.child)
        session.note(self.broker.sentence)
        self.dashboard = self.start_dashboard(self.broker)
        for number in range(self.plan.nodes):
            self.start_node(number, self.broker)
        session.note(
            f"starting {self.plan.nodes} nodes ({', '.join(one.name for one in self.nodes)}) and the dashboard"
        )
        url = self.wait_until_ready(self.broker)
        if url is None:
            if not self.interrupt and (why := self.missing()):
                session.note(f"{why}; `fleet doctor` may know why")
            return OK if self.interrupt else ERROR
        write_toml(self.broker, self.plan.base, url)
        # These two lines, and only these, go to stdout: scripts read them.
        click.echo(f"broker {self.broker.public}")
        click.echo(f"dashboard {url}")
        session.note(f"open {teacher.link(url, teacher.code_in(FOLDER / 'data') or '')} to look and to command")
        session.note(hints(self.broker, self.plan.base, time.monotonic() - self.started))
        return self.watch()

    def start_dashboard(self, broker: Broker) -> Child:
        from fleet_tools.dashboard_child import dashboard_child
        from fleet_tools.processes import free_port

        port = free_port(self.plan.http_port) if self.plan.http_port else 0
        if port != self.plan.http_port:
            session.note(f"port {self.plan.http_port} is taken, so the dashboard listens on {port}")
        env = {
            "FLEET_BROKER": broker.url,
            "FLEET_BASE": self.plan.base,
            "FLEET_PROTOCOL": broker.protocol,
            "FLEET_HTTP_HOST": "127.0.0.1",
            "FLEET_HTTP_PORT": str(port),
            "FLEET_DATA": str(FOLDER / "data"),
        }
        shutil.rmtree(FOLDER / "data", ignore_errors=True)  # a demo begins with an empty wall
        child = dashboard_child(env, FOLDER / "dashboard.log")
        self.crew.start(child)
        return child

    def start_node(self, number: int, broker: Broker) -> None:
        from fleet_tools.processes import forget_files, node_child, node_files

        node = NODES[number] if number < len(NODES) else f"node-{number + 1}"
        config = FOLDER / f"{node}.json"
        group = GROUPS[number % len(GROUPS)]
        config.write_text(
            json.dumps({"name": node.capitalize(), "groups": [group], "sensors": SENSORS, "health": 10_000})
        )
        forget_files(FOLDER, node)  # of a demo whose wall is not there any more
        env = {
            "FLEET_CONFIG": str(config),
            **node_files(FOLDER, node),
            "FLEET_BROKER": broker.url,
            "FLEET_BASE": self.plan.base,
            "FLEET_PERIOD": str(PERIOD_MS),
            "FLEET_SEED": str(number + 1),
        }
        child = node_child(node, env, FOLDER / f"{node}.log")
        self.crew.start(child)
        self.nodes.append(child)

    def wait_until_ready(self, broker: Broker) -> str | None:
        """The dashboard's URL once it listens and a reading has arrived; None if interrupted or hopeless."""
        from fleet_tools.dashboard_child import ready_line

        deadline = time.monotonic() + READY_S
        heard = asyncio.run(self.first_reading(broker, deadline))
        while not self.interrupt and self.missing() is None:
            url = ready_line(self.dashboard.output()) if self.dashboard else None
            if url and heard:
                return url
            if time.monotonic() > deadline:
                self.explain(heard)
                return None
            self.crew.tend()
            self.interrupt.wait(0.05)
        return None

    async def first_reading(self, broker: Broker, deadline: float) -> bool:
        """Whether any node's reading arrived in time; looks after the processes meanwhile."""
        from fleet_client import Client, ClientError
        from fleet_schema import topics

        heard = asyncio.Event()
        readings = topics.everything(self.plan.base)[:-1] + "+/tele/+"
        try:
            async with (
                Client(broker.url, base=self.plan.base, protocol=broker.protocol) as client,
                client.listen([readings], lambda message: heard.set()),
            ):
                while not heard.is_set() and not self.interrupt and self.missing() is None:
                    if time.monotonic() > deadline:
                        break
                    self.crew.tend()
                    try:
                        async with asyncio.timeout(0.05):
                            await heard.wait()
                    except TimeoutError:
                        continue
        except ClientError as error:
            raise FleetError(str(error)) from None
        return heard.is_set()

    def missing(self) -> str | None:
        """Who was given up and cannot be done without: the broker, the dashboard, every node."""
        for one in (self.broker.child if self.broker else None, self.dashboard):
            if one is not None and one in self.crew.lost:
                return f"the {one.name} cannot run"
        return "no node can run" if all(one in self.crew.lost for one in self.nodes) else None

    def explain(self, heard: bool) -> None:
        from fleet_tools.dashboard_child import ready_line

        if not heard:
            session.note(f"no node sent a reading within {READY_S:g} s; the last lines of {self.nodes[0].name}:")
            session.note(self.nodes[0].tail())
        if self.dashboard and ready_line(self.dashboard.output()) is None:
            session.note(f"the dashboard is not ready after {READY_S:g} s; its last lines:")
            session.note(self.dashboard.tail())

    def watch(self) -> int:
        while not self.interrupt:
            self.crew.tend()
            if why := self.missing():
                session.note(f"{why}; `fleet doctor` may know why")
                return ERROR
            self.interrupt.wait(0.2)
        return OK

    def stop(self) -> None:
        """Nodes first, so that their goodbyes are still stored; then the dashboard; the broker last."""
        from fleet_tools.processes import stop

        settings.DEMO_FILE.unlink(missing_ok=True)
        if self.crew.children:
            session.note("stopping" + (" (once more: at once)" if sys.stderr.isatty() else ""))
        hurry = self.interrupt.again
        stop(self.nodes, signal.SIGINT, GOODBYE_S, hurry)
        stop([self.dashboard] if self.dashboard else [], signal.SIGTERM, 5, hurry)
        child = self.broker.child if self.broker else None
        stop([child] if child else [], signal.SIGTERM, 3, hurry)


def write_toml(broker: Broker, base: str, dashboard: str) -> None:
    """What lets `fleet` in this folder find the demo; private, for a broker's URL may hold a password."""
    values = {"broker": broker.url, "base": base, "dashboard": dashboard, "protocol": broker.protocol}
    lines = [f"{key} = {json.dumps(text)}" for key, text in values.items()] + [f"pid = {os.getpid()}"]
    new = settings.DEMO_FILE.with_suffix(".new")
    new.touch(mode=0o600)
    new.write_text("\n".join(lines) + "\n")
    new.replace(settings.DEMO_FILE)


def hints(broker: Broker, base: str, seconds: float) -> str:
    from fleet_client import parse_url
    from fleet_schema import topics
    from fleet_tools.dashboard_child import command_line

    fleet = command_line()
    lines = [
        f"ready after {seconds:.1f} s. In another terminal, in this folder:",
        f"  {fleet} ls                  who is there",
        f"  {fleet} buzz --all          every buzzer, and who obeyed",
        f"  {fleet} watch               everything the nodes say",
        f"  {fleet} verify              is every reading stored, exactly once",
    ]
    address = parse_url(broker.url)
    if shutil.which("mosquitto_sub") and address.user is None:
        lines.append(f"  mosquitto_sub -h {address.host} -p {address.port} -t '{topics.everything(base)}' -v")
    return "\n".join([*lines, "Ctrl-C here stops everything."])

"""`fleet class start`: the broker and the dashboard of a class on this computer, in the foreground, until Ctrl-C.

Owns running.json and the processes it starts; nothing of either is left when it ends.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

import click

from fleet_tools import (
    certificates,
    class_accounts,
    class_folder,
    lan,
    lesson,
    session,
)
from fleet_tools.broker import wait_for_port
from fleet_tools.class_broker import LOOPBACK, Listeners, Mosquitto, find
from fleet_tools.class_folder import ClassFolder
from fleet_tools.class_lesson import REQUEST, ask, asked, until_in
from fleet_tools.class_process import ClassBroker
from fleet_tools.class_story import open_lesson, story
from fleet_tools.crew import Crew
from fleet_tools.dashboard_child import dashboard_child, ready_line
from fleet_tools.errors import ERROR, NO_BROKER, OK, FleetError
from fleet_tools.processes import Child, Interrupt, free_port, private_folder, stop
from fleet_tools.settings import is_running

READY_S = 60.0  # a large database takes its time
WEBSOCKETS_S = 60.0  # the library that does them asks for the computer's name first, which may take its time
LOCKED = "the open lesson was ended: from now on nobody gets in without a password"
EPILOG = """\b
Examples:
  fleet class start 3b               on this computer alone, to try things out
  fleet class start 3b --lan         and for the class in the same network
  fleet class start 3b --lan --open  the first hour nobody needs a password; fleet class lock 3b ends it
\b
Ctrl-C stops broker and dashboard; what was measured, and who belongs to the class, stays.
"""


PORT = click.IntRange(1, 65535)


@click.command("start", epilog=EPILOG)
@click.argument("name")
@click.option("--lan", "in_lan", is_flag=True, help="Let in others in the network; else this computer alone gets in.")
@click.option(
    "--open",
    "minutes",
    is_flag=False,
    flag_value=60,
    type=click.IntRange(1, lesson.LONGEST_MIN),
    metavar="[MINUTES]",
    help="Nobody needs a password, for so many minutes.  [60]",
)
@click.option("--websockets", is_flag=True, help="Also MQTT over WebSockets, for pages of your own.")
@click.option("--port", "http", type=PORT, metavar="PORT", help="Of the dashboard.  [default: the class's, 8080]")
@click.option("--broker-port", "mqtt", type=PORT, metavar="PORT", help="Of the broker.  [default: the class's, 1883]")
@click.option("--tls-port", "mqtts", type=PORT, metavar="PORT", help="Its TLS port.  [default: the class's, 8883]")
@click.option("--websockets-port", type=PORT, metavar="PORT", default=9001, help="With --websockets.  [9001]")
def start_command(
    name: str,
    in_lan: bool,
    minutes: int | None,
    websockets: bool,
    http: int | None,
    mqtt: int | None,
    mqtts: int | None,
    websockets_port: int,
) -> int:
    """The broker and the dashboard of a class, until Ctrl-C.

    Only this computer gets in unless you say --lan.
    """
    folder = ClassFolder.open(name)
    if folder.in_docker:
        raise FleetError("here Docker runs broker and dashboard: docker compose up -d --wait")
    ports = folder.ports
    plan = Plan(
        in_lan,
        minutes,
        mqtt or ports["mqtt"],
        mqtts or ports["mqtts"],
        http or ports["http"],
        websockets_port if websockets else None,
    )
    refuse_if_running(folder)
    mosquitto = find()
    if mosquitto.warning:
        session.note(mosquitto.warning)
    with Interrupt() as interrupt:
        run = ClassRun(folder, plan, mosquitto, interrupt)
        try:
            return run.run()
        finally:
            run.stop()


@dataclass(frozen=True)
class Plan:
    """What was asked for."""

    lan: bool
    minutes: int | None  # of an open lesson
    mqtt: int
    mqtts: int
    http: int
    websockets: int | None


class ClassRun:
    """One run of a class, from its accounts to its end."""

    def __init__(self, folder: ClassFolder, plan: Plan, mosquitto: Mosquitto, interrupt: Interrupt) -> None:
        self.folder, self.plan, self.interrupt = folder, plan, interrupt
        self.crew = Crew(session.note)
        with folder.locked():
            self.tls = certificates.ensure(folder.tls, folder.base)
        self.listeners = Listeners(plan.mqtt, plan.lan, plan.mqtts, (self.tls.cert, self.tls.key), plan.websockets)
        self.mosquitto = mosquitto
        self.broker: ClassBroker | None = None
        self.dashboard: Child | None = None
        self.lesson: lesson.Lesson | None = None
        self.reserved: set[str] = set()
        self.told: dict[str, object] | None = None

    def run(self) -> int:
        """Returns when interrupted, or when broker or dashboard cannot run."""
        self.refuse_taken_ports()
        with self.folder.locked():
            refuse_if_running(self.folder)
            class_accounts.settle(self.folder)
            self.reserve_names()
            self.start_broker()
            assert self.broker is not None
            self.hand_over(self.broker)
            self.write_running()
            class_accounts.settle(self.folder)  # what the broker retained of nodes that were revoked while it was off
        self.begin_lesson(self.broker)
        url = self.start_dashboard(self.broker)
        if url is None:
            return OK if self.interrupt else ERROR
        click.echo(f"broker mqtt://{LOOPBACK}:{self.plan.mqtt}")
        click.echo(f"dashboard {url}")
        session.note(story(self.folder, self.listeners, url, self.lesson.until if self.lesson else 0))
        return self.watch()

    # -- its beginning ----------------------------------------------------------------------------------------

    def refuse_taken_ports(self) -> None:
        needed = [(port, "broker") for port in self.listeners.ports] + [(self.plan.http, "dashboard")]
        for port, what in needed:
            if free_port(port) != port:
                hint = (
                    "another broker? On Debian one starts by itself: sudo systemctl disable --now mosquitto"
                    if what == "broker"
                    else "another dashboard?"
                )
                raise FleetError(f"port {port}, which the {what} needs, is taken ({hint})", NO_BROKER)

    def reserve_names(self) -> None:
        """While no broker runs, what anonymous clients may do is said in the file."""
        vault = self.folder.vault
        document = vault.document()
        assert document is not None, "settle has written it"
        vault.replace_document(lesson.put_into(document, self.folder.base))
        self.reserved = {one["username"] for one in document["clients"]}

    def start_broker(self) -> None:
        self.broker = ClassBroker(self.folder, self.mosquitto, self.listeners)
        self.crew.start(self.broker.child)
        for port in self.listeners.ports:
            within = WEBSOCKETS_S if port == self.listeners.websockets else 10
            wait_for_port(self.broker.child, port, within)
        if not self.plan.lan and (leak := reached_from_outside(self.listeners.ports)):
            raise FleetError(
                f"port {leak[1]} can be reached from other computers, at {leak[0]}, and --lan was not said: "
                "this mosquitto does not listen where it was told to, so it is stopped"
            )

    def hand_over(self, broker: ClassBroker) -> None:
        """Where `fleet` and mosquitto_sub find broker, user and password, so that nobody types them."""
        vault, url = self.folder.vault, f"http://{LOOPBACK}:{self.plan.http}"
        where = {"broker": broker.address("tools").url, "base": self.folder.base, "dashboard": url}
        toml = "".join(f"{key} = {json.dumps(text)}\n" for key, text in where.items())
        vault.hand_over("tools", "sensor-fleet/config.toml", toml)
        watch = broker.address("watch")
        options = f"-h {watch.host}\n-p {watch.port}\n-u {watch.user}\n-P {watch.password}\n"
        vault.hand_over("watch", "mosquitto_sub", options)

    def begin_lesson(self, broker: ClassBroker) -> None:
        request = self.folder.folder / REQUEST
        was_open = request.exists()
        request.unlink(missing_ok=True)
        self.lesson = lesson.Lesson(broker, session.note)
        self.lesson.begin(was_open)
        if self.plan.minutes:
            until = until_in(self.plan.minutes)
            self.lesson.open(until)
            ask(self.folder, until)
            self.write_running()

    def start_dashboard(self, broker: ClassBroker) -> str | None:
        """Its URL when it is ready; None if it does not become so, or on Ctrl-C."""
        env = {
            "FLEET_BROKER": broker.address("dashboard").url,
            "FLEET_BASE": self.folder.base,
            "FLEET_HTTP_HOST": "0.0.0.0" if self.plan.lan else LOOPBACK,
            "FLEET_HTTP_PORT": str(self.plan.http),
            "FLEET_HTTP_NAMES": ",".join(names_of_this_computer()) if self.plan.lan else "",
            "FLEET_DATA": str(private_folder(self.folder.data)),
            "FLEET_ROSTER": str(self.folder.roster),
            "FLEET_CA": str(self.tls.ca),
        }
        self.dashboard = dashboard_child(env, self.folder.folder / "dashboard.log", leashed=True)
        self.crew.start(self.dashboard)
        deadline = time.monotonic() + READY_S
        while not self.interrupt and self.missing() is None and time.monotonic() < deadline:
            if url := ready_line(self.dashboard.output()):
                return url
            self.tend()
            self.interrupt.wait(0.05)
        if not self.interrupt:
            why = self.missing() or f"the dashboard is not ready after {READY_S:g} s; its last lines:"
            session.note(f"{why}\n{self.dashboard.tail()}")
        return None

    # -- while it runs ----------------------------------------------------------------------------------------

    def watch(self) -> int:
        while not self.interrupt:
            self.tend()
            if why := self.missing():
                session.note(why)
                return ERROR
            self.interrupt.wait(0.2)
        return OK

    def tend(self) -> None:
        self.crew.tend()
        if self.lesson is None or self.broker is None or self.broker.pid is None:
            return
        wanted = asked(self.folder)
        try:
            if wanted is not None and wanted != self.lesson.until:
                self.lesson.open(wanted) if wanted else self.lesson.close()
                now = self.lesson.until
                session.note("\n".join(open_lesson(self.folder.base, now, self.plan.lan)) if now else LOCKED)
            self.lesson.tend()
            if news := set(self.broker.accounts()) - self.reserved:
                self.broker.reserve(sorted(news))
                self.reserved |= news
        except FleetError as error:
            session.note(str(error))
        if wanted is not None and not self.lesson.until and asked(self.folder) == wanted:
            (self.folder.folder / REQUEST).unlink(missing_ok=True)
        self.write_running()

    def missing(self) -> str | None:
        for one in (self.broker.child if self.broker else None, self.dashboard):
            if one is not None and one in self.crew.lost:
                return f"the {one.name} cannot run"
        return None

    def write_running(self) -> None:
        """Only what changed: other commands read it at any time."""
        document: dict[str, object] = {
            "pid": os.getpid(),
            "host": LOOPBACK,
            "mqtt": self.plan.mqtt,
            "mqtts": self.plan.mqtts,
            "http": self.plan.http,
            "lesson": self.lesson.until if self.lesson else 0,
        }
        if document != self.told:
            class_folder.write(self.folder.running, json.dumps(document) + "\n", prefix=".run-")
            self.told = document

    # -- its end ----------------------------------------------------------------------------------------------

    def stop(self) -> None:
        """The lesson first, so that nobody stays online on the wall; then the dashboard; the broker last."""
        if self.crew.children:
            session.note("stopping" + (" (once more: at once)" if sys.stderr.isatty() else ""))
        if self.lesson is not None and self.broker is not None and self.broker.pid is not None:
            try:
                self.lesson.close()
            except FleetError as error:
                session.note(str(error))
            (self.folder.folder / REQUEST).unlink(missing_ok=True)
        hurry = self.interrupt.again
        stop([self.dashboard] if self.dashboard else [], signal.SIGTERM, 5, hurry)
        stop([self.broker.child] if self.broker else [], signal.SIGTERM, 5, hurry)
        if self.told is not None:
            self.folder.running.unlink(missing_ok=True)


def refuse_if_running(folder: ClassFolder) -> None:
    """FleetError if somebody started it already."""
    pid = folder.said().get("pid")
    if is_running(pid):
        raise FleetError(f"class {folder.base} runs already (process {pid}): stop it there with Ctrl-C")


def reached_from_outside(ports: Sequence[int]) -> tuple[str, int] | None:
    """(address, port) of the first that answers where only other computers would ask."""
    outside = [*lan.addresses(), *(["127.0.0.2"] if sys.platform == "linux" else [])]
    for port in ports:
        for address in outside:
            try:
                socket.create_connection((address, port), timeout=1).close()
            except OSError:
                continue
            return address, port
    return None


def names_of_this_computer() -> list[str]:
    name = socket.gethostname().lower()
    return [name] if "." in name else [name, f"{name}.local"]

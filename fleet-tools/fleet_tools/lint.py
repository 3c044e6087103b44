"""`fleet lint`: do these nodes keep the contract? Listens, asks if it may, and gives each rule a verdict."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import click

from fleet_tools import session, settings
from fleet_tools.errors import NOBODY_ANSWERED, OK, SOME_FAILED, FleetError

if TYPE_CHECKING:
    from fleet_client import Client
    from fleet_tools.conformance import Conformance, Subject

LONGEST_S = 30.0
SHORTEST_S = 5.0  # in which every node of a class has said something
ENOUGH = 3  # readings of each sensor
ENOUGH_BARE = 12  # messages of a node that does not say which sensors it has
QUIET_S = 0.3
LOOK_S, LOOK_BUSY_S = 2.0, 10.0
BUSY = 50  # messages within QUIET_S
SETTLED_S = 1.0  # after its birth a node may still be about to subscribe
STRANGE = "lint-unknown"  # a command that no node has
Order = tuple[str, dict[str, Any] | bytes]  # a command, and what it is sent with
ORDERS: tuple[Order, ...] = (
    ("echo", {"id": "-1", "text": "lint", "x-lint": 1}),  # a key of tomorrow: F-COMPAT-1
    ("echo", {"id": "-1", "text": "lint"}),  # the same once more: F-CMD-6
    (STRANGE, {"id": "-2"}),
    ("echo", {"id": "-3", "text": "x" * 65}),  # too long: F-CMD-4
    ("rebirth", {"id": "-4"}),
    (STRANGE, b'{"id":'),  # F-COMPAT-2, last: a node may fall over it
)
EPILOG = """\b
Examples:
  fleet lint ada                   listens until enough was seen, at most 30 s
  fleet lint ada --ask             sends commands that change nothing, and checks the answers
  fleet lint ada --for 120         then restart the node, press its button, cut its Wi-Fi
  fleet lint --ask --strict        a grader: what was not seen counts as not kept
\b
A rule is kept, broken, or not seen yet. docs/topics.md is the page with all rules; the rules that show in a node's
life (births, gaps, acks) are judged best if lint listens first and the node is started then. Ctrl-C: that is enough.
\b
Exit codes: 0 all that was seen is kept, 2 wrong usage, 3 a rule is broken or a named node was not heard,
4 nobody was heard, 5 no broker.
"""


@click.command("lint", epilog=EPILOG)
@click.argument("nodes", nargs=-1, metavar="[NODE...]")
@click.option("--ask", is_flag=True, help="Send echo, rebirth, an unknown and a broken command, and check the acks.")
@click.option(
    "--for", "seconds", type=click.FloatRange(0, 86_400, min_open=True), metavar="S", help="Listen S seconds."
)
@click.option("--strict", is_flag=True, help="What every node shows, and this one did not, counts as not kept.")
@click.option("--all", "every", is_flag=True, help="A line for every rule, also for those not seen yet.")
@session.connection_options
@session.json_option("the verdicts")
def lint_command(
    nodes: tuple[str, ...],
    ask: bool,
    seconds: float | None,
    strict: bool,
    every: bool,
    broker: str | None,
    base: str | None,
    as_json: bool,
) -> int:
    """Do these nodes keep the contract? Every rule is kept, broken, or not seen yet.

    Without NODE all that are heard are judged. Listens only, unless you say --ask.
    """
    from fleet_tools import lint_view

    chosen = settings.load(broker, base)
    if not as_json:
        who = " and ".join(nodes) or "all nodes"
        session.note(f"listening to {who}, {f'for {seconds:g}' if seconds else f'at most {LONGEST_S:g}'} s ...")
    began = time.monotonic()
    lint = Lint(nodes, ask, seconds)
    judge = session.run(chosen, lint.run)
    report = lint_view.Report(judge, lint.wanted, ask, strict, time.monotonic() - began)
    if as_json:
        session.print_json(report.document())
    else:
        lint_view.show(report, every)
    if not report.heard:
        return NOBODY_ANSWERED
    return OK if report.good else SOME_FAILED


class Lint:
    """One run. `nodes` are ids, or names that people read."""

    def __init__(self, nodes: tuple[str, ...], ask: bool, seconds: float | None) -> None:
        self.wanted = nodes
        self._ask = ask
        self._seconds = seconds
        self._here: dict[str, float] = {}  # since when a node could be asked
        self._asked: set[str] = set()
        self._again: set[str] = set()

    async def run(self, client: Client) -> Conformance:
        from fleet_client import Denied
        from fleet_tools.conformance import Conformance

        self.wanted = await self._ids(client)
        judge = Conformance(client.base, self.wanted)
        try:
            await self._listen(client, client.base + "/#", judge)  # also what is not of this version
        except Denied:
            from fleet_schema import topics

            await self._listen(client, topics.everything(client.base), judge)
        return judge

    async def _ids(self, client: Client) -> tuple[str, ...]:
        if not self.wanted:
            return ()
        fleet = await client.snapshot()
        ids = {
            str(info.meta["name"]).lower(): node for node, info in fleet.items() if info.meta and "name" in info.meta
        }
        return tuple(dict.fromkeys(one if one in fleet else ids.get(one.lower(), one) for one in self.wanted))

    async def _listen(self, client: Client, pattern: str, judge: Conformance) -> None:
        from fleet_client import monotonic_ms

        async with client.listen([pattern], judge.take):
            try:
                await self._until_enough(client, judge)
            except asyncio.CancelledError:  # Ctrl-C: it is enough, and what was seen is judged
                task = asyncio.current_task()
                assert task is not None
                task.uncancel()
            await self._look(client, pattern, judge)
        judge.finish(monotonic_ms())

    async def _until_enough(self, client: Client, judge: Conformance) -> None:
        end = time.monotonic() + (self._seconds or LONGEST_S)
        enough_from = time.monotonic() + SHORTEST_S
        while (left := end - time.monotonic()) > 0:
            await asyncio.sleep(min(0.1, left))
            if self._ask:
                await self._ask_all(client, judge)
            if self._seconds is None and time.monotonic() > enough_from and self._enough(judge):
                return

    def _subjects(self, judge: Conformance) -> Iterator[Subject]:
        for name, one in judge.subjects.items():
            if one.heard and (name in self.wanted if self.wanted else one.is_node):
                yield one

    def _enough(self, judge: Conformance) -> bool:
        from fleet_client import monotonic_ms

        found = list(self._subjects(judge))
        if not found or len(found) < len(self.wanted) or judge.pending(monotonic_ms()):
            return False
        return all(
            has_shown_enough(one) and (not self._ask or one.name in self._asked or not one.conduct.here)
            for one in found
        )

    async def _ask_all(self, client: Client, judge: Conformance) -> None:
        """Each once, as soon as it is heard and has said what it is (or sent readings without that)."""
        from fleet_client import monotonic_ms

        for one in list(self._subjects(judge)):
            ready = one.conduct.meta is not None or one.readings >= ENOUGH
            if not one.is_node or not one.conduct.here or not ready:
                continue
            if one.name in self._asked:
                if (
                    one.obedience.fell is not None
                    and one.name not in self._again
                    and one.conduct.settled(monotonic_ms())
                ):
                    self._again.add(one.name)
                    await ask(client, one.name, ORDERS[-1:])
            elif time.monotonic() - self._here.setdefault(one.name, time.monotonic()) > SETTLED_S:
                self._asked.add(one.name)
                await ask(client, one.name, ORDERS)

    async def _look(self, client: Client, pattern: str, judge: Conformance) -> None:
        """Subscribe again: the broker then sends all that it has retained."""
        from fleet_client import ClientError

        heard = 0

        def on_message(_: object) -> None:
            nonlocal heard
            heard += 1

        judge.look_begins()
        with contextlib.suppress(ClientError):  # the broker is away: then nothing is known of what it holds
            async with client.listen([pattern], on_message):
                began = time.monotonic()
                while not judge.is_whole() and time.monotonic() - began < (LOOK_BUSY_S if heard > BUSY else LOOK_S):
                    heard = 0  # what is retained waits behind what is said meanwhile
                    await asyncio.sleep(QUIET_S)
                await asyncio.sleep(QUIET_S)
            judge.look_ends()


def has_shown_enough(one: Subject) -> bool:
    if one.conduct.gone and one.verdicts.broken:
        return True  # no more will come
    meta = one.conduct.meta
    if meta is None:
        return one.heard >= ENOUGH_BARE
    return one.readings >= ENOUGH * max(1, len(meta.get("sensors", {})))


async def ask(client: Client, node: str, orders: tuple[Order, ...]) -> None:
    """Commands that change nothing at the node; conformance hears them, and their acks, like everybody."""
    from fleet_client import Denied, NotConnected
    from fleet_schema import payloads, topics

    token = "lint" + secrets.token_hex(3)
    for name, fields in orders:
        if isinstance(fields, bytes):
            payload = fields
        else:
            payload = payloads.encode("cmd", {**fields, "id": token + fields["id"]})
        try:
            await client.publish(topics.command_topic(client.base, node, name), payload, qos=1, expiry_s=10)
        except Denied as error:
            raise FleetError(f"{error}; --ask needs an account that may send commands, such as tools") from None
        except NotConnected:
            return  # the broker is away; what was asked counts for nothing

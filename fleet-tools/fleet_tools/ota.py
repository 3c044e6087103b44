"""`fleet ota`: a new program for nodes without a cable, in stages, and back to the old one where it does not work."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from fleet_schema import topics
from fleet_tools import session, settings
from fleet_tools.errors import ERROR, OK, SOME_FAILED, USAGE, FleetError
from fleet_tools.fetch import NODE
from fleet_tools.ota_image import Image
from fleet_tools.ota_job import Job, JobFolder, Row, stages

if TYPE_CHECKING:
    from fleet_client import Client, Message, NodeInfo

FIRST = (1, 4)  # the contract that knows updates
EXAMPLES = """\b
Examples:
  fleet ota start --to ada                  one node
  fleet ota start --to red --version 0.2.0  a group, and only if the program is that version
  fleet ota start --all --from ../node
  fleet ota status
  fleet ota abort
  fleet ota resume                          after this computer was off
\b
The dashboard must run: a node keeps a new program only when the host has stored something of it.
"""


@click.group("ota", epilog=EXAMPLES)
def ota_command() -> None:
    """Update nodes over the air."""


def carry_out_options(function: session.F) -> session.F:
    function = session.json_option("what became of each node")(function)
    function = session.connection_options(function)
    function = click.option("--for", "patience", type=click.FloatRange(1), metavar="S",
        help="End after so many seconds; nodes that were not there stay QUEUED.  [default: wait for them]",
    )(function)  # fmt: skip
    return click.option("--secrets", type=click.Path(path_type=Path, exists=True, dir_okay=False), metavar="FILE",
        help='{"node": "secret"} as JSON.  [default: those of the class]',
    )(function)  # fmt: skip


@ota_command.command("start")
@click.option("--to", "named", multiple=True, metavar="NODE|GROUP", help="To this node or group; may be repeated.")
@click.option("--all", "everybody", is_flag=True, help="To every node that the broker knows.")
@click.option("--from", "source", type=click.Path(path_type=Path, exists=True, file_okay=False), default=NODE,
    metavar="FOLDER", help="The node's program.  [default: the one that came with this tool]")  # fmt: skip
@click.option("--version", "wanted", metavar="X", help="Refuse to start if the program is another version.")
@click.option("--at-once", is_flag=True, help="All in one stage, not 1 node, then 10 %, then all.")
@click.option("--max-failures", default=1, show_default=True, type=click.IntRange(1), metavar="N",
    help="Stop when so many nodes failed.")  # fmt: skip
@click.option("--timeout", default=600.0, show_default=True, type=click.FloatRange(5), metavar="S",
    help="For each node, from its first word to its last.")  # fmt: skip
@carry_out_options
def start_command(
    named: tuple[str, ...],
    everybody: bool,
    source: Path,
    wanted: str | None,
    at_once: bool,
    max_failures: int,
    timeout: float,
    secrets: Path | None,
    patience: float | None,
    broker: str | None,
    base: str | None,
    as_json: bool,
) -> int:
    """Give nodes a new program, stage by stage."""
    if everybody == bool(named):
        raise FleetError("say to whom: --all, or --to with a node or a group", USAGE)
    image = Image.of_program(source)
    if wanted is not None and wanted != image.version:
        raise FleetError(f"{source} is version {image.version}, not {wanted}", USAGE)
    chosen = settings.load(broker, base)
    known = secrets_of(chosen.base, secrets)
    folder = job_folder(chosen.base)

    async def work(client: Client) -> Job:
        await _check_host(client)
        fleet = await client.snapshot()
        nodes = sorted(fleet) if everybody else resolve(named, fleet)
        online = {node for node, info in fleet.items() if info.state == "online"}
        number = max(time.time_ns() // 1_000_000, await _take_back(client, folder) + 1)
        job = Job(number, image.version, max_failures, timeout)
        job.rows = stages(nodes, online, at_once=at_once)
        for row in job.rows:
            refuse(row, fleet.get(row.node), known)
        folder.begin(job, image)
        session.note(f"version {image.version}, {len(image.files)} files, {-(-image.bytes // 1024)} KB")
        return await roll_out(client, folder, job, image, known, patience)

    with folder.locked() as ours:
        if not ours:
            raise FleetError("an update of this fleet is under way; fleet ota status shows it, fleet ota abort ends it")
        return show_end(session.run(chosen, work), as_json)


@ota_command.command("resume")
@carry_out_options
def resume_command(
    secrets: Path | None, patience: float | None, broker: str | None, base: str | None, as_json: bool
) -> int:
    """Go on with the last update, for the nodes that are not through."""
    chosen = settings.load(broker, base)
    folder = job_folder(chosen.base)
    known = secrets_of(chosen.base, secrets)

    async def work(client: Client) -> Job:
        await _check_host(client)
        return await roll_out(client, folder, folder.load(), folder.image(), known, patience)

    with folder.locked() as ours:
        if not ours:
            raise FleetError("this update is under way already; fleet ota status shows it")
        return show_end(session.run(chosen, work), as_json)


@ota_command.command("status")
@click.option("--base", metavar="NAME", help="First level of the topics.  [default: fleet]")
@session.json_option("the job")
def status_command(base: str | None, as_json: bool) -> int:
    """How far the last update is, node by node."""
    return show_end(job_folder(settings.load(None, base).base).load(), as_json)


@ota_command.command("abort")
@session.connection_options
@session.json_option("the job")
def abort_command(broker: str | None, base: str | None, as_json: bool) -> int:
    """End the last update. A node that tries its new program already finishes that."""
    chosen = settings.load(broker, base)
    folder = job_folder(chosen.base)
    folder.load()
    folder.ask_to_abort()
    with folder.locked() as ours:
        if ours:

            async def work(client: Client) -> Job:
                return await roll_out(client, folder, folder.load(), folder.image(), {}, None)

            return show_end(session.run(chosen, work), as_json, aborted=True)
    end = time.monotonic() + 10
    while not (job := folder.load()).done and time.monotonic() < end:
        time.sleep(0.1)
    return show_end(job, as_json, aborted=True)


async def _take_back(client: Client, folder: JobFolder) -> int:
    """What the job before still offers, nobody serves any more. Its number, 0 if there was none."""
    if not folder.exists:
        return 0
    before = folder.load()
    for row in before.rows:
        if row.open:
            await client.publish(topics.host_topic(client.base, "ota", row.node), b"", retain=True)
    return before.job


async def roll_out(
    client: Client, folder: JobFolder, job: Job, image: Image, known: Mapping[str, str], patience: float | None
) -> Job:
    from fleet_tools.ota_run import Rollout

    await Rollout(client, folder, job, image, known, _tell).run(time.time() + patience if patience else None)
    return job


def resolve(named: Sequence[str], fleet: Mapping[str, NodeInfo]) -> list[str]:
    """The nodes that are meant: an id comes before a group of the same name."""
    nodes: dict[str, None] = {}
    for name in named:
        group = name.removeprefix("_")
        members = [name] if name in fleet else [node for node, info in fleet.items() if group in info.groups]
        if not members:
            raise FleetError(f"there is no node and no group {name!r}; fleet ls shows who is there", USAGE)
        nodes.update(dict.fromkeys(members))
    return list(nodes)


def refuse(row: Row, info: NodeInfo | None, known: Mapping[str, str]) -> None:
    """What can be known before anything is sent."""
    schema = str(info.meta.get("schema", "")) if info and info.meta else ""
    if row.node not in known:
        row.end("REJECTED", "its secret is not known here, so nothing can be signed for it")
    elif schema and tuple(int(part) for part in schema.split(".")) < FIRST:
        row.end("REJECTED", f"its program (contract {schema}) knows no updates yet: fleet deploy, once")


def secrets_of(base: str, file: Path | None) -> dict[str, str]:
    """{node: secret}: what signs an offer."""
    if file is not None:
        try:
            found = json.loads(file.read_text())
        except (OSError, ValueError) as error:
            raise FleetError(f"{file} cannot be read: {error}", USAGE) from None
        if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
            raise FleetError(f'{file} is not {{"node": "secret"}}', USAGE)
        return found
    from fleet_tools.class_folder import ClassFolder

    return ClassFolder.open(base).secrets


def job_folder(base: str, env: Mapping[str, str] = os.environ) -> JobFolder:
    from fleet_tools.class_root import root

    return JobFolder(root(env).parent / "ota" / base)


async def _check_host(client: Client) -> None:
    """Without the dashboard every node would give its new program up."""
    import asyncio

    from fleet_schema import SchemaError, payloads

    states: list[str] = []
    heard = asyncio.Event()

    def note(message: Message) -> None:
        try:
            states.append(payloads.decode("host_status", message.payload)["state"])
        except SchemaError:
            return
        heard.set()

    async with client.listen([topics.host_topic(client.base, "status")], note):
        try:
            async with asyncio.timeout(2):
                await heard.wait()
        except TimeoutError:
            pass
    if states[-1:] != ["online"]:
        raise FleetError("no dashboard is online here, and nodes keep a new program only when it has heard them", ERROR)


def _tell(row: Row) -> None:
    session.note(_line(row))


def _line(row: Row) -> str:
    return f"{row.node:<20} {row.st:<12} {row.err}".rstrip()


def show_end(job: Job, as_json: bool, *, aborted: bool = False) -> int:
    """The whole job, and its exit code."""
    from dataclasses import asdict

    if as_json:
        session.print_json({**asdict(job), "done": job.done})
    else:
        click.echo(f"job {job.job}, version {job.version}" + (f": {job.over}" if job.over else ""))
        for row in job.rows:
            click.echo(_line(row))
    good = all(row.st == "SUCCEEDED" for row in job.rows)
    return OK if good or aborted else SOME_FAILED

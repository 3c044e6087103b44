"""`fleet class save` and `load`: a whole class in one file, and from there onto another computer.

Who belongs to it, secrets, accounts, certificates, the teacher's code, tokens, challenges, and all that was measured.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import click

from fleet_schema import topics
from fleet_tools import certificates, class_archive, class_root, session
from fleet_tools.accounts_vault import CLASS, DOCUMENT
from fleet_tools.class_folder import ROSTER, ClassFolder
from fleet_tools.class_start import refuse_if_running
from fleet_tools.dashboard_child import command_line
from fleet_tools.errors import OK, USAGE, FleetError

DATABASE = "fleet.db"


@click.command("save", epilog="\b\nExample:\n  fleet class save 3b 3b.class        also while it runs")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Also over a file that is there.")
def save_command(name: str, file: Path, force: bool) -> int:
    """The whole class in one FILE: accounts, secrets, certificates, and all that was measured.

    It may run meanwhile. `fleet class load` makes a class of the file again, here or on another computer.
    """
    folder = ClassFolder.open(name)
    if folder.in_docker:
        raise FleetError("a class in Docker is in its volumes: docs/operations.md says how they are saved")
    if file.exists() and not force:
        raise FleetError(f"{file} is there already: name another file, or say --force", USAGE)
    with folder.locked(), tempfile.TemporaryDirectory(prefix=".save-", dir=folder.folder) as beside:
        files = dict(what_belongs(folder))
        if (folder.data / DATABASE).exists():
            files[f"data/{DATABASE}"] = copy_of_database(folder, Path(beside) / DATABASE)
        class_archive.pack(file, name, files)
    click.echo(f"{file}: class {name}, {len(folder.nodes)} nodes, {file.stat().st_size / 1e6:.1f} MB")
    session.note("it holds the secrets of all nodes and the teacher's: who has it is the teacher")
    return OK


@click.command("load", epilog="\b\nExample:\n  fleet class load 3b.class\n  fleet class start 3b --lan")
@click.argument("file", type=click.Path(path_type=Path))
def load_command(file: Path) -> int:
    """The class in a FILE that `fleet class save` wrote; the sheets of its nodes stay valid.

    It is looked at before anything is changed, and a class of this name that is here is kept beside it.
    """
    if os.environ.get("FLEET_CLASS_FOLDER"):
        raise FleetError("the class in Docker is in its volumes: docs/operations.md says how they are restored")
    root = class_root.root()
    try:
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        staged = Path(tempfile.mkdtemp(prefix=".load-", dir=root))  # 0700
    except OSError as error:
        raise FleetError(f"{root} cannot be written ({error.strerror}); FLEET_CLASSES names another") from None
    try:
        name = class_archive.unpack(file, staged / ".files")
        if not topics.is_base(name):
            raise class_archive.ArchiveError(f"{file} is of a class {name!r}, which cannot be a name")
        (staged / ".files").rename(staged / name)
        if not (staged / name / ROSTER).exists():
            raise class_archive.ArchiveError(f"{file} lacks the roster of the class, {ROSTER}: save it again")
        told = made_ready(ClassFolder.open(name, {"FLEET_CLASSES": str(staged)}), file)
        kept = put_in_place(staged / name, root / name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
    for line in told:
        click.echo(line)
    if kept:
        click.echo(f"the class {name} that was here is kept as {kept}")
    session.note(
        f"next: {command_line()} class start {name} --lan. It says whether the sheets name this computer's address; "
        "do not start it on the old one as well"
    )
    return OK


def what_belongs(folder: ClassFolder) -> Iterator[tuple[str, Path]]:
    """(name in the archive, file) of all but the database, which is copied."""
    for path in sorted(folder.folder.rglob("*")):
        name = path.relative_to(folder.folder).as_posix()
        if path.is_file() and not path.is_symlink() and class_archive.is_ours(name) and name != f"data/{DATABASE}":
            yield name, path


def copy_of_database(folder: ClassFolder, target: Path) -> Path:
    """Consistent, also while the dashboard goes on storing."""
    command = [sys.executable, "-P", "-m", "fleet_dashboard.store_save", f"--data={folder.data}", "--", str(target)]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise FleetError(done.stderr.strip() or "the database cannot be copied")
    return target


def made_ready(folder: ClassFolder, file: Path) -> list[str]:
    """All of it is looked at, and the database becomes one; what a person is to know."""
    try:
        secret = json.loads((folder.credentials / CLASS / "nodes.json").read_text()) if folder.nodes else {}
        document = json.loads((folder.broker / DOCUMENT).read_text())
        known = {one["username"] for one in document["clients"]}
    except (OSError, ValueError, KeyError, TypeError):
        raise class_archive.ArchiveError(f"{file} lacks the accounts of the class: save it again") from None
    without = [one.id for one in folder.nodes if not one.revoked and (one.id not in secret or one.id not in known)]
    if without:
        raise class_archive.ArchiveError(f"{file} lacks the secret or the account of {', '.join(without[:5])}")
    if (folder.tls / "ca.pem").exists():
        certificates.ensure(folder.tls, folder.base)
    lines = [f"class {folder.base}: {len(folder.nodes)} nodes"]
    database = folder.data / DATABASE
    if database.exists():
        lines += restored(database)
    return lines


def restored(database: Path) -> list[str]:
    """Its database is checked by the dashboard's own program, which brings the results of rounds back as well."""
    with tempfile.TemporaryDirectory(dir=database.parent.parent) as beside:
        incoming = database.replace(Path(beside) / DATABASE)
        where = [f"--data={database.parent}", "--", str(incoming)]
        command = [sys.executable, "-P", "-m", "fleet_dashboard.restore", *where]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    if done.returncode:
        raise class_archive.ArchiveError(done.stderr.strip().removeprefix("fleet restore: "))
    return [line.partition(": ")[2] for line in done.stdout.splitlines()[:1]]


def put_in_place(staged: Path, target: Path) -> Path | None:
    """Where the class is kept that was there, if one was."""
    kept = None
    if target.exists():
        if (target / ROSTER).exists():
            refuse_if_running(ClassFolder.open(target.name))
        kept = target.with_name(f"{target.name}.{time.strftime('%Y%m%d-%H%M%S')}-{secrets.token_hex(2)}")
        target.rename(kept)
    try:
        staged.rename(target)
    except OSError:
        if kept:
            kept.rename(target)
        raise
    return kept

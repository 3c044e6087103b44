"""What a teacher needs to know when a class has started: addresses, the link, whether the sheets are right."""

from __future__ import annotations

import re
import shlex
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

from fleet_schema import topics
from fleet_tools import lan, teacher
from fleet_tools.class_accounts import may_come
from fleet_tools.class_broker import Listeners
from fleet_tools.class_folder import ClassFolder
from fleet_tools.dashboard_child import command_line

PRINTED = re.compile(r'<meta name="fleet-broker" content="([^"]*)"')  # of sheets.html


def story(folder: ClassFolder, listeners: Listeners, url: str, open_until: int) -> str:
    """`url` is the dashboard's on this computer, `open_until` UTC ms or 0."""
    base, fleet = folder.base, command_line()
    watch = shown(folder.credentials / "watch")
    lines = [
        f"class {base} runs: {len([one for one in folder.nodes if may_come(folder, one.id)])} nodes may join",
        f"  for you        {teacher.link(url, teacher.code_in(folder.data) or '')}",
        *for_the_class(folder, listeners, url),
        *(open_lesson(base, open_until, listeners.lan) if open_until else []),
        f"  who is there   {fleet} roll",
        f"  every message  XDG_CONFIG_HOME={watch} mosquitto_sub -v -t '{topics.everything(base)}'",
        "Ctrl-C here stops broker and dashboard.",
    ]
    return "\n".join(lines)


def open_lesson(base: str, until: int, in_lan: bool) -> Iterator[str]:
    end = time.strftime("%H:%M", time.localtime(until / 1000))
    whom = "whoever is in this network" if in_lan else "every program on this computer"
    yield f"  OPEN LESSON    until {end} nobody needs a password: {whom} may join"
    yield "                 as a node, but for those on the sheets, which keep their secrets."
    yield f"                 It ends by itself; {command_line()} class lock {base} ends it now."


def for_the_class(folder: ClassFolder, listeners: Listeners, url: str) -> Iterator[str]:
    """Where the class finds the dashboard, and whether the sheets say the same of the broker."""
    if not listeners.lan:
        yield "  for the class  nothing: only this computer gets in; with --lan others in its network do"
        return
    found, port = lan.addresses(), urlsplit(url).port
    if not found:
        yield "  for the class  nothing yet: this computer is in no network"
        return
    yield f"  for the class  http://{found[0]}:{port}"
    for other in found[1:]:
        yield f"                 http://{other}:{port} from another network"
    yield "  the sheets     " + about_the_sheets(folder, listeners, found)


def about_the_sheets(folder: ClassFolder, listeners: Listeners, found: list[str]) -> str:
    fleet, base = command_line(), folder.base
    printed = printed_address(folder.sheets)
    if printed is None:
        return f"are not made yet: {fleet} class sheets {base}"
    host, port = printed
    if port not in listeners.ports:
        return f"say port {port}, where no broker is now: start the class without port options"
    if host in found or is_name_of_ours(host, found):
        return f"say {host}, which is right"
    new = f"{fleet} class sheets {base} --at {found[0]}"
    return f"say {host}, which this computer is not called here. Print them again: {new}"


def printed_address(sheets: Path) -> tuple[str, int] | None:
    """Host and port of the broker as the sheets say them."""
    try:
        found = PRINTED.search(sheets.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return None
    host, _, port = (found[1] if found else "").rpartition(":")
    return (host, int(port)) if host and port.isdecimal() else None


def is_name_of_ours(host: str, found: list[str]) -> bool:
    try:
        return socket.gethostbyname(host) in found
    except OSError:
        return False


def shown(path: Path) -> str:
    """As a person writes it in a shell: quoted if need be, short if it can be."""
    try:
        return "~/" + shlex.quote(str(path.relative_to(Path.home())))
    except ValueError:
        return shlex.quote(str(path))

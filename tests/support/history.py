"""The history of a run, one JSON object a line: what nodes took, what the host told and stored, what was done to them.

Every record has `what` and `at` (seconds since the Epoch), and by `what`:

    taken     node, boot, seq, up, kind, name, then what was measured: v, or event_type and n
    told      node, boot, seq          the host said that everything below seq is settled
    kept      node, rows, more         the node said what it still has, and how many it had to drop (topic journal)
    kill      node, boot               the node was ended without a warning; boot is the one that it was in
    row       node, boot, seq, up, ts, kind, name, v or event_type and n: what the database holds in the end
    fault     name, on, until          something was done to a link or a process; for the reader
"""

import contextlib
import json
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from fleet_schema import payloads, topics
from support.probe import Seen

Record = dict[str, Any]


class History:
    """`history.add("fault", name="cut", on="ada")` from any thread; with a `path` every record is a line there too."""

    def __init__(self, path: Path | None = None) -> None:
        self._records: list[Record] = []
        self._lock = threading.Lock()
        self._file = path.open("a") if path is not None else None

    def add(self, what: str, at: float | None = None, **fields: Any) -> Record:
        record = {"what": what, "at": time.time() if at is None else at, **fields}
        with self._lock:
            self._records.append(record)
            if self._file is not None:
                self._file.write(json.dumps(record) + "\n")
                self._file.flush()
        return record

    def of(self, *whats: str) -> list[Record]:
        with self._lock:
            return [record for record in self._records if record["what"] in whats]

    @property
    def records(self) -> list[Record]:
        with self._lock:
            return list(self._records)

    def close(self) -> None:
        with self._lock:
            if self._file is not None:
                self._file.close()
                self._file = None

    def __enter__(self) -> "History":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def heard(self, seen: Seen) -> None:
        """Take a message of an observer, if it is one of those that a history needs."""
        levels = seen.topic.split("/")
        try:
            if levels[2] == topics.HOST and levels[3] == "stored" and not seen.retain:
                fields = payloads.decode("host_stored", seen.payload)
                self.add("told", node=levels[4], boot=fields["boot"], seq=fields["seq"])
            elif levels[3] == "journal":
                fields = payloads.decode("journal", seen.payload)
                self.add("kept", node=levels[2], rows=fields["kept"], more=fields.get("more", 0))
        except (ValueError, IndexError):  # of which SchemaError is one
            pass  # what is no such message is somebody else's test


def taken_from(node: str, path: Path) -> Iterator[Record]:
    """The readings that a node noted in its FLEET_HISTORY; a last line that a kill cut short was never sent."""
    if not path.exists():
        return
    for line in path.read_bytes().split(b"\n"):
        try:
            fields = json.loads(line)
        except ValueError:
            continue
        yield {"what": "taken", "node": node, **fields}


def last_boot(path: Path, since: int = 0) -> str | None:
    """The boot of the last whole line that begins at `since` or later; reads only the end of the file."""
    if not path.exists():
        return None
    with path.open("rb") as file:
        file.seek(max(since, path.stat().st_size - 4096))
        lines = file.read().split(b"\n")
    for line in reversed(lines):
        try:
            return str(json.loads(line)["boot"])
        except (ValueError, KeyError, TypeError):
            continue
    return None


def rows_of(path: Path) -> Iterator[Record]:
    """All readings and events of a database; it may be in use."""
    with contextlib.closing(sqlite3.connect(path, timeout=30)) as database:
        boots = "SELECT boot.id, node.name, boot.boot FROM boot JOIN node ON node.id = boot.node"
        boot_of = {number: (node, boot) for number, node, boot in database.execute(boots)}
        sensors = "SELECT sensor.id, sensor.name, sensor.fields FROM sensor"
        sensor_of = {number: (name, json.loads(fields)) for number, name, fields in database.execute(sensors)}
        for number, sensor, up, ts, *values in database.execute("SELECT * FROM sample"):
            node, boot = boot_of.get(number >> 32, ("?", "?"))
            name, fields = sensor_of.get(sensor, ("?", []))
            record = {"what": "row", "node": node, "boot": boot, "seq": number & 0xFFFFFFFF, "up": up, "ts": ts}
            yield {**record, "kind": "tele", "name": name, "v": dict(zip(fields, values, strict=False))}
        events = "SELECT id, input, type, n, up, ts FROM event"
        for number, name, kind, n, up, ts in database.execute(events):
            node, boot = boot_of.get(number >> 32, ("?", "?"))
            record = {"what": "row", "node": node, "boot": boot, "seq": number & 0xFFFFFFFF, "up": up, "ts": ts}
            yield {**record, "kind": "event", "name": name, "event_type": kind, "n": n}

"""Node-RED as people use it beside a fleet: MQTT in -> function -> SQLite, in two ways (the flows beside this file).

per-insert.json is the usual flow, an INSERT a message; batched.json collects 500 rows for one INSERT, which few do.
Both run on WAL with synchronous=NORMAL as the dashboard does, which is more than Node-RED does by itself.
"""

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from types import TracebackType

from support.broker import free_port

HERE = Path(__file__).parent
CACHE = HERE.parents[1] / ".bench" / "node-red"
RED = CACHE / "node_modules" / "node-red" / "red.js"
TABLE = "CREATE TABLE sample(node TEXT, sensor TEXT, boot TEXT, seq INTEGER, up INTEGER, temp REAL, hum REAL)"


def absent() -> str | None:
    """Install it where it is not yet; why it cannot be had, or None."""
    if shutil.which("npm") is None:
        return "no npm on PATH"
    package = (HERE / "package.json").read_text()
    stamp = CACHE / "installed"
    if stamp.exists() and stamp.read_text() == package:
        return None
    CACHE.mkdir(parents=True, exist_ok=True)
    (CACHE / "package.json").write_text(package)
    for command in (
        ["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts"],
        ["npm", "rebuild", "sqlite3", *headers()],
    ):
        done = subprocess.run(command, cwd=CACHE, capture_output=True, text=True, check=False)
        if done.returncode:
            said = done.stderr.strip().splitlines() or ["it did not say why"]
            return f"{' '.join(command)} failed: {said[-1]}"
    stamp.write_text(package)
    return None


def headers() -> list[str]:
    """Where its addon is compiled, because no ready one can be fetched: the headers of the Node.js that is here."""
    prefix = Path(shutil.which("node") or "/usr/bin/node").resolve().parents[1]
    return [f"--nodedir={prefix}"] if (prefix / "include" / "node").exists() else []


class NodeRed:
    """`with NodeRed(folder, port, qos, "batched") as flow:`; it is ready when the broker says that it subscribed."""

    def __init__(self, folder: Path, broker_port: int, qos: int, way: str) -> None:
        self._database = folder / "sample.db"
        with closing(sqlite3.connect(self._database)) as database:
            database.execute("PRAGMA journal_mode = WAL")
            database.execute(TABLE)
        self._log = folder / "log"
        settings = {"uiHost": "127.0.0.1", "uiPort": free_port(), "telemetry": {"enabled": False}}
        (folder / "settings.js").write_text(f"module.exports = {json.dumps(settings)};\n")
        shutil.copy(HERE / f"{way}.json", folder / "flows.json")
        # Node-RED finds its nodes in the folder it works in.
        (folder / "node_modules").symlink_to(CACHE / "node_modules")
        shutil.copy(HERE / "package.json", folder / "package.json")
        self._environment = {
            **os.environ,
            "BROKER_PORT": str(broker_port),
            "QOS": str(qos),
            "DATABASE": str(self._database),
        }
        self._command = ["node", str(RED), "-u", str(folder), "-s", str(folder / "settings.js"), "flows.json"]
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def output(self) -> str:
        return self._log.read_text(errors="replace")

    def rows(self) -> int:
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=10)) as database:
            return int(database.execute("SELECT count(*) FROM sample").fetchone()[0])

    def __enter__(self) -> "NodeRed":
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                self._command, env=self._environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait()

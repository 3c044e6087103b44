"""Runs in a container of the node image: nodes with the two program slots of a board, each in a folder of its own.

One JSON line on stdin names the nodes, each further one is an order; what happens to them are JSON lines on stdout.
A node whose chip was reset (exit code 75) starts again, and one whose power was cut (kill -9) a moment later. Cuts
are ordered in advance: ["bytes", 2000] is due when so much of the new program is on the flash, ["chosen"] when it is to
run next, ["trial"] when it has begun to run, ["kept"] when it is the one that counts. A node that is spoilt reaches the
broker through a proxy that changes each chunk of the manifest, or of the files, on its way.
"""

import asyncio
import contextlib
import json
import os
import re
import shutil
import sys
from pathlib import Path
from typing import Any

from fleet_tools import fetch, program

sys.path.insert(0, str(fetch.NODE))
import slot  # the node's own

RESET = 75
LOOK_S = 0.02
DARK_S = 0.3  # without power
CHUNK = re.compile(rb'"at":\[(\d+),(\d+)\],"b64":"(....)')


def tell(node: str, **what: Any) -> None:
    print(json.dumps({"node": node, **what}), flush=True)


class Node:
    """One of them; `about` is what the test said of it."""

    def __init__(self, name: str, number: int, about: dict[str, Any]) -> None:
        self.name = name
        self.folder = Path(about["place"]) / name
        self.power = asyncio.Event()
        self.spoil: str | None = about.get("spoil")
        self._heap: list[str] = ["-X", f"heapsize={about['heap']}"] if about.get("heap") else []
        self.cuts: list[list[Any]] = []
        self._config = about["config"]
        self._seed = str(number)
        self._process: asyncio.subprocess.Process | None = None

    def make(self) -> None:
        """What `fleet deploy` leaves on a board: the program in /a, chosen."""
        files = program.load(fetch.NODE, platform="linux", with_umqtt=True)
        for path, data in files.items():
            place = self.folder / "a" / path
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_bytes(data)
        for name in program.ROOT:
            shutil.copy(fetch.NODE / name, self.folder / name)
        choice = program.plan(files, {}, {}, (0, "")).choice
        assert choice is not None
        (self.folder / choice[0]).write_bytes(choice[1])
        self.set({})

    def set(self, more: dict[str, Any]) -> None:
        """Keys of its config.json, from its next start on."""
        self._config |= more
        (self.folder / "config.json").write_text(json.dumps(self._config))

    def fill(self, spare: int) -> None:
        """Leave only so many bytes free."""
        free = os.statvfs(self.folder).f_bavail * os.statvfs(self.folder).f_frsize
        (self.folder / "ballast").write_bytes(b"#" * (free - spare))

    async def proxied(self) -> None:
        """From now on it reaches the broker through us."""
        broker = self._config["broker"]
        host, port = broker["host"], broker["port"]

        async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, spoils: bool) -> None:
            try:
                while data := await reader.read(65536):
                    writer.write(CHUNK.sub(self._spoilt, data) if spoils else data)
                    await writer.drain()
            except OSError:
                pass
            writer.close()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            try:
                there, back = await asyncio.open_connection(host, port)
            except OSError:
                writer.close()
                return
            await asyncio.gather(pass_on(reader, back, False), pass_on(there, writer, True))

        self._server = await asyncio.start_server(serve, "127.0.0.1", 0)
        at = self._server.sockets[0].getsockname()
        self.set({"broker": {**broker, "host": at[0], "port": at[1]}})

    def _spoilt(self, found: "re.Match[bytes]") -> bytes:
        if self.spoil != ("manifest" if found[1] == b"0" else "files"):
            return found[0]
        return found[0][:-4] + (b"AAAA" if found[3] != b"AAAA" else b"BBBB")

    def off(self) -> None:
        self.power.clear()
        if self._process and self._process.returncode is None:
            self._process.kill()

    async def live(self) -> None:
        env = {"PATH": os.environ["PATH"], "FLEET_LIFE": "0", "FLEET_SEED": self._seed}
        env["MICROPYPATH"] = f"{fetch.NODE}/sim:.frozen"
        while True:
            await self.power.wait()
            trial = slot.on_trial(f"{self.folder}/")
            self._process = await asyncio.create_subprocess_exec(
                "micropython", *self._heap, str(self.folder / "main.py"), env=env, cwd="/tmp",
                stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
            )  # fmt: skip
            async with asyncio.TaskGroup() as group:
                cutter = group.create_task(self._cut(trial))
                code = await self._listen(self._process)
                cutter.cancel()
            tell(self.name, ended=code)
            if code != RESET:
                await asyncio.sleep(DARK_S)

    async def _listen(self, process: asyncio.subprocess.Process) -> int:
        assert process.stdout is not None
        while line := await process.stdout.readline():
            tell(self.name, said=line.decode(errors="replace").rstrip())
        return await process.wait()

    async def _cut(self, trial: bool) -> None:
        while True:
            if self.cuts and self._is_due(self.cuts[0][0], self.cuts[0][1:], trial):
                cut = self.cuts.pop(0)
                tell(self.name, cut=cut, there=self._there())
                assert self._process is not None
                if self._process.returncode is None:
                    self._process.kill()
                return
            await asyncio.sleep(LOOK_S)

    def _is_due(self, what: str, more: list[int], trial: bool) -> bool:
        if what == "bytes":
            return self._there() >= more[0]
        choice = slot.read(f"{self.folder}/")[1]
        if what == "kept":
            return bool(choice == {"run": "b"})
        return choice["run"] == "b" and (what == "chosen" or trial)

    def _there(self) -> int:
        """Bytes of the new program on the flash."""
        found = 0
        for path in (self.folder / "b").rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                found += path.stat().st_size if path.is_file() else 0
        return found


async def main() -> None:
    reader = asyncio.StreamReader(limit=1 << 20)
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    about: dict[str, Any] = json.loads(await reader.readline())
    nodes = {name: Node(name, number, what) for number, (name, what) in enumerate(about.items(), 1)}
    async with asyncio.TaskGroup() as group:
        for name, node in nodes.items():
            node.make()
            if "spare" in about[name]:
                node.fill(about[name]["spare"])
            if node.spoil:
                await node.proxied()
            node.power.set()
            group.create_task(node.live())
        while line := await reader.readline():
            order = json.loads(line)
            node = nodes[order["node"]]
            if order["do"] == "on":
                node.power.set()
            elif order["do"] == "off":
                node.off()
            elif order["do"] == "set":
                node.set(order["config"])
            elif order["do"] == "cut":
                node.cuts += order["cuts"]
            elif order["do"] == "repair":
                node.spoil = None
                (node.folder / "ballast").unlink(missing_ok=True)
        os._exit(0)  # the test is over; the container takes the nodes with it


if __name__ == "__main__":
    asyncio.run(main())

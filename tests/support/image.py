"""The broker of the Docker image, as broker/ makes it, with accounts of the tests' choice."""

import io
import json
import subprocess
import tarfile
import time
import uuid
from pathlib import Path
from types import TracebackType

from support import raw, tiers
from support.broker import free_port

BROKER_UID = 1883
HARDENED = ("--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges:true")
STATE = "/var/lib/mosquitto"


def docker(*arguments: str, within: float = 120, data: bytes | None = None) -> str:
    """Standard output; a failure that shows what it said if it fails."""
    done = subprocess.run(["docker", *arguments], input=data, capture_output=True, timeout=within, check=False)
    said = done.stderr.decode(errors="replace")[-4000:]
    assert done.returncode == 0, f"docker {' '.join(arguments[:3])} ended with {done.returncode}:\n{said}"
    return done.stdout.decode(errors="replace")


class ImageBroker:
    """`with ImageBroker(document) as broker:` runs as compose.yaml runs it; it can be killed and started again."""

    def __init__(self, document: Path) -> None:
        self._document = document
        self._name = f"fleet-faults-{uuid.uuid4().hex[:8]}"
        self.port = free_port()

    @property
    def version(self) -> str:
        return docker("exec", self._name, "dpkg-query", "-W", "-f", "${Version}", "mosquitto").split("-")[0]

    @property
    def log(self) -> str:
        done = subprocess.run(["docker", "logs", self._name], capture_output=True, text=True, timeout=30, check=False)
        return done.stdout + done.stderr

    @property
    def pid(self) -> int:
        return int(json.loads(docker("inspect", self._name))[0]["State"]["Pid"])

    def start(self) -> None:
        docker("start", self._name)
        self._wait_until_it_answers()

    def stop(self) -> None:
        docker("stop", "--time", "10", self._name)

    def kill(self) -> None:
        """As a power cut would: nothing is saved."""
        docker("kill", "--signal", "KILL", self._name)

    def _wait_until_it_answers(self, within: float = 60) -> None:
        """Docker's own port listens before the broker does, so a listening port is no sign."""
        deadline = time.monotonic() + within
        while True:
            try:
                with raw.open_socket(self.port) as sock:
                    sock.sendall(raw.connect("nobody", "nobody", "x"))
                    if sock.recv(1):
                        return
            except OSError:
                pass
            assert time.monotonic() < deadline, f"the broker in the image does not answer:\n{self.log[-4000:]}"
            time.sleep(0.05)

    def __enter__(self) -> "ImageBroker":
        image = docker("build", "--quiet", str(tiers.ROOT / "broker"), within=600).strip()
        publish = f"127.0.0.1:{self.port}:1883"
        docker("create", "--name", self._name, *HARDENED, "--volume", STATE, "--publish", publish, image)
        try:
            docker("cp", "-", f"{self._name}:{STATE}", data=self._files())
            self.start()
        except BaseException:
            self._remove()
            raise
        return self

    def _files(self) -> bytes:
        """The document as a tar, which keeps the owner: the broker reads it, and writes it when an account changes."""
        packed = io.BytesIO()
        data = self._document.read_bytes()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            for name, kind, mode in (("./", tarfile.DIRTYPE, 0o700), (self._document.name, tarfile.REGTYPE, 0o600)):
                entry = tarfile.TarInfo(name)
                entry.type, entry.mode, entry.uid, entry.gid = kind, mode, BROKER_UID, BROKER_UID
                entry.size = len(data) if kind == tarfile.REGTYPE else 0
                tar.addfile(entry, io.BytesIO(data) if entry.size else None)
        return packed.getvalue()

    def _remove(self) -> None:
        subprocess.run(["docker", "rm", "--force", "--volumes", self._name], capture_output=True, check=False)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is not None:
            print("--- the broker of the image ---\n" + "\n".join(self.log.splitlines()[-40:]))
        self._remove()

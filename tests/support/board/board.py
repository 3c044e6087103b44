"""`with VirtualBoard() as board:` is a board at `board.port`: mpremote connect {port} fs ls"""

import contextlib
import json
import os
import pty
import re
import secrets
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time
import tty
from pathlib import Path
from types import TracebackType

from support import tiers
from support.board import isolation, rom

RESET_EXIT = 75  # of a process whose chip was reset: node/sim/machine
BLOCK = 4096
START_S = 20.0
RAW = b"raw REPL; CTRL-B to exit\r\n>"
FRIENDLY = b"\r\n>>> "
BANNER = re.compile(rb"MicroPython [^\r\n]*\r?\n(?:[^\r\n]*\r?\n)*>>> $")
PROMPT = b">>> "
INTERRUPTED_S = 3.0  # a program that goes on all the same gets what was typed after so long
PROOF = re.compile(rb"\x06([0-9a-f]{32})([^\x06]*)\x06\r?\n")


class VirtualBoard:
    """`port` is what mpremote connects to. One thread owns the process and both ptys; it ends with the board.

    `heap` and `blocks` (of 4 KiB of flash) are its memory. `power_off` is a plug that is pulled.
    """

    def __init__(self, *, heap: str = "2m", blocks: int = 256) -> None:
        self.id = secrets.token_hex(6)
        self.output = bytearray()  # all that the board ever said
        self.starts = 0
        self.failure: str | None = None
        self._heap = heap
        self._blocks = blocks
        self._folder = tempfile.TemporaryDirectory(prefix="fleet-board-")
        self.folder = Path(self._folder.name)
        self._dev = tempfile.TemporaryDirectory(prefix="fleet-tty-")
        self._plugged = 0  # times
        self._lock = threading.Condition()
        self._off = False
        self._reset = False
        self._alive = False
        self._closing = False
        self._cut = -1
        self.port = ""
        self._client = self._slave = -1
        self._pid = 0  # of its MicroPython
        self._plug()
        self._process: subprocess.Popen[bytes] | None = None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> "VirtualBoard":
        why = isolation.missing()
        assert why is None, why
        self.folder.chmod(0o777 if os.geteuid() == 0 else 0o700)
        (self.folder / "flash.img").write_bytes(b"\xff" * BLOCK * self._blocks)
        (self.folder / "romfs.img").write_bytes(b"\xff" * BLOCK * 8)
        (self.folder / "rom.img").write_bytes(rom.image(tiers.NODE / "sim"))
        shutil.copy(Path(__file__).with_name("firmware.py"), self.folder)
        for file in self.folder.iterdir():
            file.chmod(0o666)
        self._thread = threading.Thread(target=self._live, name=f"board {self.port}", daemon=True)
        self._thread.start()
        try:
            self.wait_for_start(1)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        with self._lock:
            self._closing = True
            self._kill()
            self._lock.notify_all()
        if self._thread:
            self._thread.join(10)
        self._unplug()
        self._folder.cleanup()
        self._dev.cleanup()

    def wait_for_start(self, number: int) -> None:
        """Until the board has started so often and proven its isolation; NotIsolated if it could not."""
        deadline = time.monotonic() + START_S
        with self._lock:
            while self.starts < number and not self.failure:
                left = deadline - time.monotonic()
                assert left > 0, f"start {number} did not come; the board said {bytes(self.output[-2000:])!r}"
                self._lock.wait(left)
        if self.failure:
            raise isolation.NotIsolated(self.failure)

    def expect(self, text: bytes, within_s: float = 30.0) -> None:
        """Until the board has said `text`."""
        deadline = time.monotonic() + within_s
        while text not in self.output:
            assert time.monotonic() < deadline, f"{text!r} did not come; the board said {bytes(self.output[-2000:])!r}"
            time.sleep(0.02)

    def power_off(self) -> None:
        """Pull the plug, now; returns when nothing runs any more."""
        with self._lock:
            self._off = True
            self._kill()
            assert self._lock.wait_for(lambda: not self._alive, 10), "the board did not die"

    def power_on(self, *, cut_after: int = -1) -> None:
        """Power again; with `cut_after` until so many flash writes after a start (a soft reset is one too), and the
        next one is torn in the middle."""
        with self._lock:
            number = self.starts + 1
            self._cut = cut_after
            for counter in self.folder.glob("writes.*"):
                counter.unlink()
            self._off = False
            self._lock.notify_all()
        self.wait_for_start(number)

    @property
    def is_off(self) -> bool:
        return self._off

    @property
    def writes(self) -> int:
        """Of the flash, the most in one life since the last `power_on` with `cut_after`."""
        return max(int(counter.read_text() or 0) for counter in self.folder.glob("writes.*"))

    def press_reset(self) -> None:
        """As the button does: the chip starts again, at the same port."""
        with self._lock:
            number = self.starts + 1
            self._reset = True
            self._kill()
        self.wait_for_start(number)

    def freeze(self) -> None:
        """It says nothing any more and takes nothing, as with its reset button held; `power_off` ends that too."""
        os.kill(self._pid, signal.SIGSTOP)

    def _plug(self) -> None:
        """A new pty, as a USB port that comes back may have another name.

        The name is ours: the system gives the one of a pty that is gone to the next, which may be another board's, and
        whoever tries the old port again must not meet that one.
        """
        self._client, self._slave = pty.openpty()
        tty.setraw(self._slave)  # held open too, or the pty would hang up whenever mpremote ends
        os.set_blocking(self._client, False)
        self._plugged += 1
        name = Path(self._dev.name, f"tty{self._plugged}")
        name.symlink_to(os.ttyname(self._slave))
        self.port = str(name)

    def _unplug(self) -> None:
        """Without power there is no port: whoever has it open is told at once."""
        for fd in (self._client, self._slave):
            if fd >= 0:
                os.close(fd)
        if self.port:
            Path(self.port).unlink()
        self.port, self._client, self._slave = "", -1, -1

    # -- the thread ---------------------------------------------------------------------------------------------

    def _live(self) -> None:
        raw = False
        while True:
            with self._lock:
                while self._off and not self._closing:
                    self._lock.wait()
                if self._closing or self.failure:
                    return
                if not self.port:
                    self._plug()
                self._alive = True
            code, raw = self._one_life(raw)
            with self._lock:
                self._alive = False
                pressed, self._reset = self._reset, False
                if code in (-signal.SIGKILL, 128 + signal.SIGKILL) and not pressed:
                    self._off = True
                    self._unplug()
                self._lock.notify_all()
            if self._off or pressed or code == RESET_EXIT:
                raw = False
            else:
                self._say(b"MPY: soft reboot\r\n")

    def _one_life(self, raw: bool) -> tuple[int, bool]:
        """From power-on to the end of the process: (its exit code, was it in the raw REPL?)."""
        nonce = secrets.token_hex(16)
        told = {"nonce": nonce, "raw": raw, "blocks": self._blocks, "cut": self._cut, "id": self.id}
        told["life"] = self.starts + 1
        (self.folder / "board.json").write_text(json.dumps(told))
        master, slave = pty.openpty()
        tty.setraw(slave)
        info_read, info_write = os.pipe()
        micropython = tiers.micropython()
        assert micropython is not None
        inner = [micropython, "-X", f"heapsize={self._heap}", f"{isolation.FLASH}/firmware.py"]
        with self._lock:
            if self._closing or self._off:
                return -signal.SIGKILL, False
            self._process = subprocess.Popen(
                isolation.command(self.folder, info_write, inner),
                stdin=slave,
                stdout=slave,
                stderr=slave,
                pass_fds=(info_write,),
                # With SIGINT ignored, the Python that hosts the Unix port leaves that signal to MicroPython.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_IGN),
                start_new_session=True,
            )
        os.close(slave)
        os.close(info_write)
        before = self.starts
        try:
            raw = self._pump(self._process, master, info_read, nonce, raw)
            code = self._process.wait()
            with self._lock:
                if self.starts == before and not (self.failure or self._closing or self._off):
                    self.failure = f"it ended ({code}) before it had proven anything"
                    self._lock.notify_all()
            return code, raw
        finally:
            os.close(master)
            os.close(info_read)

    def _pump(self, process: subprocess.Popen[bytes], master: int, info: int, nonce: str, raw: bool) -> bool:
        """Bytes to and fro until the process ends, but none before the proof. Is the board in the raw REPL then?"""
        pid = 0
        held = b""  # said before the proof, and before the raw REPL that a soft reset there leads back to
        prompted = not raw
        # What is typed before the REPL begins waits for it, but for a Ctrl-C.
        waiting: bytes | None = None if raw else b""
        until = time.monotonic() + INTERRUPTED_S
        interrupted = False
        said = b""  # its last words in this life
        while True:
            tick = 0.5 if waiting is None else 0.05
            ready, _, _ = select.select([master, self._client] if prompted and pid else [master], [], [], tick)
            if master in ready:
                data = _read(master)
                if not data:
                    return raw or interrupted
                held += data
                if not pid:
                    found = PROOF.search(held)
                    if found is None:
                        continue
                    pid = self._pid = self._prove(info, nonce, found)
                    if not pid:
                        return raw
                    held = held[found.end() :]
                    with self._lock:
                        self.starts += 1
                        self._lock.notify_all()
                if not prompted:
                    if not BANNER.search(held):
                        continue
                    held = BANNER.sub(b"", held)
                    os.write(master, b"\x01")
                    prompted = True
                raw = _mode(bytes(self.output[-64:]) + held, raw)
                self._say(held)
                said = (said + held)[-64:]
                held = b""
            elif process.poll() is not None:
                return raw or interrupted
            if self._client in ready:
                data = os.read(self._client, 4096)
                running = _catches_interrupts(pid)
                # A Ctrl-C in the middle of a collection can end the Unix port, which no chip does. Then it comes back
                # without its program, as whoever interrupted it expects.
                interrupted = interrupted or (running and not raw and b"\x03" in data)
                if waiting is None:
                    waiting = self._type(master, pid, data, hold=not raw)
                    until = time.monotonic() + INTERRUPTED_S
                else:
                    waiting = self._type(master, pid, data, waiting) if running else waiting + data
            if waiting is not None and (said.endswith(PROMPT) or time.monotonic() > until):
                interrupted = False
                waiting = self._type(master, pid, waiting, hold=not raw)
                until = time.monotonic() + INTERRUPTED_S

    def _type(self, master: int, pid: int, data: bytes, held: bytes | None = None, hold: bool = True) -> bytes | None:
        """What a client sends. Ctrl-C interrupts a program that runs; a program that reads gets it as a byte.

        With `hold`, what comes behind the Ctrl-C is given back, to be typed at the prompt: the Unix port throws away
        what was typed when its REPL begins, which no chip does. So is all that comes when something is `held` already.
        None if nothing is to be held.
        """
        for part in re.split(rb"(\x03)", data):
            if part == b"\x03" and _catches_interrupts(pid):
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGINT)
                if held is None and hold:
                    held = b""
            elif held is not None:
                held += part
            elif part:
                with contextlib.suppress(OSError):
                    os.write(master, part)
        return held

    def _prove(self, info: int, nonce: str, found: "re.Match[bytes]") -> int:
        """The pid of the board's MicroPython, or 0 after it was killed."""
        try:
            if found[1].decode() != nonce:
                raise isolation.NotIsolated("the board does not know the word of this start")
            if not select.select([info], [], [], 5)[0]:
                raise isolation.NotIsolated("it does not run in a sandbox")
            first = json.loads(os.read(info, 4096))["child-pid"]
            pid = _last_child(first)
            isolation.prove(pid, self.folder)
        except (AssertionError, OSError, ValueError, KeyError) as error:
            cut = self._cut >= 0 and self._ended_by_itself()
            self._kill()
            with self._lock:
                if cut:  # at its first writes, while we looked: it got no byte, and nothing of it runs
                    self.starts += 1
                else:
                    self.failure = str(error) or type(error).__name__
                self._lock.notify_all()
            return 0
        return pid

    def _ended_by_itself(self) -> bool:
        """In a moment, if at all: its sandbox is there a little longer than the MicroPython in it."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            return self._process.wait(2) in (-signal.SIGKILL, 128 + signal.SIGKILL)
        return False

    def _kill(self) -> None:
        process = self._process
        if process is not None and process.poll() is None:
            process.kill()  # bwrap: with it everything in its sandbox dies

    def _say(self, data: bytes) -> None:
        self.output += data
        with contextlib.suppress(BlockingIOError):  # nobody reads
            os.write(self._client, data)


def _read(fd: int) -> bytes:
    """b"" when the other side of the pty is gone."""
    try:
        return os.read(fd, 4096)
    except OSError:
        return b""


def _mode(text: bytes, raw: bool) -> bool:
    last_raw, last_friendly = text.rfind(RAW), text.rfind(FRIENDLY)
    if last_raw < 0 and last_friendly < 0:
        return raw
    return last_raw > last_friendly


def _last_child(pid: int) -> int:
    """The process that has no children below `pid`: the reaper of the sandbox comes first."""
    while children := Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        pid = int(children[0])
    return pid


def _catches_interrupts(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False
    found = re.search(r"SigCgt:\s*([0-9a-f]+)", status)
    return found is not None and bool(int(found[1], 16) >> (signal.SIGINT - 1) & 1)

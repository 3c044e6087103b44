"""A server that takes JSON by HTTP: `fleet workshop receiver`, and what stands beside a lesson's program in its check.

beside = ["receiver"]   # config.json has its `host` and `port`; for this computer the check writes a free port there
[run.receiver]
away = "server away, {n} readings wait{*}"      # it does not listen until such a line has come twice with this number;
most = 10                                       # with a higher one it is never passed
refuses = 1                                     # so many are then answered with status 503, and must come again
json = {n = "{1..1000}", temp = "{18..26}"}     # each request is like this,
rising = "n"                                    # each time with a higher number, and the first is as the first refused
count = 12                                      # until so many have come
"""

from __future__ import annotations

import errno
import json
import time
from collections.abc import Callable, Iterator
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import TCPServer
from types import TracebackType
from typing import Any, Self

from fleet_tools import workshop_expect as expect
from fleet_tools.errors import FleetError
from fleet_tools.workshop_run import POLL_S, Program, Trouble

PORT = 8001
LOOPBACK = "127.0.0.1"
EVERYWHERE = "0.0.0.0"
MOST_BYTES = 4096  # of one request
SILENT_S = 5.0  # so long the rest of a request is waited for
WAIT_S = 20.0  # for all that a check wants, on this computer
BOARD_S = 60.0


class Receiver(ThreadingHTTPServer):
    """Takes POSTs of JSON: `take(who, path, JSON)` says with which status it is answered, `problem(who, sentence)`
    hears of every other request. Both are called in the thread of the request."""

    daemon_threads = True
    request_queue_size = 50  # a class

    def __init__(
        self, host: str, port: int, take: Callable[[str, str, Any], int], problem: Callable[[str, str], None]
    ) -> None:
        """Bound, but not listening; OSError if that address cannot be had."""
        self.take = take
        self.problem = problem
        super().__init__((host, port), _Handler, bind_and_activate=False)
        try:
            self.server_bind()
        except BaseException:
            self.server_close()
            raise

    def server_bind(self) -> None:
        """Without asking a name server who we are: there may be none."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = self.server_address[:2]  # type: ignore[assignment]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that is gone before it has its answer is no error of ours."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver
    timeout = SILENT_S

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > MOST_BYTES:
            return self._refuse(411, f"Content-Length is missing, or not a number up to {MOST_BYTES}")
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            return self._refuse(400, f"Content-Length says {length} bytes, and only {len(body)} came")
        try:
            came = json.loads(body)
        except ValueError:
            return self._refuse(400, f"this is no JSON: {body[:80]!r} (as long as Content-Length says: {length} bytes)")
        status = self.server.take(self.client_address[0], self.path, came)
        self._answer(status, "thanks" if status == 200 else "not now, please try again")

    def do_GET(self) -> None:
        self._refuse(405, "this takes POST only")

    def _refuse(self, status: int, why: str) -> None:
        self.server.problem(self.client_address[0], f"{self.command} {self.path}: status {status}, {why}")
        self._answer(status, why)

    def _answer(self, status: int, text: str) -> None:
        data = (text + "\n").encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Said by `take` and `problem`."""

    def log_error(self, format: str, *args: Any) -> None:
        self.server.problem(self.client_address[0], "no HTTP request that ends with an empty line: " + format % args)


def serve(port: int, lan: bool, say: Callable[[str], None]) -> None:
    """Until Ctrl-C: a line for each request."""
    from fleet_tools.lan import addresses

    def tell(who: str, text: str) -> None:
        shown = text.encode("ascii", "backslashreplace").decode()  # a terminal obeys what is not text
        say(f"{datetime.now():%H:%M:%S}  {who}  {shown if shown.isprintable() else repr(shown)}")

    def take(who: str, path: str, came: Any) -> int:
        tell(who, f"{path}  {json.dumps(came)}")
        return 200

    try:
        server = Receiver(EVERYWHERE if lan else LOOPBACK, port, take, tell)
    except OSError as error:
        raise FleetError(f"port {port} cannot be had ({error.strerror}): --port takes another one") from None
    with server:
        server.server_activate()
        hosts = (addresses() or [LOOPBACK]) if lan else [LOOPBACK]
        say(
            " or ".join(f"http://{host}:{server.server_port}" for host in hosts)
            + " takes JSON by POST; Ctrl-C stops it"
        )
        if not lan:
            say("only programs on this computer can reach it; --lan lets boards in, and all others in this network")
        try:
            server.serve_forever(POLL_S * 5)
        except KeyboardInterrupt:
            say("stopped")


class Beside:
    """See workshop_run.Beside."""

    def __init__(self, port: str | None, patience: float) -> None:
        self._patience_s = (BOARD_S if port else WAIT_S) * patience
        self._server: Receiver | None = None
        self._address = (LOOPBACK, 0)
        self._taken: list[Any] = []
        self._refused: list[Any] = []
        self._problems: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._server is not None:
            self._server.server_close()

    def prepare(self, place: Path, declared: dict[str, Any]) -> None:
        file = place / "config.json"
        try:
            told = json.loads(file.read_text())
            host, port = str(told["host"]), int(told["port"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            hint = "Look for a missing comma or quotation mark; fleet workshop start --again lays it anew."
            raise Trouble("a config.json with host and port of the server", str(error), hint) from None
        if host in (LOOPBACK, "localhost"):
            self._server = self._bound(LOOPBACK, 0)
            file.write_text(json.dumps(told | {"port": self._server.server_port}))
        else:  # a real board: it reaches us under the address that it was told
            self._server = self._bound(host, port)
        self._server.timeout = POLL_S

    def _bound(self, host: str, port: int) -> Receiver:
        try:
            return Receiver(host, port, self._take, lambda who, text: self._problems.append(text))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                raise FleetError(f"port {port} is taken: stop your receiver, for the check has its own") from None
            raise FleetError(
                f"{host}:{port} of config.json is not an address of this computer ({error.strerror}), and the check "
                "takes what is sent there: `fleet workshop receiver --lan` says which ones it has"
            ) from None

    def _take(self, who: str, path: str, came: Any) -> int:
        if len(self._refused) < self._refuses:
            self._refused.append(came)
            return 503
        self._taken.append(came)
        return 200

    def before(self, run: dict[str, Any]) -> None:
        self._refuses = run.get("receiver", {}).get("refuses", 0)

    def during(self, run: dict[str, Any], program: Program) -> Iterator[str]:
        wanted = run.get("receiver")
        if wanted is None or self._server is None:
            return
        deadline = time.monotonic() + self._patience_s
        if "away" in wanted:
            self._stay_away(wanted, program, deadline)
            yield f"waits while the server is away, with {wanted['most']} at most"
        self._server.server_activate()
        while len(self._taken) < wanted["count"]:
            over = not program.running or time.monotonic() > deadline  # asked first: what it sends last is then here
            self._server.handle_request()
            self._look(wanted)
            if over:
                error = f"; the program said `{program.error}`" if program.error else ""
                raise Trouble(f"{wanted['count']} requests, one after the other", f"{len(self._taken)} came{error}")
        yield f"sends {wanted['count']} readings to the server"
        if self._refused:
            yield "sends again what the server did not take"

    def _stay_away(self, wanted: dict[str, Any], program: Program, deadline: float) -> None:
        line, most = wanted["away"], wanted["most"]
        full = expect.Text(line.replace("{n}", str(most)))
        more = expect.Text(line.replace("{n}", f"{{{most + 1}..1000000}}"))
        while True:
            over = not program.running or program.error or time.monotonic() > deadline
            came = program.lines
            if too_much := next((one for one in came if more.fits(one)), None):
                raise Trouble(f"that not more than {most} wait while there is no server", f"`{too_much}`")
            if sum(full.fits(one) for one in came) >= 2:
                return
            if over:
                said = [f"`{one}`" for one in ([program.error] if program.error else came[-3:])]
                line = f"while there is no server, in the end twice the line `{full.shown}`"
                raise Trouble(line, ", ".join(said) or "nothing at all")
            time.sleep(POLL_S)

    def _look(self, wanted: dict[str, Any]) -> None:
        if self._problems:
            raise Trouble("a request that the server understands", self._problems[0])
        like = expect.HOLE.sub(expect.said, json.dumps(wanted["json"]))
        every = [*self._refused, *self._taken]
        for one in every:
            if wrong := expect.value(wanted["json"], one):
                raise Trouble(f"JSON like `{like}`", wrong)
        if self._refused and self._taken and self._taken[0] != self._refused[0]:
            what = f"the same again, after the server has answered {expect.show(self._refused[0])} with status 503"
            raise Trouble(what, expect.show(self._taken[0]))
        key = wanted["rising"]
        for one, after in zip(self._taken, self._taken[1:], strict=False):
            if after[key] <= one[key]:
                raise Trouble(
                    f"each reading once, in order: `{key}` is higher each time", f"{one[key]}, then {after[key]}"
                )

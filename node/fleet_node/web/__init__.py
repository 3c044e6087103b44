"""The node's own page, an optional part ("web" in config.json): a few browsers look at it, and perhaps command it.

Owns the connections. Each has a deadline; run() cuts who is late, so that nobody holds a place by being slow. What
comes over them is checked in request.py, what is shown is in live.py. Nothing here raises for what the network sends.
"""

import asyncio
import json
import os
import time

from fleet_node.web import request
from fleet_node.web.live import Live

CONNECTIONS = 6  # at once: a board has few sockets, and the link to the broker needs one
VIEWERS = 4  # of these; the others are for pages that are being loaded
ASK_MS = 5000  # for a whole request
ANSWER_MS = 15000  # for taking a file
TAKE_MS = 5000  # for a viewer to take what is new
LOOK_MS = 500
AGAIN_MS = 5000
PIECE = 512  # bytes of a file in memory

FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css"),
    "/page.js": ("page.js", "text/javascript"),
}
HEAD = (
    "HTTP/1.1 %s\r\nContent-Type: %s\r\nConnection: close\r\nCache-Control: no-store\r\n"
    "X-Content-Type-Options: nosniff\r\nReferrer-Policy: no-referrer\r\nCross-Origin-Resource-Policy: same-origin\r\n"
    "Content-Security-Policy: default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'\r\n%s\r\n"
)
NO_COMMANDS = 'this page only shows: "web_commands": true in config.json lets it command'


class Connection:
    def __init__(self, stream):
        self.stream = stream
        self.task = asyncio.current_task()
        self.has_asked = False
        self.give(ASK_MS)

    def give(self, ms):
        """So long it has, from now."""
        self.deadline = time.ticks_add(time.ticks_ms(), ms)

    async def send(self, text, ms):
        self.give(ms)
        self.stream.write(text)
        await self.stream.drain()


class Web:
    """`node` is asked for what it knows (see live.py), and its `commands` for the answer to a command."""

    def __init__(self, config, node, uptime):
        self.refused = 0  # connections, requests and viewers that were turned away
        self.cut = 0  # those that were too slow
        self.viewers = 0
        self._port = config["web"]
        self._may_command = config["web_commands"]
        self._names = ("localhost", config["node"], config["node"] + ".local")
        self._commands = node.commands
        self._report = node.report
        self._on_pc = node.board.name == "unix"
        self._open = []  # oldest first
        self._server = None
        self._said = None
        self.live = Live(config, node, self, uptime)

    async def run(self):
        while not self._server:
            await self._listen()
        try:
            while True:
                await asyncio.sleep_ms(LOOK_MS)
                now = time.ticks_ms()
                for one in [one for one in self._open if time.ticks_diff(one.deadline, now) < 0]:
                    self.cut += 1
                    self._end(one)
        finally:
            self._server.close()

    async def _listen(self):
        """On a PC for itself alone; a board is there to be seen."""
        host = "127.0.0.1" if self._on_pc else "0.0.0.0"
        try:
            self._server = await asyncio.start_server(self._serve, host, self._port)
            said = "http://127.0.0.1:%d" % self._port if self._on_pc else "port %d of this board" % self._port
        except OSError as error:
            said = "port %d cannot be had: %s" % (self._port, error)
        if said != self._said:
            self._said = said
            self._report.said("web: " + said)
        if not self._server:
            await asyncio.sleep_ms(AGAIN_MS)

    async def _serve(self, stream, _):
        """One connection, from its request to its end."""
        one = Connection(stream)
        try:
            if not self._has_room():
                self.refused += 1
                stream.write(HEAD % ("503 Service Unavailable", "text/plain", "Retry-After: 1\r\n"))  # waits for nobody
                return
            self._open.append(one)
            await self._answer(one)
        except (OSError, EOFError, asyncio.CancelledError):
            pass  # it went away, or was cut
        except Exception as error:
            self._report.fault("web", error)
        finally:
            if one in self._open:
                self._open.remove(one)
            await stream.wait_closed()

    def _has_room(self):
        """Who has asked for nothing yet makes room for who comes, so that half requests lock nobody out."""
        if len(self._open) < CONNECTIONS:
            return True
        for one in self._open:
            if not one.has_asked:
                self.refused += 1
                self._end(one)
                return True
        return False

    def _end(self, one):
        self._open.remove(one)
        one.task.cancel()

    async def _answer(self, one):
        try:
            asked = await request.read(one.stream, self._names)
            one.has_asked = True
            if asked.method == "POST":
                await self._command(one, asked)
            elif asked.path == "/live":
                await self._show(one)
            elif asked.path in FILES:
                await self._file(one, *FILES[asked.path])
            else:
                raise request.HttpError("404 Not Found", "there is nothing here but /")
        except request.HttpError as error:
            self.refused += 1
            await one.send(HEAD % (error.status, "text/plain", "") + error.why + "\n", TAKE_MS)

    async def _file(self, one, name, kind):
        path = __file__.rsplit("/", 1)[0] + "/" + name
        one.give(ANSWER_MS)
        with open(path, "rb") as file:  # noqa: ASYNC230 - flash is quick, and has no other way
            one.stream.write(HEAD % ("200 OK", kind, "Content-Length: %d\r\n" % os.stat(path)[6]))
            piece = file.read(PIECE)
            while piece:
                one.stream.write(piece)
                await one.stream.drain()
                piece = file.read(PIECE)

    async def _command(self, one, asked):
        """The same check, the same bounds, the same words as over the broker; the ack is the answer."""
        if not asked.path.startswith("/cmd/"):
            raise request.HttpError("404 Not Found", "a command is POST /cmd/NAME")
        name = asked.path[5:25]
        if self._may_command:
            status, ack = "200 OK", self._commands.answer(name, asked.body)
        else:
            self.refused += 1
            status, ack = "403 Forbidden", {"cmd": name, "st": "fail", "err": NO_COMMANDS}
        await one.send(HEAD % (status, "application/json", "") + json.dumps(ack), TAKE_MS)

    async def _show(self, one):
        if self.viewers >= VIEWERS:
            raise request.HttpError("503 Service Unavailable", "%d look already" % VIEWERS)
        self.viewers += 1
        try:
            await one.send(HEAD % ("200 OK", "text/event-stream", ""), TAKE_MS)
            await self.live.tell(lambda text: one.send(text, TAKE_MS))
        finally:
            self.viewers -= 1

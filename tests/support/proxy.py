"""A TCP proxy of one's own on loopback that does what networks do: cut, go half-open or silent, delay, trickle, refuse.

What a fault does to bytes is what TCP could do: they stay in order, and a stream that lost some never goes on.
Bytes that wait are bounded by two socket buffers: a direction that is held is not read.
"""

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from types import TracebackType
from typing import Any

CHUNK = 16384  # bytes taken at once, and with the buffer of a StreamReader all that waits in this process
HEARD = 65536  # bytes of it that are remembered
UP, DOWN = "up", "down"  # towards the broker, and back


@dataclass(frozen=True)
class Cut:
    """End a connection after exactly `after` bytes of one direction have passed."""

    after: int
    way: str = UP
    reset: bool = False  # RST instead of FIN


class Pair:
    """One connection through the proxy: the client's side and the broker's."""

    def __init__(self, client: "Side", server: "Side", cut: Cut | None) -> None:
        self.sides = {UP: client, DOWN: server}  # where the bytes of a way come from
        self.cut = cut
        self.passed = {UP: 0, DOWN: 0}
        self.broken = False  # something never arrived: it cannot be healed
        self.over = asyncio.Event()  # to be ended
        self.gone = asyncio.Event()  # and ended

    def end(self, reset: bool) -> None:
        for side in self.sides.values():
            side.end(reset)
        self.over.set()


class Side:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def end(self, reset: bool) -> None:
        if self.writer.is_closing():
            return
        if reset:
            try:
                sock = self.writer.get_extra_info("socket")
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            except OSError:
                pass  # it is closed already
            self.writer.transport.abort()
        else:
            self.writer.close()


class Proxy:
    """`with Proxy(broker.port) as proxy:` listens on `proxy.port` and passes everything until told otherwise.

    `plan(number)` may give a Cut for the connection of that number, from 0. With a `disguise` it is the man in the
    middle: it speaks TLS with that certificate to whoever comes, and hears what is said.
    """

    def __init__(
        self,
        target: int,
        plan: Callable[[int], Cut | None] = lambda number: None,
        disguise: ssl.SSLContext | None = None,
    ) -> None:
        self.target = target
        self.plan = plan
        self.disguise = disguise
        self.heard = bytearray()  # the first of what went towards the broker
        self.accepted = 0
        self.cuts: list[Cut] = []  # those carried out
        self.passed = {UP: 0, DOWN: 0}
        self.port = 0
        self._swallow = False
        self._held: set[str] = set()
        self._delay_s = 0.0
        self._rate = 0.0  # bytes per second; 0: as they come
        self._pairs: set[Pair] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="proxy", daemon=True)

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    @property
    def open(self) -> int:
        """Connections right now."""
        return len(self._pairs)

    # -- faults; each returns when it is in force --------------------------------------------------------------

    def half_open(self) -> None:
        """Nothing arrives any more in either direction, and nobody is told: cable pulled, NAT forgot, peer gone."""
        self._do(self._set, swallow=True)

    def silence(self, way: str) -> None:
        """Nothing arrives any more in this direction; what is sent waits in the sender's socket."""
        self._do(self._set, held={way})

    def delay(self, seconds: float) -> None:
        self._do(self._set, delay_s=seconds)

    def trickle(self, bytes_per_s: float) -> None:
        self._do(self._set, rate=bytes_per_s)

    def reset_all(self) -> None:
        """RST to both sides of every connection; new ones pass."""
        self._do(self._end_all, True)

    def cut_all(self) -> None:
        """FIN to both sides of every connection; new ones pass."""
        self._do(self._end_all, False)

    def refuse(self) -> None:
        """Connections end, new ones get ECONNREFUSED; nobody else can take the port meanwhile."""
        self._do(self._refuse)

    def heal(self) -> None:
        """As new; a connection that lost bytes to half_open is reset, as the peer does that no longer knows it."""
        self._do(self._heal)

    # -- inside ------------------------------------------------------------------------------------------------

    def _do(self, work: Callable[..., Coroutine[Any, Any, None]], *arguments: Any, **named: Any) -> None:
        asyncio.run_coroutine_threadsafe(work(*arguments, **named), self._loop).result(30)

    async def _set(
        self, swallow: bool = False, held: set[str] | None = None, delay_s: float = 0.0, rate: float = 0.0
    ) -> None:
        self._swallow, self._held, self._delay_s, self._rate = swallow, held or set(), delay_s, rate
        self._change()

    def _change(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    async def _end_all(self, reset: bool) -> None:
        pairs = list(self._pairs)
        for pair in pairs:
            pair.end(reset)
        for pair in pairs:
            await pair.gone.wait()

    async def _refuse(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        await self._end_all(True)

    async def _heal(self) -> None:
        for pair in list(self._pairs):
            if pair.broken:
                pair.end(True)
        await self._set()
        if self._server is None:
            await self._listen()

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    def _bound(self) -> socket.socket:
        sock = socket.socket()
        for option in (socket.SO_REUSEADDR, socket.SO_REUSEPORT):
            sock.setsockopt(socket.SOL_SOCKET, option, 1)
        sock.bind(("127.0.0.1", self.port))
        self.port = sock.getsockname()[1]
        return sock

    async def _listen(self) -> None:
        # Half-open connections may be many at once, and one that found the backlog full would wait for a second.
        self._server = await asyncio.start_server(
            self._accept, sock=self._bound(), limit=CHUNK, backlog=512, ssl=self.disguise
        )

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        self._changed = asyncio.Event()
        self._server: asyncio.Server | None = None
        with self._bound():  # bound and not listening: it keeps the port ours while we refuse
            await self._listen()
            self._ready.set()
            await self._over.wait()
            if self._server is not None:
                self._server.close()
            tasks = asyncio.all_tasks() - {asyncio.current_task()}
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await asyncio.sleep(0.01)  # transports close in the next rounds of the loop

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        cut = self.plan(self.accepted)
        self.accepted += 1
        client = Side(reader, writer)
        no_delay(writer)
        try:
            server = Side(*await asyncio.open_connection("127.0.0.1", self.target, limit=CHUNK))
        except OSError:
            client.end(True)  # what the client would see of a broker that is not there, one step later
            return
        no_delay(server.writer)
        pair = Pair(client, server, cut)
        self._pairs.add(pair)
        pumps = [asyncio.create_task(self._pump(pair, way)) for way in (UP, DOWN)]
        try:
            await pair.over.wait()
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            pair.end(False)
            self._pairs.discard(pair)
            pair.gone.set()

    async def _pump(self, pair: Pair, way: str) -> None:
        source, sink = pair.sides[way], pair.sides[DOWN if way == UP else UP]
        try:
            while await self._gate(pair, way):
                taken = await source.reader.read(self._chunk(pair, way))
                if self._swallow or pair.broken:
                    pair.broken = True
                    if not taken:  # the FIN does not arrive either
                        return
                    continue
                if not taken:
                    pair.end(False)
                    return
                if self._delay_s:
                    await asyncio.sleep(self._delay_s)
                if self._rate:
                    await asyncio.sleep(len(taken) / self._rate)
                while way in self._held:  # it was on its way when the silence began
                    await self._changed.wait()
                if self._swallow:
                    pair.broken = True
                    continue
                if way == UP and len(self.heard) < HEARD:
                    self.heard += taken
                sink.writer.write(taken)
                await sink.writer.drain()
                pair.passed[way] += len(taken)
                self.passed[way] += len(taken)
                if self._is_cut(pair, way):
                    return
        except ConnectionResetError:
            if self._swallow or pair.broken:
                pair.broken = True  # the other side does not hear of it
            else:
                pair.end(True)
        except OSError:
            pair.end(False)

    async def _gate(self, pair: Pair, way: str) -> bool:
        while way in self._held:
            await self._changed.wait()
        return not self._is_cut(pair, way)

    def _chunk(self, pair: Pair, way: str) -> int:
        most = CHUNK if not self._rate else max(1, int(self._rate / 20))
        if pair.cut is not None and pair.cut.way == way:
            most = min(most, pair.cut.after - pair.passed[way])
        return most

    def _is_cut(self, pair: Pair, way: str) -> bool:
        if pair.cut is None or pair.cut.way != way or pair.passed[way] < pair.cut.after:
            return False
        self.cuts.append(pair.cut)
        pair.end(pair.cut.reset)
        return True

    def expect(self, accept: Callable[["Proxy"], object], what: str, within: float = 30.0) -> None:
        deadline = time.monotonic() + within
        while not accept(self):
            assert time.monotonic() < deadline, (
                f"{what} did not happen within {within} s; {self.accepted} connections were accepted, {self.open} are "
                f"open, {self.passed} bytes passed"
            )
            time.sleep(0.01)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        assert self._ready.wait(10), "the proxy did not start"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(10)
        self._loop.close()


def no_delay(writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

"""A scripted MQTT peer: what a broker never does to a client on purpose, and a network does all the time."""

import asyncio
import struct
import threading
import time
from collections.abc import Awaitable, Callable
from types import TracebackType

CONNACK = b"\x20\x02\x00\x00"
CONNECT, PUBLISH, PUBACK, SUBSCRIBE, PINGREQ, DISCONNECT = 1, 3, 4, 8, 12, 14


class Visit:
    """One connection of the node: its packets in, any bytes out."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self.packets: list[bytes] = []

    async def packet(self) -> bytes:
        """The next whole packet."""
        head = await self._reader.readexactly(1)
        size = shift = 0
        while True:
            byte = await self._reader.readexactly(1)
            head += byte
            size |= (byte[0] & 0x7F) << shift
            shift += 7
            if not byte[0] & 0x80:
                break
        packet = head + await self._reader.readexactly(size)
        self.packets.append(packet)
        return packet

    async def send(self, data: bytes) -> None:
        self._writer.write(data)
        await self._writer.drain()

    async def until_gone(self) -> None:
        """Say nothing until the node hangs up."""
        while await self._reader.read(4096):
            pass

    def reset(self) -> None:
        """RST instead of FIN."""
        sock = self._writer.get_extra_info("socket")
        sock.setsockopt(1, 13, struct.pack("ii", 1, 0))  # SOL_SOCKET, SO_LINGER: on, 0 s
        self._writer.transport.abort()

    async def serve(self, puback: Callable[[bytes], bytes] = lambda ack: ack) -> None:
        """Be a good broker, but for what `puback` makes of each acknowledgement."""
        while True:
            packet = await self.packet()
            kind = packet[0] >> 4
            if kind == CONNECT:
                await self.send(CONNACK)
            elif kind == SUBSCRIBE:
                await self.send(b"\x90\x03" + packet[2:4] + b"\x01")
            elif kind == PINGREQ:
                await self.send(b"\xd0\x00")
            elif kind == PUBLISH and packet[0] & 0x06:
                await self.send(puback(b"\x40\x02" + publish_id(packet)))


Behaviour = Callable[[Visit], Awaitable[None]]


async def good(visit: Visit) -> None:
    await visit.serve()


def publish_id(packet: bytes) -> bytes:
    at = 2
    while packet[at - 1] & 0x80:
        at += 1
    topic = int.from_bytes(packet[at : at + 2], "big")
    return packet[at + 2 + topic : at + 4 + topic]


def publish(topic: str, payload: bytes, pid: int, retain: bool = False) -> bytes:
    """A QoS 1 PUBLISH."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + pid.to_bytes(2, "big") + payload
    size, head = len(body), bytes([0x32 | retain])
    while True:
        head += bytes([size & 0x7F | (0x80 if size > 0x7F else 0)])
        size >>= 7
        if not size:
            return head + body


class Peer:
    """`with Peer(first, second, ...) as peer:` treats each connection as its behaviour says, the last for ever."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self._behaviours = behaviours
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self.visits: list[Visit] = []
        self.port = 0

    @property
    def url(self) -> str:
        return f"mqtt://127.0.0.1:{self.port}"

    def expect(self, accept: Callable[[list[Visit]], object], what: str, within: float = 20.0) -> None:
        """Until `accept(visits)` is true."""
        deadline = time.monotonic() + within
        while not accept(self.visits):
            said = [[packet.hex() for packet in visit.packets][-8:] for visit in self.visits]
            assert time.monotonic() < deadline, f"{what} did not happen within {within} s; the visits: {said}"
            time.sleep(0.01)

    def _run(self) -> None:
        self._loop.run_until_complete(self._serve())

    async def _serve(self) -> None:
        self._over = asyncio.Event()
        server = await asyncio.start_server(self._visit, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._over.wait()
        server.close()
        visits = asyncio.all_tasks() - {asyncio.current_task()}
        for visit in visits:
            visit.cancel()
        await asyncio.gather(*visits, return_exceptions=True)

    async def _visit(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visit = Visit(reader, writer)
        self.visits.append(visit)
        behave = self._behaviours[min(len(self.visits), len(self._behaviours)) - 1]
        try:
            await behave(visit)
        except (asyncio.IncompleteReadError, ConnectionError, asyncio.CancelledError):
            pass  # the node left, or the test is over
        finally:
            writer.close()

    def __enter__(self) -> "Peer":
        self._thread.start()
        assert self._ready.wait(5)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(5)
        self._loop.close()

"""What viewers see: a snapshot, then at most 10 frames a second with what changed. Each is encoded once for all.

Owns the viewers and their queues. A viewer that cannot keep up loses nothing but in-between states: its queue is
thrown away and it gets a fresh snapshot.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import orjson

from fleet_dashboard.nodes import Node, Registry

FRAME_S = 0.1
HEARTBEAT_S = 5.0
QUEUE = 2
MAX_VIEWERS = 200
MAX_EVENTS = 50
Document = dict[str, Any]


class Viewer:
    """One open page. `queue` holds encoded events; `behind` means that it needs a snapshot instead."""

    def __init__(self) -> None:
        self.queue: deque[bytes] = deque()
        self.behind = True
        self.wake = asyncio.Event()


class Live:
    """`frame()` is called by the service's ticker, `watch()` by each stream."""

    def __init__(self, registry: Registry, status: Callable[[], Document], stats: Callable[[], Document]) -> None:
        """`status`: what else a snapshot holds ("now", "base", "broker", "boards", "alerts"); `stats`: figures."""
        self._registry = registry
        self._status = status
        self._stats = stats
        self._viewers: set[Viewer] = set()
        self._events: deque[Document] = deque(maxlen=MAX_EVENTS)
        self._new_events: deque[Document] = deque(maxlen=MAX_EVENTS)
        self._extra: Document = {}
        self._rollcalls: dict[str, Document] = {}
        self._snapshot: bytes | None = None
        self._closed = False
        self.sequence = 0
        self.conflated = 0  # queues thrown away

    @property
    def viewers(self) -> int:
        return len(self._viewers)

    def add_event(self, event: Document) -> None:
        """Its "t" is monotonic ms, like all times here until they are shown."""
        self._events.append(event)
        self._new_events.append(event)

    def add_rollcall(self, call: Document) -> None:
        """The newest state of a roll-call goes out with the next frame."""
        self._rollcalls[call["id"]] = call

    def set(self, key: str, value: Any) -> None:
        """ "broker", "alerts", or what the arena has (boards, round, challenges, results) changed."""
        self._extra[key] = value

    def snapshot(self, step: int) -> Document:
        return {
            **self._status(),
            "stats": self._stats(),
            "nodes": [self._registry.nodes[name].view(step) for name in sorted(self._registry.nodes)],
            "events": _shown(self._events, step)[::-1],
        }

    def frame(self, now: int, step: int) -> None:
        """Send what changed since the last call; nothing if nothing did."""
        registry = self._registry
        touched: set[Node] = registry.touched
        registry.touched = set()
        gone, registry.gone = registry.gone, []
        events = _shown(self._new_events, step)
        self._new_events.clear()
        extra, self._extra = self._extra, {}
        rollcalls, self._rollcalls = self._rollcalls, {}
        self._snapshot = None
        if not self._viewers:
            for node in touched:
                node.changed.clear()
            return
        data = b"".join(encode("rollcall", call) for call in rollcalls.values())
        if touched or gone or events or extra:
            self.sequence += 1
            nodes = {node.id: node.changes(step) for node in touched}
            frame = {"now": now + step, "seq": self.sequence, "nodes": nodes, "gone": gone, "events": events}
            data = encode("frame", {**frame, **extra, "stats": self._stats()}) + data
        if data:
            self._send(data)

    def _send(self, data: bytes) -> None:
        for viewer in self._viewers:
            if len(viewer.queue) >= QUEUE:
                viewer.queue.clear()
                viewer.behind = True
                self.conflated += 1
            elif not viewer.behind:
                viewer.queue.append(data)
            viewer.wake.set()

    def start_again(self) -> None:
        """Everybody gets a snapshot: what was sent is not right any more, since the host's clock was set."""
        self._snapshot = None
        for viewer in self._viewers:
            viewer.queue.clear()
            viewer.behind = True
            viewer.wake.set()

    async def watch(self, step: Callable[[], int]) -> AsyncIterator[bytes]:
        """The stream of one viewer: a snapshot, frames, and a comment now and then so that both ends know they live."""
        viewer = Viewer()
        self._viewers.add(viewer)
        try:
            while not self._closed:
                if viewer.behind:
                    viewer.behind = False
                    yield self._encoded_snapshot(step())
                while viewer.queue:
                    yield viewer.queue.popleft()
                viewer.wake.clear()
                if viewer.behind or self._closed:
                    continue
                try:
                    await asyncio.wait_for(viewer.wake.wait(), HEARTBEAT_S)
                except TimeoutError:
                    yield b": still here\n\n"
        finally:
            self._viewers.discard(viewer)

    def _encoded_snapshot(self, step: int) -> bytes:
        """The same bytes for all who come between two frames."""
        if self._snapshot is None:
            self._snapshot = encode("snapshot", self.snapshot(step))
        return self._snapshot

    def close(self) -> None:
        """End every stream."""
        self._closed = True
        for viewer in self._viewers:
            viewer.wake.set()


def _shown(events: Iterable[Document], step: int) -> list[Document]:
    return [{**event, "t": event["t"] + step} for event in events]


def encode(event: str, document: Document) -> bytes:
    """One server-sent event (WHATWG HTML, section 9.2); JSON has no line breaks."""
    return b"event: " + event.encode() + b"\ndata: " + orjson.dumps(document) + b"\n\n"

"""Snapshot first, then what changed; slow viewers get a fresh snapshot instead of a long queue."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest

from fleet_dashboard.live import QUEUE, Live
from fleet_dashboard.nodes import Registry


class Page:
    """One viewer, read event by event."""

    def __init__(self, live: Live) -> None:
        self._stream = live.watch(lambda: 0)

    async def next(self) -> tuple[str, Any]:
        data = await asyncio.wait_for(anext(self._stream), 5)
        kind, _, document = data.decode().strip().partition("\ndata: ")
        return kind.removeprefix("event: "), orjson.loads(document)

    async def close(self) -> None:
        await self._stream.aclose()  # type: ignore[attr-defined]


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.add("ada", 1, 1000)
    return registry


@pytest.fixture
async def live(registry: Registry) -> AsyncIterator[Live]:
    live = Live(registry, lambda: {"now": 1, "base": "fleet"}, lambda: {"messages": 7})
    yield live
    live.close()


def press(registry: Registry, value: float) -> None:
    node = registry.nodes["ada"]
    node.values = {"sht4x": {"temp": value}}
    node.changed.add("v")
    registry.touched.add(node)


async def test_a_viewer_gets_a_snapshot_and_then_only_what_changed(live: Live, registry: Registry) -> None:
    page = Page(live)
    kind, snapshot = await page.next()
    assert (kind, snapshot["base"], snapshot["nodes"][0]["id"]) == ("snapshot", "fleet", "ada")
    live.frame(1, 0)
    assert (await page.next())[1]["nodes"].keys() == {"ada"}
    press(registry, 21.5)
    live.frame(2, 0)
    kind, frame = await page.next()
    assert (kind, frame["nodes"]) == ("frame", {"ada": {"v": {"sht4x": {"temp": 21.5}}}})
    await page.close()
    assert live.viewers == 0


async def test_nothing_changed_is_no_frame(live: Live) -> None:
    page = Page(live)
    await page.next()
    live.frame(1, 0)
    before = live.sequence
    live.frame(2, 0)
    assert live.sequence == before
    await page.close()


async def test_a_frame_is_encoded_once_for_all_viewers(live: Live, registry: Registry) -> None:
    pages = [live.watch(lambda: 0) for _ in range(3)]
    assert len({id(await anext(page)) for page in pages}) == 1
    press(registry, 1.0)
    live.frame(1, 0)
    assert len({id(await anext(page)) for page in pages}) == 1
    for page in pages:
        await page.aclose()  # type: ignore[attr-defined]


async def test_a_slow_viewer_costs_two_frames_of_memory_and_sees_the_newest_state(
    live: Live, registry: Registry
) -> None:
    page = Page(live)
    await page.next()
    for number in range(100):
        press(registry, float(number))
        live.frame(number, 0)
    (viewer,) = live._viewers
    assert len(viewer.queue) <= QUEUE
    kind, snapshot = await page.next()
    assert (kind, snapshot["nodes"][0]["v"]) == ("snapshot", {"sht4x": {"temp": 99.0}})
    assert live.conflated > 0
    await page.close()


async def test_who_goes_events_and_rollcalls_are_told(live: Live, registry: Registry) -> None:
    page = Page(live)
    await page.next()
    live.frame(0, 0)
    await page.next()
    registry.remove(registry.nodes["ada"])
    live.add_event({"node": "ada", "type": "press", "t": 5})
    live.add_rollcall({"id": "c1", "done": False})
    live.add_rollcall({"id": "c1", "done": True})
    live.frame(1, 1000)
    data = (await asyncio.wait_for(anext(page._stream), 5)).decode()
    frame, rollcall = data.strip().split("\n\n")
    assert orjson.loads(frame.split("data: ")[1])["gone"] == ["ada"]
    assert orjson.loads(frame.split("data: ")[1])["events"] == [{"node": "ada", "type": "press", "t": 1005}]
    assert rollcall == 'event: rollcall\ndata: {"id":"c1","done":true}'
    await page.close()


async def test_closing_ends_every_stream(live: Live) -> None:
    page = Page(live)
    await page.next()
    waiting = asyncio.ensure_future(page.next())
    await asyncio.sleep(0)
    live.close()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_when_the_hosts_clock_is_set_everybody_gets_a_snapshot_by_the_new_one(
    live: Live, registry: Registry
) -> None:
    page = Page(live)
    await page.next()
    registry.nodes["ada"].times = {"sht4x": 5}
    live.start_again()
    kind, snapshot = await page.next()
    assert (kind, snapshot["nodes"][0]["t"]) == ("snapshot", {"sht4x": 5})
    await page.close()

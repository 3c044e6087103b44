"""The host's MQTT client and a broker that dies: it notices, and it is back when the broker is."""

import asyncio
from collections.abc import Callable

import pytest

from fleet_client import Client
from support.broker import Broker


async def until(true: Callable[[], bool], what: str, within: float = 10) -> None:
    try:
        async with asyncio.timeout(within):
            while not true():  # noqa: ASYNC110 - it has no event to wait for
                await asyncio.sleep(0.02)
    except TimeoutError:
        pytest.fail(f"{what}: not within {within} s")


@pytest.mark.parametrize("protocol", ["3.1.1", "5"])
@pytest.mark.parametrize("coalesce_s", [0.0, 0.02])
async def test_a_client_notices_that_the_broker_was_killed_and_comes_back(
    broker: Broker, protocol: str, coalesce_s: float
) -> None:
    async with Client(broker.url, protocol=protocol, manual_ack=True, coalesce_s=coalesce_s) as client:  # type: ignore[arg-type]
        await client.subscribe("fleet/1/#")
        broker.kill()
        await until(lambda: not client.connected, "the loss was not noticed")
        broker.start()
        await until(lambda: client.connected, "no second connection")
        await client.publish("fleet/1/_all/cmd/echo", b"back")
        batches = client.batches()
        async with asyncio.timeout(5):
            first = (await anext(batches))[0]
        assert (first.topic, first.payload) == ("fleet/1/_all/cmd/echo", b"back")

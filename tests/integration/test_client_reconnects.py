"""The host's MQTT client and a broker that dies: it notices, and it is back when the broker is."""

import asyncio
from collections.abc import Callable

import pytest

from fleet_client import BrokerUnreachable, Client
from support import peer
from support.broker import Broker
from support.peer import Peer, Visit
from support.proxy import Proxy


async def until(true: Callable[[], bool], what: str, within: float = 20.0) -> None:
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
        async with asyncio.timeout(20):
            first = (await anext(batches))[0]
        assert (first.topic, first.payload) == ("fleet/1/_all/cmd/echo", b"back")


async def test_a_client_notices_a_loss_while_it_waits_for_room_to_write(broker: Broker) -> None:
    """The loop then watches the socket for reading and for writing, and paho closes it before it tells."""
    with Proxy(broker.port) as proxy:
        async with Client(proxy.url, protocol="5", persist=True) as client:
            await until(lambda: client.connected, "no first connection")
            proxy.silence("up")
            while not client.congested:
                await client.publish("fleet/1/_host/stored/ada", b"x" * 500, qos=0)
            await asyncio.to_thread(proxy.reset_all)
            await until(lambda: not client.connected, "the loss was not noticed", within=30)
            await asyncio.to_thread(proxy.heal)
            await until(lambda: client.connected and not client.congested, "no second connection", within=30)


async def test_a_client_goes_on_when_it_is_let_in_and_thrown_out_in_one_breath() -> None:
    """As by a broker that is being stopped: CONNACK and the end of the connection arrive together."""

    async def ends(visit: Visit) -> None:
        await visit.packet()
        await visit.send(peer.CONNACK)

    with Peer(ends, ends, ends, peer.good) as broker:
        async with Client(broker.url, protocol="3.1.1", persist=True) as client:
            await until(lambda: len(broker.visits) > 3 and client.connected, "no connection that lasts", within=30)
            await client.publish("fleet/1/_all/cmd/echo", b"here again")


@pytest.mark.parametrize(
    "error", [ValueError("Invalid file descriptor: -1"), OSError(9, "Bad file descriptor")], ids=repr
)
async def test_a_socket_that_is_gone_before_the_loop_has_it_is_a_broker_that_cannot_be_reached(
    broker: Broker, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    loop = asyncio.get_running_loop()
    add_reader, fails = loop.add_reader, [1, 2, 3]

    def refuse(*arguments: object) -> None:
        if fails:
            fails.pop()
            raise error
        add_reader(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(loop, "add_reader", refuse)
    with pytest.raises(BrokerUnreachable):
        await Client(broker.url, protocol="3.1.1").__aenter__()
    async with Client(broker.url, protocol="3.1.1", persist=True) as client:
        await until(lambda: client.connected, f"no connection once that is over: {client.why}", within=30)
    assert not fails

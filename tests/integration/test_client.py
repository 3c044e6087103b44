"""The host's MQTT client against a real mosquitto, and against peers that are none."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from fleet_client import (
    BrokerRefused,
    BrokerUnreachable,
    Client,
    Denied,
    Message,
    NotConnected,
    RollCall,
    Will,
)
from fleet_client.connection import Connection
from support.broker import Broker, free_port
from support.probe import Probe

STATUS = {"state": "online", "boot": "9f3a", "conn": 1}


async def until(condition: Callable[[], Any], within: float = 20.0, what: str = "the condition") -> None:
    """Wait for it, or fail saying what did not happen."""
    deadline = asyncio.get_running_loop().time() + within
    while not condition():
        assert asyncio.get_running_loop().time() < deadline, f"{what} did not hold within {within} s"
        await asyncio.sleep(0.01)


async def collect(client: Client, count: int, within: float = 20.0) -> list[Message]:
    found: list[Message] = []

    async def take() -> None:
        async for batch in client.batches():
            found.extend(batch)
            if len(found) >= count:
                return

    try:
        await asyncio.wait_for(take(), within)
    except TimeoutError:
        pytest.fail(f"{len(found)} of {count} messages arrived: {[one.topic for one in found]}")
    return found


class FakeNode:
    """Answers commands as a node would; `st` is its answer, None keeps it silent."""

    def __init__(self, client: Client, node: str, st: str | None, groups: tuple[str, ...] = ()) -> None:
        self.client, self.node, self.st, self.groups = client, node, st, groups
        self.seen: list[Message] = []

    async def hello(self) -> None:
        meta: dict[str, Any] = {
            "boot": "9f3a",
            "seq": 0,
            "up": 1,
            "schema": "1.0",
            "name": self.node,
            "board": "unix",
            "fw": "1",
        }
        meta |= {"app": "1", "period": 1000, "groups": list(self.groups), "sensors": {}, "inputs": {}}
        meta |= {"commands": {"echo": []}}
        await self.client.publish(f"fleet/1/{self.node}/meta", json.dumps(meta), retain=True)
        await self.client.publish(f"fleet/1/{self.node}/status", json.dumps(STATUS), retain=True)

    async def answer(self, message: Message) -> None:
        self.seen.append(message)
        if self.st is not None:
            name = message.topic.rpartition("/")[2]
            ack = {
                "boot": "9f3a",
                "seq": 1,
                "up": 2,
                "cmd": name,
                "st": self.st,
                "id": json.loads(message.payload)["id"],
            }
            await self.client.publish(f"fleet/1/{self.node}/ack", json.dumps(ack))


@asynccontextmanager
async def fake_fleet(url: str, *nodes: tuple[str, str | None, tuple[str, ...]]) -> AsyncIterator[dict[str, FakeNode]]:
    async with Client(url) as client, asyncio.TaskGroup() as tasks:
        fleet = {name: FakeNode(client, name, st, groups) for name, st, groups in nodes}

        def on_command(message: Message) -> None:
            who = message.topic.split("/")[2]
            for node in fleet.values():
                if who in ("_all", node.node) or who[1:] in node.groups:
                    tasks.create_task(node.answer(message))

        async with client.listen(["fleet/1/+/cmd/+"], on_command):
            for node in fleet.values():
                await node.hello()
            yield fleet


async def test_messages_arrive_in_order_and_in_batches(broker: Broker) -> None:
    async with Client(broker.url) as client, Client(broker.url) as other:
        await client.subscribe("fleet/1/#")
        for number in range(300):
            await other.publish("fleet/1/ada/tele/x", str(number), qos=0)
        found = await collect(client, 300)
    assert [int(one.payload) for one in found] == list(range(300))


async def test_after_a_broker_restart_the_subscriptions_are_back(broker: Broker, probe: Probe) -> None:
    downs: list[str] = []
    async with Client(broker.url, on_disconnect=downs.append) as client:
        await client.subscribe("fleet/1/#")
        broker.kill()
        await until(lambda: not client.connected, what="noticing the loss")
        with pytest.raises(NotConnected):
            await client.publish("fleet/1/ada/tele/x", "lost")
        broker.start()
        await until(lambda: client.connected, what="reconnecting")
        assert client.reconnects >= 1
        with Probe(broker.url) as other:
            other.publish("fleet/1/ada/tele/x", "after")
        found = await collect(client, 1)
    assert found[0].payload == b"after"
    assert len(downs) == 1


async def test_a_publish_that_the_broker_cannot_answer_ends_with_its_deadline(broker: Broker) -> None:
    async with Client(broker.url) as client:
        broker.freeze()
        with pytest.raises(NotConnected, match=r"within 0\.2 s"):
            await client.publish("fleet/1/ada/tele/x", "1", timeout_s=0.2)
        broker.thaw()


async def test_a_service_may_start_before_its_broker() -> None:
    broker = Broker()
    ups: list[int] = []
    async with Client(broker.url, persist=True, on_connect=lambda: ups.append(1)) as client:
        await until(lambda: "no broker" in client.why, what="a first attempt")
        with broker:
            await until(lambda: client.connected, what="connecting")
    assert ups == [1]


async def test_nobody_at_the_address_is_said_in_a_sentence() -> None:
    with pytest.raises(BrokerUnreachable, match="connection refused"):
        async with Client(f"mqtt://127.0.0.1:{free_port()}"):
            pass


async def test_a_wrong_password_is_refused_without_being_shown() -> None:
    with Broker("allow_anonymous false") as broker, pytest.raises(BrokerRefused) as refusal:
        async with Client(broker.url.replace("mqtt://", "mqtt://ada:geheim@")):
            pass
    assert "password" in str(refusal.value)
    assert "geheim" not in str(refusal.value)


@pytest.fixture
def closed_topics(tmp_path: Any) -> Any:
    rules = tmp_path / "acl"
    rules.write_text("topic readwrite fleet/1/ada/#\n")
    rules.chmod(0o600)
    with Broker("allow_anonymous true", f"acl_file {rules}") as broker:
        yield broker


async def test_at_mqtt_5_a_denied_publish_is_an_error_with_topic_and_reason(closed_topics: Broker) -> None:
    async with Client(closed_topics.url) as client:
        await client.publish("fleet/1/ada/tele/x", "1")
        with pytest.raises(Denied) as denied:
            await client.publish("fleet/1/grace/tele/x", "1")
    assert (denied.value.topic, denied.value.reason) == ("fleet/1/grace/tele/x", "Not authorized")


@pytest.mark.parametrize("manner", ["closes", "is silent"])
async def test_a_broker_that_does_not_speak_5_is_spoken_to_in_3_1_1(broker: Broker, manner: str) -> None:
    """A relay in front of the broker, which lets only version 4 (3.1.1) through, as some brokers do."""
    relays: list[asyncio.StreamWriter] = []
    versions: list[int] = []

    async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(4096):
            writer.write(data)
        writer.close()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relays.append(writer)
        head = await reader.readexactly(9)  # fixed header (2), "MQTT" with its length (6), version (1)
        versions.append(head[8])
        if head[8] == 4:
            upstream, to_broker = await asyncio.open_connection("127.0.0.1", broker.port)
            relays.append(to_broker)
            to_broker.write(head)
            await asyncio.gather(pump(reader, to_broker), pump(upstream, writer))
        elif manner == "closes":
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with Client(f"mqtt://127.0.0.1:{port}") as client:
        assert client.protocol == "3.1.1"
        await client.subscribe("fleet/1/#")
        await client.publish("fleet/1/ada/tele/x", "1")
        assert (await collect(client, 1))[0].payload == b"1"
    assert versions == [5, 4]
    for writer in relays:
        writer.close()
    server.close()


async def test_something_else_than_a_broker_ends_in_a_sentence_not_in_a_crash() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(100)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    with pytest.raises(BrokerUnreachable):
        async with Client(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}"):
            pass
    server.close()


async def test_what_was_not_acknowledged_is_delivered_again_what_was_is_not(broker: Broker, probe: Probe) -> None:
    async def session(take: int) -> list[bytes]:
        client = Client(broker.url, client_id="ingest", protocol="3.1.1", clean=False, manual_ack=True)
        async with client:
            await client.subscribe("fleet/1/+/tele/+")
            for number in range(4) if take == 2 else ():
                probe.publish("fleet/1/ada/tele/x", str(number))
            found = await collect(client, 4 if take == 2 else 2)
            client.acknowledge(found[:take])
            await client.publish("fleet/1/ada/health", "{}")  # its PUBACK comes after the broker took ours
            return [one.payload for one in found]

    assert await session(2) == [b"0", b"1", b"2", b"3"]
    assert await session(0) == [b"2", b"3"]


async def test_a_consumer_that_is_behind_stops_the_reading_and_loses_nothing(
    broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet_client.client.INBOX", 50)
    async with Client(broker.url) as client, Client(broker.url) as other:
        await client.subscribe("fleet/1/#")
        for number in range(200):
            await other.publish("fleet/1/ada/tele/x", str(number))
        await until(lambda: client.stalls, what="a full inbox")
        found = await collect(client, 200)
    assert [int(one.payload) for one in found] == list(range(200))
    assert client.stalls >= 3


async def test_the_will_speaks_when_the_client_vanishes_and_not_when_it_says_goodbye(
    broker: Broker, probe: Probe
) -> None:
    will = Will("fleet/1/_host/status", b'{"state":"lost"}')
    async with Client(broker.url, will=will):
        pass
    client = Client(broker.url, will=will, client_id="host")
    async with client:
        mark = probe.mark()
        taker = socket.create_connection(("127.0.0.1", broker.port))  # takes the client id over: the old link is cut
        taker.sendall(b"\x10\x10\x00\x04MQTT\x04\x02\x00\x1e\x00\x04host")
        found = await asyncio.to_thread(probe.expect, "fleet/1/_host/status")
        taker.close()
    assert found.payload == b'{"state":"lost"}'
    assert len(probe.seen("fleet/1/_host/status")[:1]) == 1
    assert mark <= 1, "the goodbye of the first client made its will speak"


@pytest.mark.rule("F-CMD-1")
async def test_a_command_to_all_is_answered_by_name_and_the_silent_are_named(broker: Broker, probe: Probe) -> None:
    states: list[list[str]] = []

    def on_ack(call: RollCall) -> None:
        states.append([row.st for row in call.rows])

    async with (
        fake_fleet(broker.url, ("ada", "ok", ()), ("grace", "busy", ()), ("linus", None, ())),
        Client(broker.url) as client,
    ):
        call = await client.request("_all", "buzz", {"ms": 100}, deadline_s=0.5, on_ack=on_ack)
    assert [(row.node, row.st) for row in call.rows] == [("ada", "ok"), ("grace", "busy"), ("linus", "silent")]
    assert call.done
    assert all(row.ms and row.ms < 500 for row in call.rows[:2])
    assert states[0] == ["waiting"] * 3
    assert len(states) == 3
    sent = probe.expect("fleet/1/_all/cmd/buzz")
    assert not sent.retain
    assert sent.json() == {"ms": 100, "id": call.id}


async def test_a_roll_call_ends_with_the_last_expected_answer(broker: Broker) -> None:
    async with fake_fleet(broker.url, ("ada", "done", ())), Client(broker.url) as client:
        call = await asyncio.wait_for(client.request("ada", "echo", {}, deadline_s=30), 10)
    assert [(row.node, row.st) for row in call.rows] == [("ada", "done")]


async def test_of_a_group_only_its_members_are_expected(broker: Broker) -> None:
    async with (
        fake_fleet(broker.url, ("ada", "ok", ("red",)), ("grace", "ok", ("blue",)), ("linus", "ok", ("red", "blue"))),
        Client(broker.url) as client,
    ):
        call = await client.request("_red", "buzz", {}, deadline_s=3)
    assert [(row.node, row.st) for row in call.rows] == [("ada", "ok"), ("linus", "ok")]


async def test_two_commands_at_once_do_not_take_each_other_s_acks(broker: Broker) -> None:
    async with fake_fleet(broker.url, ("ada", "ok", ()), ("grace", "ok", ())), Client(broker.url) as client:
        calls = await asyncio.gather(*(client.request(node, "echo", {}, deadline_s=3) for node in ("ada", "grace")))
    assert [[(row.node, row.st) for row in call.rows] for call in calls] == [[("ada", "ok")], [("grace", "ok")]]


async def test_the_snapshot_has_what_is_retained_and_leaves_out_what_is_illegal(broker: Broker, probe: Probe) -> None:
    probe.publish("fleet/1/mallory/status", '{"state":"dancing"}', retain=True)
    probe.publish("fleet/1/eve/status", b"\xff\xff", retain=True)
    async with fake_fleet(broker.url, ("ada", "ok", ("red",))), Client(broker.url) as client:
        fleet = await client.snapshot()
        assert list(fleet) == ["ada"]
        assert fleet["ada"].groups == ["red"]
        assert await client.online_nodes() == {"ada": STATUS}


@pytest.mark.parametrize(
    ("step", "late_s"),
    [("_connect_to", 0.0), ("_connect_to", 0.3), ("_connect", 0.3)],
    ids=["at once", "late", "at the last moment"],
)
async def test_a_client_that_is_stopped_while_it_connects_leaves_nothing_behind(
    monkeypatch: pytest.MonkeyPatch, step: str, late_s: float
) -> None:
    connect = getattr(Connection, step)

    def slowly(self: Connection, address: Any) -> None:
        """As on a busy machine: it is stopped before the thread that connects says so."""
        connect(self, address)
        time.sleep(late_s)

    monkeypatch.setattr(Connection, step, slowly)
    accepted: list[asyncio.StreamWriter] = []
    gone = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        accepted.append(writer)
        while await reader.read(100):
            continue
        writer.close()
        gone.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    client = Client(f"mqtt://127.0.0.1:{server.sockets[0].getsockname()[1]}", persist=True)
    async with client:
        await until(lambda: accepted, what="connecting")
    async with asyncio.timeout(20):
        await gone.wait()
    server.close()

"""A peer that misbehaves costs a node its connection at most: it says why, comes back, and never holds its loop."""

import pytest

from support import peer
from support.node import LOOSE_LAG_MS, NodeProcess
from support.peer import Peer, Visit

PATIENCE = {"keepalive": 2, "period": 100}  # answers are waited for 1 s


def comes_back(visits: list[Visit]) -> bool:
    """The second visit ends well: birth and a reading were published."""
    return len(visits) > 1 and sum(packet[0] >> 4 == peer.PUBLISH for packet in visits[-1].packets) >= 3


async def silent(visit: Visit) -> None:
    await visit.until_gone()


async def half_a_packet(visit: Visit) -> None:
    await visit.packet()
    await visit.send(peer.CONNACK)
    await visit.send(peer.publish("fleet/1/ada/cmd/echo", b"never complete", 1)[:9])
    await visit.until_gone()


async def half_a_connack(visit: Visit) -> None:
    await visit.packet()
    await visit.send(peer.CONNACK[:2])
    await visit.until_gone()


async def no_puback(visit: Visit) -> None:
    await visit.serve(lambda ack: b"")


async def reset_after_connack(visit: Visit) -> None:
    await visit.packet()
    await visit.send(peer.CONNACK)
    await visit.packet()
    visit.reset()


async def reset_within_a_packet(visit: Visit) -> None:
    await visit.packet()
    await visit.send(peer.CONNACK + peer.publish("fleet/1/ada/cmd/echo", b"x" * 40, 1)[:20])
    await visit.packet()
    visit.reset()


async def hangs_up(visit: Visit) -> None:
    await visit.packet()
    await visit.send(peer.CONNACK)
    await visit.packet()


async def speaks_http(visit: Visit) -> None:
    await visit.packet()
    await visit.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")
    await visit.until_gone()


async def speaks_mqtt5(visit: Visit) -> None:
    await visit.packet()
    await visit.send(b"\x20\x03\x00\x84\x00")
    await visit.until_gone()


async def malformed(visit: Visit) -> None:
    await visit.packet()
    await visit.send(peer.CONNACK + b"\x32\x05\x00\xff\x61\x62\x63")  # a topic longer than its packet
    await visit.until_gone()


async def endless_length(visit: Visit) -> None:
    await visit.packet()
    await visit.send(peer.CONNACK + b"\x30\xff\xff\xff\xff\x7f")
    await visit.until_gone()


def refuses(code: int) -> peer.Behaviour:
    async def refuse(visit: Visit) -> None:
        await visit.packet()
        await visit.send(bytes((0x20, 2, 0, code)))

    return refuse


@pytest.mark.parametrize(
    ("first", "reason"),
    [
        pytest.param(silent, "no answer within 1000 ms", id="silent port"),
        pytest.param(half_a_connack, "no answer within 1000 ms", id="half a CONNACK"),
        pytest.param(half_a_packet, "the broker does not acknowledge", id="half a packet"),
        pytest.param(no_puback, "the broker does not acknowledge", id="no PUBACK"),
        pytest.param(reset_after_connack, "ECONNRESET", id="reset"),
        pytest.param(reset_within_a_packet, "ECONNRESET", id="reset within a packet"),
        pytest.param(hangs_up, "the broker closed the connection", id="hangs up"),
        pytest.param(speaks_http, "no MQTT 3.1.1 broker answers there", id="HTTP"),
        pytest.param(speaks_mqtt5, "no MQTT 3.1.1 broker answers there", id="MQTT 5 only"),
        pytest.param(malformed, "the broker sent a malformed packet", id="malformed"),
        pytest.param(endless_length, "not an MQTT packet", id="endless length"),
        pytest.param(refuses(1), "it does not speak MQTT 3.1.1", id="CONNACK 1"),
        pytest.param(refuses(2), "it does not like this node id", id="CONNACK 2"),
        pytest.param(refuses(3), "it is not ready", id="CONNACK 3"),
        pytest.param(refuses(4), "wrong user or password", id="CONNACK 4"),
        pytest.param(refuses(5), "wrong user or password, or this node is not allowed", id="CONNACK 5"),
        pytest.param(refuses(99), "code 99", id="CONNACK 99"),
    ],
)
def test_a_node_says_what_is_wrong_and_comes_back(first: peer.Behaviour, reason: str):
    with Peer(first, peer.good) as broker, NodeProcess(broker.url, **PATIENCE) as node:
        node.expect(reason, within=20)
        broker.expect(comes_back, "a second connection with readings")
        lag = node.quit()
    print(f"worst loop lag {lag} ms")
    assert lag <= LOOSE_LAG_MS


def test_a_refused_port_is_tried_again_and_again():
    with Peer(peer.good) as gone:
        url = gone.url
    with NodeProcess(url, **PATIENCE) as node:
        node.expect("ECONNREFUSED")
        node.expect("next try", accept=lambda line: line != node.output.splitlines()[0])
        assert node.quit() <= LOOSE_LAG_MS


@pytest.mark.parametrize(
    "puback", [lambda ack: ack + ack, lambda ack: ack[:2] + b"\xff\xfe" + ack], ids=["twice", "of a wrong id first"]
)
def test_a_strange_acknowledgement_is_counted_and_the_link_holds(puback):
    async def strange(visit: Visit) -> None:
        await visit.serve(puback)

    with Peer(strange) as broker, NodeProcess(broker.url, **PATIENCE) as node:
        node.expect("ignored from the broker: acknowledgement of nothing")
        broker.expect(
            lambda visits: len(visits) == 1 and len(visits[0].packets) > 30, "thirty packets on one connection"
        )
        node.quit()


def test_an_oversize_publish_is_skipped_acknowledged_and_the_link_holds():
    big = peer.publish("fleet/1/ada/cmd/echo", b"x" * 6000, 77)
    small = peer.publish("fleet/1/ada/cmd/echo", b"still here", 78)

    async def oversize(visit: Visit) -> None:
        await visit.packet()
        await visit.send(peer.CONNACK + big + small)
        await visit.serve()

    def answered(visits: list[Visit]) -> bool:
        packets = visits[0].packets if visits else []
        acks = {packet[2:4] for packet in packets if packet[0] >> 4 == peer.PUBACK}
        return acks == {b"\x00\x4d", b"\x00\x4e"} and any(b'"re":"still here"' in packet for packet in packets)

    with Peer(oversize) as broker, NodeProcess(broker.url, **PATIENCE) as node:
        broker.expect(answered, "both PUBACKs and the answer to the second command")
        node.expect("publish over 4096 bytes")
        assert node.quit() <= LOOSE_LAG_MS
    assert len(broker.visits) == 1


def test_a_packet_in_single_bytes_is_read():
    async def slow(visit: Visit) -> None:
        await visit.packet()
        for byte in peer.CONNACK + peer.publish("fleet/1/ada/cmd/echo", b"slowly", 5):
            await visit.send(bytes((byte,)))
        await visit.serve()

    def answered(visits: list[Visit]) -> bool:
        return any(b'"re":"slowly"' in packet for visit in visits for packet in visit.packets)

    with Peer(slow) as broker, NodeProcess(broker.url, **PATIENCE) as node:
        broker.expect(answered, "the answer")
        node.quit()
    assert len(broker.visits) == 1


def test_an_idle_link_is_kept_alive_by_pings():
    with Peer(peer.good) as broker, NodeProcess(broker.url, keepalive=2, period=3600000) as node:

        def pinged(visits: list[Visit]) -> bool:
            return bool(visits) and sum(packet[0] >> 4 == peer.PINGREQ for packet in visits[0].packets) >= 2

        broker.expect(pinged, "two pings")
        node.quit()
        assert len(broker.visits) == 1


def test_a_goodbye_ends_with_offline_and_disconnect():
    with Peer(peer.good) as broker, NodeProcess(broker.url, **PATIENCE) as node:
        broker.expect(lambda visits: visits and len(visits[0].packets) > 5, "a running session")
        node.interrupt()
        assert node.wait() == 0
        broker.expect(lambda visits: visits[0].packets[-1] == b"\xe0\x00", "DISCONNECT as the last packet")
        assert b'"state":"offline"' in visits_last_publish(broker)


def visits_last_publish(broker: Peer) -> bytes:
    return [packet for packet in broker.visits[0].packets if packet[0] >> 4 == peer.PUBLISH][-1]

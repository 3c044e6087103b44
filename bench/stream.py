"""A stream of readings as a fleet would send it, as fast as the broker takes it.

python -m bench.stream PORT NODES MESSAGES WINDOW QOS [PART] prints when it began (monotonic s) and how long it took
(s); it is a process of its own, so that it never shares an interpreter with what is measured. With PART it waits for a
line on stdin after so many messages each: the broker queues 100,000 for whoever is slower, and drops the rest.
"""

import asyncio
import random
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import islice

from fleet_schema import payloads, topics

CONNECT = bytes.fromhex("101100044d5154540402003c000562656e6368")  # 3.1.1, clean session, keepalive 60, client "bench"
PINGREQ = b"\xc0\x00"
PUBACK_BYTES, PINGRESP_BYTES = 4, 2


def publish_packet(topic: str, payload: bytes, packet_id: int, retain: bool = False) -> bytes:
    """PUBLISH at QoS 1, or at QoS 0 with a packet_id of 0: MQTT 3.1.1 section 3.3."""
    name = topic.encode()
    body = len(name).to_bytes(2, "big") + name + (packet_id.to_bytes(2, "big") if packet_id else b"") + payload
    head, length = bytearray([0x30 | (2 if packet_id else 0) | retain]), len(body)
    while True:
        head.append(length & 0x7F | (0x80 if length > 0x7F else 0))
        length >>= 7
        if not length:
            return bytes(head) + body


def readings(nodes: int, messages: int, qos: int = 1, live: bool = False, seed: int = 1) -> Iterator[bytes]:
    """The packets of `messages` readings, dealt over `nodes` nodes with a sequence of their own each.

    `live`: each is sampled when it is asked for. Else `up` goes slower than any stream: a node whose `up` ran ahead of
    its messages would have all that it sent placed anew with each of them, which no real one makes happen.
    """
    began = time.monotonic()
    chance = random.Random(seed)
    boots = [f"{chance.getrandbits(16):04x}" for _ in range(nodes)]
    names = [topics.node_topic("fleet", f"bench-{node:03d}", "tele", "sht4x") for node in range(nodes)]
    for number in range(messages):
        node, seq = number % nodes, number // nodes
        values = {"temp": round(chance.uniform(18, 26), 2), "hum": round(chance.uniform(30, 60), 1)}
        up = 1000 + (int((time.monotonic() - began) * 1000) if live else number // 100)
        fields = {"boot": boots[node], "seq": seq, "up": up, "v": values}
        yield publish_packet(names[node], payloads.encode("tele", fields), number % 65535 + 1 if qos else 0)


def in_parts(packets: Iterator[bytes], part: int) -> Iterator[bytes]:
    for number, packet in enumerate(packets):
        if number and number % part == 0:
            sys.stdin.readline()  # the whole process may wait here: it has nothing else to do
        yield packet


async def send(port: int, packets: Iterable[bytes], window: int, qos: int = 1) -> tuple[float, float]:
    """(began, took) in s, from the first byte until the broker has taken all, with at most `window` in flight.

    At QoS 0 nothing is acknowledged, so a ping after each half window tells how far the broker has come.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(CONNECT)
    await reader.readexactly(4)
    waiting = iter(packets)
    step, answer = (1, PUBACK_BYTES) if qos else (window // 2, PINGRESP_BYTES)
    began = time.monotonic()
    asked = answered_bytes = 0  # how many answers are to come, one for `step` packets
    more = True
    while more or answered_bytes < asked * answer:
        room = window - step * (asked - answered_bytes // answer)
        if more and room >= step:
            burst = list(islice(waiting, room - room % step))
            parts = [b"".join(burst[begin : begin + step]) for begin in range(0, len(burst), step)]
            writer.write((b"" if qos else PINGREQ).join([*parts, b""]))
            asked += len(parts)
            more = len(burst) == room - room % step
            await writer.drain()
            continue
        got = await reader.read(65536)
        answered_bytes += len(got)
        if not got:
            raise ConnectionError("the broker closed the stream")
    took = time.monotonic() - began
    writer.close()
    return began, took


if __name__ == "__main__":
    port, nodes, messages, window, qos = (int(word) for word in sys.argv[1:6])
    if len(sys.argv) > 6:
        packets = in_parts(readings(nodes, messages, qos, live=True), int(sys.argv[6]))
    else:
        packets = list(readings(nodes, messages, qos))
    print(*asyncio.run(send(port, packets, window, qos)))

"""A stream of readings as a fleet would send it, as fast as the broker takes it, at QoS 1.

python -m bench.stream PORT NODES MESSAGES WINDOW prints when it began (monotonic s) and how long it took (s);
it is a process of its own, so that it never shares an interpreter with what is measured.
"""

import asyncio
import random
import sys
import time

from fleet_schema import payloads, topics

CONNECT = bytes.fromhex("101100044d5154540402003c000562656e6368")  # 3.1.1, clean session, keepalive 60, client "bench"
PUBACK_BYTES = 4


def publish_packet(topic: str, payload: bytes, packet_id: int) -> bytes:
    """PUBLISH at QoS 1: MQTT 3.1.1 section 3.3."""
    body = len(topic).to_bytes(2, "big") + topic.encode() + packet_id.to_bytes(2, "big") + payload
    size, length = bytearray(), len(body)
    while True:
        size.append(length & 0x7F | (0x80 if length > 0x7F else 0))
        length >>= 7
        if not length:
            return b"\x32" + bytes(size) + body


def readings(nodes: int, messages: int, seed: int = 1) -> list[bytes]:
    """The packets of `messages` readings, dealt over `nodes` nodes with a sequence of their own each."""
    chance = random.Random(seed)
    boots = [f"{chance.getrandbits(16):04x}" for _ in range(nodes)]
    packets = []
    for number in range(messages):
        node, seq = number % nodes, number // nodes
        values = {"temp": round(chance.uniform(18, 26), 2), "hum": round(chance.uniform(30, 60), 1)}
        fields = {"boot": boots[node], "seq": seq, "up": 1000 + seq * 1000, "v": values}
        topic = topics.node_topic("fleet", f"bench-{node:03d}", "tele", "sht4x")
        packets.append(publish_packet(topic, payloads.encode("tele", fields), number % 65535 + 1))
    return packets


async def send(port: int, packets: list[bytes], window: int) -> tuple[float, float]:
    """(began, took) in s, from the first byte to the last PUBACK, with at most `window` in flight."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(CONNECT)
    await reader.readexactly(4)
    began = time.monotonic()
    sent = acked = acked_bytes = 0
    while acked < len(packets):
        if sent < len(packets) and sent - acked < window:
            burst = packets[sent : acked + window]
            writer.write(b"".join(burst))
            sent += len(burst)
            await writer.drain()
        got = await reader.read(65536)
        acked_bytes += len(got)
        if not got:
            raise ConnectionError("the broker closed the stream")
        acked = acked_bytes // PUBACK_BYTES
    took = time.monotonic() - began
    writer.close()
    return began, took


if __name__ == "__main__":
    port, nodes, messages, window = (int(word) for word in sys.argv[1:5])
    print(*asyncio.run(send(port, readings(nodes, messages), window)))

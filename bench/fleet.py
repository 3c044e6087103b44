"""A fleet that is there: births, then readings at an even pace, each stamped with the time at which it is sent.

python -m bench.fleet PORT NODES PER_SECOND runs until it is ended; a process of its own, like bench.stream. It prints
"on" when all nodes are born, and at its end how many readings it sent and how late the latest of them was (ms).
A reading holds {"temp","hum","sent"}: `sent` is UTC ms modulo a day, which is what latencies are measured from.
"""

import asyncio
import signal
import sys
import time

from bench.stream import CONNECT, publish_packet
from fleet_schema import payloads, topics

DAY_MS = 86_400_000
STEP_S = 0.002
GROUPS = ("red", "green", "blue", "amber")
FIELDS = {"temp": ["Cel", "temperature"], "hum": ["%RH", "humidity"], "sent": ["ms", "duration"]}


def births(name: str, number: int, boot: str, period: int) -> list[tuple[str, bytes]]:
    meta = {
        **{"boot": boot, "seq": 0, "up": 100, "schema": "1.0", "period": period, "name": f"Node {number:03d}"},
        **{"board": "unix", "fw": "1.28.0", "app": "bench", "groups": [GROUPS[number % len(GROUPS)]]},
        **{"sensors": {"sht4x": FIELDS}, "inputs": {"button-a": ["press"]}, "commands": {}},
    }
    status = {"state": "online", "boot": boot, "conn": 1}
    return [
        (topics.node_topic("fleet", name, kind), payloads.encode(kind, fields))
        for kind, fields in (("status", status), ("meta", meta))
    ]


class Fleet:
    """All nodes through one connection: the broker and what is behind it cannot tell."""

    def __init__(self, nodes: int, per_second: float) -> None:
        self.names = [f"bench-{number:03d}" for number in range(nodes)]
        self.boot = f"{time.time_ns() // 1_000_000 & 0xFFFF:04x}"
        self.per_second = per_second
        self.sent = 0
        self.latest = 0.0  # s behind its turn
        self.ended = asyncio.Event()

    async def run(self, port: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(CONNECT)
        await reader.readexactly(4)
        acks = asyncio.create_task(self._drop_acks(reader))
        period = round(1000 * len(self.names) / self.per_second)
        for number, name in enumerate(self.names):
            for topic, payload in births(name, number, self.boot, period):
                writer.write(publish_packet(topic, payload, number + 1, retain=True))
            await writer.drain()
        print("on", flush=True)
        began = time.monotonic()
        while not self.ended.is_set():
            due = int((time.monotonic() - began) * self.per_second)
            while self.sent < due:
                turn = began + self.sent / self.per_second
                self.latest = max(self.latest, time.monotonic() - turn)
                writer.write(self._reading(began))
                self.sent += 1
            await writer.drain()
            await asyncio.sleep(STEP_S)
        acks.cancel()
        writer.close()
        print(self.sent, round(self.latest * 1000), flush=True)

    def _reading(self, began: float) -> bytes:
        node, seq = self.sent % len(self.names), self.sent // len(self.names)
        swing = seq % 40 if seq % 40 < 20 else 40 - seq % 40
        values = {"temp": round(18 + node % 7 + swing / 10, 1), "hum": 40 + seq % 20}
        values["sent"] = time.time_ns() // 1_000_000 % DAY_MS
        up = 1000 + int((time.monotonic() - began) * 1000)
        fields = {"boot": self.boot, "seq": seq, "up": up, "v": values}
        topic = topics.node_topic("fleet", self.names[node], "tele", "sht4x")
        return publish_packet(topic, payloads.encode("tele", fields), self.sent % 65535 + 1)

    async def _drop_acks(self, reader: asyncio.StreamReader) -> None:
        while await reader.read(65536):
            pass


async def main() -> None:
    port, nodes, per_second = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    fleet = Fleet(nodes, per_second)
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, fleet.ended.set)
    await fleet.run(port)


if __name__ == "__main__":
    asyncio.run(main())

"""The link against a small broker in the same process: packet ids, speed, tasks, refused subscriptions."""

import asyncio
import time

from fleet_node import backoff as backoff_module
from fleet_node import link as link_module
from fleet_node.backoff import Backoff
from fleet_node.dial import Dialer
from fleet_node.framing import Framer
from fleet_node.link import Link

_ports = [28100 + time.ticks_us() % 3000]


class Broker:
    """Answers as a broker does; remembers packets. `suback` is the return code of every SUBSCRIBE."""

    def __init__(self, suback=1):
        self.packets = []
        self.hold = False
        self.held = []
        self._suback = suback

    async def start(self):
        while True:
            _ports[0] += 1  # the Unix port cannot tell which port 0 has become
            try:
                self.server = await asyncio.start_server(self._serve, "127.0.0.1", _ports[0])
                self.port = _ports[0]
                return
            except OSError:
                pass  # taken: the next one

    async def _serve(self, reader, writer):
        framer = Framer(100000)
        while True:
            chunk = await reader.read(512)
            if not chunk:
                return
            for packet, _ in framer.feed(chunk):
                self.packets.append(packet)
                await self._answer(packet, writer)

    async def _answer(self, packet, writer):
        kind = packet[0] >> 4
        if kind == 1:
            writer.write(b"\x20\x02\x00\x00")
        elif kind == 8:
            writer.write(b"\x90\x03" + packet[2:4] + bytes((self._suback,)))
        elif kind == 3 and packet[0] & 2:
            at = 4 + packet[3]  # short topics, short packets
            if self.hold:
                self.held.append(packet[at : at + 2])
                return
            writer.write(b"\x40\x02" + packet[at : at + 2])
        elif kind == 12:
            writer.write(b"\xd0\x00")
        await writer.drain()


class Owner:
    def __init__(self):
        self.ups = 0
        self.acks = []
        self.refusals = []
        self.oddities = []
        self.reasons = []
        self.failures = []
        self.waits = []
        self.news = asyncio.Event()

    def will(self, conn):
        return b"t/status", b"lost"

    def link_up(self):
        self.ups += 1
        self.news.set()

    def link_down(self, reason, wait_ms):
        self.reasons.append(reason)
        self.waits.append(wait_ms)

    def failed(self, stage, answer, error):
        self.failures.append((stage, answer))

    def acked(self, pid):
        self.acks.append(pid)
        self.news.set()

    def refused(self, pid):
        self.refusals.append(pid)

    def received(self, topic, payload, retained):
        pass

    def odd(self, what):
        self.oddities.append(what)


async def connected(broker, keepalive=4):
    await broker.start()
    link, owner = begin(broker, keepalive)
    await until(lambda: owner.ups == 1)
    return link, owner


def begin(broker, keepalive):
    owner = Owner()
    config = {"node": "ada", "broker": {}, "keepalive": keepalive}
    dialer = Dialer("127.0.0.1", broker.port)
    link = Link(config, dialer, Backoff(lambda: 0), owner, lambda name, coro_fn: asyncio.create_task(coro_fn()))
    asyncio.create_task(link.run())
    return link, owner


async def until(condition, within_ms=5000):
    began = time.ticks_ms()
    while not condition():
        await asyncio.sleep_ms(1)
        assert time.ticks_diff(time.ticks_ms(), began) < within_ms, "it did not happen in time"


async def test_packet_ids_wrap_from_65535_to_1_and_skip_those_under_way():
    broker = Broker()
    link, owner = await connected(broker)
    broker.hold = True
    link.session.pid = 0
    first = [link.publish(b"t", b"held") for _ in range(2)]
    await until(lambda: len(broker.held) == 2)
    broker.hold = False
    link.session.pid = 65530
    for _ in range(10):
        link.publish(b"t", b"x")
    await until(lambda: len(owner.acks) == 10)
    assert first == [1, 2]
    assert owner.acks == [65531, 65532, 65533, 65534, 65535, 3, 4, 5, 6, 7], owner.acks
    assert owner.reasons == []


async def test_every_publish_is_one_packet_and_nothing_is_left_behind():
    broker = Broker()
    link, owner = await connected(broker)
    for i in range(200):
        while not link.ready():
            owner.news.clear()
            await owner.news.wait()
        link.publish(b"t", b"%d" % i)
    await until(lambda: len(owner.acks) == 200)
    payloads = [packet[7:] for packet in broker.packets if packet[0] >> 4 == 3]
    assert payloads == [b"%d" % i for i in range(200)]
    assert owner.oddities == []


async def test_a_publish_waits_for_no_earlier_one():
    broker = Broker()
    link, owner = await connected(broker)
    times = []
    for _ in range(100):
        owner.news.clear()
        began = time.ticks_us()
        link.publish(b"t", b"x" * 80)
        await owner.news.wait()
        times.append(time.ticks_diff(time.ticks_us(), began))
    times.sort()
    print("median", times[50], "us, broker included")
    assert times[50] < 20000  # with Nagle's algorithm in the way it is 40 ms


async def test_a_refused_subscription_is_told():
    broker = Broker(suback=0x80)
    link, owner = await connected(broker)
    pid = link.subscribe(b"t/cmd/+")
    await until(lambda: owner.refusals == [pid])
    assert owner.reasons == []


async def test_connect_carries_the_will_and_the_keepalive():
    broker = Broker()
    await connected(broker, keepalive=600)
    connect = broker.packets[0]
    assert connect[2:12] == b"\x00\x04MQTT\x04" + bytes((0x04 | 0x08 | 0x20 | 0x02,)) + b"\x02\x58", connect
    assert connect[12:] == b"\x00\x03ada" + b"\x00\x08t/status" + b"\x00\x04lost"


async def test_umqtt_has_its_own_socket_module_back():
    import socket

    from umqtt import simple

    await connected(Broker())
    assert simple.socket is socket


async def test_a_broker_that_only_accepts_is_tried_less_and_less_often():
    class Deaf(Broker):
        async def _answer(self, packet, writer):
            pass

    broker = Deaf()
    await broker.start()
    patience = link_module.PATIENCE_MS
    link_module.PATIENCE_MS = 20
    backoff_module.STEADY_MS = 10  # less than one attempt takes, and still no link has held that long
    try:
        _, owner = begin(broker, 4)
        await until(lambda: len(owner.waits) == 3)
        assert owner.waits == [500, 1000, 2000], owner.waits
    finally:
        link_module.PATIENCE_MS = patience
        backoff_module.STEADY_MS = 5000

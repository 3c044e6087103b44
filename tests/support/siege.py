"""F29: a class that is connected, and strangers at the door of its broker, be that here or in the image."""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from support import raw
from support.classroom import Classroom
from support.memory import rss_mb
from support.node import NodeProcess
from support.nuisance import Guesser, Knocker, Silent
from support.probe import Probe

MEMBERS = ("ada", "grace", "katherine")
LATE = "linus"
BOARDS = (*MEMBERS, LATE)
FOR_S = 3.0
PATIENCE_S = 30.0
MAX_PACKET = 16384  # max_packet_size in broker/mosquitto.conf: topic with its length, and payload


class Lesson:
    """Nodes that measure five times a second, and somebody who counts what arrives."""

    def __init__(self, room: Classroom, nodes: dict[str, NodeProcess], witness: Probe) -> None:
        self.room, self.nodes, self.witness = room, nodes, witness

    def goes_on_during(self, trouble: Callable[[], object]) -> None:
        """No node loses its connection, and of every reading that it takes one comes."""
        since = self.witness.mark()
        said = {name: node.mark() for name, node in self.nodes.items()}
        trouble()
        for name, node in self.nodes.items():
            topic = f"fleet/1/{name}/tele/+"
            after = self.witness.mark()
            self.witness.expect_count(3, topic, within=PATIENCE_S, since=after)
            numbers = [one.json()["seq"] for one in self.witness.expect_count(3, topic, since=since)]
            assert len(set(numbers)) == len(numbers), f"{name} had to send readings twice: {numbers}"
            broken = [line for line in node.said(said[name]) if "next try" in line]
            assert not broken, f"{name} lost its connection: {broken}"


@contextmanager
def lesson(room: Classroom) -> Iterator[Lesson]:
    with ExitStack() as stack:
        witness = stack.enter_context(Probe(room.url("everything"), "fleet/1/#"))
        nodes = {name: stack.enter_context(NodeProcess(room.url(name), name, period=200)) for name in MEMBERS}
        for name in nodes:
            witness.expect_count(3, f"fleet/1/{name}/tele/+", within=PATIENCE_S)
        yield Lesson(room, nodes, witness)


def guessing(one: Lesson) -> str:
    """Four at once guess grace's password, as fast as they can."""
    with ExitStack() as stack:
        guessers = [stack.enter_context(Guesser(one.room.port, "grace")) for _ in range(4)]
        one.goes_on_during(lambda: time.sleep(FOR_S))
    answers = [dict(guesser.answers) for guesser in guessers]
    assert all(set(one) == {"refused"} for one in answers), answers
    return f"{sum(guesser.per_second for guesser in guessers):.0f} guesses a second, all refused"


def knocking(one: Lesson) -> str:
    """A thousand connections a second, each left at once."""
    with Knocker(one.room.port, 1000) as knocker:
        one.goes_on_during(lambda: time.sleep(FOR_S))
    return f"{knocker.per_second:.0f} connections a second"


def silence(one: Lesson) -> str:
    """Connections that say nothing, as many as the broker takes. Who is in stays in; who comes now must wait."""
    with Silent(one.room.port) as silent, ExitStack() as stack:
        one.goes_on_during(silent.fill)
        held = len(silent.sockets)
        late = stack.enter_context(NodeProcess(one.room.url(LATE), LATE, period=200))
        told = late.expect("next try", within=PATIENCE_S)
        one.goes_on_during(lambda: late.expect("next try", within=PATIENCE_S, since=late.mark()))
        assert not one.witness.seen(f"fleet/1/{LATE}/#"), "it came in although the broker was full"
        silent.leave()
        one.witness.expect(f"fleet/1/{LATE}/tele/+", within=PATIENCE_S)
    return f"{held} silent connections fill the broker; a newcomer says: {told.split(': ', 1)[1]}"


def oversize(one: Lesson, broker_pid: int) -> str:
    """F18: packets over the limit, from an account of the class: the sender is put out, nobody hears of it."""
    topic, before = f"fleet/1/{LATE}/tele/sht4x", rss_mb(broker_pid)
    packets = {
        "a byte over 16 KiB": raw.publish(topic, b"x" * (MAX_PACKET + 1 - 2 - len(topic))),
        "2 MB": raw.publish(topic, b"x" * 2_000_000),
        "256 MB announced": raw.publish_head(topic, 268_435_455) + b"x" * 1000,
    }
    for name, packet in packets.items():

        def send(packet: bytes = packet, name: str = name) -> None:
            with raw.open_socket(one.room.port) as sock:
                sock.sendall(raw.connect(LATE, LATE, one.room.password(LATE)))
                assert sock.recv(4) == b"\x20\x02\0\0"
                try:
                    sock.sendall(packet)
                except ConnectionError:
                    return
                assert raw.is_closed(sock), f"the broker took {name}"

        one.goes_on_during(send)
    assert not one.witness.seen(topic), f"it was passed on: {one.witness.seen(topic)[0].payload[:80]!r}"
    grew = rss_mb(broker_pid) - before
    assert grew < 10, f"the broker grew by {grew:.1f} MB"
    return f"{len(packets)} packets over the limit, each sender put out; the broker grew by {grew:.1f} MB"

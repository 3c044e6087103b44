"""F9: a PUBACK that never comes, comes twice or is of another packet: bounded retries, and the rest of the node runs.

What is said of it and that the link holds is in integration/test_node_faults.py; here it is counted what is sent.
"""

from collections import Counter
from contextlib import ExitStack

from support import peer
from support.node import BUSY_LAG_MS, NodeProcess
from support.peer import Peer, Visit

PATIENCE = {"keepalive": 2, "period": 100}  # answers are waited for 1 s
VISITS = 2


def seqs_of(visit: Visit) -> Counter[str]:
    """How often each reading was sent on this connection."""
    readings = [packet for packet in visit.packets if packet[0] >> 4 == peer.PUBLISH and b"/tele/" in packet]
    return Counter(packet.split(b'"seq":')[1].split(b",")[0].decode() for packet in readings)


def test_what_is_not_acknowledged_is_sent_once_a_connection() -> None:
    async def withheld(visit: Visit) -> None:
        await visit.serve(lambda ack: b"")

    async def of_another(visit: Visit) -> None:
        await visit.serve(lambda ack: ack[:2] + bytes((ack[2] ^ 0x80, ack[3])))

    async def doubled(visit: Visit) -> None:
        await visit.serve(lambda ack: ack + ack)

    with ExitStack() as stack:
        cases = {}
        for bad in (withheld, of_another, doubled):
            broker = stack.enter_context(Peer(*[bad] * VISITS, *([] if bad is doubled else [peer.good])))
            cases[bad.__name__] = broker, stack.enter_context(NodeProcess(broker.url, **PATIENCE))
        for how, (broker, node) in cases.items():
            if how == "doubled":
                broker.expect(lambda visits: visits and len(seqs_of(visits[0])) > 30, "thirty readings", within=60)
            else:
                broker.expect(lambda visits: len(visits) > VISITS, "a good connection in the end", within=90)
                first = min(map(int, seqs_of(broker.visits[0])))
                want = str(first)
                broker.expect(lambda visits: want in seqs_of(visits[-1]), "the first reading again", within=30)  # noqa: B023
                broker.expect(lambda visits: len(seqs_of(visits[-1])) > 30, "the backlog and more", within=30)
            lag = node.quit()
            assert "Traceback" not in node.output
            judge(how, broker, lag)


def judge(how: str, broker: Peer, lag: int) -> None:
    for number, visit in enumerate(broker.visits):
        sent = seqs_of(visit)
        assert sent, f"{how}: connection {number} sent nothing"
        assert max(sent.values()) == 1, f"{how}: more than once on connection {number}: {sent.most_common(3)}"
        if how != "doubled" and number < VISITS:
            assert len(sent) <= 8, f"{how}: {len(sent)} readings under way at once"
    sent = sum(sum(seqs_of(visit).values()) for visit in broker.visits[:VISITS])
    print(f"{how}: {sent} sends on {len(broker.visits)} connections, worst loop lag {lag} ms (target 100 ms)")
    last = sorted(map(int, seqs_of(broker.visits[-1])))
    assert last == list(range(last[0], last[0] + len(last))), f"{how}: a gap in {last}"
    assert len(broker.visits) == (1 if how == "doubled" else VISITS + 1)
    assert lag <= BUSY_LAG_MS

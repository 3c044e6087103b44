"""A MicroPython dialer that has more to say over TLS than the other side reads: micropython upy_slow_reader.py PORT CA

It goes on collecting while it waits, as a session does. Prints a JSON line: {"sent": bytes, "waits": how often nothing
could be sent}.
"""

import asyncio
import json
import sys

tests = sys.argv[0].rsplit("/", 2)[0]
root = tests.rsplit("/", 1)[0] if "/" in tests else "."
sys.path[0:0] = [root + "/node", root + "/node/lib"]

from fleet_node.dial import to_broker  # noqa: E402

TOTAL = 100000
SOL_SOCKET, SO_SNDBUF = 1, 7  # of Linux


async def main(port, ca):
    broker = {"host": "127.0.0.1", "port": port, "tls": True, "ca": ca, "tls_name": "fleet-3b", "fingerprint": ""}
    dialer = to_broker(broker)
    await dialer.open()
    dialer._sock.setsockopt(SOL_SOCKET, SO_SNDBUF, 4096)  # a board has little room in its network
    waiting, made, waits = b"", 0, 0
    await dialer.greet(b"%08d" % made)
    made += 8
    while made < TOTAL or waiting:
        while made < TOTAL and len(waiting) < 3000:
            waiting += b"%08d" % made
            made += 8
            if made % 700 < 8:
                break
        sent = dialer.write(waiting)
        waiting = waiting[sent:]
        waits += not sent
        if not sent:
            await asyncio.sleep_ms(2)
    dialer.finish(b"")  # reads what TLS has for us: closing with something unread would reset the connection
    print(json.dumps({"sent": made, "waits": waits}))


asyncio.run(main(int(sys.argv[1]), sys.argv[2]))

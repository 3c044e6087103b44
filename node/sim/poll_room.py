"""Room for the sockets of a node that serves its page, made before they come.

The Unix port 1.29 ends with a segmentation fault when the fifth file descriptor is polled for while
something without one, such as a ThreadSafeFlag, is in the same poll set: the set grows, and the pointers into it are
set right for those too that have none. A set that has grown once keeps its size. Boards have no such set.
"""

import asyncio
import select
import socket

ROOM = 16  # stdin, the broker's link, the server, its connections, and some more


def make():
    """Before any task runs."""
    poller = asyncio.core._io_queue.poller
    sockets = [socket.socket() for _ in range(ROOM)]
    for one in sockets:
        poller.register(one, select.POLLIN)
    for one in sockets:
        poller.unregister(one)
        one.close()

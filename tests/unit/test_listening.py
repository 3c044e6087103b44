"""The port for browsers: what comes from it comes at once."""

import asyncio
import socket

from fleet_client.address import parse_url
from fleet_dashboard.listening import listen
from fleet_dashboard.settings import Settings


async def test_an_answer_does_not_wait_for_the_one_before_it_to_be_acknowledged() -> None:
    """Nagle's wait is off at every connection: every request of a page but its first would take 40 ms."""
    listener = listen(Settings(broker=parse_url("mqtt://127.0.0.1:1883"), http_port=0))
    accepted: asyncio.Future[int] = asyncio.get_running_loop().create_future()

    def take(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        sock = writer.get_extra_info("socket")
        accepted.set_result(sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    async with await asyncio.start_server(take, sock=listener):
        _, writer = await asyncio.open_connection(*listener.getsockname())
        assert await accepted, "asyncio sends with Nagle's wait"
        writer.close()
        await writer.wait_closed()

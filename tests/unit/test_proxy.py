"""The proxy of the fault tests does to bytes what its faults say, and nothing else."""

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from support.proxy import DOWN, UP, Cut, Proxy


class Echo:
    """A server that sends back what it gets, and remembers it."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.heard = b""
        self.ends: list[str] = []
        self._guests: list[socket.socket] = []
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        while True:
            try:
                guest, _ = self._listener.accept()
            except OSError:
                return
            self._guests.append(guest)
            threading.Thread(target=self._serve, args=(guest,), daemon=True).start()

    def _serve(self, guest: socket.socket) -> None:
        with guest:
            try:
                while data := guest.recv(4096):
                    self.heard += data
                    guest.sendall(data)
                self.ends.append("FIN")
            except ConnectionResetError:
                self.ends.append("RST")
            except OSError:
                pass

    def close(self) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for guest in self._guests:
            try:
                guest.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass  # it ended by itself


@pytest.fixture
def echo() -> Iterator[Echo]:
    server = Echo()
    yield server
    server.close()


def through(proxy: Proxy) -> socket.socket:
    sock = socket.create_connection(("127.0.0.1", proxy.port), 30)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return sock


def until(condition: object, what: str) -> None:
    deadline = time.monotonic() + 30
    while not condition():  # type: ignore[operator]
        assert time.monotonic() < deadline, f"{what} did not come within 30 s"
        time.sleep(0.005)


def receive(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size and (part := sock.recv(size - len(data))):
        data += part
    return data


def is_silent(sock: socket.socket, seconds: float = 0.3) -> bool:
    sock.settimeout(seconds)
    try:
        return sock.recv(1) is None
    except TimeoutError:
        return True
    finally:
        sock.settimeout(30)


def test_everything_passes_unchanged(echo: Echo) -> None:
    data = bytes(range(256)) * 2000
    with Proxy(echo.port) as proxy, through(proxy) as sock:
        threading.Thread(target=sock.sendall, args=(data,)).start()
        assert receive(sock, len(data)) == data
        proxy.expect(lambda proxy: proxy.passed == {UP: len(data), DOWN: len(data)}, "the count of all bytes")


@pytest.mark.parametrize("after", [0, 1, 7, 20])
@pytest.mark.parametrize("reset", [False, True], ids=["FIN", "RST"])
def test_a_cut_lets_exactly_so_many_bytes_up(echo: Echo, after: int, reset: bool) -> None:
    with Proxy(echo.port, lambda number: Cut(after, UP, reset)) as proxy:
        try:
            with through(proxy) as sock:  # with a cut before the first byte, the RST may come while it still connects
                sock.sendall(b"x" * 20)
                while sock.recv(100):
                    pass
            ended = "FIN"
        except ConnectionError:  # what was sent and not taken makes an RST of a FIN, on both sides
            ended = "RST"
        until(lambda: echo.ends, "the end of the server's side")
        assert len(proxy.cuts) == 1
    assert echo.heard == b"x" * after or (reset and len(echo.heard) < after)
    if reset:
        assert (echo.ends, ended) == (["RST"], "RST")


def test_a_cut_lets_exactly_so_many_bytes_down(echo: Echo) -> None:
    with Proxy(echo.port, lambda number: Cut(5, DOWN) if number == 0 else None) as proxy:
        with through(proxy) as sock:
            sock.sendall(b"0123456789")
            assert receive(sock, 100) == b"01234"
        with through(proxy) as sock:
            sock.sendall(b"0123456789")
            assert receive(sock, 10) == b"0123456789", "the second connection has no cut"


def test_half_open_swallows_and_tells_nobody_and_healing_resets(echo: Echo) -> None:
    with Proxy(echo.port) as proxy, through(proxy) as sock:
        sock.sendall(b"a")
        assert receive(sock, 1) == b"a"
        proxy.half_open()
        sock.sendall(b"swallowed")
        assert is_silent(sock)
        assert (echo.heard, echo.ends) == (b"a", [])
        with through(proxy) as late:  # a connection can still be made, and nothing comes of it
            late.sendall(b"hello")
            assert is_silent(late)
        proxy.heal()
        with pytest.raises(ConnectionResetError):
            sock.recv(1)
        with through(proxy) as again:
            again.sendall(b"b")
            assert receive(again, 1) == b"b"
    assert b"swallowed" not in echo.heard


@pytest.mark.parametrize("way", [UP, DOWN])
def test_one_way_silence_holds_the_bytes_and_healing_lets_them_go(echo: Echo, way: str) -> None:
    with Proxy(echo.port) as proxy, through(proxy) as sock:
        sock.sendall(b"a")
        assert receive(sock, 1) == b"a"
        proxy.silence(way)
        sock.sendall(b"later")
        assert is_silent(sock)
        assert echo.heard == (b"a" if way == UP else b"alater")
        proxy.heal()
        assert receive(sock, 5) == b"later"


def test_delay_and_trickle_are_slow_and_lose_nothing(echo: Echo) -> None:
    with Proxy(echo.port) as proxy, through(proxy) as sock:
        proxy.delay(0.1)
        began = time.monotonic()
        sock.sendall(b"a")
        assert receive(sock, 1) == b"a"
        assert time.monotonic() - began >= 0.2, "0.1 s each way"
        proxy.trickle(1000)
        began = time.monotonic()
        sock.sendall(b"b" * 300)
        assert receive(sock, 300) == b"b" * 300
        assert time.monotonic() - began >= 0.3, "300 bytes at 1000 a second"


def test_reset_cut_and_refuse_end_what_is_open_and_only_refuse_lasts(echo: Echo) -> None:
    with Proxy(echo.port) as proxy:
        with through(proxy) as sock:
            until(lambda: proxy.open == 1, "the connection")
            proxy.reset_all()
            with pytest.raises(ConnectionResetError):
                sock.recv(1)
        with through(proxy) as sock:
            until(lambda: proxy.open == 1, "the connection")
            proxy.cut_all()
            assert sock.recv(1) == b""
        proxy.refuse()
        with pytest.raises(ConnectionRefusedError):
            through(proxy)
        with pytest.raises(OSError), socket.socket() as other:
            other.bind(("127.0.0.1", proxy.port))
        proxy.heal()
        with through(proxy) as sock:
            sock.sendall(b"a")
            assert receive(sock, 1) == b"a"


def test_a_server_that_is_not_there_shows_as_a_reset() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with Proxy(taken.getsockname()[1]) as proxy, pytest.raises(OSError):
            read_one(proxy)


def read_one(proxy: Proxy) -> bytes:
    with through(proxy) as sock:
        return sock.recv(1)


def test_what_waits_in_a_held_direction_is_bounded(echo: Echo) -> None:
    with Proxy(echo.port) as proxy, through(proxy) as sock:
        sock.sendall(b"a")
        assert receive(sock, 1) == b"a"
        proxy.silence(UP)
        sock.settimeout(0.5)
        sent = 0
        try:
            while sent < 1 << 26:
                sent += sock.send(b"x" * 65536)
        except TimeoutError:
            pass
        print(f"{sent} bytes fit into the buffers of a held connection")
        assert sent < 1 << 26
        proxy.reset_all()

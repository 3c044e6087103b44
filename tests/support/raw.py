"""MQTT packets by hand, for what a client library refuses to send, and for a thousand connections at once."""

import socket


def connect(client_id: str, user: str | None = None, password: str | None = None, keepalive: int = 60) -> bytes:
    """CONNECT of MQTT 3.1.1 with a clean session: section 3.1."""
    flags = 0x02 | (0x80 if user is not None else 0) | (0x40 if password is not None else 0)
    texts = [client_id, *(text for text in (user, password) if text is not None)]
    return _packet(0x10, _text("MQTT") + bytes([4, flags]) + keepalive.to_bytes(2, "big") + b"".join(map(_text, texts)))


def publish(topic: str, payload: bytes) -> bytes:
    """PUBLISH at QoS 0, whatever the topic is."""
    return _packet(0x30, _text(topic) + payload)


def publish_head(topic: str, size: int) -> bytes:
    """The beginning of a PUBLISH that says it will be of `size` bytes, at most 268,435,455."""
    length = bytearray()
    while True:
        length.append(size & 0x7F | (0x80 if size > 0x7F else 0))
        size >>= 7
        if not size:
            return b"\x30" + bytes(length) + _text(topic)


def open_socket(port: int, timeout_s: float = 10.0) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=timeout_s)


def is_closed(sock: socket.socket) -> bool:
    """Does the peer hang up, within the socket's own time? What it says before that is read and thrown away."""
    try:
        while sock.recv(4096):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        pass
    return True


def _text(text: str) -> bytes:
    data = text.encode("utf-8", "surrogatepass")
    return len(data).to_bytes(2, "big") + data


def _packet(head: int, body: bytes) -> bytes:
    start, left = bytearray([head]), len(body)
    while True:
        start.append(left & 0x7F | (0x80 if left > 0x7F else 0))
        left >>= 7
        if not left:
            return bytes(start) + body

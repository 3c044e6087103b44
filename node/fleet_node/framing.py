"""MQTT packets and bytes: Wire is a socket in memory, Framer cuts a byte stream into packets. Pure."""

HEAD = 256  # of an oversize packet this much is kept: enough for its topic and packet id


class FramingError(Exception):
    """The stream is not MQTT; nothing after this point can be understood."""


class Wire:
    """What umqtt.simple believes to be its socket, and its socket module too.

    Everything it writes waits in `out`; what it shall read was put there by `feed` before.
    """

    def __init__(self):
        self.out = bytearray()
        self._in = b""

    def feed(self, data):
        self._in = data

    def take(self):
        """All bytes that wait; the caller sends them."""
        out = self.out
        self.out = bytearray()
        return out

    def put_back(self, rest):
        """These were not sent after all."""
        self.out = rest + self.out

    def read(self, n):
        data = self._in[:n]
        self._in = self._in[n:]
        return data

    def write(self, data, n=None):
        self.out += data if n is None else data[:n]

    def socket(self):
        return self

    def getaddrinfo(self, host, port):
        return ((None,),)

    def ignore(self, *_):
        pass

    connect = settimeout = setblocking = close = ignore


class Framer:
    """Whole packets from pieces of a stream; one longer than `limit` is skipped without being stored."""

    def __init__(self, limit):
        self._limit = limit
        self._rest = b""
        self._skip = 0

    def feed(self, chunk):
        """A list of (packet, whole); of an oversize packet only the first HEAD bytes, with whole False."""
        if self._skip:
            cut = min(self._skip, len(chunk))
            self._skip -= cut
            chunk = chunk[cut:]
        data = self._rest + chunk
        packets = []
        at = 0
        while True:
            size = packet_size(data, at)
            whole = size <= self._limit
            have = len(data) - at
            if not size or have < (size if whole else HEAD):
                break
            packets.append((data[at : at + (size if whole else HEAD)], whole))
            if have < size:
                self._skip = size - have
            at += min(size, have)
        self._rest = data[at:]
        return packets


def packet_size(data, at):
    """Bytes of the packet that begins at `at`; 0 if its length is not there yet (MQTT 3.1.1, 2.2.3)."""
    size = 0
    for i in range(1, 5):
        if at + i >= len(data):
            return 0
        byte = data[at + i]
        size |= (byte & 0x7F) << 7 * (i - 1)
        if not byte & 0x80:
            return size + 1 + i
    raise FramingError("not an MQTT packet")


def publish_id(packet):
    """The packet id of a QoS 1 or 2 PUBLISH, from its first bytes; 0 if its topic is too long to tell."""
    at = 2
    while packet[at - 1] & 0x80:
        at += 1
    at += 2 + (packet[at] << 8 | packet[at + 1])
    return packet[at] << 8 | packet[at + 1] if at + 1 < len(packet) else 0

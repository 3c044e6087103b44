"""Reads one HTTP request that may be anything, and decides whether it comes from this node's own page. Pure but for
the stream.

A page of somebody else in the same browser must not command a node, nor read it: it can neither send JSON nor hide
where it comes from. A name that an attacker lets point to the node's address is no name of ours.
"""

LINE = 1024  # bytes of one line
HEAD = 4096  # of all of them; cookies of other programs at 127.0.0.1 come along
BODY = 512  # as long as a command over the broker may be
PIECE = 256
WANTED = ("host", "origin", "sec-fetch-site", "content-type", "content-length", "transfer-encoding")


class HttpError(Exception):
    """The answer is `status`, such as "404 Not Found", and `why`, a sentence."""

    def __init__(self, status, why):
        super().__init__(why)
        self.status = status
        self.why = why


class Request:
    def __init__(self, method, path, body):
        self.method = method
        self.path = path
        self.body = body


async def read(stream, names):
    """The Request; HttpError if it is none, or not for us. EOFError if it ends early. `names` are the node's own."""
    lines = _Lines(stream)
    words = (await lines.next()).split(b" ")
    if len(words) != 3 or not words[2].startswith(b"HTTP/1."):
        raise HttpError("400 Bad Request", "this is not HTTP/1.1")
    headers = {}
    line = await lines.next()
    while line:
        name, colon, value = line.partition(b":")
        name = _text(name).lower()
        if not colon or (name in WANTED and name in headers):
            raise HttpError("400 Bad Request", "a header is wrong, or is there twice")
        if name in WANTED:
            headers[name] = _text(value).strip()
        line = await lines.next()
    method, path = _text(words[0]), _text(words[1]).split("?")[0]
    _check_place(headers, names, path)
    if method == "GET":
        return Request(method, path, b"")
    if method != "POST":
        raise HttpError("405 Method Not Allowed", "GET and POST are all that there is")
    return Request(method, path, await lines.rest(_length(headers)))


def _check_place(headers, names, path):
    host = headers.get("host", "")
    if not is_own(host, names):
        raise HttpError("403 Forbidden", "open this page by the node's address, such as http://192.168.4.2/")
    if headers.get("origin", "http://" + host) != "http://" + host:
        raise HttpError("403 Forbidden", "another page may not ask this node")
    if path != "/" and headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
        raise HttpError("403 Forbidden", "another page may not ask this node")


def is_own(host, names):
    """An address, or one of `names`, with a port or without."""
    if host.startswith("["):
        return True
    name = host.split(":")[0].lower()
    parts = name.split(".")
    return name in names or (len(parts) == 4 and all([part.isdigit() for part in parts]))


def _length(headers):
    if headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise HttpError("415 Unsupported Media Type", "a command is application/json")
    length = headers.get("content-length", "")
    if "transfer-encoding" in headers or not length.isdigit():
        raise HttpError("411 Length Required", "say how long it is")
    if len(length) > 5 or int(length) > BODY:
        raise HttpError("413 Content Too Large", "a command has at most %d bytes" % BODY)
    return int(length)


def _text(raw):
    """Bytes beyond ASCII become question marks."""
    return "".join([chr(byte) if 32 <= byte < 127 else "?" for byte in raw])


class _Lines:
    def __init__(self, stream):
        self._stream = stream
        self._raw = b""
        self._read = 0

    async def next(self):
        """The next line without its end."""
        while True:
            line, end, rest = self._raw.partition(b"\n")
            if end and len(line) <= LINE:
                self._raw = rest
                return line[:-1] if line.endswith(b"\r") else line
            if end or len(self._raw) > LINE or self._read > HEAD:
                raise HttpError(
                    "431 Request Header Fields Too Large", "too much before the request: delete its cookies"
                )
            await self._more()

    async def rest(self, length):
        while len(self._raw) < length:
            await self._more()
        return self._raw[:length]

    async def _more(self):
        piece = await self._stream.read(PIECE)
        if not piece:
            raise EOFError
        self._read += len(piece)
        self._raw += piece

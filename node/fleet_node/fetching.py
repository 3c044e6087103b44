"""One new program, from the host into a slot: the manifest, then whatever of its files is not there already.

The node asks for each chunk when it has written the one before, so it holds one, however slow its flash is.
"""

import asyncio
import binascii
import hashlib

from fleet_node import flash
from fleet_schema import SchemaError, payloads

PAGE = "fleet_node/web/"  # a part that only some nodes have room for
ASK_MS = (1500, 24000)  # a chunk that does not come is asked for again: after the first of these, and up to the last


class Stop(Exception):
    """This job is over: Stop(state, why)."""


class Fetch:
    """`offer` is a signed one; `old` and `new` are slots, with / at their ends; `ask([file, byte])` asks the host.
    Without `page` the node's own page is left out."""

    def __init__(self, offer, old, new, ask, page=True):
        self.job = offer["job"]
        self._offer = offer
        self._old = old
        self._new = new
        self._ask = ask
        self._page = page
        self._want = self._data = None
        self._cancelled = False
        self._arrived = asyncio.Event()

    async def run(self):
        """Until everything is there, whole; Stop or OSError."""
        manifest = self._new + flash.MANIFEST
        if not await flash.holds(manifest, self._offer["hash"]):
            await self._download(0, manifest, self._offer["size"], self._offer["hash"])
        await flash.prune(self._new)
        with open(manifest) as lines:  # noqa: ASYNC230
            for number, line in enumerate(lines, 1):
                digest, size, path = line.split()
                self._check()
                if (path.startswith(PAGE) and not self._page) or await flash.holds(self._new + path, digest):
                    continue
                if await flash.holds(self._old + path, digest):
                    await flash.copy(self._old + path, self._new + path)
                else:
                    await self._download(number, self._new + path, int(size), digest)

    def take(self, raw):
        """A chunk as it came; what was not asked for is left alone, and what is broken is asked for again."""
        try:
            fields = payloads.parse("host_chunk", raw)
            if fields["job"] == self.job and fields["at"] == self._want:
                self._data = binascii.a2b_base64(fields["b64"])
                self._arrived.set()
        except (SchemaError, KeyError, ValueError, TypeError):
            pass

    def cancel(self):
        self._cancelled = True
        self._arrived.set()

    def _check(self):
        if self._cancelled:
            raise Stop("CANCELED")

    async def _download(self, number, path, size, digest):
        """Hashed while it is written: nothing of it is kept in RAM but one chunk."""
        flash.make_folders(path)
        done, at = hashlib.sha256(), 0
        with open(path, "wb") as file:  # noqa: ASYNC230
            while at < size:
                data = await self._get([number, at])
                done.update(data)
                file.write(data)
                at += len(data)
        if binascii.hexlify(done.digest()).decode() != digest:
            raise Stop("FAILED", "wrong hash: " + path[len(self._new) :])

    async def _get(self, place):
        """The bytes there. Asks less and less often while nobody answers."""
        self._want, self._data = place, None
        wait_ms = ASK_MS[0]
        while not self._data:
            self._check()
            self._arrived.clear()
            self._ask(place)
            try:
                await asyncio.wait_for_ms(self._arrived.wait(), wait_ms)
            except asyncio.TimeoutError:
                wait_ms = min(2 * wait_ms, ASK_MS[1])
        self._check()
        return self._data

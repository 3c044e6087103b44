"""Is there a new program for this node? A small part that is always there; updating.py is loaded when there is work."""

import asyncio
import json

from fleet_node.slots import Slots
from fleet_schema import topics


class Update:
    """`outbox` has put_once; `joining` gets the topics to hear and tells when the host heard us; `reset()` begins a
    clean reset. config["place"] is where the slots are and config["slot"] the one that runs, from main.py."""

    def __init__(self, config, outbox, joining, say, reset):
        self._given = (config, outbox, say, reset)
        self._say = say
        self._offered, self._chunk = [
            topics.host_topic(config["base"], kind, config["node"]).encode() for kind in ("ota", "chunk")
        ]
        joining.more = (self._offered, self._chunk)
        joining.proven = self._proven
        self._work = None
        self._wake = asyncio.Event()
        if config.get("slot"):
            known = Slots(config["place"] + "ota").load() or {}
            if config.get("tried") or known.get("st") in ("IN_PROGRESS", "trial"):
                self._load()

    def tasks(self):
        return [("update", self._run)]

    def received(self, topic, payload):
        """True if this was for us."""
        if topic == self._chunk:
            if self._work:
                self._work.chunk(payload)
        elif topic == self._offered:
            if self._work or (payload and self._load()):
                self._work.offer(payload)
            elif payload:
                self._refuse(payload)
        else:
            return False
        return True

    def _refuse(self, payload):
        """There is room for no more than to say so."""
        try:
            said = {"job": json.loads(payload)["job"], "st": "FAILED", "err": "not enough memory"}
        except (ValueError, KeyError, TypeError):
            return
        self._given[1].put_once("ota", said)

    def _load(self):
        try:
            from fleet_node.updating import Updating

            self._work = Updating(*self._given)
            self._wake.set()
        except MemoryError:
            self._say("update: not enough memory")
        return self._work

    def _proven(self):
        if self._work:
            self._work.proven()

    async def _run(self):
        await self._wake.wait()
        await self._work.run()

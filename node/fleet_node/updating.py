"""A new program over the air: fetched chunk by chunk into the slot that does not run, checked, tried, kept or left.

The sampler keeps running: every wait is asyncio's, every piece of work is one block. What must survive a power cut are
the files, the choice of slot.py and {"job", "st", ...} in ota.a / ota.b; after a cut the retained offer comes again and
what is whole already is not fetched again. A new program is kept when the host has stored something of its boot.
"""

import asyncio

from fleet_node import flash
from fleet_node.fetching import Fetch, Stop
from fleet_node.signature import hmac, is_same
from fleet_node.slots import Slots
from fleet_schema import SchemaError, ota, payloads

try:
    import slot
except ImportError:
    slot = None  # copied by hand: there are no slots

TRIES = 2  # starts of a new program before the old one runs again


class Updating:
    """The work of update.Update, which loads this when there is some, and takes the same."""

    def __init__(self, config, outbox, say, reset):
        self._outbox = outbox
        self._say = say
        self._reset = reset
        self._config = config
        self._slot = slot and config.get("slot")
        self._place = config.get("place", "")
        self._slots = Slots(self._place + "ota")
        self._job = None  # the offer that is worked on
        self._wake = asyncio.Event()
        self._heard = asyncio.Event()
        self._fetch = None
        self._trial = False
        self._known = {}
        if self._slot:
            self._look_back()

    def chunk(self, raw):
        if self._fetch:
            self._fetch.take(raw)

    async def run(self):
        if self._trial:
            try:
                await asyncio.wait_for(self._heard.wait(), self._config["trial"])
            except asyncio.TimeoutError:
                self._say("update: not heard by the host, so this program is given up")
                return self._reset()
        while True:
            await self._wake.wait()
            self._wake.clear()
            if self._job and await self._carry_out(self._job):
                return self._reset()

    async def _carry_out(self, job):
        """Is the new program there, and on trial?"""
        new = self._place + self._other()
        try:
            self._note(job["job"], "IN_PROGRESS")
            old = self._place + self._slot
            self._fetch = Fetch(job, old + "/", new + "/", self._ask, bool(self._config.get("web")))
            await self._fetch.run()
            slot.write({"run": self._other(), "else": self._slot, "tries": TRIES}, self._place)
            self._note(job["job"], "trial")  # after the switch: cut between the two, it is tried as well
            return True
        except Stop as stop:
            ended = stop.args
        except OSError as error:
            ended = ("FAILED", flash.fault(error))
        except MemoryError:
            ended = ("FAILED", "not enough memory")
        await flash.empty(new)  # what is half there only takes room
        self._fetch = None
        if self._job is job:
            self._job = None
        self._end(job["job"], *ended)
        return False

    # -- what is said to and fro ---------------------------------------------------------------------------------

    def offer(self, raw):
        """Begin, go on, or say again how it ended. An empty offer takes the job away."""
        if not raw:
            return self._replace(None)
        try:
            fields = payloads.parse("host_ota", raw)
            ota.check_offer(fields)
        except SchemaError as error:
            return self._say("update: " + str(error))
        job, last = fields["job"], self._known.get("job", 0)
        if not self._is_signed(fields):
            self._tell(job, "REJECTED", "not signed with this node's secret")
        elif not self._slot:
            self._tell(job, "REJECTED", "no program slots here: fleet deploy makes them")
        elif job < last:
            self._tell(job, "REJECTED", "older than job " + str(last))
        elif job == last and self._known["st"] not in ("IN_PROGRESS", "trial"):
            self._tell(job, self._known["st"], self._known.get("err"))
        else:
            self._tell(job, "IN_PROGRESS")
            if not self._trial and not (self._job and self._job["job"] == job):
                self._replace(fields)

    def _replace(self, job):
        if self._fetch:
            self._fetch.cancel()
        self._job = job
        self._wake.set()

    def _ask(self, place):
        self._tell(self._fetch.job, "IN_PROGRESS", want=place)

    def _is_signed(self, fields):
        secret = self._config["broker"]["password"]
        text = ota.signed_text(self._config["base"], self._config["node"], fields)
        return bool(secret) and is_same(hmac(secret.encode(), text), fields["sig"])

    def _tell(self, job, state, why=None, want=None):
        fields = {"job": job, "st": state}
        if why:
            fields["err"] = "".join([char if " " <= char <= "~" else "?" for char in why[:120]])
        if want:
            fields["want"] = want
        if self._outbox.link.is_up():
            self._outbox.put_once("ota", fields)

    def _end(self, job, state, why=None):
        try:
            self._note(job, state, why)
        except OSError:
            pass  # said now, and after a reset found out again
        self._say("update: " + state + (": " + why if why else ""))
        self._tell(job, state, why)

    def _other(self):
        return "b" if self._slot == "a" else "a"

    # -- what outlives a reset -----------------------------------------------------------------------------------

    def _note(self, job, state, why=None):
        self._known = {"job": job, "st": state, "slot": self._other()}
        if why:
            self._known["err"] = why
        self._slots.save(self._known)

    def _look_back(self):
        """What was this start for? A program that is on trial, one that was kept, or the old one again."""
        self._known = self._slots.load() or {}
        choice = slot.read(self._place)[1]
        self._trial = choice["run"] == self._slot and "else" in choice
        state = self._known.get("st")
        if self._trial or state not in ("IN_PROGRESS", "trial"):
            return
        if self._known["slot"] == self._slot:  # kept, and cut before that was noted
            self._end(self._known["job"], "SUCCEEDED")
        elif state == "trial":
            why = slot.why(self._place) or "the new program was not heard by the host"
            self._end(self._known["job"], "FAILED", why)

    def proven(self):
        """The host has heard this boot: whatever is on trial has proven itself."""
        self._heard.set()
        if self._trial:
            self._trial = False
            slot.write({"run": self._slot}, self._place)
            self._end(self._known.get("job", 1), "SUCCEEDED")

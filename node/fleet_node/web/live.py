"""What a viewer of the page is told, as server-sent events: who this is, how it is, the last minute, and what is new.

Owns the curves: 60 points of each field. A viewer has no queue: it is told the newest reading that it was not told yet,
so whoever is slow misses some, and memory does not grow.

event: meta    the birth certificate, as on the topic
event: state   {"node", "link", "why", "where", "waiting", "pause", "may", "up", ...}, once a second
event: past    {"s": sensor, "f": field, "t": [0.1 s of uptime], "v": [number or null]}
event: tele    sensor, a blank, the payload as on the topic; event: event with the input's name likewise
"""

import asyncio
import json
from array import array

from fleet_schema import payloads

KEEP = 60
APART = 9  # tenths of a second at least between two points: 60 are a minute, or more
LOOK_MS = 200
STATE_EVERY = 5  # looks


class Curve:
    """The last points of one sensor, in arrays: a list of numbers would take four times the memory."""

    def __init__(self, fields):
        self.n = 0  # readings so far
        self.payload = b""  # the newest
        self._points = 0
        self._t = array("I", [0] * KEEP)
        self._v = {field: array("f", [0.0] * KEEP) for field in fields}

    def add(self, payload):
        self.n += 1
        self.payload = payload
        reading = json.loads(payload)
        t = reading["up"] // 100
        if self._points and t - self._t[(self._points - 1) % KEEP] < APART:
            return
        at = self._points % KEEP
        self._t[at] = t
        for field, values in self._v.items():
            value = reading["v"].get(field)
            values[at] = float("nan") if value is None else value
        self._points += 1

    def past(self):
        """(field, times, values) of each field, oldest first; a value that was missing is null."""
        order = [at % KEEP for at in range(max(0, self._points - KEEP), self._points)]
        for field, values in self._v.items():
            shown = ["null" if values[at] != values[at] else "%.6g" % values[at] for at in order]
            yield field, ",".join([str(self._t[at]) for at in order]), ",".join(shown)


class Live:
    """`node` has settings, link, joining, pause, spool, samplers and meta(); `web` counts its viewers.

    It sees every reading as the `outbox.witness`, and hands it on to that of the board."""

    def __init__(self, config, node, web, uptime):
        self._uptime = uptime
        self._config = config
        self._node = node
        self._web = web
        self._curves = {sampler.name: Curve(sampler.fields) for sampler in node.samplers}
        self._event = (0, b"")  # how many there were, and the last
        self._then = node.board.witness
        node.outbox.witness = self.witness

    def witness(self, kind, name, payload):
        if self._then:
            self._then(kind, name, payload)
        try:
            if kind == "event":
                if b'"release"' not in payload:  # it would hide the press before it
                    self._event = (self._event[0] + 1, name.encode() + b" " + payload)
            elif name in self._curves:
                self._curves[name].add(payload)
        except MemoryError:
            pass  # a point of a curve is not worth a reading

    async def tell(self, send):
        """Everything to one viewer, for ever; `await send(text)` returns when it is taken."""
        told = {name: curve.n for name, curve in self._curves.items()}
        event = self._event[0]
        known = None
        looks = 0
        while True:
            if looks % STATE_EVERY == 0:
                settings = self._node.settings
                current = (settings.name, settings.period, settings.groups)
                if current != known:
                    await send(_event("meta", payloads.encode("meta", self._node.meta())))
                await send(_event("state", json.dumps(self._state()).encode()))
                if known is None:
                    await self._tell_past(send)
                known = current
            for name, curve in self._curves.items():
                if curve.n != told[name]:
                    told[name] = curve.n
                    await send(_event("tele", name.encode() + b" " + curve.payload))
            if self._event[0] != event:
                event = self._event[0]
                await send(_event("event", self._event[1]))
            looks += 1
            await asyncio.sleep_ms(LOOK_MS)

    async def _tell_past(self, send):
        for name, curve in self._curves.items():
            for field, times, values in curve.past():
                past = '{"s":"%s","f":"%s","t":[%s],"v":[%s]}' % (name, field, times, values)
                await send(_event("past", past.encode()))

    def _state(self):
        node, broker = self._node, self._config["broker"]
        return {
            "node": self._config["node"],
            "link": ("up" if node.link.is_up() else "down") if broker["host"] else "none",
            "why": node.joining.sentence,
            "where": broker["host"] + ":" + str(broker["port"]),
            "waiting": node.spool.depth(),
            "pause": node.pause.left(),
            "may": bool(self._config["web_commands"]),
            "up": self._uptime.ms() // 1000,
            "viewers": self._web.viewers,
            "refused": self._web.refused,
            "cut": self._web.cut,
        }


def _event(kind, data):
    return b"event: " + kind.encode() + b"\ndata: " + data + b"\n\n"

"""Takes commands from the broker and sees that each ends in exactly one ack. Owns the ids already seen.

What a command does is in actions.py. Nothing here raises for what the network says.
"""

import asyncio
import json
import time

from fleet_schema import SchemaError, commands, topics, values

REMEMBERED = 32  # ids, against a command that is delivered twice
MAX_PENDING = 32  # acks not yet with the broker; a command that comes on top is answered busy
ACK_ERR = 120


class Refused(Exception):
    """A handler will not or cannot: Refused("muted" | "busy" | "fail", why)."""

    def __init__(self, state, why):
        super().__init__(why)
        self.state = state


class Commands:
    """`config` has base, node and jitter; `outbox` takes the acks; `fault(what, error)` hears of a broken handler.

    `handlers` {name: f(args) -> (runs on?, result scalar or None)}; a handler may raise Refused or SchemaError.
    `random()` in [0, 1) spreads the acks of a command to many nodes over `jitter` ms.
    """

    def __init__(self, config, settings, handlers, outbox, uptime, fault, random):
        self.bad = 0
        self._base = config["base"]
        self._jitter_ms = config["jitter"]
        self._settings = settings
        self._handlers = handlers
        self._outbox = outbox
        self._uptime = uptime
        self._fault = fault
        self._random = random
        self.seen = settings.seen
        self._delayed = []  # (due tick, ack, up), soonest first
        self._wake = asyncio.Event()

    def take(self, topic, payload):
        """One command as it came from the broker (bytes). An empty one is somebody clearing what was retained."""
        if not payload:
            return
        try:
            who, kind, name = topics.parse(self._base, topic.decode())
            if kind != "cmd":
                raise SchemaError("F-TOPIC-6", "not a command")
        except ValueError:  # SchemaError and UnicodeError
            self.bad += 1
            return
        if who[0] == "_" and who != topics.ALL and who[1:] not in self._settings.groups:
            return  # a group this node left: umqtt 1.3.4 cannot unsubscribe, the next connection does not ask for it
        if len(self._delayed) + self._outbox.acks_waiting() >= MAX_PENDING:
            self._outbox.put_once("ack", with_id({"cmd": name, "st": "busy"}, sent_id(payload)))
            return
        up = self._uptime.ms()
        ack = self.answer(name, payload)
        if who[0] == "_" and self._jitter_ms:
            self._delay(ack, up)
        else:
            self._send(ack, up)

    def answer(self, name, payload):
        """Carry out one command, whoever sent it; its ack."""
        ack = {"cmd": name}
        try:
            ack["st"] = self._obey(name, payload, ack)
        except SchemaError as error:
            self.bad += 1
            self._refuse(with_id(ack, sent_id(payload)), "bad", error)
        except Refused as error:
            self._refuse(ack, error.state, error)
        except Exception as error:
            self._fault("command " + name, error)
            self._refuse(ack, "fail", type(error).__name__ + ": " + str(error))
        return ack

    async def run(self):
        """Sends the acks that wait for their moment."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._delayed:
                wait_ms = time.ticks_diff(self._delayed[0][0], time.ticks_ms())
                if wait_ms > 0:
                    await asyncio.sleep_ms(min(wait_ms, 20))  # a command that comes meanwhile may be due sooner
                else:
                    _, ack, up = self._delayed.pop(0)
                    self._send(ack, up)

    def remember(self):
        """Before a reset: a command that comes again after it is still known."""
        try:
            self._settings.keep_seen(self.seen)
        except OSError as error:
            self._fault("reset", error)

    def _obey(self, name, payload, ack):
        """Do it; the state of the ack. Puts id and result into `ack`."""
        handler = self._handlers.get(name)
        if handler is None:
            with_id(ack, sent_id(payload))
            raise Refused("unknown", "this node has no command " + name)
        request_id, args = commands.decode_command(payload, commands.STANDARD[name])
        with_id(ack, request_id)
        if request_id is not None:
            if request_id in self.seen:
                return "dup"
            self.seen = self.seen[1 - REMEMBERED :] + [request_id]
        try:
            runs_on, result = handler(args)
        except (Refused, SchemaError):
            if request_id is not None:
                self.seen.pop()  # it was not done, so the same id may try again
            raise
        if result is not None:
            ack["re"] = result
        return "ok" if runs_on else "done"

    def _refuse(self, ack, state, why):
        ack["st"] = state
        ack["err"] = "".join([char if " " <= char <= "~" else "?" for char in str(why)[:ACK_ERR]])

    def _send(self, ack, up):
        if not self._outbox.put("ack", None, ack, up) and "re" in ack:
            del ack["re"]  # 64 emoji are 768 bytes of ASCII JSON
            ack["err"] = "the result is too long to be sent"
            self._outbox.put("ack", None, ack, up)

    def _delay(self, ack, up):
        due = time.ticks_add(time.ticks_ms(), int(self._random() * self._jitter_ms))
        at = 0
        while at < len(self._delayed) and time.ticks_diff(self._delayed[at][0], due) <= 0:
            at += 1
        self._delayed.insert(at, (due, ack, up))
        self._wake.set()


def with_id(ack, request_id):
    """An ack has an id if the command had one."""
    if request_id is not None:
        ack["id"] = request_id
    return ack


def sent_id(payload):
    """The id in a payload that was not understood otherwise; None if there is none to answer with."""
    try:
        found = json.loads(payload)["id"]
    except (ValueError, TypeError, KeyError, RuntimeError):
        return None
    return found if values.is_command_id(found) else None

"""How one node obeys: every command that was heard on its way to the node, and the ack that it ended in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from fleet_client.message import Message
from fleet_schema import SchemaError, commands
from fleet_schema.values import is_command_id
from fleet_tools.verdicts import Verdicts

if TYPE_CHECKING:
    from fleet_tools.conduct import Conduct

PATIENCE_MS = 5000  # after which an ack, or a rebirth, is missing
STOOD_MS = 1500  # who still speaks after that has not fallen over a bad command
FALL_MS = 1000  # a node that falls over a bad command does so within
SLACK_MS = 500
MOST = 200  # commands that are remembered
CARRIED_OUT = ("ok", "done")
SOUNDS = ("buzz", "led", "say", "identify")  # what a mute forbids
Fields = dict[str, Any]


@dataclass
class Asked:
    """A command; `fault` is the rule that it breaks by the node's own meta, `spec` None if its meta has no such.
    `assumed`: the node has sent no meta, so it may have other commands than the standard ones."""

    name: str
    id: str | None
    args: Fields
    extra: bool  # has it keys that no argument has?
    spec: list[Any] | None
    assumed: bool
    message: Message
    fault: str = ""
    why: str = ""
    garbled: bool = False  # of a command that it does not know: is it not even JSON?
    ack: Message | None = None


class Obedience:
    def __init__(self, verdicts: Verdicts) -> None:
        self._verdicts = verdicts
        self._asked: list[Asked] = []
        self._retained: set[tuple[str, str | None]] = set()  # (command, id) that were retained
        self._done: set[str] = set()  # ids that were carried out
        self._emptied: dict[str, int] = {}  # command -> when somebody sent it empty
        self._reborn: dict[str, Message] = {}  # status and meta since a rebirth was asked for
        self._due: Asked | None = None  # a rebirth that was acked and has not been seen
        self.fell: Message | None = None  # a bad command after which its connection ended: was it that?
        self._bad: Message | None = None  # a bad command, after which it shall live on
        self._untold: Asked | None = None  # a pause of which no status has told
        self._paused_at = 0  # when a status last told of a pause
        self._pause: tuple[str, int, int] | None = None  # boot, from, until (both `up`)
        self._mute: tuple[str, int] | None = None  # boot, until

    def listener_was_away(self) -> None:
        self._asked.clear()
        self._due = self._bad = self._pause = self._mute = self._untold = None

    # -- commands ------------------------------------------------------------------------------------------------

    def command(self, name: str, message: Message, conduct: Conduct, to_itself: bool) -> None:
        if message.retain:
            self._retained.add((name, id_in(message.payload)))
            return
        if not message.payload:
            self._emptied[name] = message.arrived
            return
        if not conduct.settled(message.arrived):
            return  # nobody is there to obey, or not yet
        table = conduct.meta.get("commands", {}) if conduct.meta else commands.STANDARD
        asked = read(name, message, table.get(name), assumed=conduct.meta is None)
        self._asked = [*self._asked[1 - MOST :], asked]
        if asked.name == "rebirth" and not asked.fault:
            self._reborn.clear()
        if (asked.fault or asked.garbled) and to_itself:
            self._bad = message

    def said(self, kind: str, fields: Fields, message: Message, conduct: Conduct) -> None:
        if message.retain:
            return
        if kind == "ack":
            self._ack(fields, message, conduct)
        elif kind in ("status", "meta"):
            self._reborn[kind] = message
            self._is_reborn()
            if kind == "status":
                if "pause" in fields:
                    self._paused_at, self._untold = message.arrived, None
                self._lives_on(fields, message, conduct)
        elif kind in ("tele", "event"):
            self._reading(fields, message)
            if self._bad is not None and message.arrived - self._bad.arrived > STOOD_MS:
                self._verdicts.keep("F-COMPAT-2")
                self._bad = None

    def _lives_on(self, status: Fields, message: Message, conduct: Conduct) -> None:
        """After a bad command: has it ended, or begun anew?"""
        bad = self._bad
        ended = status["state"] == "lost" or conduct.began is message
        if ended and bad is not None and message.arrived - bad.arrived < FALL_MS:
            if self.fell is not None:  # the second time is no accident of the network
                self._verdicts.blame("F-COMPAT-2", "a bad command ended its connection, or all of it", bad)
            self.fell = bad
        if ended or status["state"] == "offline":
            self._asked = [one for one in self._asked if one.ack is not None]  # these may never have reached it
            self._due = self._bad = self._untold = None

    # -- acks ----------------------------------------------------------------------------------------------------

    def _ack(self, fields: Fields, message: Message, conduct: Conduct) -> None:
        name, request_id, state = fields["cmd"], fields.get("id"), fields["st"]
        same = [one for one in self._asked if one.name == name and one.id == request_id]
        waiting = [one for one in same if one.ack is None]
        if not waiting:
            self._unasked(name, request_id, same, message)
            return
        asked = waiting[0]
        asked.ack = message
        self._verdicts.keep("F-CMD-8")
        self._judge(asked, fields, state, message)
        if self._bad is not None and asked.message is not self._bad and asked.message.arrived >= self._bad.arrived:
            self._verdicts.keep("F-COMPAT-2")
            self._bad = None

    def _unasked(self, name: str, request_id: str | None, same: list[Asked], message: Message) -> None:
        if same:
            if all(one.ack is None or one.ack.payload != message.payload for one in same):
                self._verdicts.blame("F-CMD-8", f"a second ack for one {name}", message)
            return  # else it comes once more, over a new connection
        if (name, request_id) in self._retained:
            self._verdicts.blame("F-CMD-1", "it obeyed a retained command", message)
        elif request_id is None and message.arrived - self._emptied.get(name, -PATIENCE_MS) < PATIENCE_MS:
            self._verdicts.blame("F-CMD-3", f"an empty payload is no command, but it answered {name}", message)
        elif request_id is None:
            waiting = [one for one in self._asked if one.name == name and one.ack is None]
            if waiting:
                waiting[0].ack = message
                why = f"the ack has not the id of the command, {waiting[0].id}"
                self._verdicts.blame("F-CMD-8", why, message)

    def _judge(self, asked: Asked, fields: Fields, state: str, message: Message) -> None:
        verdicts, did = self._verdicts, state in CARRIED_OUT
        if state == "busy":
            return
        if asked.id in self._done:
            if state == "dup":
                verdicts.keep("F-CMD-6")
            elif did:
                verdicts.blame("F-CMD-6", f"the id {asked.id} was carried out before, and now again", message)
            return
        if asked.spec is None:
            if did and not asked.assumed:
                verdicts.blame("F-META-8", f"it obeys {asked.name}, which its meta does not have", message)
            elif state == "unknown" and not asked.assumed:
                verdicts.keep("F-META-8")
            return
        if state == "unknown":
            if not asked.assumed:
                verdicts.blame("F-META-8", f"its meta has the command {asked.name}, and it does not know it", message)
            return
        if asked.fault:
            if did:
                verdicts.blame(asked.fault, f"it obeyed, although {asked.why}", message)
            elif state == "bad":
                verdicts.keep(asked.fault)
            return
        if did:
            verdicts.keep("F-META-8")
            if asked.id is not None:
                self._done.add(asked.id)
            if asked.extra:
                verdicts.keep("F-COMPAT-1")
            self._carried_out(asked, fields, message)
        elif state == "bad" and asked.name in ("echo", "rebirth"):  # others may have reasons of their own
            rule = "F-COMPAT-1" if asked.extra else "F-CMD-4"
            verdicts.blame(rule, f"it refused a legal {asked.name}", message)
        elif state == "muted" and self._mute is not None:
            boot, until = self._mute
            if fields["boot"] == boot and fields["up"] > until + SLACK_MS:
                verdicts.blame("F-CMD-9", "it is muted longer than it was told to be", message)

    def _carried_out(self, asked: Asked, fields: Fields, message: Message) -> None:
        boot, up = fields["boot"], fields["up"]
        if asked.name == "echo":
            if fields.get("re") == asked.args["text"]:
                self._verdicts.keep("F-CMD-11")
            else:
                self._verdicts.blame("F-CMD-11", f"re is not {asked.args['text']!r}, which it was sent", message)
        elif asked.name == "rebirth":
            self._due = asked
            self._is_reborn()
        elif asked.name == "pause":
            before = self._pause
            until = up + asked.args["s"] * 1000
            if asked.args["s"]:
                self._pause = (boot, up, until)
                self._untold = asked if self._paused_at < asked.message.arrived else None
            elif before is not None and before[0] == boot:
                self._pause = (boot, before[1], min(before[2], up))
        elif asked.name == "mute":
            self._mute = (boot, up + asked.args["s"] * 1000)
        elif asked.name in SOUNDS and self._mute and self._mute[0] == boot and up >= self._mute[1]:
            self._verdicts.keep("F-CMD-9")
            self._mute = None

    def _is_reborn(self) -> None:
        if self._due is not None and self._reborn.keys() >= {"status", "meta"}:
            self._verdicts.keep("F-CMD-11")
            self._due = None

    def _reading(self, fields: Fields, message: Message) -> None:
        if self._pause is None or self._pause[0] != fields["boot"]:
            return
        _, begun, until = self._pause
        if begun + SLACK_MS < fields["up"] < until:
            self._verdicts.blame("F-CMD-10", "it was paused, and took this reading", message)
        elif fields["up"] >= until:
            self._verdicts.keep("F-CMD-10")
            self._pause = None

    # -- the end -------------------------------------------------------------------------------------------------

    def pending(self, now: int) -> bool:
        waits = [one.message for one in self._asked if one.ack is None] + ([self._due.message] if self._due else [])
        waits += [self._bad] if self._bad else []
        return any(now - one.arrived <= PATIENCE_MS for one in waits)

    def finish(self, now: int, conduct: Conduct) -> None:
        if conduct.gone and self.fell is not None:
            self._verdicts.blame("F-COMPAT-2", "it was gone after a bad command, and did not come back", self.fell)
        if not conduct.here:
            return
        for one in self._asked:
            if one.ack is None and now - one.message.arrived > PATIENCE_MS:
                self._verdicts.blame("F-CMD-8", f"no ack came for this {one.name}", one.message)
        due = self._due
        if due is not None and now - due.message.arrived > PATIENCE_MS:
            missing = " and ".join(sorted({"status", "meta"} - self._reborn.keys()))
            self._verdicts.blame("F-CMD-11", f"it acked rebirth, and {missing} did not come", due.message)
        untold = self._untold
        if untold is not None and now - untold.message.arrived > PATIENCE_MS:
            self._verdicts.blame("F-CMD-10", "it acked this pause, and its status did not tell of it", untold.message)
        self._asked = [one for one in self._asked if one.ack is not None]
        self._due = self._untold = None


def read(name: str, message: Message, spec: list[Any] | None, assumed: bool) -> Asked:
    """The command as its node should understand it."""
    asked = Asked(name, id_in(message.payload), {}, False, spec, assumed, message)
    if spec is None:
        asked.garbled = message.payload[:1] == b"{" and not is_json(message.payload)
        return asked
    try:
        asked.id, asked.args = commands.decode_command(message.payload, spec, orjson.loads)
        if name == "groups" and "groups" in asked.args:
            commands.split_groups(asked.args["groups"])
    except SchemaError as error:
        asked.fault, asked.why = error.rule, error.why
        return asked
    try:
        fields = orjson.loads(message.payload)
        known = {"id", *(arg[0] for arg in spec)}
        asked.extra = isinstance(fields, dict) and not fields.keys() <= known
    except ValueError:
        pass  # bare words
    return asked


def is_json(payload: bytes) -> bool:
    try:
        orjson.loads(payload)
    except ValueError:
        return False
    return True


def id_in(payload: bytes) -> str | None:
    """The id in a command, whatever else is in it."""
    try:
        found = orjson.loads(payload)["id"]
    except (ValueError, TypeError, KeyError):
        return None
    return found if is_command_id(found) else None

"""From the messages on a broker to a verdict for each rule and node. Pure: it connects to nothing and knows no clock.

`take` every message as it comes, retained ones too. What a message is by itself is judged here; what a node does in the
course of time in conduct.py, and how it obeys in obedience.py. Nothing here raises on what the network says.
"""

from __future__ import annotations

from collections.abc import Iterable

import orjson

from fleet_client.message import Message
from fleet_schema import SchemaError, payloads, topics
from fleet_tools.conduct import Conduct
from fleet_tools.obedience import Obedience
from fleet_tools.verdicts import Verdicts

NOBODY = ""  # whose messages name no node
MAX_SUBJECTS = 500
MAX_OLD = 100
LOOK_MS = 1000
RETAINED = ("status", "meta")
RETAINED_OF_HOST = ("status", "lesson", "last", "board", "alert", "ota")
QOS_0 = ("health", "log", "journal", "ota", "host_stored", "host_chunk")

_ENVELOPE = ("F-ENV-1", "F-ENV-2", "F-ENV-3")
_PAYLOAD = ("F-PAYLOAD-1", "F-PAYLOAD-2")
# kind of payload -> the rules that a legal one has kept
SHOWS = {
    "status": ("F-STATUS-1", "F-STATUS-2", "F-STATUS-7"),
    "meta": (*_ENVELOPE, *(f"F-META-{number}" for number in range(1, 8))),
    "tele": (*_ENVELOPE, *(f"F-TELE-{number}" for number in range(1, 5))),
    "event": (*_ENVELOPE, "F-EVENT-1", "F-EVENT-2", "F-TELE-3", "F-TELE-4"),
    "health": (*_ENVELOPE, "F-HEALTH-1"),
    "log": (*_ENVELOPE, "F-LOG-1", "F-LOG-2"),
    "ack": (*_ENVELOPE, "F-ACK-1", "F-ACK-2", "F-ACK-3", "F-ACK-4", "F-CMD-2"),
    "journal": (*_ENVELOPE, "F-KEPT-1", "F-KEPT-2", "F-KEPT-3"),
    "ota": (*_ENVELOPE, "F-OTA-2"),
    "host_status": ("F-HOST-1", "F-HOST-2"),
    "host_lesson": ("F-LESSON-1",),
    "host_ota": ("F-OTA-1",),
    "host_chunk": ("F-OTA-3",),
    "host_last": ("F-HOST-2", "F-HOST-3"),
    "host_stored": ("F-STORED-1", "F-STORED-2"),
    "host_board": ("F-HOST-4",),
    "host_alert": ("F-HOST-2", "F-HOST-5"),
}


class Subject:
    """One node (or the host, or nobody) with its verdicts."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.verdicts = Verdicts()
        self.conduct = Conduct(self.verdicts)
        self.obedience = Obedience(self.verdicts)
        self.heard = 0  # messages that were not retained: it lives
        self.readings = 0
        self.retained: dict[str, Message] = {}  # what the broker holds of each kind, by the last look
        self.said: dict[str, Message] = {}  # the last of those kinds that came while we listened

    @property
    def is_node(self) -> bool:
        return bool(topics.is_node_id(self.name))


class Conformance:
    """`subjects` by name. `wanted` are the nodes that somebody asked about: a message on a topic that no node may use
    is theirs if their name is in it."""

    def __init__(self, base: str, wanted: Iterable[str] = ()) -> None:
        self.base = base
        self.subjects: dict[str, Subject] = {}
        self.beyond = 0  # messages of more nodes than we can hold
        self._wanted = tuple(wanted)
        self._link: int | None = None
        self._old: list[tuple[str, str, Message]] = []  # retained commands: (target, name, message)

    # -- messages ----------------------------------------------------------------------------------------------

    def take(self, message: Message) -> None:
        if self._link is not None and message.link != self._link:
            for one in self.subjects.values():  # we were away, and what they said meanwhile we did not hear
                one.conduct.listener_was_away()
                one.obedience.listener_was_away()
                one.said.clear()
        self._link = message.link
        try:
            who, kind, name = topics.parse(self.base, message.topic)
        except SchemaError as error:
            self._lost(message, error)
            return
        if kind == "cmd":
            self._command(who, name, message)
            return
        subject = self._subject(who)
        if subject is not None:
            self._said(subject, who, kind, name, message)

    def _said(self, subject: Subject, who: str, kind: str, name: str | None, message: Message) -> None:
        subject.heard += not message.retain
        verdicts = subject.verdicts
        verdicts.keep("F-TOPIC-1", "F-TOPIC-3", "F-TOPIC-4", "F-TOPIC-6", *(("F-TOPIC-5",) if name else ()))
        if kind == "log":
            verdicts.keep("F-TOPIC-7")
        may_stay = kind in (RETAINED_OF_HOST if who == topics.HOST else RETAINED)
        if message.retain and not may_stay:
            verdicts.blame("F-RETAIN-1", f"the broker holds it as retained, and {kind} never is", message)
        if may_stay:
            if not message.payload:  # F-RETAIN-2: somebody takes it away
                subject.retained.pop(kind, None)
                subject.said.pop(kind, None)
                return
            if message.retain:
                subject.retained[kind] = message
            elif who != topics.HOST:
                subject.said[kind] = message
        subject.readings += kind in ("tele", "event") and not message.retain
        try:
            payloads.decode(payloads.kind_of(who, kind), message.payload, orjson.loads)
            fields = payloads.decode(payloads.kind_of(who, kind), message.payload)  # each reader is strict in its way
        except SchemaError as error:
            verdicts.blame(error.rule, error.why, message)
            self._qos(verdicts, payloads.kind_of(who, kind), None, message)
            if who != topics.HOST and not message.retain:
                subject.conduct.unreadable(kind, message)
            return
        verdicts.keep(*_PAYLOAD, *SHOWS.get(payloads.kind_of(who, kind), ()))
        if fields.get("state") == "sleeping":
            verdicts.keep("F-STATUS-4")
        self._qos(verdicts, payloads.kind_of(who, kind), fields.get("st"), message)
        if who == topics.HOST:
            node = self.subjects.get(name or "") if kind == "stored" and not message.retain else None
            if node is not None:
                node.conduct.stored(fields, message)
            return
        subject.conduct.said(kind, name, fields, message)
        subject.obedience.said(kind, fields, message, subject.conduct)

    def _qos(self, verdicts: Verdicts, kind: str, state: str | None, message: Message) -> None:
        want = 0 if kind in QOS_0 else 1
        if message.qos == want or (state == "busy" and message.qos == 0):
            verdicts.keep("F-QOS-1")
        else:
            verdicts.blame("F-QOS-1", f"it came with QoS {message.qos}, and {kind} is sent with QoS {want}", message)

    def _lost(self, message: Message, error: SchemaError) -> None:
        """A topic of no node: whoever is meant by it, as far as that can be told."""
        levels = message.topic.split("/")
        named = [one for one in self._wanted if one in levels or one.lower() in map(str.lower, levels)]
        subject = self._subject(named[0] if named else meant_by(levels))
        if subject is not None:
            subject.heard += not message.retain
            subject.verdicts.blame(error.rule, error.why, message)

    def _command(self, target: str, name: str | None, message: Message) -> None:
        if message.retain and message.payload:
            self._old = [*self._old[-MAX_OLD:], (target, name or "", message)]
            nobody = self._subject(NOBODY)
            if nobody is not None:
                nobody.verdicts.blame("F-CMD-1", "somebody sent this command retained", message)
        for one in list(self.subjects.values()):
            groups = one.conduct.meta.get("groups", []) if one.conduct.meta else []
            meant = target in (one.name, topics.ALL) or target[1:] in groups
            if one.is_node and meant:
                one.obedience.command(name or "", message, one.conduct, to_itself=target == one.name)

    def _subject(self, name: str) -> Subject | None:
        subject = self.subjects.get(name)
        if subject is None:
            if len(self.subjects) >= MAX_SUBJECTS:
                self.beyond += 1
                return None
            subject = self.subjects[name] = Subject(name)
            for target, command, message in self._old:
                if target in (name, topics.ALL):
                    subject.obedience.command(command, message, subject.conduct, to_itself=False)
        return subject

    # -- what the broker holds ------------------------------------------------------------------------------------

    def look_begins(self) -> None:
        """From here on, `take` gets all that the broker has retained."""
        for one in self.subjects.values():
            one.retained.clear()

    def is_whole(self) -> bool:
        """Does the broker hold all that it should, as far as this look goes?"""
        nodes = [one for one in self.subjects.values() if one.is_node and one.heard]
        return all(
            is_held(message, one.retained.get(kind)) for one in nodes for kind, message in one.said.items()
        ) and all(one.retained.keys() >= set(RETAINED) for one in nodes if one.readings)

    def look_ends(self) -> None:
        """... and that was all of it."""
        for one in self.subjects.values():
            if not one.is_node or not one.heard:
                continue
            forgotten = [message for kind, message in one.said.items() if not is_held(message, one.retained.get(kind))]
            for message in forgotten:
                one.verdicts.blame(
                    "F-RETAIN-1", "it was not sent retained, so who comes later does not see it", message
                )
            if not forgotten and one.retained:
                one.verdicts.keep("F-RETAIN-1")
            if one.readings:
                one.conduct.born([kind for kind in RETAINED if kind not in one.retained and kind not in one.said])

    def finish(self, now: int) -> None:
        """Judge what could only be judged by waiting; `now` is of the clock of Message.arrived."""
        for one in self.subjects.values():
            if one.is_node:
                one.conduct.finish(now)
                one.obedience.finish(now, one.conduct)

    def pending(self, now: int) -> bool:
        """Is a verdict near, so that listening on is worth it?"""
        return any(one.conduct.pending(now) or one.obedience.pending(now) for one in self.subjects.values())


def meant_by(levels: list[str]) -> str:
    """The node that a wrong topic names where it should (or one level before, without the version), or nobody."""
    place = 1 if len(levels) > 2 and not levels[1].isdigit() else 2
    return levels[place] if len(levels) > place and topics.is_node_id(levels[place]) else NOBODY


def is_held(said: Message, held: Message | None) -> bool:
    """Does the broker hold what was said? What was said at the moment of the look may be newer than the look."""
    return held is not None and (held.payload == said.payload or held.arrived - said.arrived < LOOK_MS)

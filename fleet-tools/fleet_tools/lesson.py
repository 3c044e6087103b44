"""The open lesson: for a while nobody needs a password, and who has none may be any node that has no account.

Two locks. What a client without an account may do is a role of the broker's plugin, and it is little. Whether it gets
in at all is `allow_anonymous`, which mosquitto reads again at SIGHUP; then it throws out who may be there no more. The
configuration on disk says no all the time but for the moment in which it is read: whoever starts the broker again, for
whatever reason, starts it closed.
"""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

from fleet_client import Address, BrokerRefused, Client, ClientError
from fleet_schema import payloads, topics
from fleet_tools.accounts import Document
from fleet_tools.errors import FleetError

ROLE = "open-lesson"  # and the name of the group that has it
LONGEST_MIN = 480
OBEYS_S = 10.0  # a broker that has not obeyed by then is ended
RETAINED_S = 0.5  # retained messages come at once; this is what a slow computer may take


def granted(base: str, accounts: Iterable[str]) -> Document:
    """The role. It speaks as a node does and hears what a node hears, but does not speak as one of `accounts`.

    Topics cannot be literal here, so what the wildcards allow too much is denied first: the highest priority decides.
    """
    kinds = [kind + ("/+" if named else "") for kind, named in topics.NODE_KINDS.items() if kind != "cmd"]
    hear = [f"{base}/1/+/cmd/+", f"{base}/1/{topics.HOST}/stored/+", f"{base}/1/{topics.HOST}/board/+"]
    hear.append(topics.host_topic(base, "status"))
    acls = [not_as(base, name) for name in (topics.HOST, topics.ALL, *sorted(accounts))]
    acls += [_acl("publishClientSend", f"{base}/1/+/{kind}") for kind in kinds]
    acls += [_acl(right, one) for one in hear for right in ("subscribePattern", "publishClientReceive")]
    return {"rolename": ROLE, "acls": acls}


def not_as(base: str, name: str) -> dict[str, Any]:
    """The part of the role that keeps this name for its account."""
    return {"acltype": "publishClientSend", "topic": f"{base}/1/{name}/#", "priority": 10, "allow": False}


def put_into(document: Document, base: str) -> Document:
    """The document with the role for all who have no account: what it grants counts only while the lesson is open."""
    roles = [one for one in document["roles"] if one["rolename"] != ROLE]
    groups = [one for one in document.get("groups", []) if one["groupname"] != ROLE]
    names = [one["username"] for one in document["clients"]]
    return {
        **document,
        "roles": [*roles, granted(base, names)],
        "groups": [*groups, {"groupname": ROLE, "roles": [{"rolename": ROLE}], "clients": []}],
        "anonymousGroup": ROLE,
    }


def _acl(right: str, topic: str) -> dict[str, Any]:
    return {"acltype": right, "topic": topic, "priority": 0, "allow": True}


class Broker(Protocol):
    """What the lesson needs of the broker of a class that runs."""

    base: str

    @property
    def pid(self) -> int | None: ...
    def address(self, account: str | None = None) -> Address: ...
    def accounts(self) -> list[str]: ...
    def configure(self, anonymous: bool) -> None: ...
    def signal(self, number: signal.Signals) -> None: ...


class Lesson:
    """Owns whether the lesson is open and until when (UTC ms, 0: closed). `tend` is called a few times a second.

    The end is judged by two clocks, and the first one counts: that of the wall goes on while the laptop sleeps, and
    the other one does so when somebody sets the wall's back.
    """

    def __init__(
        self,
        broker: Broker,
        say: Callable[[str], None],
        wall: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.until = 0
        self._broker = broker
        self._say = say
        self._wall = wall
        self._monotonic = monotonic
        self._deadline = 0.0
        self._opened: int | None = None  # the process that we opened
        self._to_tell = False

    def begin(self, was_open: bool) -> None:
        """A broker has started, closed. What an earlier one retains of its lesson is taken back."""
        self._tell(was_open)

    def open(self, until: int) -> None:
        """Open, or another end for one that is open."""
        left_s = until / 1000 - self._wall()
        if left_s <= 0:
            self.close()
            return
        if not self._is_open_there() and self._answers():
            self._reload(True)
        self.until, self._deadline = until, self._monotonic() + left_s
        self._tell(False)

    def close(self) -> None:
        """Nobody without an account is connected when this returns."""
        if not self.until:
            return
        self.until = 0
        self._reload(False)
        self._tell(True)

    def tend(self) -> None:
        if self.until and (self._wall() * 1000 >= self.until or self._monotonic() >= self._deadline):
            self.close()
            self._say("the open lesson is over: from now on nobody gets in without a password")
        if self.until and not self._is_open_there() and self._answers():  # the broker was started again
            self._reload(True)
        if self._to_tell:
            self._tell(not self.until)

    def _is_open_there(self) -> bool:
        return self._opened is not None and self._opened == self._broker.pid

    def _answers(self) -> bool:
        """Only then may it be sent a SIGHUP: before it is ready, that ends it."""
        try:
            gets_in(self._broker.address())
        except FleetError:
            return False
        return True

    def _reload(self, anonymous: bool) -> None:
        """The broker obeys, which is tried out, or it is ended: then it starts again, and closed."""
        pid = self._broker.pid
        try:
            self._broker.configure(anonymous)
            self._broker.signal(signal.SIGHUP)
            deadline = self._monotonic() + OBEYS_S
            while gets_in(self._broker.address()) != anonymous:
                if self._monotonic() > deadline:
                    raise FleetError(f"the broker did not {'open' if anonymous else 'close'} within {OBEYS_S:g} s")
                time.sleep(0.02)
        except FleetError as error:
            self._opened = None
            if anonymous:
                self._broker.configure(False)
                self._broker.signal(signal.SIGHUP)  # or it opens late, when nobody counts on it any more
                raise
            self._say(f"{error}; it is ended and starts again, closed")
            self._broker.signal(signal.SIGKILL)
            return
        finally:
            if anonymous:
                self._broker.configure(False)
        self._opened = pid if anonymous else None

    def _tell(self, over: bool) -> None:
        """`_host/lesson` is as it is here; what cannot be told now is told later."""
        try:
            asyncio.run(announce(self._broker, self.until, int(self._wall() * 1000), over))
            self._to_tell = False
        except (ClientError, FleetError):
            self._to_tell = True


def gets_in(address: Address) -> bool:
    """Whether the broker takes a client without an account; FleetError if nobody answers."""

    async def greet() -> None:
        async with Client(address):
            pass

    try:
        asyncio.run(greet())
    except BrokerRefused:
        return False
    except ClientError as error:
        raise FleetError(str(error)) from None
    return True


async def announce(broker: Broker, until: int, now: int, over: bool) -> None:
    """Retained on `_host/lesson`, empty if it is closed. When it is `over`, who was thrown out is called lost.

    That is their will: mosquitto does not send the wills of those whom it throws out.
    """
    topic = topics.host_topic(broker.base, "lesson")
    async with Client(broker.address("tools"), base=broker.base) as client:
        if until:
            payload = payloads.encode("host_lesson", {"open": True, "until": until})
            await client.publish(topic, payload, retain=True, expiry_s=max(1, (until - now) // 1000))
        else:
            await client.publish(topic, b"", retain=True)
        if over:
            known = set(broker.accounts())
            for node, status in (await client.online_nodes(RETAINED_S)).items():
                if node not in known:
                    will = {"state": "lost", "boot": status["boot"], "conn": status["conn"]}
                    await client.publish(topics.node_topic(broker.base, node, "status"), json.dumps(will), retain=True)

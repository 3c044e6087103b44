"""What happens in the fleet, for people: nodes that come and go, alerts, commands, rounds, and the dashboard itself.

Owns what was noted last of each node and what the open pages have not seen yet. A storm is folded: each source has a
budget, and what goes beyond it is added to its last row, so neither the list nor the database is flooded. Calls are
cheap and never raise; rows go into the store's next commit.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from fleet_dashboard import store_happenings
from fleet_dashboard.clock import WallClock
from fleet_dashboard.ledger import EARLY_MS
from fleet_dashboard.nodes import Node
from fleet_dashboard.presence import Presence
from fleet_dashboard.store import Store

KINDS = ("birth", "state", "alert", "command", "round", "host")
# What a source may note at once, and every how many ms one more.
BUDGET = {"node": (10, 120_000), "alert": (10, 120_000), "command": (60, 10_000), "round": (20, 60_000)}
BUDGET["host"] = (10, 120_000)
MAX_SOURCES = 2000
MAX_NEWS = 50  # for one frame
FOLD_MS = 5000  # a row that grows is written so often at most
SETTLE_MS = 10_000  # within this after the link is up, the broker has told what it retains of each node
HERE = ("online", "sleeping", "silent")
KEPT_BOOTS = 8
MAX_TEXT = 300


@dataclass
class Happening:
    """One row. Times are UTC ms; `n` is for how many it stands, `state` the word of its node from then on."""

    id: int
    ts: int
    until: int
    n: int
    node: str
    kind: str
    word: str
    about: str
    state: str | None
    boot: str
    text: str

    def row(self) -> tuple[Any, ...]:
        return tuple(getattr(self, name) for name in store_happenings.COLUMNS)


class Source:
    """The budget of one source, and its last row."""

    __slots__ = ("at", "last", "left")

    def __init__(self, now: int, left: float) -> None:
        self.at = now
        self.left = left
        self.last: Happening | None = None

    def spend(self, now: int, most: int, every: int) -> bool:
        self.left = min(most, self.left + (now - self.at) / every)
        self.at = now
        if self.left < 1:
            return False
        self.left -= 1
        return True


class Happenings:
    """`begin` once the store is open. Times are monotonic ms."""

    def __init__(self, store: Store, clock: WallClock) -> None:
        self._store = store
        self._clock = clock
        self._states: dict[str, str] = {}  # node -> the word that was noted last
        self._boots: dict[str, deque[str]] = {}  # node -> its last boots, the newest at the right
        self._sources: dict[tuple[str, str], Source] = {}
        self._news: dict[int, Happening] = {}
        self._grown: dict[int, Happening] = {}
        self._grown_at = 0
        self._alerts: dict[str, str] = {}  # open ones: id -> kind
        self._round: tuple[str, str] = ("", "")  # (id, state) of the one that was seen last
        self._round_title = ""
        self._called: deque[str] = deque(maxlen=200)  # commands that were noted
        self._linked = self._was_linked = False
        self._settle_at: int | None = None
        self._first = 0
        self._began = clock.refresh()

    async def begin(self) -> None:
        """Go on where an earlier process ended; StoreError if the database cannot be read."""
        states, ended = await self._store.look(store_happenings.newest, "what happened before")
        for node, state, boot in states:
            if state != "forgotten":
                self._states[node] = state
                self._boots[node] = deque([boot], KEPT_BOOTS)
        now = self._began = self._clock.refresh()
        if ended:
            text = "it ended without a goodbye: killed, or without power"
            self._note("host", "", "died", now, text=text, ts=min(ended, self._clock.utc(now)))
        self._first = self._store.add_happening()
        self._note("host", "", "started", now)

    def end(self) -> None:
        """Before the last commit."""
        self._note("host", "", "stopped", self._clock.refresh())
        self._write_grown()

    # -- nodes -------------------------------------------------------------------------------------------------------

    def nodes(self, touched: Iterable[Node], now: int) -> None:
        """Look whether nodes of which anything changed came or went."""
        for node in touched:
            presence = node.presence
            if presence.boot and (
                presence.word != self._states.get(node.id) or presence.boot != self._boots[node.id][-1]
            ):
                self._presence(node.id, presence, now)

    def _presence(self, node: str, presence: Presence, now: int) -> None:
        word, boot = presence.word, presence.boot
        before = self._states.get(node)
        boots = self._boots.setdefault(node, deque(maxlen=KEPT_BOOTS))
        at = now if word == before else min(now, max(presence.since, self._began))
        self._states[node] = word
        if before is None or (boots and boots[-1] != boot and word == "online"):
            how = "new" if before is None else "again" if boot in boots else "boot"
            self._note("birth", node, how, at, text=presence.why, state=word, boot=boot)
        else:
            self._note("state", node, word, at, text=presence.why, state=word, boot=boot)
        if boot in boots:
            boots.remove(boot)
        boots.append(boot)

    def forgotten(self, node: str) -> None:
        if self._states.pop(node, None) is not None:
            self._boots.pop(node, None)
            text = "its status and meta were taken off the broker"
            self._note("state", node, "forgotten", self._clock.refresh(), text=text, state="forgotten")

    def second(self, nodes: Iterable[Node], now: int) -> None:
        """Once a second: what the broker did not tell of nodes from before, and rows that have grown."""
        if self._settle_at is not None and now >= self._settle_at:
            self._settle_at = None
            for node in nodes:
                if not node.presence.boot and self._states.get(node.id) in HERE:
                    self._states[node.id] = "lost"
                    boot = self._boots[node.id][-1]
                    self._note("state", node.id, "lost", now, text=node.presence.why, state="lost", boot=boot)
        if now - self._grown_at >= FOLD_MS:
            self._grown_at = now
            self._write_grown()

    # -- all else ----------------------------------------------------------------------------------------------------

    def alerts(self, changes: dict[str, dict[str, Any] | None], now: int) -> None:
        """{id: alert, or None if it is over}; a text that changed is nothing new."""
        for name, alert in changes.items():
            if alert is None:
                found = self._alerts.pop(name, None)
                if found is not None:
                    kind, _, node = found.partition(" ")
                    self._note("alert", node, "cleared", now, about=kind)
            elif name not in self._alerts:
                self._alerts[name] = f"{alert['kind']} {alert['node']}"
                self._note("alert", alert["node"], "raised", now, about=alert["kind"], text=alert["text"])

    def command(self, call: dict[str, Any]) -> None:
        """A roll-call; it is noted when it is done."""
        if not call["done"] or call["id"] in self._called:
            return
        self._called.append(call["id"])
        states = [row["st"] for row in call["rows"]]
        answered = [state for state in states if state not in ("waiting", "silent")]
        refused = sorted({state for state in answered if state not in ("ok", "done")})
        args = " ".join(f"{key}={value}" for key, value in call["args"].items())
        text = f"{args}{': ' if args else ''}{len(answered)} of {len(states)} answered"
        if refused:
            text += f", some {' and '.join(refused)}"
        now = self._clock.refresh()
        self._note("command", call["target"], "sent", now, about=call["name"], text=text, ts=call["at"])

    def round(self, view: dict[str, Any] | None, now: int) -> None:
        """The round that is on or whose result is shown, or None."""
        known, state = self._round
        if view is not None and (view["id"], view["state"]) == (known, state):
            return
        if known and state != "done" and (view is None or view["id"] != known):
            self._note("round", "", "called-off", now, text=self._round_title)
        self._round = (view["id"], view["state"]) if view is not None else ("", "")
        if view is None:
            return
        self._round_title = view["title"]
        if view["id"] != known:
            self._note("round", "", "started", now, about=view["name"], text=view["title"])
        if view["state"] == "done":
            places = zip(view["top"], view["ranks"], strict=False)
            won = ", ".join(name for (_, name, _), (place, *_) in places if place == 1)
            text = f"{view['title']}: {f'{won} first' if won else 'nobody scored'}"
            self._note("round", "", "ended", now, about=view["name"], text=text)

    def link(self, why: str | None) -> None:
        """The way in from the broker: None when it is up, else why it is down."""
        now, up = self._clock.refresh(), why is None
        if up and self._settle_at is None and not self._was_linked:
            self._settle_at = now + SETTLE_MS
        if up is not self._linked and self._was_linked:
            self._note("host", "", "link-back" if up else "link-lost", now, text=why or "")
        self._linked, self._was_linked = up, self._was_linked or up

    def clock_was_set(self, by_ms: int) -> None:
        """Soon after the start that is a computer that has found the time: what was noted since then moves along."""
        now = self._clock.refresh()
        last = self._store.add_happening()
        if now - self._began < EARLY_MS:
            self._write_grown()
            self._store.move_happenings(self._first, last, by_ms)
            for source in self._sources.values():
                source.last = None
        self._note("host", "", "clock", now, text=f"by {by_ms / 1000:+.0f} s")

    def take_news(self) -> list[dict[str, Any]]:
        """What is new since the last call, oldest first; of a storm, the end."""
        news, self._news = self._news, {}
        return [store_happenings.record(one.row()) for one in news.values()]

    # -- noting ------------------------------------------------------------------------------------------------------

    def _note(
        self,
        kind: str,
        node: str,
        word: str,
        now: int,
        *,
        about: str = "",
        text: str = "",
        state: str | None = None,
        boot: str = "",
        ts: int | None = None,
    ) -> None:
        of = "node" if kind in ("birth", "state") else kind
        source = self._source(of, node if of in ("node", "alert") else "", now)
        at, text = self._clock.utc(now) if ts is None else ts, text[:MAX_TEXT]
        last = source.last
        if source.spend(now, *BUDGET[of]) or last is None:
            last = Happening(0, at, at, 1, node, kind, word, about, state, boot, text)
            last.id = self._store.add_happening()
            self._store.add_happening(last.row())
            source.last = last
        else:
            last.until, last.n = max(at, last.until), last.n + 1
            last.node, last.kind, last.word, last.about, last.text = node, kind, word, about, text
            last.state, last.boot = state, boot
            self._grown[last.id] = last
        self._news[last.id] = last
        while len(self._news) > MAX_NEWS:
            del self._news[next(iter(self._news))]

    def _source(self, of: str, who: str, now: int) -> Source:
        source = self._sources.get((of, who))
        if source is None:
            if len(self._sources) >= MAX_SOURCES:
                del self._sources[min(self._sources, key=lambda name: self._sources[name].at)]
            source = self._sources[of, who] = Source(now, BUDGET[of][0])
        return source

    def _write_grown(self) -> None:
        for one in self._grown.values():
            self._store.add_happening(one.row())
        self._grown = {}

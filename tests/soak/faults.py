"""What happens to the fleet: three hands that never rest, one for nodes, one for the host, one for the network.

Each hand goes through its faults in a random order, again and again, so that every kind comes up. Whatever it does it
undoes, and `Hand.stop` returns when it has.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable

from fleet_schema import topics
from support.node import NodeProcess
from support.proxy import DOWN, UP, Proxy
from support.rig import Rig


class Hand(threading.Thread):
    """`faults` maps a name to what it does; it gets a target and how long to hold it, in seconds."""

    def __init__(self, rig: Rig, name: str, dice: random.Random, pace_s: float, hold_s: float) -> None:
        super().__init__(name=name, daemon=True)
        self.rig = rig
        self.dice = dice
        self.done = Counter[str]()
        self.errors: list[str] = []
        self._pace_s, self._hold_s = pace_s, hold_s
        self._over = threading.Event()
        self.spared: set[str] = set()  # kinds that are not wanted any more
        self.faults: dict[str, Callable[[float], str]] = {}

    def run(self) -> None:
        deck: list[str] = []
        while not self._over.wait(self.dice.uniform(0.3, 1.7) * self._pace_s):
            if not deck:
                deck = list(self.faults)
                self.dice.shuffle(deck)
            kind = deck.pop()
            if kind in self.spared:
                continue
            began = time.time()
            try:
                target = self.faults[kind](self.dice.uniform(0.1, 1) * self._hold_s)
            except Exception as error:  # it shows in the verdict; the others go on
                self.errors.append(f"{kind}: {error!r}")
                continue
            self.done[kind] += 1
            self.rig.history.add("fault", began, name=kind, on=target, until=time.time())

    def stop(self) -> None:
        self._over.set()
        self.join(120)
        assert not self.is_alive(), f"the hand for {self.name} hangs"

    def hold(self, seconds: float) -> None:
        """Not longer than until the end."""
        self._over.wait(seconds)


class NodeHand(Hand):
    def __init__(self, rig: Rig, dice: random.Random, pace_s: float, hold_s: float) -> None:
        super().__init__(rig, "nodes", dice, pace_s, hold_s)
        self.stood_still: dict[str, float] = {}  # node -> when it was let go on, so that its loop lag is no wonder
        self.faults = {"node kill": self.kill, "node freeze": self.freeze, "node reset": self.reset}

    def some(self) -> NodeProcess:
        return self.dice.choice(list(self.rig.nodes.values()))

    def some_mortal(self) -> NodeProcess:
        """Every fourth node is never ended, so that one sees whether its memory grows."""
        return self.dice.choice([node for number, node in enumerate(self.rig.nodes.values()) if number % 4])

    def kill(self, seconds: float) -> str:
        node = self.some_mortal()
        self.rig.kill(node)
        try:
            self.hold(seconds if self.dice.random() < 0.5 else 0)
        finally:
            node.start()
        return node.id

    def freeze(self, seconds: float) -> str:
        node = self.some()
        node.freeze()
        try:
            self.hold(seconds)
        finally:
            self.stood_still[node.id] = time.monotonic()
            node.thaw()
        return node.id

    def reset(self, seconds: float) -> str:
        node = self.some_mortal()
        topic = topics.command_topic("fleet", node.id, "reset")
        self.rig.observer._client.publish(topic, f'{{"id":"x-{self.dice.randrange(1 << 40):x}"}}', 1)
        return node.id


class HostHand(Hand):
    def __init__(self, rig: Rig, dice: random.Random, pace_s: float, hold_s: float) -> None:
        super().__init__(rig, "host", dice, pace_s, hold_s)
        self.faults = {
            "broker kill": lambda seconds: self.broker_away(seconds, rig.broker.kill),
            "broker stop": lambda seconds: self.broker_away(seconds, rig.broker.stop),
            "broker freeze": self.broker_frozen,
            "dashboard kill": lambda seconds: self.dashboard_away(seconds, rig.dashboard.kill),
            "dashboard stop": lambda seconds: self.dashboard_away(seconds, lambda: rig.dashboard.stop(within=60)),
            "dashboard freeze": self.dashboard_frozen,
            "disk full": self.disk_full,
        }

    def broker_away(self, seconds: float, end: Callable[[], object]) -> str:
        end()
        try:
            self.hold(seconds)
        finally:
            self.rig.broker.start()
        return "broker"

    def broker_frozen(self, seconds: float) -> str:
        self.rig.broker.freeze()
        try:
            self.hold(seconds)
        finally:
            self.rig.broker.thaw()
        return "broker"

    def dashboard_away(self, seconds: float, end: Callable[[], object]) -> str:
        end()
        try:
            self.hold(seconds)
        finally:
            self.rig.dashboard.launch()
        return "dashboard"

    def dashboard_frozen(self, seconds: float) -> str:
        self.rig.dashboard.freeze()
        try:
            self.hold(seconds)
        finally:
            self.rig.dashboard.thaw()
        return "dashboard"

    def disk_full(self, seconds: float) -> str:
        self.rig.dashboard.fill_disk()
        try:
            self.hold(seconds)
        finally:
            self.rig.dashboard.free_disk()
        return "dashboard"


class NetworkHand(Hand):
    def __init__(self, rig: Rig, proxies: list[Proxy], dice: random.Random, pace_s: float, hold_s: float) -> None:
        super().__init__(rig, "network", dice, pace_s, hold_s)
        self._proxies = proxies
        self.faults = {
            "link cut": lambda seconds: self.briefly(0, Proxy.cut_all),
            "link RST": lambda seconds: self.briefly(0, Proxy.reset_all),
            "link refused": lambda seconds: self.briefly(seconds, Proxy.refuse),
            "link half open": lambda seconds: self.briefly(seconds, Proxy.half_open),
            "link silent up": lambda seconds: self.briefly(seconds, lambda proxy: proxy.silence(UP)),
            "link silent down": lambda seconds: self.briefly(seconds, lambda proxy: proxy.silence(DOWN)),
            "link delay": lambda seconds: self.briefly(seconds, lambda proxy: proxy.delay(self.dice.uniform(0.05, 1))),
            "link trickle": lambda seconds: self.briefly(
                seconds, lambda proxy: proxy.trickle(self.dice.uniform(50, 2000))
            ),
        }

    def briefly(self, seconds: float, fault: Callable[[Proxy], None]) -> str:
        proxy = self.dice.choice(self._proxies)
        fault(proxy)
        try:
            self.hold(seconds)
        finally:
            proxy.heal()
        return f"link {self._proxies.index(proxy)}"

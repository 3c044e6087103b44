"""The node: builds every object, starts every task, and is told what happens on the link.

The only module that creates tasks. A task that fails is reported and started again; the node goes on.
"""

import asyncio
import gc
import random
import sys
import time

import fleet_node.storage
from fleet_node import ConfigError, birth, boards, sensors
from fleet_node.actions import Actions
from fleet_node.backoff import Backoff
from fleet_node.buttons import Button
from fleet_node.commands import Commands
from fleet_node.dial import to_broker
from fleet_node.health import Health
from fleet_node.joining import Joining
from fleet_node.link import Link
from fleet_node.outbox import Outbox
from fleet_node.pause import Pause
from fleet_node.report import Report, shown
from fleet_node.sampler import Sampler
from fleet_node.settings import Settings
from fleet_node.spool import Spool
from fleet_node.update import Update
from fleet_node.uptime import Uptime

RESTART_MS = (1000, 30000)  # waits before a failed task is started again: the first, the longest


def run(config):
    """Until Ctrl-C; a reset ends with whatever the board's reset does."""
    try:
        node = Node(config)
    except ValueError as error:
        raise ConfigError(str(error))
    try:
        asyncio.run(node.run())
    except KeyboardInterrupt:  # coroutines end without their `finally`, so the goodbye is said out here
        node.goodbye()
        node.board.at_prompt()


class Node:
    def __init__(self, config):
        self.board = boards.load(config["board"], config)
        if not config["node"]:
            own = self.board.unique_id()
            if not own:
                raise ConfigError('"node" is missing: give this node an id, such as "node": "ada" or FLEET_NODE=ada')
            config["node"] = "n-" + own[-3:].hex()
        config["name"] = config["name"] or config["node"]
        self._id = config["node"]
        self._base = config["base"]
        self._where = config["broker"]["host"] + ":" + str(config["broker"]["port"])
        self._odd = 0
        uptime = Uptime(time.ticks_ms, time.ticks_diff)
        boot, journal = fleet_node.storage.open_storage(config, self.board.say)
        del fleet_node.storage, sys.modules["fleet_node.storage"]  # it has done its work: room for the rest
        self.spool = Spool(boot, journal, uptime, config["queue"], config["journal_s"] * 1000)
        self.outbox = Outbox(self._base, self._id, self.spool, uptime, self.board.witness)
        self.report = Report(self._id, self.outbox.put)
        self.joining = Joining(config, self.outbox, self.report.said)
        self.failed = self.joining.failed  # the link's word for an attempt that did not come to link_up()
        self.settings = Settings(config, self.report.said, journal)
        dialer = to_broker(config["broker"])
        link = Link(config, dialer, Backoff(random.random), self, self.spawn)
        self.link = self.outbox.link = self.joining.link = link
        self.health = Health(config["health"], config["lag_tick"], self.outbox.put, self._counters)
        pause = self.pause = Pause(uptime, self._status)
        put = self.outbox.put
        self.samplers = [
            Sampler(name, sensors.load(name), self.board.i2c, self.settings, uptime, pause.left, put, self.report.warn)
            for name in config["sensors"]
        ]
        self.buttons = [Button(name, *pin, uptime, pause.left, put) for name, pin in self.board.buttons.items()]
        resetting = self.resetting = asyncio.Event()  # set it for a clean reset
        self.update = Update(config, self.outbox, self.joining, self.report.said, resetting.set)
        self.actions = Actions(self.board, self.settings, uptime, pause, self._changed, self._birth, resetting.set)
        rest = (self.actions.handlers, self.outbox, uptime, self.report.fault, random.random)
        self.commands = Commands(config, self.settings, *rest)
        self.settings.fits = lambda: birth.check(self.meta())
        self.settings.fits()
        self._web = config["web"] and (config, self, uptime)  # imported when it runs: it costs memory

    async def run(self):
        gc.collect()  # what the imports left behind
        for name in ("link", "health", "commands", "outbox"):
            self.spawn(name, getattr(self, name).run)
        own = self.actions.tasks() + self.board.tasks(self) + self.update.tasks()
        own += [("loop-lag", self.health.watch_loop)] + [(one.name, one.run) for one in self.samplers + self.buttons]
        if self._web:
            own.append(("web", lambda: __import__("fleet_node.web", None, None, ("Web",)).Web(*self._web).run()))
        for name, task in own:
            self.spawn(name, task)
        await self.resetting.wait()
        deadline = time.ticks_add(time.ticks_ms(), 1000)
        while self.outbox.acks_waiting() and time.ticks_diff(deadline, time.ticks_ms()) > 0:
            await asyncio.sleep_ms(20)
        self.commands.remember()
        self.goodbye()
        self.board.reset()

    def spawn(self, name, coro_fn):
        """Start a task, and start it again whenever it fails."""
        return asyncio.create_task(self._supervise(name, coro_fn))

    async def _supervise(self, name, coro_fn):
        wait_ms = RESTART_MS[0]
        while True:
            try:
                return await coro_fn()
            except Exception as error:
                self.report.fault(name, error)
            await asyncio.sleep_ms(wait_ms)
            wait_ms = min(2 * wait_ms, RESTART_MS[1])

    def goodbye(self):
        """The last thing a node does: it keeps its readings, and says that it leaves, so that nobody thinks it lost."""
        self.spool.save()
        payload = birth.status("offline", self.outbox.boot, self.link.conn)
        self.link.goodbye(self.outbox.topic("status"), payload)
        self.report.said("stopped, worst loop lag " + str(self.health.worst) + " ms")

    # What the link asks and tells.

    def will(self, conn):
        return self.outbox.topic("status"), birth.status("lost", self.outbox.boot, conn)

    def link_up(self):
        self.report.said("connected to " + self._where + " (conn " + str(self.link.conn) + ")")
        self.joining.up(self.settings.groups)
        self._birth()  # after that: who sees this node online can command it
        self.outbox.tell_journal()
        self.outbox.flush()

    def link_down(self, reason, wait_ms):
        self.report.said(self._where + ": " + reason + "; next try in " + str(wait_ms) + " ms")
        self.outbox.link_down()

    def acked(self, pid):
        self.outbox.acked(pid)

    def refused(self, pid):
        name = self.joining.refused(pid)
        self.report.warn("the broker refused the subscription " + name + ": ask who runs it for the right")

    def received(self, topic, payload, retained):
        """A command, or what the host says; a retained command is older than this connection and never obeyed."""
        if any(part.received(topic, payload) for part in (self.joining, self.update, self.board)):
            pass
        elif retained:
            self._odd += 1
            self.report.warn("ignored a retained command: " + shown(topic, 64))
        elif topic != self.joining.stored:
            self.commands.take(topic, payload)
        else:
            self.joining.heard(self.outbox.stored(payload) or self.odd("`stored` is not as it should be"))

    def odd(self, what):
        self._odd += 1
        self.report.said("ignored from the broker: " + what)

    # Parts that several of the above need.

    def _status(self):
        if self.link.is_up():
            status = birth.status("online", self.outbox.boot, self.link.conn, self.pause.left())
            self.link.publish(self.outbox.topic("status"), status, True)

    def _birth(self):
        self._status()
        if self.link.is_up():
            self.link.publish(self.outbox.topic("meta"), self.outbox.stamp("meta", self.meta()), True)

    def meta(self):
        return birth.meta(self.settings, self.board, self.samplers)

    def _changed(self, key):
        self._birth()
        if key == "groups" and self.link.is_up():
            self.joining.subscribe(self.settings.groups)

    def _counters(self):
        counters = {
            "reconn": max(0, self.link.conn - 1),
            "spool": self.spool.depth(),
            "drops": self.spool.drops + self.outbox.drops,
            "errors": self.report.errors + sum([sampler.errors for sampler in self.samplers]),
            "bad": self.commands.bad + self._odd,
        }
        if self.board.rssi() is not None:
            counters["rssi"] = self.board.rssi()
        return counters

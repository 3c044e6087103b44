"""beside = ["mqtt"] of check.toml: a broker beside a lesson's program, and what is heard and said on it meanwhile.

The lesson's config.json names the broker by `host` and `port`, at its top or in "broker". One on this computer is the
check's own, whose port is written there. Any other is used as it is, for a real board cannot reach our loopback; if
`fleet` here knows a broker (FLEET_BROKER, a class that runs on this computer), the check has its rights there.
In every text {node}, {base} and {name} stand for what config.json says.

[[run.mqtt]]                            # in this order; what was heard once counts once
hears = "{base}/1/{node}/tele/fake"     # a message on this topic
json = {v = {temp = "{18..26}"}}        # like this
retained = true                         # and the broker keeps it; false: it must not
before = "{base}/1/{node}/tele/fake"    # what is not there when three of these have come will not come
[[run.mqtt]]
says = "{base}/1/{node}/cmd/buzz"       # the check sends this
send = {id = "c1", ms = 300}
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from fleet_client import Client, ClientError, Message
from fleet_tools import broker as brokers
from fleet_tools import settings
from fleet_tools import workshop_expect as expect
from fleet_tools.errors import NO_BROKER, FleetError
from fleet_tools.processes import stop
from fleet_tools.workshop_run import POLL_S, Program, Trouble

LOOPBACK = ("127.0.0.1", "localhost")
MANY = 1000  # messages that nobody has asked for
HEAR_S = 15.0  # for one message, on this computer
BOARD_S = 60.0  # a board is slower, and its files come over a serial line
AGAIN = "fleet workshop start --again lays the files of the lesson anew, and keeps your main.py."
# of these the environment would count more to a node than its config.json
OVERRIDE = ("BROKER", "BASE", "NODE", "NAME", "CONFIG", "PERIOD", "STATE", "JOURNAL")


class Config:
    """The config.json in `place`, whichever of its two forms it has."""

    def __init__(self, place: Path) -> None:
        self._file = place / "config.json"
        try:
            self._told = json.loads(self._file.read_text())
            self._broker = self._told.get("broker", self._told)
            self.host, self.port = str(self._broker["host"]), int(self._broker["port"])
            node = str(self._told["node"])
        except OSError:
            raise Trouble("a file `config.json` beside main.py", "it is not there", AGAIN) from None
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            wanted = "a config.json in which node, host and port are said"
            why = f"there is no {error} in it" if isinstance(error, KeyError) else str(error)
            raise Trouble(wanted, why, f"Look for a missing comma or quotation mark. {AGAIN}") from None
        base = str(self._told.get("base", "fleet"))
        self.names = {"node": node, "base": base, "name": str(self._told.get("name", node))}

    @property
    def is_ours(self) -> bool:
        """The broker is on this computer."""
        return self.host in LOOPBACK

    @property
    def http(self) -> int:
        """Where the dashboard of that broker is, as for a node that joins."""
        return int(self._broker.get("http", 8080))

    @property
    def url(self) -> str:
        login = ""
        if self._broker.get("user"):
            login = f"{self._broker['user']}:{self._broker.get('password', '')}@"
        return f"mqtt://{login}{self.host}:{self.port}"

    def move(self, port: int) -> None:
        self.port = self._broker["port"] = port
        self._file.write_text(json.dumps(self._told))

    def fill(self, value: Any) -> Any:
        """`value` of check.toml, with what config.json says in place of {node}, {base} and {name}."""
        if isinstance(value, dict):
            return {self.fill(key): self.fill(one) for key, one in value.items()}
        if isinstance(value, list):
            return [self.fill(one) for one in value]
        if isinstance(value, str):
            for key, text in self.names.items():
                value = value.replace("{" + key + "}", text)
        return value


class Beside:
    """See workshop_run.Beside. The host's end of the conversation runs only while one of these methods does."""

    def __init__(self, port: str | None, patience: float) -> None:
        self._patience_s = (BOARD_S if port else HEAR_S) * patience
        self._env = dict(os.environ)
        self._runner = asyncio.Runner()
        self._stack = ExitStack()  # the broker, its folder, the environment
        self._listening = AsyncExitStack()
        self._heard: list[Message] = []  # and not taken by a step yet
        self._counts: Counter[str] = Counter()  # topic -> messages of this run

    def __enter__(self) -> Self:
        overrides = {name: os.environ.pop(name) for key in OVERRIDE if (name := f"FLEET_{key}") in os.environ}
        self._stack.callback(os.environ.update, overrides)
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="fleet-workshop-")))
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        try:
            self._runner.run(self._listening.aclose())
        finally:
            self._runner.close()
            self._stack.close()

    def prepare(self, place: Path, declared: dict[str, Any]) -> None:
        self._config = Config(place)
        if self._config.is_ours:
            self._start_own()
        else:
            chosen = settings.load(env=self._env)
            known = chosen.broker if chosen.origin["broker"] != "by default" else None
            self._broker = brokers.choose(known or self._config.url, 0, self._folder, lambda _: None)

    def _start_own(self, also: str | None = None) -> None:
        """A broker of the check, which config.json then names; it listens at `also`, too."""
        self._broker = brokers.choose(None, 0, self._folder, lambda _: None, also)
        assert self._broker.child is not None
        self._stack.callback(stop, [self._broker.child], signal.SIGTERM, 3.0, lambda: False)
        self._config.move(int(self._broker.url.rsplit(":", 1)[1]))

    def before(self, run: dict[str, Any]) -> None:
        steps = self._config.fill(run.get("mqtt", []))
        topics = {step["hears"] for step in steps if "hears" in step and not step.get("retained")}
        topics |= {step["before"] for step in steps if "before" in step}
        self._runner.run(self._listen(topics))

    async def _listen(self, topics: set[str]) -> None:
        await self._listening.aclose()
        self._heard.clear()
        self._counts.clear()
        try:
            client = Client(self._broker.url, base=self._config.names["base"], protocol=self._broker.protocol)
            self._client = await self._listening.enter_async_context(client)
            await self._listening.enter_async_context(self._client.listen(topics, self._hears))
        except ClientError as error:
            raise FleetError(str(error), NO_BROKER) from None

    def _hears(self, message: Message) -> None:
        self._heard.append(message)
        self._counts[message.topic] += 1

    def during(self, run: dict[str, Any], program: Program) -> Iterator[str]:
        for step in self._config.fill(run.get("mqtt", [])):
            try:
                if "says" in step:
                    self._runner.run(self._client.publish(step["says"], json.dumps(step["send"])))
                else:
                    self._runner.run(self._hear(step, program))
                    yield f"says {step['hears']}" + (", and the broker keeps it" if step.get("retained") else "")
            except ClientError as error:
                if program.floods or len(self._heard) > MANY:
                    raise Trouble("a program that rests between its messages", "more than anybody can hear") from None
                raise FleetError(str(error), NO_BROKER) from None

    async def _hear(self, step: dict[str, Any], program: Program) -> None:
        """Takes the message, and all before it on its topic, out of what was heard."""
        deadline = time.monotonic() + self._patience_s
        until = self._counts[step.get("before", "")] + 3 if "before" in step else None
        wrong = "the broker keeps nothing there" if step.get("retained") else "nothing on that topic"
        while True:
            over = not program.running or program.error or (until and self._counts[step["before"]] >= until)
            for message in await self._news(step):
                found = _differs(step.get("json", {}), message.payload)
                if found is None:
                    return await self._kept_never(step)
                wrong = found
            if over or time.monotonic() > deadline:
                if error := program.error:
                    wrong = f"{wrong}; the program said `{error}`"
                like = expect.HOLE.sub(expect.said, json.dumps(step.get("json", {})))
                kept = "a message that the broker keeps " if step.get("retained") else ""
                raise Trouble(f"{kept}on the topic `{step['hears']}` JSON like `{like}`", wrong)
            await asyncio.sleep(POLL_S)

    async def _news(self, step: dict[str, Any]) -> list[Message]:
        if step.get("retained"):
            return await self._kept(step["hears"])
        found = [one for one in self._heard if one.topic == step["hears"]]
        for message in found:
            self._heard.remove(message)
        return found

    async def _kept(self, topic: str) -> list[Message]:
        """What the broker keeps on this topic: it comes to who subscribes now."""
        found: list[Message] = []
        async with self._client.listen([topic, topic], found.append):
            pass  # subscribed twice: when the second is granted, what the first brought is here
        return [one for one in found if one.retain]

    async def _kept_never(self, step: dict[str, Any]) -> None:
        if step.get("retained") is False and await self._kept(step["hears"]):
            wanted = f"that what is said on `{step['hears']}` is gone when all have heard it"
            raise Trouble(wanted, "the broker keeps it, and gives it to all who come later")


def _differs(expected: Any, payload: bytes) -> str | None:
    try:
        return expect.value(expected, json.loads(payload))
    except ValueError:
        return f"this is no JSON: `{payload[:80].decode(errors='replace')}`"

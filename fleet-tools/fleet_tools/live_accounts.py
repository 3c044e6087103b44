"""Changes the accounts of a broker that runs, by messages to its dynamic-security plugin, as the account `admin`.

Who owns dynamic-security.json: while a broker runs, its plugin does. It reads the file once, at its start, and writes
the whole file after each change that it is told of here; what anybody else wrote there meanwhile would be lost. So we
only read it then, to see what is left to change and whether all has been done. While no broker runs, the Vault owns it.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from typing import Any

from fleet_client import Address, BrokerRefused, Client, ClientError, Denied, Message
from fleet_schema import SchemaError, topics
from fleet_tools import accounts
from fleet_tools.accounts_changes import Command, instead
from fleet_tools.errors import NO_BROKER, FleetError

TOPIC = accounts.CONTROL + "/v1"
ANSWERS = TOPIC + "/response"
LONGEST = 12_000  # bytes of a message: the broker ends the connection of who sends more than 16 KiB
PATIENCE_S = 10.0  # for the answers to one message
EXISTS = ("Client already exists", "Role already exists")


class NotOurs(FleetError):
    """Something listens there, but it is not the broker of this class."""


async def tell(address: Address, commands: Sequence[Command]) -> None:
    """All of it, in order. FleetError says what the broker did not do; what came before that is done."""
    try:
        async with Client(address) as client:
            refused = await _tell(client, commands)
            again = [other for command, error in refused if error in EXISTS and (other := instead(command))]
            refused = [one for one in refused if one[1] not in EXISTS] + await _tell(client, again)
    except BrokerRefused as error:
        why = "it does not know the account admin, or its password; an older broker knows it after a restart"
        raise NotOurs(f"{error}: {why}", NO_BROKER) from None
    except Denied:
        why = "is this the broker of the class?"
        raise NotOurs(f"the broker at {address.public} takes no changes of accounts: {why}", NO_BROKER) from None
    except ClientError as error:
        raise FleetError(f"{error}; run this again, it goes on from there", NO_BROKER) from None
    if refused:
        raise FleetError("; ".join(_sentence(command, error) for command, error in refused[:5]))


async def forget(address: Address, base: str, nodes: Sequence[str]) -> None:
    """Take away what the broker retains of these nodes: who may come no more is not shown as `online` for ever.

    Their wills do not do that: a will is sent with the rights of its account, and there are none any more.
    """
    try:
        async with Client(address, base=base) as client:
            for node in nodes:
                for kind in ("status", "meta"):
                    await client.publish(topics.node_topic(base, node, kind), b"", retain=True)
    except BrokerRefused as error:
        raise NotOurs(f"{error}: is this the broker of the class?", NO_BROKER) from None
    except (ClientError, SchemaError) as error:
        raise FleetError(f"{error}; run this again, it goes on from there", NO_BROKER) from None


async def _tell(client: Client, commands: Sequence[Command]) -> list[tuple[Command, str]]:
    """Those that the plugin refused, with its reason."""
    answers: asyncio.Queue[dict[str, Any]] = asyncio.Queue(maxsize=len(commands) + 1)

    def note(message: Message) -> None:
        for answer in responses(message.payload):
            if not answers.full():
                answers.put_nowait(answer)

    refused = []
    async with client.listen([ANSWERS], note):
        for part in messages(commands):
            await client.publish(TOPIC, json.dumps({"commands": part}))
            try:
                async with asyncio.timeout(PATIENCE_S):
                    for command in part:
                        answer = await answers.get()
                        while answer.get("correlationData") != command["correlationData"]:
                            answer = await answers.get()  # of somebody else who changes accounts
                        if "error" in answer:
                            refused.append((command, str(answer["error"])))
            except TimeoutError:
                raise NotOurs(
                    f"the broker at {client.address.public} did not answer within {PATIENCE_S:g} s: "
                    "is it the broker of this class? If so, run this again, it goes on from there",
                    NO_BROKER,
                ) from None
    return refused


def messages(commands: Sequence[Command]) -> Iterator[list[Command]]:
    """The commands with a mark each, by which an answer is known, in parts that the broker takes."""
    part: list[Command] = []
    size = 0
    for number, command in enumerate(commands):
        marked = {**command, "correlationData": f"{number}-{command['command']}"}
        length = len(json.dumps(marked)) + 2
        if part and size + length > LONGEST:
            yield part
            part, size = [], 0
        part.append(marked)
        size += length
    if part:
        yield part


def responses(payload: bytes) -> list[dict[str, Any]]:
    """The answers in a message of the plugin; none if it is something else."""
    try:
        found = json.loads(payload)["responses"]
        return [one for one in found if isinstance(one, dict)]
    except (ValueError, KeyError, TypeError):
        return []


def _sentence(command: Command, error: str) -> str:
    whom = command.get("username") or command.get("rolename", "")
    return f"the broker refused to {_words(command['command'])} {whom}: {error}"


def _words(command: str) -> str:
    """`create client` of createClient."""
    return "".join(" " + char.lower() if char.isupper() else char for char in command)

"""From the words a person typed to the arguments of a command, checked against what the nodes say they take."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from fleet_schema import SchemaError, commands, topics
from fleet_tools import words
from fleet_tools.errors import USAGE, FleetError

if TYPE_CHECKING:
    from fleet_client import NodeInfo

Spec = list[list[Any]]
TRUE = ("true", "on", "yes", "1")
FALSE = ("false", "off", "no", "0")


def spec_of(name: str, targets: Sequence[NodeInfo]) -> Spec:
    """The arguments of command `name` at these nodes; FleetError if none of them knows it.

    Where they differ the first one's are taken: the others answer for themselves.
    """
    tables = [info.meta["commands"] for info in targets if info.meta and "commands" in info.meta]
    for table in tables:
        if name in table:
            return list(table[name])
    if not tables and name in commands.STANDARD:
        return list(commands.STANDARD[name])
    known = sorted({one for table in tables for one in table} or commands.STANDARD)
    if not topics.is_name(name):
        raise FleetError(f"{name!r} is not a command: one is written with a-z, 0-9 and -", USAGE)
    hint = words.did_you_mean(name, known) or "; they know " + ", ".join(known)
    raise FleetError(f"no node here has a command {name!r}{hint}", USAGE)


def parse(name: str, typed: Sequence[str], spec: Spec) -> dict[str, Any]:
    """{argument: value} of `ms=500 hz=880`, or of bare values in their order; what was left out is left out."""
    args: dict[str, Any] = {}
    by_name = {arg[0]: arg for arg in spec}
    bare: list[str] = []
    for word in typed:
        key, separator, text = word.partition("=")
        if separator and key in by_name:
            args[key] = convert(name, by_name[key], text)
        elif separator and topics.is_name(key) and not (spec and spec[0][1] == "s"):
            hint = words.did_you_mean(key, by_name)
            raise FleetError(
                f"{name} has no argument {key!r}{hint or '; use it like this: ' + words.usage(name, spec)}", USAGE
            )
        else:
            bare.append(word)
    if bare:
        args.update(_place(name, bare, [arg for arg in spec if arg[0] not in args], spec))
    check(name, args, spec)
    return args


def _place(name: str, bare: list[str], left: Spec, spec: Spec) -> dict[str, Any]:
    """Bare words go to the arguments in order; text that comes first takes them all."""
    if left and left[0][1] == "s":
        return {left[0][0]: " ".join(bare)}
    if len(bare) > len(left):
        takes = words.usage(name, spec) if spec else f"{name}, without anything"
        raise FleetError(f"{bare[len(left)]!r} is one value too many; use it like this: {takes}", USAGE)
    return {arg[0]: convert(name, arg, word) for arg, word in zip(left, bare, strict=False)}


def convert(name: str, arg: list[Any], text: str) -> Any:
    """The value of the argument's type; FleetError says what it takes."""
    kind = arg[1]
    if kind == "s":
        return text
    lower = text.lower()
    if kind == "b" and lower in TRUE + FALSE:
        return lower in TRUE
    if kind in "in":
        try:
            return int(text) if kind == "i" else float(text)
        except ValueError:
            pass
    raise FleetError(f"{name}: {arg[0]} is {commands.describe(*arg[1:4])}, not {text!r}", USAGE)


def check(name: str, args: dict[str, Any], spec: Spec) -> None:
    """FleetError for a missing argument or one out of bounds."""
    try:
        commands.check_args(args, spec)
    except SchemaError as error:
        raise FleetError(f"{name}: {error.why}; use it like this: {words.usage(name, spec)}", USAGE) from None

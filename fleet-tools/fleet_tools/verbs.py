"""A command with verbs, each in a module of its own that is loaded when it is asked for: help must not import thirty
modules to print thirty lines."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any

import click


class Verbs(click.Group):
    """`verbs`: {verb: (module, the line that --help shows)}; in the module the command is called <verb>_command.
    `typed` is how a person calls this command."""

    def __init__(self, *arguments: Any, verbs: Mapping[str, tuple[str, str]], typed: str, **more: Any) -> None:
        super().__init__(*arguments, **more)
        self._verbs = verbs
        self._typed = typed

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self._verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self._verbs:
            return None
        module = importlib.import_module("fleet_tools." + self._verbs[cmd_name][0])
        command: click.Command = getattr(module, cmd_name + "_command")
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in self._verbs and not args[0].startswith("-"):
            from fleet_tools.words import did_you_mean

            hint = did_you_mean(args[0], self._verbs)
            raise click.UsageError(f"there is no verb {args[0]!r}{hint}; see {self._typed} --help", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, line) for name, (_, line) in self._verbs.items()])

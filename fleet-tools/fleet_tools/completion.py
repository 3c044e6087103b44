"""`fleet completion SHELL`: prints the script that completes verbs and options."""

import click
from click.shell_completion import get_completion_class

from fleet_tools.errors import FleetError

EPILOG = """\b
Put one of these into your shell's start file:
  eval "$(fleet completion bash)"      ~/.bashrc
  eval "$(fleet completion zsh)"       ~/.zshrc
  fleet completion fish | source       ~/.config/fish/config.fish
"""


@click.command("completion", epilog=EPILOG)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(shell: str) -> int:
    """The script that makes the Tab key complete `fleet`."""
    from fleet_tools.cli import fleet

    kind = get_completion_class(shell)
    if kind is None:
        raise FleetError(f"click knows no completion for {shell}")
    click.echo(kind(fleet, {}, "fleet", "_FLEET_COMPLETE").source())
    return 0

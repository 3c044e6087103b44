"""The `fleet` command: finds the verb, loads only that one, and turns every error into a sentence and an exit code."""

from __future__ import annotations

import sys
from typing import Any

import click

from fleet_tools.errors import INTERRUPTED, USAGE, FleetError
from fleet_tools.verbs import Verbs

# verb -> (module, the line that `fleet --help` shows)
VERBS = {
    "demo": ("demo", "A broker, five nodes and the dashboard on this computer; Ctrl-C stops them."),
    "ls": ("ls", "Who is there, and how they are."),
    "roll": ("roll", "Who has trouble, why, and what to do."),
    "info": ("info", "One node: sensors, health, and the commands it obeys."),
    "watch": ("watch", "Everything the nodes say, as it comes."),
    "send": ("send", "Send a command and see by name who obeyed."),
    "buzz": ("send", "Make buzzers sound."),
    "identify": ("send", "Make nodes show themselves: they blink and beep."),
    "sim": ("sim", "Simulated nodes on this computer."),
    "join": ("join", "Bring a node of this computer into a class, with the ticket of a sheet."),
    "verify": ("verify", "Is every reading that the nodes took stored, exactly once?"),
    "lint": ("lint", "Do these nodes keep the contract? A grade, rule by rule."),
    "export": ("export", "Readings or events as CSV or Parquet."),
    "report": ("report", "A lesson on paper: who was there, what was measured and won."),
    "backup": ("backup", "A copy of the dashboard's database, while it runs."),
    "restore": ("restore", "Put a backup in the place of the dashboard's database."),
    "teacher": ("teacher", "The code and the link by which a teacher logs in at the dashboard."),
    "token": ("tokens", "Tokens for programs that use the dashboard's HTTP API."),
    "class": ("class_cli", "A class: who belongs to it, their secrets, and its broker."),
    "boards": ("boards", "What is plugged in, and whether it can be a node; save and load its settings."),
    "deploy": ("deploy_cli", "Put the node's program onto boards: only what changed, safe against a cut."),
    "mount": ("mount", "Run a folder of this computer on a board, again at every change."),
    "logs": ("logs", "What boards say at their USB ports."),
    "ota": ("ota", "Update nodes over the air: signed, in stages, back to the old program where it fails."),
    "workshop": ("workshop", "Three hours from `print` to a class on one broker: lessons that check themselves."),
    "accounts": ("accounts_cli", "The accounts of a broker that is closed to strangers."),
    "doctor": ("doctor", "Check this computer and the fleet; one line per check, with the fix."),
    "completion": ("completion", "The script that makes the Tab key complete `fleet`."),
}
EPILOG = """\b
Try:
  fleet ls                      who is there
  fleet buzz --all              every buzzer; who answered, in how many ms
  fleet watch ada               everything that ada says
  fleet send period 500 --to ada
  fleet verify                  is every reading stored, exactly once
\b
The broker is found by --broker, FLEET_BROKER, ./fleet.toml, a demo that runs in this folder,
a class that runs on this computer, or mqtt://127.0.0.1:1883. Every verb that shows something knows --json.
\b
Exit codes: 0 all is well, 1 error, 2 wrong usage, 3 some nodes failed or readings are not accounted for,
4 nobody answered, 5 no broker, 130 Ctrl-C.
"""


@click.command(
    cls=Verbs,
    verbs=VERBS,
    typed="fleet",
    epilog=EPILOG,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(package_name="sensor-fleet", prog_name="fleet")
def fleet() -> None:
    """Look at and command a fleet of sensor nodes around one MQTT broker."""


def main(arguments: list[str] | None = None) -> None:
    """Never returns: exits with one of the codes above."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    try:
        result: Any = fleet.main(arguments, prog_name="fleet", standalone_mode=False)
        return result if isinstance(result, int) else 0
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message())
        return 0
    except click.UsageError as error:
        where = error.ctx.command_path if error.ctx else "fleet"
        return _say(where, error.format_message(), USAGE)
    except click.Abort:
        return INTERRUPTED
    except click.ClickException as error:
        return _say("fleet", error.format_message(), 1)
    except FleetError as error:
        return _say("fleet", str(error), error.code)
    except KeyboardInterrupt:
        return INTERRUPTED


def _say(where: str, sentence: str, code: int) -> int:
    click.echo(f"{where}: {sentence[:1].lower() + sentence[1:]}", err=True)
    return code

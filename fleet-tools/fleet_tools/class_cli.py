"""`fleet class`: the verbs about a class, each in a file of its own that is loaded when it is asked for."""

from __future__ import annotations

import click

from fleet_tools.verbs import Verbs

# verb -> (module, the line that `fleet class --help` shows); in the module the command is called <verb>_command
VERBS = {
    "new": ("class_new", "Make a class, or add to it: accounts with secrets for all, from a number or a roster."),
    "list": ("class_show", "The classes on this computer."),
    "show": ("class_show", "Who belongs to a class, and whether all of them can log in."),
    "add": ("class_change", "Add somebody to a class that exists, also while it runs."),
    "names": ("class_names", "Tell the nodes that are here their names and groups from the roster."),
    "revoke": ("class_change", "Turn somebody's access off, at once."),
    "reset": ("class_change", "A new secret for somebody; the old one is void at once."),
    "sheets": ("class_sheets", "A sheet for each node to print: id, secret, address, QR code."),
    "start": ("class_start", "The broker and the dashboard of a class, until Ctrl-C."),
    "open": ("class_lesson", "The first hour: for a while nobody needs a password."),
    "lock": ("class_lesson", "The end of the open lesson, now."),
    "save": ("class_move", "The whole class in one file, also while it runs."),
    "load": ("class_move", "The class of such a file, on this computer."),
    "tls": ("class_tls", "Its certificates: until when they hold, and the fingerprint of its CA."),
    "close": ("class_change", "The end of a class: nobody's access is valid any more."),
}
EPILOG = """\b
Examples:
  fleet class new 3b --nodes 30                thirty nodes, 3b-01 to 3b-30
  fleet class new 3b --roster names.csv        a node for each person: columns name, id, group
  fleet class show 3b
  fleet class add 3b "Grace Hopper"
  fleet class revoke 3b ada                    off within a second
  fleet class add 3b ada                       lets ada in again, with a new secret
  fleet class names 3b                         each node learns its name and group
  fleet class close 3b --delete
\b
Each may be repeated: what is there stays as it is, and what was begun is completed.
Classes are folders below FLEET_CLASSES.  [default: ~/.local/share/sensor-fleet/classes]
"""


@click.command("class", cls=Verbs, verbs=VERBS, typed="fleet class", epilog=EPILOG)
def class_command() -> None:
    """A class: who belongs to it, their secrets, and its broker."""

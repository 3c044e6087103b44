"""`fleet class tls`: the certificates of a class, until when they hold, and what tells its CA from others."""

from __future__ import annotations

import click

from fleet_tools import certificates, session
from fleet_tools.class_folder import ClassFolder
from fleet_tools.errors import OK

EPILOG = """\b
Examples:
  fleet class tls 3b             until when, and the fingerprint that ends the tickets
  fleet class tls 3b --renew     the CA's key was stolen, or the CA has ended
"""


@click.command("tls", epilog=EPILOG)
@click.argument("name")
@click.option("--renew", is_flag=True, help="A new CA: every sheet is void until it is printed anew.")
def tls_command(name: str, renew: bool) -> int:
    """The CA of a class and the certificate of its broker; both are made if they are missing."""
    folder = ClassFolder.open(name)
    make = certificates.renew if renew else certificates.ensure
    with folder.locked():
        files = make(folder.tls, folder.base, broker_uid=folder.vault.owners.broker)
    click.echo(f"name        {certificates.server_name(folder.base)}")
    click.echo(f"fingerprint {certificates.fingerprint(files.ca)}")
    click.echo(f"CA          {files.ca}, until {certificates.ends(files.ca):%Y-%m-%d}")
    click.echo(f"broker      {files.cert}, until {certificates.ends(files.cert):%Y-%m-%d}; renewed by itself")
    if renew:
        again = (
            "docker compose restart broker" if folder.in_docker else f"start the class again (fleet class start {name})"
        )
        session.note(f"now {again}, and print new sheets: fleet class sheets {name}")
    return OK

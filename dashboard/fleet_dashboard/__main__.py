"""`fleet-dashboard` or `python -m fleet_dashboard`: settings in, service on, one sentence if that fails."""

from __future__ import annotations

import asyncio
import os
import sys

from fleet_client.credentials import CredentialError
from fleet_dashboard import settings
from fleet_dashboard.claim import InUse, claim
from fleet_dashboard.listening import ServiceError
from fleet_dashboard.service import Service
from fleet_dashboard.store import StoreError


async def _run(chosen: settings.Settings) -> None:
    await Service(chosen).run()


def main() -> None:
    """Exit code 0 after SIGINT or SIGTERM, 1 if it cannot run, 2 for a bad setting."""
    try:
        chosen = settings.load(sys.argv[1:], os.environ)
        with claim(chosen.data):
            asyncio.run(_run(chosen))
    except settings.SettingsError as error:
        sys.exit(_complain(error, 2))
    except (InUse, ServiceError, StoreError, CredentialError) as error:
        sys.exit(_complain(error, 1))


def _complain(error: Exception, code: int) -> int:
    print(f"fleet-dashboard: {error}", file=sys.stderr)
    return code


if __name__ == "__main__":
    main()

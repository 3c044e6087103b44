"""The mosquitto process of a class: its configuration, its accounts, and the signals that it gets."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

from fleet_client import Address
from fleet_tools import class_folder, lesson, live_accounts
from fleet_tools.class_broker import LOOPBACK, Listeners, Mosquitto, configuration
from fleet_tools.class_folder import ClassFolder
from fleet_tools.processes import Child, private_folder


class ClassBroker:
    """Not started yet. It is closed to who has no account until `configure` and SIGHUP say otherwise."""

    def __init__(self, folder: ClassFolder, mosquitto: Mosquitto, listeners: Listeners) -> None:
        self.base = folder.base
        self._folder = folder
        self._mosquitto = mosquitto
        self._listeners = listeners
        self._config = folder.broker / "mosquitto.conf"
        private_folder(folder.broker)
        self.configure(False)
        self.child = Child(
            "mosquitto", [mosquitto.binary, "-c", str(self._config)], folder.folder / "broker.log", leashed=True
        )

    @property
    def pid(self) -> int | None:
        return self.child.pid if self.child.running else None

    def address(self, account: str | None = None) -> Address:
        password = self._folder.vault.known_password(account) if account else None
        return Address(LOOPBACK, self._listeners.mqtt, account, password)

    def accounts(self) -> list[str]:
        return [one["username"] for one in (self._folder.vault.document() or {}).get("clients", [])]

    def configure(self, anonymous: bool) -> None:
        """Counts from the next start, or from SIGHUP."""
        text = configuration(self._mosquitto, self._folder.broker, self._listeners, anonymous)
        class_folder.write(self._config, text, prefix=".run-")

    def signal(self, number: signal.Signals) -> None:
        self.child.signal(number)

    def reserve(self, names: Sequence[str]) -> None:
        """Accounts that were made while it runs: nobody without their password speaks as them."""
        news = [{"command": "addRoleACL", "rolename": lesson.ROLE, **lesson.not_as(self.base, name)} for name in names]
        asyncio.run(live_accounts.tell(self.address("admin"), news))

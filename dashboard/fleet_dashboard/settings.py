"""What the service can be told, from flags and the environment; a bad value names its key. Never reads the network."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from fleet_client import Address, credentials, parse_url
from fleet_dashboard.keep import Keep
from fleet_schema import topics


class SettingsError(ValueError):
    """One sentence that names the key and says what would be right."""


@dataclass(frozen=True)
class Settings:
    broker: Address
    base: str = "fleet"
    data: Path = Path("fleet-data")
    challenges: Path = Path("fleet-data/challenges")
    http_host: str = "127.0.0.1"
    http_port: int = 8080  # 0: any free one
    http_names: tuple[str, ...] = field(default=())  # further names under which browsers may reach us
    ca: Path | None = None  # certificate of the class's CA
    keep: Keep = field(default_factory=Keep)
    teacher_code: str = field(default="", repr=False)  # "": the one in the data folder
    roster: Path | None = None
    node_rate: int = 200  # messages a second; 0: any

    @property
    def database(self) -> Path:
        return self.data / "fleet.db"


# key in the environment -> (flag, default, help)
KEYS = {
    "FLEET_BROKER": (
        "--broker",
        "mqtt://127.0.0.1:1883",
        "mqtt://[user[:password]@]host[:port], or mqtts:// and ?ca=FILE",
    ),
    "FLEET_BASE": ("--base", "fleet", "first level of every topic"),
    "FLEET_DATA": ("--data", "fleet-data", "folder of the database; made if absent"),
    "FLEET_CHALLENGES": ("--challenges", "", "folder of own challenges; challenges/ in the data folder if not given"),
    "FLEET_HTTP_HOST": ("--http-host", "127.0.0.1", "address to listen on; 0.0.0.0 lets the classroom in"),
    "FLEET_HTTP_PORT": ("--http-port", "8080", "port to listen on; 0 takes a free one"),
    "FLEET_HTTP_NAMES": ("--http-names", "", "further host names browsers may use, with commas"),
    "FLEET_CA": ("--ca", "", "file of the class's CA certificate, given to who asks for /ca.pem or /ca.der"),
    "FLEET_KEEP_RAW_DAYS": ("--keep-raw-days", "0", "delete readings, events and logs after so many days; 0: never"),
    "FLEET_KEEP_MINUTES_DAYS": ("--keep-minutes-days", "0", "the same for their sums by the minute"),
    "FLEET_KEEP_HOURS_DAYS": ("--keep-hours-days", "0", "the same for their sums by the hour"),
    "FLEET_ROSTER": ("--roster", "", "class.json of the class, so that who is absent is named"),
    "FLEET_NODE_RATE": ("--node-rate", "200", "messages a second that are taken of one node; 0: any"),
}


KEPT = ("FLEET_KEEP_RAW_DAYS", "FLEET_KEEP_MINUTES_DAYS", "FLEET_KEEP_HOURS_DAYS")  # from fine to coarse
MAX_DAYS = 36_500


def load(arguments: Sequence[str], environment: Mapping[str, str]) -> Settings:
    """Flag before environment before default; SettingsError for the first bad value."""
    parser = argparse.ArgumentParser(
        prog="fleet-dashboard",
        description="Stores what the fleet sends and shows it in the browser.",
        epilog="Secrets belong into the environment, because flags are seen in process lists: a broker's password into "
        "FLEET_BROKER, and into FLEET_TEACHER_CODE the code by which a teacher logs in (else one is made).",
    )
    for key, (flag, default, text) in KEYS.items():
        parser.add_argument(
            flag, dest=key, default=environment.get(key) or default, help=f"{text} ({key}, {default!r})"
        )
    given: dict[str, str] = vars(parser.parse_args(arguments))
    return Settings(
        broker=_broker(given["FLEET_BROKER"]),
        base=_base(given["FLEET_BASE"]),
        data=Path(given["FLEET_DATA"]),
        challenges=Path(given["FLEET_CHALLENGES"] or Path(given["FLEET_DATA"], "challenges")),
        http_host=given["FLEET_HTTP_HOST"],
        http_port=_port(given["FLEET_HTTP_PORT"]),
        http_names=tuple(name.strip().lower() for name in given["FLEET_HTTP_NAMES"].split(",") if name.strip()),
        ca=Path(given["FLEET_CA"]) if given["FLEET_CA"] else None,
        keep=_keep(*(_days(key, given[key]) for key in KEPT)),
        teacher_code=_code(environment.get("FLEET_TEACHER_CODE", "")),
        roster=Path(given["FLEET_ROSTER"]) if given["FLEET_ROSTER"] else None,
        node_rate=_rate(given["FLEET_NODE_RATE"]),
    )


def _broker(text: str) -> Address:
    try:
        return parse_url(text)
    except ValueError as error:
        raise SettingsError(f"FLEET_BROKER: {error}") from None


def _base(text: str) -> str:
    if not topics.is_base(text):
        raise SettingsError(f"FLEET_BASE: {text!r} is not a base; it is 1 to 16 of a-z, 0-9 and -, like class3b")
    return text


def _port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > 65535:
        raise SettingsError(f"FLEET_HTTP_PORT: {text!r} is not a port; it is a number from 0 to 65535")
    return int(text)


def _rate(text: str) -> int:
    if not text.isascii() or not text.isdigit() or len(text) > 6:
        raise SettingsError(
            f"FLEET_NODE_RATE: {text!r} is not messages a second; it is a whole number, and 0 takes all"
        )
    return int(text)


def _code(text: str) -> str:
    if text and not credentials.is_code(text):
        raise SettingsError(
            f"FLEET_TEACHER_CODE: it has at least {credentials.SHORTEST} characters, without spaces and -"
        )
    return text


def _days(key: str, text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) > MAX_DAYS:
        raise SettingsError(f"{key}: {text!r} is not a number of days; it is a whole number, and 0 keeps it for ever")
    return int(text)


def _keep(*days: int) -> Keep:
    """What is coarser is made of what is finer, so it cannot go before it."""
    for (key, fine), (coarser, coarse) in zip(
        zip(KEPT[:-1], days[:-1], strict=True), zip(KEPT[1:], days[1:], strict=True), strict=True
    ):
        if coarse and (not fine or coarse < fine):
            kept = f"{fine} days" if fine else "for ever"
            raise SettingsError(f"{coarser}: {coarse} is shorter than {key}, {kept}; make it longer, or 0: for ever")
    return Keep(*days)

"""Six tiers by folder; the header says which run here and why the others do not."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest

from support import impersonation, security, tiers
from support.broker import Broker
from support.parallel import FilesInTurn, Turn, place, workers
from support.probe import Probe
from support.seed import SEED
from support.upy import UpyFile

# An example may take its time on a busy machine; that is no finding.
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow], print_blob=True
)
hypothesis.settings.load_profile("patient")

TURN = pytest.StashKey[Turn]()
TABLES = (security, impersonation)  # what many tests write in together: each has as_text() and add() for the workers


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "rule(*ids): the rules of docs/topics.md that this test checks")
    os.environ["FLEET_SEED"] = str(SEED)  # the workers of a parallel run, which inherit it, throw the same dice
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # started by `&` in a script, as CI may do:
        signal.signal(signal.SIGINT, signal.default_int_handler)  # our children must hear their Ctrl-C
    config.stash[TURN] = Turn(worker=hasattr(config, "workerinput"))
    absent = [f"{tier}: {tiers.missing(tier)}" for tier in tiers.TIERS if tiers.required(tier) and tiers.missing(tier)]
    if absent:
        raise pytest.UsageError("FLEET_REQUIRE asks for tiers that cannot run here: " + "; ".join(absent))


def pytest_unconfigure(config: pytest.Config) -> None:
    config.stash[TURN].close()


def pytest_report_header() -> list[str]:
    why = {tier: tiers.missing(tier) for tier in tiers.TIERS}
    lines = [f"tier {tier:<12}{f'SKIPPED: {why[tier]}' if why[tier] else 'runs'}" for tier in tiers.TIERS]
    if tiers.mosquitto():
        lines.append(f"mosquitto {tiers.mosquitto_version()} ({tiers.mosquitto()})")
    return lines


def tier_of(path: Path) -> str | None:
    return next((part for part in reversed(path.parts) if part in tiers.TIERS), None)


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> UpyFile | None:
    if file_path.name.startswith("upy_") and file_path.suffix == ".py" and tier_of(file_path) == "upy":
        return UpyFile.from_parent(parent, path=file_path)
    return None


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """A missing tier is not even imported: its modules may need what is missing."""
    if collection_path.is_file() and collection_path.suffix == ".py" and collection_path.name.startswith("test_"):
        tier = tier_of(collection_path)
        if tier is not None and tiers.missing(tier) is not None and tier == "browser":
            return True
    return None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        tier = tier_of(item.path)
        why = tiers.missing(tier) if tier else None
        if why:
            item.add_marker(pytest.mark.skip(reason=f"{tier}: {why}"))
    items.sort(key=lambda item: place(item.nodeid))


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Outermost, so that the time of the test begins when its turn has come."""
    item.config.stash[TURN].wait_for(item.nodeid)
    return (yield)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    return workers()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> FilesInTurn:
    return FilesInTurn(config, log)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """A worker hands over what was tried in it; whoever started the workers writes the tables."""
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["tables"] = [table.as_text() for table in TABLES]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    if error is None:  # it did not die
        for table, text in zip(TABLES, node.workeroutput["tables"], strict=True):
            table.add(text)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[None]:
    report = yield
    if report.skipped and tiers.required(tier_of(item.path) or "all"):
        report.outcome = "failed"
        report.longrepr = f"skipped, but FLEET_REQUIRE makes a skip a failure: {report.longrepr}"
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    table = security.write()
    if table is not None:
        terminalreporter.write_line(f"what was tried against the dashboard: {table.relative_to(tiers.ROOT)}")
    table = impersonation.write()
    if table is not None:
        terminalreporter.write_line(f"who tried to act as another: {table.relative_to(tiers.ROOT)}")


@pytest.fixture
def broker() -> Iterator[Broker]:
    with Broker() as running:
        yield running


@pytest.fixture
def probe(broker: Broker) -> Iterator[Probe]:
    with Probe(broker.url, "fleet/1/#") as watching:
        yield watching

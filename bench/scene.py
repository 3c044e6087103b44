"""What the benches with a browser share: a broker, a dashboard, a fleet that is there, and a real Chromium on it."""

import importlib.util
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from support import tiers
from support.broker import Broker
from support.dashboard import ANY_RATE, DashboardProcess

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

QUIET = ("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking")
START_S = 60.0


def absent() -> str | None:
    """Why there is no browser, or None."""
    if tiers.chromium() is None:
        return "no chromium on PATH (apt install chromium)"
    return None if importlib.util.find_spec("playwright") else "the package playwright is not installed"


@contextmanager
def chromium() -> Iterator["Browser"]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=tiers.chromium(), args=list(QUIET))
        yield browser
        browser.close()


def wait_until(page: "Page", expression: str) -> None:
    """Asked again and again from outside: the page's own policy forbids to evaluate anything in it for long."""
    deadline = time.monotonic() + START_S
    while not page.evaluate(expression):
        if time.monotonic() > deadline:
            raise TimeoutError(f"it did not become true within {START_S:.0f} s: {expression}")
        page.wait_for_timeout(100)


class Publisher:
    """bench.fleet as a process; `stop` says how many it sent and how late the latest was (ms)."""

    def __init__(self, port: int, nodes: int, per_second: float) -> None:
        command = [sys.executable, "-m", "bench.fleet", str(port), str(nodes), str(per_second)]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        assert self._process.stdout.readline() == "on\n", "the fleet did not come up"

    def stop(self) -> tuple[int, int]:
        self._process.terminate()
        said, _ = self._process.communicate(timeout=30)
        sent, latest = said.split()
        return int(sent), int(latest)

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()


@contextmanager
def fleet(nodes: int, per_second: float) -> Iterator[tuple[DashboardProcess, Publisher]]:
    """A dashboard that knows all nodes, and has shown them for some seconds."""
    with Broker() as broker, DashboardProcess(broker.url, wait=False, environment=ANY_RATE) as dashboard:
        dashboard.wait_until_ready(START_S)
        publisher = Publisher(broker.port, nodes, per_second)
        try:
            dashboard.wait_for("/api/health", lambda health: health["nodes"] == nodes, within=START_S)
            time.sleep(3)
            yield dashboard, publisher
        finally:
            publisher.kill()

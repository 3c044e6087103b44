"""F12: the host's clock is set while readings come in: 1 h, 10 years, and from 2000 as a computer without a battery.

The dashboard runs under libfaketime (apt install faketime), whose file says what its clock shows; where that is not
installed, only its clock is tested, with a wall that is passed in. A node has no clock: only its ticks can wrap, and
that is tested in upy/upy_node_pure.py.
"""

import time
from contextlib import ExitStack
from pathlib import Path

from fleet_dashboard.clock import BootClock, WallClock
from support import checker
from support.probe import Probe
from support.rig import Rig, wait
from support.seed import amount

LIBRARY = next(iter(sorted(Path("/usr/lib").glob("**/faketime/libfaketime.so.1"))), None)
HOUR_S, YEARS_S = 3600, 10 * 365 * 86400
ERROR_MS = 2000


class Clock:
    """The dashboard's wall clock, `offset` seconds off."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "clock"
        self.set(0)

    def set(self, offset: int) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{offset:+d}\n")
        new.rename(self._file)

    @property
    def environment(self) -> dict[str, str]:
        return {
            "LD_PRELOAD": str(LIBRARY),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "DONT_FAKE_MONOTONIC": "1",
        }


IN_2000 = int(946_684_800 - time.time())
OFFSETS = (YEARS_S, IN_2000, -HOUR_S, HOUR_S)[: amount("FLEET_CLOCKS", 2)]  # 4 by hand


class Case:
    """One dashboard whose clock is `offset` seconds off, and one node that knows nothing of it."""

    def __init__(self, folder: Path, offset: int, stack: ExitStack) -> None:
        folder.mkdir()
        self.offset = offset
        self.clock = Clock(folder)
        self.clock.set(offset)
        self.rig = stack.enter_context(Rig(folder, environment=self.clock.environment))
        self.probe = stack.enter_context(Probe(self.rig.broker.url, "fleet/1/ada/tele/+"))
        self.rig.node("ada", period=100)

    def errors(self) -> list[float]:
        """Of each row: how many ms it is off the moment at which it was sampled, nearly."""
        epoch = time.time() - time.monotonic()
        start = min(epoch + seen.at - seen.json()["up"] / 1000 for seen in self.probe.seen())
        return [row["ts"] - (start * 1000 + row["up"]) for row in self.rig.rows()]


def test_a_clock_that_is_set_moves_no_reading_against_the_others(tmp_path: Path) -> None:
    if LIBRARY is None:
        for offset in OFFSETS:
            the_clocks_alone(offset)
        return
    with ExitStack() as stack:
        cases = [Case(tmp_path / str(number), offset, stack) for number, offset in enumerate(OFFSETS)]
        for case in cases:
            case.rig.wait_for_readings(15)
            case.rig.wait_until_stored()
            shown = case.rig.dashboard.get("/api/nodes/ada")["t"]["sht4x"] / 1000 - time.time()
            assert abs(shown - case.offset) < 30, "libfaketime was not at work"
        for case in cases:
            case.clock.set(0)
            case.rig.fault("clock set", "dashboard", by=-case.offset)
        for case in cases:
            case.rig.wait_for_readings(15)
            case.rig.settle()
        for case in cases:
            wait(lambda: max(map(abs, case.errors())) < ERROR_MS, lambda: f"{case.offset}: {case.errors()[:5]} ms off")  # noqa: B023
            case.rig.wait_until_ordered()
            worst = max(map(abs, case.errors()))
            age = case.rig.dashboard.get("/api/nodes/ada")["lag_ms"]
            result = case.rig.verdict()
            print(f"clock {case.offset} s off, then set right: at most {worst:.0f} ms off, lag {age} ms; {result}")
            assert result.ok, str(result)
            assert age is None or age >= 0, "a reading from the future"


def the_clocks_alone(first: int) -> None:
    """The same at the level of the clock: one monotonic, one that is set."""
    now = {"wall": 1_790_000_000_000 + first * 1000, "monotonic": 5_000_000}
    wall = WallClock(lambda: now["wall"], lambda: now["monotonic"])
    boot = BootClock()
    offsets = []
    for up in range(0, 3000, 100):
        now["monotonic"] += 100
        now["wall"] += 100 if up != 1500 else 100 - first * 1000
        offsets.append(boot.observe(up, wall.refresh()))
    assert len(set(offsets)) == 1, "the estimate of a boot hangs on the wall"
    assert abs(wall.utc(now["monotonic"]) - now["wall"]) <= 1
    assert abs(wall.take_jump() + first * 1000) <= 1
    assert checker.ORDER_MS >= 1
    print("libfaketime is not installed: only the clocks were tested")

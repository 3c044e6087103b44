"""What keeping readings costs a flash of 2 MB with littlefs, at one reading a second, and how long it takes."""

import subprocess
from pathlib import Path

from support import tiers

SCRIPT = Path(__file__).with_name("upy_flash.py")
RAM_DISKS = Path(__file__).parents[1] / "tests" / "upy"
CASES = {
    "online": "host there, stores each second",
    "by-turns": "host away 10 min of every 20",
    "offline": "host away for good, ring of 256 KB",
    "each": "the same, an append per reading",
    "twenty": "the same, a file per 20 readings",
}
TIMES = {
    "append": "append 80 readings",
    "read": "read 16 readings",
    "load": "load a full journal of 256 KB",
}
BLOCKS, CYCLES, YEAR_S = 512, 100_000, 31_557_600


def years(erases_per_reading: float) -> str:
    """Of one reading a second, until each block was erased CYCLES times (ideal levelling)."""
    if not erases_per_reading:
        return "no wear"
    return f"{BLOCKS * CYCLES / (erases_per_reading * YEAR_S):,.0f} years"


def run() -> list[str]:
    command = [str(tiers.micropython()), "-X", "heapsize=32M", str(SCRIPT), str(tiers.NODE), str(RAM_DISKS)]
    words = [line.split() for line in subprocess.check_output(command, text=True).splitlines()]
    found = {first: [int(number) for number in rest] for first, *rest in words}
    lines = [f"{'per 1000 readings':<36} {'erases':>9} {'KB written':>11}   512 blocks x 100,000 erases last"]
    for case, text in CASES.items():
        readings, erases, programmed = found[case]
        share = 1000 / readings
        lines.append(f"{text:<36} {erases * share:9.1f} {programmed * share / 1024:11.0f}   {years(erases / readings)}")
    for what, text in TIMES.items():
        lines.append(f"{text:<36} {found[what][0] / 1000:9.2f} ms")
    return [*lines, f"{'readings in 256 KB':<36} {found['load'][1]:9,d}"]

"""What the node takes: flash as .py and as .mpy, heap, and time to the first publish; its link alone beside mqtt_as.

mqtt_as is read from a clone of github.com/peterhinch/micropython-mqtt that MQTT_AS names; else that row is left out.
It is a link and nothing else, so it stands beside our link, not beside the node.
"""

import math
import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fleet_tools import mpy
from support import tiers
from support.broker import Broker

RUNS = 5
BLOCK = 4096  # of LittleFS on ESP32 and Pico: a small file takes a whole one
SCRIPT = Path(__file__).with_name("upy_sizes.py")
LINK = [*(f"fleet_node/{one}.py" for one in ("__init__", "backoff", "dial", "framing", "link", "session")), mpy.UMQTT]
MQTT_AS = "mqtt_as/__init__.py"


def total(paths: list[Path]) -> tuple[int, int]:
    """(bytes, bytes of the blocks that hold them)."""
    sizes = [path.stat().st_size for path in paths]
    return sum(sizes), sum(math.ceil(size / BLOCK) * BLOCK for size in sizes)


def measured(who: str, folder: Path, port: int) -> tuple[int, int, float]:
    """(heap once imported, heap when idle, ms to the first acknowledged publish), the middle of some runs."""
    command = [str(tiers.micropython()), str(SCRIPT), who, str(folder), str(port)]
    runs = []
    for _ in range(RUNS):
        environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "FLEET_LIFE": "0"}
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, env=environment, check=False)
        try:
            imported, idle, ms = done.stdout.splitlines()[-1].split()
            runs.append((int(imported), int(idle), float(ms)))
        except (IndexError, ValueError):
            raise RuntimeError(f"{who} from {folder}: {done.stdout}{done.stderr}") from None
    middle = [statistics.median(column) for column in zip(*runs, strict=True)]
    return int(middle[0]), int(middle[1]), middle[2]


def run() -> Iterator[str]:
    theirs = Path(os.environ.get("MQTT_AS", ""))
    with tempfile.TemporaryDirectory(prefix="fleet-sizes-") as name, Broker() as broker:
        folder = Path(name) / "node"
        made = {source: target for target, source in mpy.build(folder).items()}
        (folder / "sim").symlink_to(tiers.NODE / "sim")
        yield f"{'':<22}{'flash':>9}{'in 4 KiB blocks':>17}{'imported':>11}{'idle':>11}{'first publish':>16}"
        for title, who, sources in (("node", "node", list(made)), ("its link", "link", LINK)):
            for kind, home, paths in (
                ("py", tiers.NODE, sources),
                ("mpy", folder, [made[source] for source in sources]),
            ):
                size = total([home / path for path in paths])
                yield line(f"{title}, .{kind}", size, measured(who, home, broker.port))
        if not (theirs / MQTT_AS).is_file():
            yield "mqtt_as: absent; MQTT_AS=FOLDER names a clone of github.com/peterhinch/micropython-mqtt"
            return
        compiled = Path(name) / "theirs" / "mqtt_as" / "__init__.mpy"
        compiled.parent.mkdir(parents=True)
        mpy.compile_file(theirs / MQTT_AS, compiled, MQTT_AS)
        for kind, home, path in (("py", theirs, theirs / MQTT_AS), ("mpy", compiled.parents[1], compiled)):
            yield line(f"mqtt_as, .{kind}", total([path]), measured("mqtt_as", home, broker.port))
    yield "heap: 64-bit words, about half on a board; the simulated board is not in it, nor Wi-Fi in the times"


def line(title: str, size: tuple[int, int], figures: tuple[int, int, float]) -> str:
    imported, idle, ms = figures
    flash, blocks = (f"{one / 1024:.0f} KB" for one in size)
    heap = f"{imported / 1024:>8.1f} KB{idle / 1024:>8.1f} KB"
    return f"{title:<22}{flash:>9}{blocks:>17}{heap}{ms:>13.0f} ms"

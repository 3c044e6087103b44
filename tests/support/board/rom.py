"""The modules that are built into the firmware, as one image: `machine` of node/sim and its chips."""

import contextlib
import io
from pathlib import Path

from mpremote.romfs import make_romfs


def image(folder: Path) -> bytes:
    with contextlib.redirect_stdout(io.StringIO()):
        return bytes(make_romfs(str(folder), mpy_cross=False))

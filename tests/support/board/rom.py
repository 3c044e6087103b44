"""The firmware's own modules as the read-only file system that a board has beside its flash: `machine` of node/sim."""

import contextlib
import io
from pathlib import Path

from mpremote.romfs import make_romfs


def image(folder: Path) -> bytes:
    with contextlib.redirect_stdout(io.StringIO()):
        return bytes(make_romfs(str(folder), mpy_cross=False))

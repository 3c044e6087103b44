"""A file that is nobody else's business: secrets, and what leads to them."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path


def write(
    path: Path,
    content: str | bytes,
    *,
    owner: tuple[int, int] | None = None,
    mode: int = 0o600,
    prefix: str = "tmp",
) -> None:
    """Whole or not at all, and on the disk when this returns: a power cut leaves the old file or the new one. OSError.

    It is 0600 from the start; `mode`, and `owner` (user and group id), are as asked when it takes its place.
    """
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=prefix)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content if isinstance(content, bytes) else content.encode())
            file.flush()
            os.fsync(file.fileno())
            os.fchmod(file.fileno(), mode)
            # Only root gives files away, and need not ask: whoever owns it already is not asked for a group either.
            if owner is not None and (os.geteuid() == 0 or os.fstat(file.fileno()).st_uid != owner[0]):
                os.fchown(file.fileno(), *owner)
        Path(temporary).replace(path)
    except OSError:
        Path(temporary).unlink(missing_ok=True)
        raise

"""For how long is what kept. Pure; store_keep.py does it."""

from __future__ import annotations

from dataclasses import dataclass

DAY_MS = 24 * 3600 * 1000


@dataclass(frozen=True)
class Keep:
    """Days; 0 is for ever. What is coarser is kept for at least as long as what it was made of."""

    raw: int = 0
    minutes: int = 0
    hours: int = 0

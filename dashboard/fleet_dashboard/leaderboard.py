"""Rankings: most button presses, warmest, hardest shake. Pure: figures in, places out; ties stay ties."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

TOP = 10
GRAVITY = 9.80665  # m/s2, the standard value (CGPM 1901)


@dataclass(frozen=True)
class Standing:
    """What one node brings to the boards; None where it does not take part."""

    node: str
    name: str
    presses: int = 0
    warmest: float | None = None  # Cel
    shake: float | None = None  # m/s2 over standing still


def boards(standings: Iterable[Standing]) -> list[dict[str, Any]]:
    """All boards: {"name","title","unit","top":[[node, name, score]..]}, at most 10 places each."""
    all_of_them = list(standings)
    return [
        _board("presses", "Most button presses", "presses", [(s, s.presses or None) for s in all_of_them]),
        _board("warmest", "Warmest", "Cel", [(s, s.warmest) for s in all_of_them]),
        _board("shake", "Hardest shake", "m/s2", [(s, s.shake) for s in all_of_them]),
    ]


def _board(name: str, title: str, unit: str, scores: list[tuple[Standing, float | None]]) -> dict[str, Any]:
    taking_part = [(standing, score) for standing, score in scores if score is not None]
    # Equal scores are in the order of their names, so that places do not flicker; a reader sees the tie by the score.
    taking_part.sort(key=lambda pair: (-pair[1], pair[0].name, pair[0].node))
    return {
        "name": name,
        "title": title,
        "unit": unit,
        "top": [[standing.node, standing.name, score] for standing, score in taking_part[:TOP]],
    }


def temperature_source(sensors: dict[str, Any]) -> tuple[str, str] | None:
    """The (sensor, field) that counts as the air's temperature: the first by name whose sensor does not also
    measure acceleration, because the thermometer in a motion sensor measures the chip."""
    for sensor in sorted(sensors):
        quantities = [field[1] for field in sensors[sensor].values()]
        if "acceleration" in quantities:
            continue
        for field in sorted(sensors[sensor]):
            if sensors[sensor][field][1] == "temperature":
                return sensor, field
    return None


def shake_of(values: dict[str, Any]) -> float | None:
    """How far an acceleration (m/s2) is from standing still, or None if an axis is missing."""
    ax, ay, az = values.get("ax"), values.get("ay"), values.get("az")
    if ax is None or ay is None or az is None:
        return None
    return round(abs(math.sqrt(ax * ax + ay * ay + az * az) - GRAVITY), 2)

"""Ranks: scores in, places out; with ties, teams and movement. Pure.

Also where a node measures what a challenge asks for: quantities are found in its meta, never by a sensor's name.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from fleet_dashboard.challenge import Challenge

TOP = 10
GRAVITY = 9.80665  # m/s2, the standard value (CGPM 1901)
AXES = ("ax", "ay", "az")
LOOK_MS = 20_000  # movement is told against the places of so long ago


class Score(NamedTuple):
    node: str
    name: str
    score: float
    teams: tuple[str, ...] = ()


@dataclass(frozen=True)
class Place:
    """`place` counts from 1; equal scores share the better place, and the places after it are left out (1, 2, 2, 4)."""

    place: int
    key: str  # node or team
    name: str
    score: float
    members: int = 1


def ranked(scores: Iterable[Score], high: bool) -> list[Place]:
    """Best first. Equal scores are in the order of their names, so that rows do not flicker."""
    ordered = sorted(scores, key=lambda one: (-one.score if high else one.score, one.name, one.node))
    return _places([(one.node, one.name, one.score, 1) for one in ordered])


def team_ranks(scores: Iterable[Score], high: bool, way: str) -> list[Place]:
    """By team, of the members who scored: their mean, sum or best. Who is in two teams counts in both."""
    members: dict[str, list[float]] = {}
    for one in scores:
        for team in one.teams:
            members.setdefault(team, []).append(one.score)
    best = max if high else min
    of_team = {
        # fsum: the order in which members are listed must not decide a tie
        team: math.fsum(each) if way == "sum" else best(each) if way == "best" else math.fsum(each) / len(each)
        for team, each in members.items()
    }
    rounded = {team: round(score, 4) for team, score in of_team.items()}
    ordered = sorted(rounded, key=lambda team: (-rounded[team] if high else rounded[team], team))
    return _places([(team, team, rounded[team], len(members[team])) for team in ordered])


def _places(ordered: list[tuple[str, str, float, int]]) -> list[Place]:
    places: list[Place] = []
    for index, (key, name, score, members) in enumerate(ordered):
        tied = bool(places) and places[-1].score == score
        places.append(Place(places[-1].place if tied else index + 1, key, name, score, members))
    return places


class Look:
    """What the places were at the last look, for arrows: +2 is two places up, None is new."""

    def __init__(self, look_ms: int = LOOK_MS) -> None:
        self._look_ms = look_ms
        self._before: dict[str, int] | None = None
        self._now: dict[str, int] = {}
        self._at: int | None = None

    def moved(self, places: Iterable[Place], now: int) -> dict[str, int | None]:
        """By key; `now` in ms. Without anybody to compare with, nobody moved."""
        fresh = {place.key: place.place for place in places}
        if self._at is None or now - self._at >= self._look_ms:
            self._before = self._now if self._at is not None else None
            self._at = now
        self._now = fresh
        before = self._before
        if not before:
            return dict.fromkeys(fresh, 0)
        return {key: before[key] - place if key in before else None for key, place in fresh.items()}


class Board:
    """One ranking that is shown: remembers how it stood."""

    def __init__(self, challenge: Challenge, look_ms: int = LOOK_MS) -> None:
        self.challenge = challenge
        self._nodes = Look(look_ms)
        self._teams = Look(look_ms)

    def view(self, scores: list[Score], now: int) -> dict[str, Any]:
        """{"name","title","rule","unit","digits","high","top","ranks","teams","of"}: `top` as on `_host/board`,
        `ranks` [place, moved] beside it, `teams` [name, score, members, place, moved]; at most 10 of each."""
        challenge = self.challenge
        places = ranked(scores, challenge.high)
        teams = team_ranks(scores, challenge.high, challenge.teams)
        moved, teams_moved = self._nodes.moved(places, now), self._teams.moved(teams, now)
        return {
            "name": challenge.name,
            "title": challenge.title,
            "rule": challenge.rule,
            "unit": challenge.unit,
            "digits": challenge.digits,
            "high": challenge.high,
            "of": len(places),
            "top": [[one.key, one.name, one.score] for one in places[:TOP]],
            "ranks": [[one.place, moved[one.key]] for one in places[:TOP]],
            "teams": [
                [one.key, team_shown(one.score, challenge), one.members, one.place, teams_moved[one.key]]
                for one in teams[:TOP]
            ],
        }


def shown(score: float, challenge: Challenge) -> float:
    """In the challenge's digits; a whole number is one."""
    return round(score, challenge.digits) if challenge.digits else round(score)


def team_shown(score: float, challenge: Challenge) -> float:
    """A mean has one digit more: of whole presses it is seldom whole."""
    if challenge.teams == "mean":
        mean = round(score, challenge.digits + 1)
        return int(mean) if mean.is_integer() else mean
    return shown(score, challenge)


def source(sensors: Mapping[str, Any], quantity: str, wanted: str | None = None) -> tuple[str, tuple[str, ...]] | None:
    """(sensor, fields) where a node measures `quantity`, of the sensors in its meta: the first by name, or `wanted`.

    "acceleration" and "shake" need three axes. The thermometer in a motion sensor measures the chip and does not count.
    """
    vector = quantity in ("acceleration", "shake")
    for sensor in sorted(sensors):
        if wanted is not None and sensor != wanted:
            continue
        fields = sensors[sensor]
        quantities = [field[1] for field in fields.values()]
        if vector:
            if all(axis in fields and fields[axis][1] == "acceleration" for axis in AXES):
                return sensor, AXES
            continue
        if quantity == "temperature" and wanted is None and "acceleration" in quantities:
            continue
        for field in sorted(fields):
            if fields[field][1] == quantity:
                return sensor, (field,)
    return None


def temperature_source(sensors: Mapping[str, Any]) -> tuple[str, str] | None:
    """The (sensor, field) that counts as the air's temperature."""
    found = source(sensors, "temperature")
    return None if found is None else (found[0], found[1][0])


def measured(values: Mapping[str, float | None], fields: tuple[str, ...], quantity: str) -> tuple[float, ...] | None:
    """The numbers of a reading that a challenge asks for, or None if one is missing. "shake" is how far an
    acceleration (m/s2) is from standing still."""
    numbers = tuple(value for value in map(values.get, fields) if value is not None)
    if len(numbers) != len(fields):
        return None
    return (round(abs(math.hypot(*numbers) - GRAVITY), 2),) if quantity == "shake" else numbers

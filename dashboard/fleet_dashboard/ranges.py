"""An exact set of whole numbers from 0, kept as ascending ranges: its cost grows with the holes alone. Pure."""

from __future__ import annotations

import json
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence


class Ranges:
    """All spans are [first, last], both inside; one whose last is before its first is empty. `len` is the number of
    ranges, `count` that of the numbers in them."""

    __slots__ = ("_ends", "_starts", "count")

    def __init__(self, spans: Iterable[Sequence[int]] = ()) -> None:
        self.count = 0
        self._starts: list[int] = []
        self._ends: list[int] = []  # one behind the last
        for first, last in spans:
            self.add(first, last)

    @classmethod
    def from_text(cls, text: str) -> Ranges:
        """What `text` made."""
        return cls(json.loads(text)) if text else cls()

    def text(self) -> str:
        """JSON of all spans; "" for the empty set."""
        return json.dumps(list(self), separators=(",", ":")) if self._starts else ""

    def __len__(self) -> int:
        return len(self._starts)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        for start, end in zip(self._starts, self._ends, strict=True):
            yield start, end - 1

    def __contains__(self, number: int) -> bool:
        place = bisect_right(self._starts, number)
        return place > 0 and number < self._ends[place - 1]

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Ranges) and (self._starts, self._ends) == (other._starts, other._ends)

    __hash__ = None  # type: ignore[assignment]  # it changes

    def __repr__(self) -> str:
        return f"Ranges({list(self)})"

    @property
    def first(self) -> int | None:
        return self._starts[0] if self._starts else None

    def add(self, first: int, last: int) -> None:
        """Those that are there already stay."""
        if last < first:
            return
        low = bisect_left(self._ends, first)  # the first range that touches us or lies behind
        high = bisect_right(self._starts, last + 1)  # behind the last one that touches us
        start, end = first, last + 1
        if low < high:
            start, end = min(start, self._starts[low]), max(end, self._ends[high - 1])
        self._replace(low, high, [(start, end)])

    def remove(self, first: int, last: int) -> None:
        """Those that are not there stay away."""
        if last < first:
            return
        low = bisect_right(self._ends, first)
        high = bisect_left(self._starts, last + 1)
        if low >= high:
            return
        parts = [(self._starts[low], first), (last + 1, self._ends[high - 1])]
        self._replace(low, high, [(start, end) for start, end in parts if start < end])

    def _replace(self, low: int, high: int, parts: list[tuple[int, int]]) -> None:
        self.count -= sum(self._ends[low:high]) - sum(self._starts[low:high])
        self.count += sum(end - start for start, end in parts)
        self._starts[low:high] = [start for start, _ in parts]
        self._ends[low:high] = [end for _, end in parts]

    def within(self, first: int, last: int) -> Ranges:
        """Our numbers from `first` to `last`."""
        found = Ranges()
        if last < first:
            return found
        low, high = bisect_right(self._ends, first), bisect_left(self._starts, last + 1)
        if low < high:
            found._starts, found._ends = self._starts[low:high], self._ends[low:high]
            found._starts[0], found._ends[-1] = max(first, found._starts[0]), min(last + 1, found._ends[-1])
            found.count = sum(found._ends) - sum(found._starts)
        return found

    def __and__(self, other: Ranges) -> Ranges:
        few, many = (self, other) if len(self) <= len(other) else (other, self)
        both = Ranges()
        for first, last in few:
            for span in many.within(first, last):
                both.add(*span)
        return both

    def __sub__(self, other: Ranges) -> Ranges:
        left = self.within(0, self._ends[-1]) if self._ends else Ranges()
        for span in other:
            left.remove(*span)
        return left

    def gaps(self) -> Iterator[tuple[int, int]]:
        """The spans between our ranges."""
        for end, start in zip(self._ends, self._starts[1:], strict=False):
            yield end, start - 1

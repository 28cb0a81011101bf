"""Numbers that are counted on every reconcile: plain ones of one event loop, so that counting costs next to nothing.

What they are called and how they are shown is the business of metrics.py.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar


class Tally:
    """A number that goes up, or up and down."""

    __slots__ = ("value",)

    def __init__(self) -> None:
        self.value = 0.0

    def inc(self) -> None:
        """One more."""
        self.value += 1

    def dec(self) -> None:
        """One less."""
        self.value -= 1

    def set(self, value: float) -> None:
        """It is this now."""
        self.value = value


class Spread:
    """How often values were at most as large as each of the bounds, which ascend, and their sum."""

    __slots__ = ("_bounds", "_counts", "total")

    def __init__(self, bounds: tuple[float, ...]) -> None:
        self._bounds = bounds
        self._counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.total += value

    def cumulated(self) -> Iterator[tuple[float, int]]:
        """Each bound, infinity last, and how many values were at most that."""
        seen = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            seen += count
            yield bound, seen


Kept = TypeVar("Kept", Tally, Spread)


class Family(Generic[Kept]):
    """The numbers of one metric by the values of its labels, made when first asked for."""

    __slots__ = ("_kept", "_make")

    def __init__(self, make: Callable[[], Kept]) -> None:
        self._make: Callable[[], Kept] = make
        self._kept: dict[tuple[str, ...], Kept] = {}

    def labels(self, *values: str) -> Kept:
        """The number with these label values, in the order of the metric's labels."""
        held = self._kept.get(values)
        if held is None:
            held = self._kept[values] = self._make()
        return held

    def all(self) -> list[tuple[tuple[str, ...], Kept]]:
        """All of them with their label values, sorted by these."""
        return sorted(self._kept.items(), key=lambda item: item[0])

"""Counting: what is at most a bound is counted below it, and each set of labels has a number of its own."""

from math import inf

import pytest

from aimctrl.runtime.tallies import Family, Spread, Tally


@pytest.mark.parametrize(
    ("value", "seen"),
    [(0.5, [1, 1, 1]), (1.0, [1, 1, 1]), (1.5, [0, 1, 1]), (2.0, [0, 1, 1]), (3.0, [0, 0, 1])],
)
def test_a_value_is_counted_under_every_bound_that_is_no_less(value: float, seen: list[int]) -> None:
    spread = Spread((1.0, 2.0))
    spread.observe(value)
    assert list(spread.cumulated()) == list(zip((1.0, 2.0, inf), seen, strict=True))
    assert spread.total == value


def test_the_same_labels_are_the_same_number_and_all_are_sorted() -> None:
    family = Family(Tally)
    family.labels("b", "x").inc()
    family.labels("a", "y").set(3)
    family.labels("b", "x").inc()
    family.labels("a", "y").dec()
    assert [(labels, tally.value) for labels, tally in family.all()] == [(("a", "y"), 2), (("b", "x"), 2)]

"""The benchmark's table: medians, ratios to each of the others, and whether the goals are met."""

import pytest

from bench.programs import FIFO, GO, OURS
from bench.report import GOALS, table
from bench.suite import Measured


def rows(*measured: Measured) -> list[list[str]]:
    lines = table(measured).splitlines()[2:]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_medians_are_compared_and_not_the_last_round() -> None:
    ours = [Measured("sync", OURS, {"API server CPU s": value}) for value in (1.0, 9.0, 2.0)]
    theirs = [Measured("sync", GO, {"API server CPU s": value}) for value in (4.0, 8.0, 8.0)]
    assert rows(*ours, *theirs) == [["sync", "API server CPU s", "2", f"8 ({GO})", "0.250", "", ""]]


@pytest.mark.parametrize(("ours", "verdict"), [(0.4, "met"), (2.5, "MISSED")])
def test_a_ratio_is_held_against_the_goal_with_that_other_program_alone(ours: float, verdict: str) -> None:
    measured = [Measured("cold", name, {"wall s": value}) for name, value in ((OURS, ours), (GO, 1.0), (FIFO, 1.0))]
    assert [row[5:] for row in rows(*measured)] == [["", ""], ["≤ 1", verdict]]


@pytest.mark.parametrize(("ours", "verdict"), [(2.0, "met"), (2.03, "MISSED")])
def test_an_absolute_goal_is_held_against_our_figure_alone(ours: float, verdict: str) -> None:
    assert rows(Measured("cold", OURS, {"writes an object": ours}))[0][5:] == ["≤ 2.02", verdict]


def test_no_figure_has_two_goals_against_one_program() -> None:
    assert len({(goal.case, goal.figure, goal.other) for goal in GOALS}) == len(GOALS)

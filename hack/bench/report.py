"""The table: medians of what was measured, ratios to the others, and the goals."""

import statistics
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from bench.programs import FIFO, GO, KOPF, OURS
from bench.suite import OPERATOR, Measured


@dataclass(frozen=True, slots=True)
class Goal:
    """The most that a figure of ours may be: so many times the other program's, or itself where there is no other."""

    case: str
    figure: str
    limit: float
    other: str = ""


GOALS = (
    Goal("start", "first reconcile s", 1.5),
    Goal("start", "RSS MB", 60),
    Goal("sync", "CPU s", 0.30, GO),
    Goal("sync", "wall s", 0.60, GO),
    Goal("sync", "RSS MB", 0.50, GO),
    Goal("many", "CPU s", 0.20, GO),
    Goal("many", "RSS MB", 0.40, GO),
    Goal("reaction", "p50 ms", 1.0, GO),
    Goal("reaction", "CPU ms a change", 0.50, GO),
    Goal("no-op", "CPU us an event", 0.45, GO),
    Goal("no-op, dropped", "CPU us an event", 60),
    Goal("cold", "CPU s", 0.50, GO),
    Goal("cold", "wall s", 1.0, FIFO),
    Goal("cold", "writes an object", 2.02),
    Goal("kopf sync", "wall s", 1 / 20, KOPF),
    Goal("kopf sync", "CPU s", 1 / 40, KOPF),
    Goal("kopf sync", "RSS MB", 1 / 4, KOPF),
)

HEAD = ("case", "figure", "ours", "theirs", "ratio", "goal", "")


def table(measured: Sequence[Measured], goals: Sequence[Goal] = GOALS) -> str:
    """A Markdown table of all figures: ours beside each other program's, and whether the goals are met."""
    rows = [HEAD, tuple("-" * max(len(name), 1) for name in HEAD), *_rows(measured, goals)]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _rows(measured: Sequence[Measured], goals: Sequence[Goal]) -> Iterator[tuple[str, ...]]:
    medians = _medians(measured)
    for case in dict.fromkeys(one.case for one in measured):
        programs = [name for held, name in medians if held == case]
        ours = next((name for name in programs if name in {OURS, OPERATOR}), "")
        others = [name for name in programs if name != ours] or [""]
        for figure, value in medians.get((case, ours), {}).items():
            for other in others:
                goal = next((g for g in goals if (g.case, g.figure) == (case, figure) and g.other in {"", other}), None)
                theirs = medians.get((case, other), {}).get(figure)
                yield (case, figure, f"{value:.4g}", *_beside(value, theirs, other), *_judged(value, theirs, goal))


def _beside(ours: float, theirs: float | None, other: str) -> tuple[str, str]:
    """The other program's figure, and the ratio."""
    if theirs is None:
        return "", ""
    return f"{theirs:.4g} ({other})", f"{ours / theirs:.3f}" if theirs else ""


def _judged(ours: float, theirs: float | None, goal: Goal | None) -> tuple[str, str]:
    """The goal, and what has become of it."""
    if goal is None or (goal.other and not theirs):
        return "", ""
    judged = ours / theirs if goal.other and theirs else ours
    return f"≤ {goal.limit:.3g}", "met" if judged <= goal.limit else "MISSED"


def _medians(measured: Iterable[Measured]) -> dict[tuple[str, str], dict[str, float]]:
    rounds: dict[tuple[str, str], dict[str, list[float]]] = {}
    for one in measured:
        kept = rounds.setdefault((one.case, one.program), {})
        for figure, value in one.figures.items():
            kept.setdefault(figure, []).append(value)
    return {who: {figure: statistics.median(values) for figure, values in kept.items()} for who, kept in rounds.items()}

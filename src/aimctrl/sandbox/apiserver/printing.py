"""How built-in kinds are printed: columns, each with what it shows of an object, and times as kubectl says them.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aimctrl.sandbox.apiserver.resources import Column
from aimctrl.sandbox.apiserver.schema.node import Json, Object

NONE = "<none>"
UNSET = "<unset>"
UNKNOWN = "<unknown>"

Read = Callable[[Object], Json]


@dataclass(frozen=True, slots=True)
class Shown:
    """One column of a kind and its cell, which may tell of the time."""

    column: Column
    cell: Callable[[Object, datetime], Json]


@dataclass(frozen=True, slots=True)
class Printer:
    """How a kind is printed. `conditions` are those of a row: that an object is done."""

    shown: tuple[Shown, ...]
    conditions: Callable[[Object], list[Object]] = lambda _thing: []

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns, in their order."""
        return tuple(shown.column for shown in self.shown)

    def row(self, thing: Object, now: datetime) -> Object:
        """The row of an object."""
        cells = {"cells": [shown.cell(thing, now) for shown in self.shown]}
        conditions = self.conditions(thing)
        return {**cells, "conditions": conditions} if conditions else cells


def text(name: str, read: Read) -> Shown:
    """A column of texts, or of what is shown as one."""
    return Shown(Column(name, "string", ""), lambda thing, _now: read(thing))


def number(name: str, read: Read) -> Shown:
    """A column of whole numbers; what is absent is 0."""
    return Shown(Column(name, "integer", ""), lambda thing, _now: read(thing) or 0)


def truth(name: str, read: Read) -> Shown:
    """A column of truth values; what is absent is false."""
    return Shown(Column(name, "boolean", ""), lambda thing, _now: bool(read(thing)))


def since(name: str, read: Read, absent: str = UNKNOWN) -> Shown:
    """A column of how long ago something was."""
    return Shown(Column(name, "string", ""), lambda thing, now: age(read(thing), now) if read(thing) else absent)


def named(read: Read) -> Shown:
    """The column of the object's name, where it says more than that."""
    return Shown(Column("Name", "string", "", "name"), lambda thing, _now: read(thing))


def wide(shown: Shown) -> Shown:
    """The same, shown only where there is room for it."""
    column = shown.column
    return Shown(Column(column.name, column.type, column.path, column.format, 1), shown.cell)


NAME = named(lambda thing: thing["metadata"].get("name", ""))
AGE = since("Age", lambda thing: thing["metadata"].get("creationTimestamp"))


def age(moment: Any, now: datetime) -> str:
    """How long ago a moment was, as kubectl says it: `45s`, `12m`, `3h4m`, `2d5h`, `18d`."""
    try:
        then = datetime.fromisoformat(moment)
    except (TypeError, ValueError):
        return "<invalid>"
    return duration((now - then.astimezone(UTC)).total_seconds())


def duration(seconds: float) -> str:
    """A time span in seconds as kubectl says it, in at most two units."""
    if seconds < -1:
        return "<invalid>"
    left = max(0, int(seconds))
    for limit, first, second in _SPANS:
        if left < limit:
            return _in_units(left, first, second)
    return f"{left // _SECONDS['y']}y"


_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "y": 365 * 86400}

_SPANS = (
    (120, "s", ""),
    (600, "m", "s"),
    (3 * 3600, "m", ""),
    (8 * 3600, "h", "m"),
    (48 * 3600, "h", ""),
    (8 * 86400, "d", "h"),
    (2 * 365 * 86400, "d", ""),
    (8 * 365 * 86400, "y", "d"),
)
"""Up to how many seconds a time span is said in which units; source: k8s.io/apimachinery/pkg/util/duration."""


def _in_units(left: int, first: str, second: str) -> str:
    whole, rest = divmod(left, _SECONDS[first])
    smaller = rest // _SECONDS[second] if second else 0
    return f"{whole}{first}{smaller}{second}" if smaller else f"{whole}{first}"

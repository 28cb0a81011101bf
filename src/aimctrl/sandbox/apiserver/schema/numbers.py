"""Ranges and bounds of numbers."""

import math
from collections.abc import Iterator

from aimctrl.sandbox.apiserver.gotext import plain
from aimctrl.sandbox.apiserver.schema.node import Bounds

_FLOAT32_MOST = 3.4028235677973366e38


def out_of_range(of: str, named: str, value: float) -> str:
    """The type and format that a number does not fit into, as the server names them; empty where it fits."""
    if of == "integer":
        limit = 2**31 if named == "int32" else 2**63
        fits = value == math.floor(value) and -limit <= value < limit
    else:
        fits = not (of == "number" and named == "float") or abs(value) < _FLOAT32_MOST
    return "" if fits else f"type {of} with format {named}" if named else f"type {of} (default format)"


def complaints(bounds: Bounds, value: float) -> Iterator[str]:
    """What a number should be and is not; whole numbers are held to whole bounds."""
    whole = isinstance(value, int)

    def bound(limit: float) -> float:
        return int(limit) if whole else float(limit)

    factor = bound(bounds.multiple_of or 0)
    if factor and not _is_multiple(value, factor):
        yield f"a multiple of {plain(factor)}"
    if bounds.minimum is not None:
        least = bound(bounds.minimum)
        if value < least or (bounds.exclusive_minimum and value == least):
            yield f"greater than {'' if bounds.exclusive_minimum else 'or equal to '}{plain(least)}"
    if bounds.maximum is not None:
        most = bound(bounds.maximum)
        if value > most or (bounds.exclusive_maximum and value == most):
            yield f"less than {'' if bounds.exclusive_maximum else 'or equal to '}{plain(most)}"


def _is_multiple(value: float, factor: float) -> bool:
    if isinstance(value, int) and isinstance(factor, int):
        return value % factor == 0
    times = value / factor if factor >= 1 else 1 / factor * value
    return math.isclose(times, round(times), rel_tol=1e-9, abs_tol=1e-9)

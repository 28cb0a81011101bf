"""Finding JSON arrays in text that may be anything: bounded work, no surprises.

Candidates are tried from the end. Each is parsed in a window that grows only while the array may go on beyond it
(the parser counts lines up to an error, so a failure in a whole long text would cost its length every time), and
every attempt is charged against a budget.
"""

import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

_FIRST_WINDOW = 4 * 2**10
_GROWTH = 16
_MARGIN = 64
"""Characters before a window's end within which an error may be the window's fault."""

# In characters parsed. A valid array as long as the longest log takes about a third of it.
_BUDGET = 32 * 2**20
_ATTEMPT_COST = 1024
_BRACKET_COST = 64
_RECURSION_COST = 2**17
_CANDIDATE = re.compile(r"\[\s*[{\]]")


class Weight(IntEnum):
    """How much a reason says about why there is no result."""

    EMPTY = 0
    UNRELATED = 1
    BROKEN = 2
    RESEMBLING = 3


@dataclass(frozen=True, slots=True)
class Unstorable:
    """Takes the place of a number that the API server would not store; `reason` says why."""

    reason: str


class ArraySearch:
    """The arrays of objects in one text, and the reason to give where none of them is good."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._weight = Weight.EMPTY
        self.reason = ""

    def blame(self, reason: str, weight: Weight) -> None:
        """Keep a reason, unless a weightier one is known; of equals the one found last, outermost in the text."""
        if weight >= self._weight:
            self.reason, self._weight = reason, weight

    def arrays(self) -> Iterator[list[Any]]:
        """The arrays that begin with an object, and empty ones, the last first; then those around them."""
        budget = _BUDGET
        start = self._text.rfind("[")
        while start >= 0:
            if budget <= 0:
                self.blame("the log holds too many brackets to look through", Weight.BROKEN)
                return
            budget -= _BRACKET_COST
            if _CANDIDATE.match(self._text, start):
                value, cost = self._attempt(start)
                budget -= cost + _ATTEMPT_COST
                if value is not None:
                    yield value
            start = self._text.rfind("[", 0, start)

    def _attempt(self, start: int) -> tuple[list[Any] | None, int]:
        cost, size = 0, _FIRST_WINDOW
        while True:
            window = self._text[start : start + size]
            try:
                value, end = _decoder.raw_decode(window)
            except RecursionError:
                self.blame("the JSON is nested too deeply", Weight.BROKEN)
                return None, cost + _RECURSION_COST
            except json.JSONDecodeError as error:
                cost += error.pos
                unterminated = error.msg.startswith("Unterminated")
                if start + size >= len(self._text):
                    self._blame_broken(error.msg, cut_off=unterminated or not window[error.pos :].strip())
                    return None, cost
                if not unterminated and error.pos <= len(window) - _MARGIN:
                    self._blame_broken(error.msg, cut_off=False)
                    return None, cost
                size *= _GROWTH
            else:
                return value, cost + end

    def _blame_broken(self, told: str, *, cut_off: bool) -> None:
        if cut_off:
            self.blame("the JSON is cut off", Weight.BROKEN)
        else:
            self.blame(f"the JSON is not valid: {told}", Weight.UNRELATED)


def _constant(text: str) -> Unstorable:
    return Unstorable(f"the JSON holds {text}, which is no number")


def _finite(text: str) -> float | Unstorable:
    value = float(text)
    return value if math.isfinite(value) else Unstorable("the JSON holds a number too large for a double")


def _within_64_bits(text: str) -> int | Unstorable:
    value = int(text) if len(text) <= 20 else 2**64
    fits = -(2**63) <= value < 2**63
    return value if fits else Unstorable("the JSON holds an integer of more than 64 bits")


_decoder = json.JSONDecoder(parse_constant=_constant, parse_float=_finite, parse_int=_within_64_bits)

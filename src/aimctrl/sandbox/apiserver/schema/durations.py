"""Durations as the format `duration` takes them: Go's (`1h30m`), or words (`2 hours`).

Source: https://pkg.go.dev/time#ParseDuration and
https://github.com/kubernetes/kube-openapi/blob/master/pkg/validation/strfmt/duration.go.
"""

import re
from collections.abc import Mapping
from fractions import Fraction

_GO = re.compile(r"[+-]?(?:0|(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|\u00b5s|\u03bcs|ms|s|m|h))+)", re.ASCII)
_GO_PART = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(ns|us|\u00b5s|\u03bcs|ms|s|m|h)", re.ASCII)
_NANOSECONDS: Mapping[str, int] = {
    "ns": 1,
    "us": 1_000,
    "\u00b5s": 1_000,
    "\u03bcs": 1_000,
    "ms": 1_000_000,
    "s": 1_000_000_000,
    "m": 60_000_000_000,
    "h": 3_600_000_000_000,
}
_WORDS = (
    ("ns", "nano", 1),
    ("us", "micro", 1_000),
    ("\u00b5s", "micro", 1_000),
    ("ms", "milli", 1_000_000),
    ("s", "sec", 1_000_000_000),
    ("m", "min", 60_000_000_000),
    ("h", "hour", 3_600_000_000_000),
    ("hr", "hour", 3_600_000_000_000),
    ("d", "day", 86_400_000_000_000),
    ("w", "week", 604_800_000_000_000),
    ("wk", "week", 604_800_000_000_000),
)
"""A unit's short name, what its long names begin with, and its nanoseconds."""

_WORD = re.compile(r"(\d+)\s*([A-Za-z\u00b5]+)", re.ASCII)
_MOST = 2**63


def parse_duration(text: str) -> int | None:
    """Nanoseconds, or None for what is no duration."""
    if _GO.fullmatch(text):
        return _go(text)
    return _words(text)


def _go(text: str) -> int | None:
    parts = _GO_PART.findall(text)
    total = sum((int(Fraction(f"0{number}".rstrip(".")) * _NANOSECONDS[unit]) for number, unit in parts), 0)
    if total >= _MOST:
        return None
    return -total if text.startswith("-") else total


def _words(text: str) -> int | None:
    """The sum of the amounts in a text; what is no amount is passed over."""
    amounts = [int(number) * unit for number, word in _WORD.findall(text) if (unit := _unit(word.lower()))]
    return sum(amounts) if amounts else None


def _unit(word: str) -> int:
    return next((size for short, long, size in _WORDS if word == short or word.startswith(long)), 0)

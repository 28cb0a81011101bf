"""Times as Go parses and prints them: `metav1.Time` and `metav1.MicroTime`, with Go's words for what is no time.

Source: https://pkg.go.dev/time#Parse and https://pkg.go.dev/k8s.io/apimachinery/pkg/apis/meta/v1#Time.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache

_SECONDS = (
    ("2006", r"\d{4}"),
    ("-", "-"),
    ("01", r"\d\d"),
    ("-", "-"),
    ("02", r"\d\d"),
    ("T", "T"),
    ("15", r"\d\d"),
    (":", ":"),
    ("04", r"\d\d"),
    (":", ":"),
    ("05", r"\d\d"),
)

_ZONE = ("Z07:00", r"Z|[+-]\d\d:\d\d")

_BOUNDS: Mapping[str, tuple[int, int, str]] = {
    "01": (1, 12, "month"),
    "15": (0, 23, "hour"),
    "04": (0, 59, "minute"),
    "05": (0, 59, "second"),
}


class TimeError(ValueError):
    """The text is no time; the message is Go's."""


@dataclass(frozen=True, slots=True, eq=False)
class Layout:
    """One form of times: its parts as Go's layout names them, each with the pattern of its text."""

    text: str
    parts: tuple[tuple[str, str], ...]
    shape: re.Pattern[str]
    printed: str

    @lru_cache(maxsize=4096)  # noqa: B019 - there are two layouts, which live as long as the module
    def canonical(self, text: str) -> str:
        """The same moment in UTC, as the API server prints it.

        Raises:
            TimeError: where it is none.
        """
        if self.shape.fullmatch(text) is None:
            self._explain(text)
        try:
            return datetime.fromisoformat(text).astimezone(UTC).strftime(self.printed)
        except ValueError as error:
            self._explain(text)
            raise TimeError(f'parsing time "{text}": day out of range') from error

    def _explain(self, text: str) -> None:
        """Raises TimeError for the first part that is not what it should be."""
        at = 0
        for name, pattern in self.parts:
            found = re.compile(pattern).match(text, at)
            if found is None:
                raise TimeError(f'parsing time "{text}" as "{self.text}": cannot parse "{text[at:]}" as "{name}"')
            low, high, unit = _BOUNDS.get(name, (0, 0, ""))
            if unit and not low <= int(found[0]) <= high:
                raise TimeError(f'parsing time "{text}": {unit} out of range')
            at = found.end()
        if at < len(text):
            raise TimeError(f'parsing time "{text}": extra text: "{text[at:]}"')


def _layout(text: str, fraction: tuple[str, str], printed: str) -> Layout:
    parts = (*_SECONDS, fraction, _ZONE)
    return Layout(text, parts, re.compile("".join(f"(?:{pattern})" for _, pattern in parts)), printed)


SECONDS = _layout("2006-01-02T15:04:05Z07:00", ("", r"(?:[.,]\d+)?"), "%Y-%m-%dT%H:%M:%SZ")
"""`metav1.Time`: fractions of a second are read, and dropped."""

MICROSECONDS = _layout("2006-01-02T15:04:05.000000Z07:00", (".000000", r"\.\d{6}"), "%Y-%m-%dT%H:%M:%S.%fZ")
"""`metav1.MicroTime`: six digits, always."""

"""Text for a terminal: colour where it is wanted, width as it is shown, and nothing that a terminal would obey.

What comes from a cluster may have been written by anybody, a container's log among them, so everything passes `plain`.
"""

import re
import textwrap
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from itertools import groupby


class Style(Enum):
    """How a piece of text looks; the value is its SGR code (ECMA-48, 8.3.117)."""

    PLAIN = ""
    STRONG = "1"
    DIM = "2"
    BAD = "31"
    GOOD = "32"
    WAITING = "33"
    HINT = "36"


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of text in one style."""

    text: str
    style: Style = Style.PLAIN


def plain(text: str) -> str:
    """The text on one line, without characters that steer a terminal or cannot be shown."""
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in "\n\r\t":
        return " "
    return "\N{REPLACEMENT CHARACTER}" if unicodedata.category(character).startswith("C") else character


def painted(span: Span, *, colour: bool) -> str:
    """The span as it is written, in colour or without."""
    text = plain(span.text)
    return f"\x1b[{span.style.value}m{text}\x1b[0m" if colour and span.style is not Style.PLAIN and text else text


def cells(text: str) -> int:
    """The columns a text takes on a terminal."""
    return sum(_cells(character) for character in text)


def _cells(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in {"F", "W"} else 1


def cut(text: str, width: int) -> str:
    """The text in at most `width` columns; an ellipsis says that there is more."""
    if cells(text) <= width:
        return text
    kept, used = "", 1
    for character in text:
        used += _cells(character)
        if used > width:
            break
        kept += character
    return f"{kept.rstrip()}…" if width > 0 else ""


def wrapped(text: str, width: int | None) -> list[str]:
    """The lines of a text; one where `width` is None."""
    if width is None:
        return [text] if text else []
    return textwrap.wrap(text, max(width, _NARROWEST), break_on_hyphens=False)


_NARROWEST = 20

_WORD = re.compile(r"\S+\s*|\s+")


def flowed(spans: Iterable[Span], width: int | None) -> list[list[Span]]:
    """The spans on as many lines as it takes, broken between words; one where `width` is None."""
    lines: list[list[Span]] = [[]]
    used = 0
    for span in spans:
        for word in [span.text] if width is None else _WORD.findall(plain(span.text)):
            text = word
            if width is not None and used and used + cells(word.rstrip()) > max(width, _NARROWEST):
                lines.append([])
                used, text = 0, word.lstrip()
            lines[-1].append(Span(text, span.style))
            used += cells(text)
    return [_joined(line) for line in lines]


def _joined(spans: list[Span]) -> list[Span]:
    """Neighbours of one style as one, without space at the end."""
    ended = [*spans[:-1], *(Span(last.text.rstrip(), last.style) for last in spans[-1:])]
    return [Span("".join(one.text for one in same), style) for style, same in groupby(ended, lambda one: one.style)]


def age(since: datetime | None, now: datetime) -> str:
    """How long ago, in one unit; `""` where it is not known."""
    if since is None:
        return ""
    seconds = max(int((now - since).total_seconds()), 0)
    for limit, unit, size in ((120, "s", 1), (7200, "m", 60), (172800, "h", 3600)):
        if seconds < limit:
            return f"{seconds // size}{unit}"
    return f"{seconds // 86400}d"

"""The overview as a table."""

from collections.abc import Sequence
from datetime import datetime

from aimctrl.aim.overview import Row
from aimctrl.render.explanation import state_style
from aimctrl.render.text import Span, Style, age, cut, painted, plain
from aimctrl.render.tree import Look

_COLUMNS = ("KIND", "NAMESPACE", "NAME", "STATUS", "REASON", "AGE", "MESSAGE")
_GAP = "  "
_NARROWEST = 12
"""Columns that the message has at least."""


def table(rows: Sequence[Row], now: datetime, look: Look, *, height: int | None = None) -> str:
    """The table in at most `height` lines, ending with a newline; messages are cut to the width."""
    if not rows:
        return "nothing of AIM is here\n"
    texts = [_texts(row, now) for row in rows]
    widths = [max(len(line[column]) for line in [_COLUMNS, *texts]) for column in range(len(_COLUMNS) - 1)]
    room = None if look.width is None else max(look.width - sum(widths) - len(_GAP) * len(widths), _NARROWEST)
    lines = [_line([Span(name, Style.STRONG) for name in _COLUMNS], widths, room, look)]
    lines += [_line(_spans(text), widths, room, look) for text in texts]
    if height is not None and len(lines) > height:
        hidden = len(lines) - (height - 1)
        lines = [*lines[: height - 1], f"… and {hidden} more"]
    return "".join(f"{line}\n" for line in lines)


def _texts(row: Row, now: datetime) -> tuple[str, ...]:
    cells = (row.kind, row.namespace, row.name, row.status, row.reason)
    return (*(plain(cell) or "-" for cell in cells), age(row.created, now) or "-", plain(row.message))


def _spans(texts: Sequence[str]) -> list[Span]:
    state = texts[3]
    styles = {3: Style.PLAIN if state == "-" else state_style(state), 6: Style.DIM}
    return [Span(text, styles.get(column, Style.PLAIN)) for column, text in enumerate(texts)]


def _line(spans: Sequence[Span], widths: Sequence[int], room: int | None, look: Look) -> str:
    *fixed, message = spans
    parts = [
        painted(span, colour=look.colour) + " " * (width - len(span.text))
        for span, width in zip(fixed, widths, strict=True)
    ]
    said = message.text if room is None else cut(message.text, room)
    return _GAP.join([*parts, painted(Span(said, message.style), colour=look.colour)]).rstrip()

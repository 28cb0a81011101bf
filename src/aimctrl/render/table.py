"""The overview as a table."""

from collections.abc import Iterable, Sequence
from datetime import datetime

from aimctrl.aim.overview import Row
from aimctrl.render.explanation import state_style
from aimctrl.render.text import Span, Style, age, cells, cut, painted, plain
from aimctrl.render.tree import Look

_COLUMNS = ("KIND", "NAMESPACE", "NAME", "STATUS", "REASON", "AGE", "MESSAGE")
_GAP = "  "
_MESSAGE, _NAME, _SHORTEST = 16, 20, 8
"""Columns that messages, names and anything else have at least, where they need them."""


def table(rows: Sequence[Row], now: datetime, look: Look, *, height: int | None = None) -> str:
    """The table in at most `height` lines, ending with a newline.

    Where there is not the width for all of it messages are cut, then names; then there are no messages.
    """
    if not rows:
        return "nothing of AIM is here\n"
    texts = [_texts(row, now) for row in rows]
    needed = [max(cells(line[column]) for line in [_COLUMNS, *texts]) for column in range(len(_COLUMNS))]
    widths = needed if look.width is None else _fitted(needed, look.width)
    lines = [_line([Span(name, Style.STRONG) for name in _COLUMNS], widths, look)]
    lines += [_line(_spans(text), widths, look) for text in texts]
    if height is not None and len(lines) > height:
        hidden = len(lines) - (height - 1)
        lines = [*lines[: height - 1], f"… and {hidden} more"]
    return "".join(f"{line}\n" for line in lines)


def _fitted(needed: Sequence[int], width: int) -> list[int]:
    """The widths of the columns, 0 for messages that there is no room for."""
    *fixed, message = needed
    room = width - len(_GAP) * len(fixed)
    told = _names_cut(fixed, room - min(message, 3 * _MESSAGE))
    if sum(told) + _MESSAGE <= room:
        return [*told, min(message, room - sum(told))]
    alone = _names_cut(fixed, room + len(_GAP))
    return [*_cut(alone, range(len(alone)), room + len(_GAP), _SHORTEST), 0]


def _names_cut(widths: Sequence[int], room: int) -> list[int]:
    return _cut(widths, (_COLUMNS.index("NAMESPACE"), _COLUMNS.index("NAME")), room, _NAME)


def _cut(widths: Sequence[int], columns: Iterable[int], room: int, shortest: int) -> list[int]:
    """The widths after the widest of these columns were cut down so that all have room, or to the shortest."""
    fitted, chosen = list(widths), tuple(columns)
    while sum(fitted) > room:
        widest = max(chosen, key=lambda column: fitted[column])
        if fitted[widest] <= shortest:
            break
        fitted[widest] -= 1
    return fitted


def _texts(row: Row, now: datetime) -> tuple[str, ...]:
    cells = (row.kind, row.namespace, row.name, row.status, row.reason)
    return (*(plain(cell) or "-" for cell in cells), age(row.created, now) or "-", plain(row.message))


def _spans(texts: Sequence[str]) -> list[Span]:
    state = texts[3]
    styles = {3: Style.PLAIN if state == "-" else state_style(state), 6: Style.DIM}
    return [Span(text, styles.get(column, Style.PLAIN)) for column, text in enumerate(texts)]


def _line(spans: Sequence[Span], widths: Sequence[int], look: Look) -> str:
    shown = [Span(cut(plain(span.text), width), span.style) for span, width in zip(spans, widths, strict=True)]
    padding = (" " * (width - cells(cell.text)) for cell, width in zip(shown, widths, strict=True))
    parts = (painted(cell, colour=look.colour) + space for cell, space in zip(shown, padding, strict=True))
    return _GAP.join(parts).rstrip()

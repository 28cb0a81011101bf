"""What removing aimctrl takes, for people: a table of what there is, what is held, the volumes, and the steps."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Final

from aimctrl.aim.removal import REST, Fate, Item
from aimctrl.api.kinds import ALL
from aimctrl.kube import quantity
from aimctrl.kube.core import PVCS
from aimctrl.render.text import Span, Style, cells, painted, plain, wrapped
from aimctrl.render.tree import Look

_COLUMNS: Final = ("KIND", "OBJECTS", "BECOMES")
_GAP = "  "
_LISTED = 20
"""Objects and commands of one sort that are listed; the JSON has all."""

_HELD: Final = (
    "Held by finalizers: where no operator runs, these stay Terminating when they are deleted, and their namespaces "
    "and definitions with them."
)
_NO_OPERATOR: Final = "The operator itself is not installed here. With --delete-crds, all of the above is removed."


@dataclass(frozen=True, slots=True)
class Shown:
    """What is shown: each step is what it does, what to type for it, and what to type where its objects are held."""

    items: tuple[Item, ...]
    steps: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...]
    warnings: tuple[str, ...]


def report(shown: Shown, again: str, look: Look) -> str:
    """The report, ending with a newline; `again` is the command that does it all."""
    if not shown.items:
        return "There is nothing of aimctrl here.\n"
    parts = [_table(shown.items, look), *_held(shown.items, look), *_volumes(shown.items, look)]
    if shown.steps:
        parts.append([_strong("In this order", look), *_steps(shown, look)])
    told = [*shown.warnings, REST] if shown.steps else [*shown.warnings, REST, _NO_OPERATOR]
    parts += [wrapped(text, look.width) for text in told]
    if shown.steps:
        parts.append([f"Nothing was changed. All of it is done by: {again}"])
    return "\n".join("".join(f"{line}\n" for line in part) for part in parts)


def _table(items: Sequence[Item], look: Look) -> list[str]:
    rows: list[tuple[str, str, str]] = [_COLUMNS]
    for (kind, fate, why), group in groupby(items, key=lambda item: (item.thing.kind.name, item.fate, item.why)):
        rows.append((kind, str(len(list(group))), f"{fate}{': ' if why else ''}{plain(why)}"))
    widths = [max(cells(row[column]) for row in rows) for column in range(2)]
    lines = [_GAP.join((kind.ljust(widths[0]), count.rjust(widths[1]), fate)) for kind, count, fate in rows]
    return [_strong(lines[0], look), *lines[1:]]


def _held(items: Iterable[Item], look: Look) -> Iterator[list[str]]:
    held = [item.thing for item in items if item.thing.kind in ALL and item.thing.meta.finalizers]
    if held:
        lines = [f"  {thing.kind.name} {thing.key}: {', '.join(thing.meta.finalizers)}" for thing in held]
        yield [*wrapped(_HELD, look.width), *_cut(lines)]


def _volumes(items: Iterable[Item], look: Look) -> Iterator[list[str]]:
    claims = [item for item in items if item.thing.kind is PVCS]
    if claims:
        total = sum((quantity.parse(item.thing.size or 0) for item in claims), quantity.parse("0Gi"))
        head = _strong(f"Volumes with cached weights, {total} in all", look)
        yield [head, *_cut([_volume(item) for item in claims])]


def _volume(item: Item) -> str:
    thing, gone = item.thing, "" if item.fate is Fate.STAYS else f", {item.fate}"
    return f"  {thing.kind.name} {thing.key}: {thing.size or 'no size'}, {thing.state or 'Pending'}{gone}"


def _steps(shown: Shown, look: Look) -> Iterator[str]:
    for number, (what, commands, held) in enumerate(shown.steps, 1):
        yield from wrapped(f"{number}. {what}", look.width)
        yield from (_hint(line, look) for line in _cut([f"     {line}" for line in commands]))
        if held:
            yield "   Where they stay Terminating, take the operator's finalizers off:"
            yield from (_hint(line, look) for line in _cut([f"     {line}" for line in held]))


def _cut(lines: Sequence[str]) -> list[str]:
    more = len(lines) - _LISTED
    return [*(plain(line) for line in lines[:_LISTED]), *([f"  … and {more} more"] if more > 0 else [])]


def _strong(text: str, look: Look) -> str:
    return painted(Span(text, Style.STRONG), colour=look.colour)


def _hint(text: str, look: Look) -> str:
    return painted(Span(text, Style.HINT), colour=look.colour)

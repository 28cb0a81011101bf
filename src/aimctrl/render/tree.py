"""A tree as lines: each node has a line of its own, paragraphs below it, and branches."""

from collections.abc import Iterator
from dataclasses import dataclass

from aimctrl.render.text import Span, Style, flowed, painted, plain, wrapped


@dataclass(frozen=True, slots=True)
class Node:
    """`head` has a line of its own, `notes` follow, one paragraph each; what is too long is wrapped."""

    head: tuple[Span, ...]
    notes: tuple[Span, ...] = ()
    branches: tuple["Node", ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """How a tree is drawn: in colour or not, and how wide, without a limit where `width` is None."""

    colour: bool = False
    width: int | None = None


def draw(root: Node, look: Look) -> str:
    """The tree; ends with a newline."""
    return "".join(f"{line}\n" for line in _lines(root, look, "", ""))


def _lines(node: Node, look: Look, first: str, rest: str) -> Iterator[str]:
    below = f"{rest}{'│  ' if node.branches else '   '}"
    for number, spans in enumerate(flowed(node.head, None if look.width is None else look.width - len(below))):
        heads = "".join(painted(span, colour=look.colour) for span in spans)
        yield f"{_branch(below if number else first, look)}{heads}".rstrip()
    for note in node.notes:
        room = None if look.width is None else look.width - len(below)
        for line in wrapped(plain(note.text), room):
            yield f"{_branch(below, look)}{painted(Span(line, note.style), colour=look.colour)}"
    for number, branch in enumerate(node.branches):
        last = number == len(node.branches) - 1
        yield from _lines(branch, look, f"{rest}{'└─ ' if last else '├─ '}", f"{rest}{'   ' if last else '│  '}")


def _branch(text: str, look: Look) -> str:
    return painted(Span(text, Style.DIM), colour=look.colour) if text.strip() else text

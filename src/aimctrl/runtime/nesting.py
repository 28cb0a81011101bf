"""Reading JSON that is nested too deep for the decoders, which recurse: one such object must not stop a whole watch.

The API server takes objects nested 10,000 deep where a schema allows any JSON; the decoders give up at about 1,000.
What is found here by looking at brackets alone is the metadata, and that the rest cannot be read.
"""

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

T = TypeVar("T")

DEEPEST = 200
"""Levels of nesting that the decoders read wherever they are called from."""

TOO_DEEP = b'"nested too deep to be read"'
"""What stands for such a value: no model takes text for it, so that the object is set aside and not half understood."""

_token = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[][{},:]', re.DOTALL)


class Part(NamedTuple):
    """A member of an object with its name in quotes, or an element of an array with none; `depth` counts levels."""

    name: bytes
    value: bytes
    depth: int


def parts(text: bytes) -> Iterator[Part]:
    """The members or elements of a JSON object or array; what is no JSON gives parts that are none either."""
    level, deepest, start, name = 0, 0, 0, b""
    for match in _token.finditer(text):
        sign = text[match.start() : match.start() + 1]
        if sign in b"{[":
            level += 1
            deepest = max(deepest, level)
            start = start if level > 1 else match.end()
        elif sign in b"}]":
            level -= 1
        if sign == b":" and level == 1:
            name, start = text[start : match.start()].strip(), match.end()
        elif (sign == b"," and level == 1) or level == 0:
            value = text[start : match.start()].strip()
            if value:
                yield Part(name, value, deepest - 1)
            deepest, start, name = 1, match.end(), b""


def member(text: bytes, name: bytes) -> bytes:
    """The value of a member of a JSON object, `b"null"` where it has none of that name."""
    return next((part.value for part in parts(text) if part.name == b'"%b"' % name), b"null")


def flattened(text: bytes) -> bytes:
    """An object's JSON with what is too deep replaced, one level below the top; in the metadata it is left out."""
    kept = [(part.name, part.value if part.depth <= DEEPEST else _flat(part)) for part in parts(text)]
    return _joined(kept)


def decoded(decode: Callable[[bytes], T], text: bytes) -> T:
    """What `decode` makes of an object's JSON; of one that is nested too deep for it what `flattened` leaves."""
    try:
        return decode(text)
    except RecursionError:
        return decode(flattened(text))


def _flat(part: Part) -> bytes:
    if part.name != b'"metadata"':
        return TOO_DEEP
    return _joined([(inner.name, inner.value) for inner in parts(part.value) if inner.depth <= DEEPEST])


def _joined(members: list[tuple[bytes, bytes]]) -> bytes:
    return b"{" + b",".join(name + b":" + value for name, value in members) + b"}"

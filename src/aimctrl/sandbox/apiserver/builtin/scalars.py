"""How the API server reads the values of built-in kinds that are neither objects, arrays nor maps.

Source: https://pkg.go.dev/encoding/json#Unmarshal, and the types of https://pkg.go.dev/k8s.io/apimachinery that read
themselves.
"""

import re
from collections.abc import Callable
from typing import Any

from aimctrl.kube.quantity import InvalidQuantityError
from aimctrl.sandbox.apiserver.builtin import amounts
from aimctrl.sandbox.apiserver.builtin.timestamps import Layout
from aimctrl.sandbox.apiserver.metadata import go_type
from aimctrl.sandbox.apiserver.schema.node import Json

Read = Callable[[Json], Json]
"""Gives a value as the server keeps it. Raises Mistyped, or ValueError with Go's words."""

_QUANTITY = re.compile(r"([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)")
_NO_QUANTITY = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"
_NO_SUFFIX = "unable to parse quantity's suffix"

_NOT_BASE64 = re.compile(r"[^A-Za-z0-9+/\r\n]")


class Mistyped(Exception):  # noqa: N818 - it is how the reader says where, and becomes a StatusError
    """A value has another JSON type than its field; `where` grows on the way out, `struct` is the innermost one."""

    def __init__(self, found: str, wanted: str) -> None:
        super().__init__(found, wanted)
        self.found, self.wanted = found, wanted
        self.struct = ""
        self.where = ""

    def within(self, struct: str, name: str) -> None:
        """Says that it is in that field of that struct."""
        self.struct = self.struct or struct
        self.where = f"{name}.{self.where}" if self.where else name

    def __str__(self) -> str:
        place = f"Go struct field {self.struct}.{self.where}" if self.struct else "Go value"
        return f"json: cannot unmarshal {self.found} into {place} of type {self.wanted}"


def typed(kind: type, wanted: str) -> Read:
    """Reads strings or booleans."""

    def read(value: Json) -> Json:
        if type(value) is not kind:
            raise Mistyped(go_type(value), wanted)
        return value

    return read


def whole(wanted: str) -> Read:
    """Reads integers of a Go type such as `int32`."""
    bits = 32 if wanted.endswith("32") else 64
    bound = 1 << (bits - 1)

    def read(value: Json) -> Json:
        if type(value) is not int or not -bound <= value < bound:
            number = type(value) in {int, float}
            raise Mistyped(f"number {value}" if number else go_type(value), wanted)
        return value

    return read


def real(value: Json) -> Json:
    """Reads numbers."""
    if type(value) not in {int, float}:
        raise Mistyped(go_type(value), "float64")
    return value


def whole_or_text(value: Json) -> Json:
    """Reads what is a number or a string."""
    return value if isinstance(value, str) else whole("int32")(value)


def moment(layout: Layout) -> Read:
    """Reads times."""

    def read(value: Json) -> Json:
        if not isinstance(value, str):
            raise Mistyped(go_type(value), "string")
        return layout.canonical(value)

    return read


def amount(value: Json) -> Json:
    """Reads quantities, and gives them in canonical form."""
    text: Any = value.strip() if isinstance(value, str) else value
    if isinstance(text, str) and (_QUANTITY.fullmatch(text) is None or text.count(".") > 1):
        raise ValueError(_NO_QUANTITY)
    if isinstance(text, bool) or not isinstance(text, (str, int, float)):
        raise ValueError(_NO_QUANTITY)  # noqa: TRY004 - what the reader makes a refusal of
    try:
        return amounts.canonical(text)
    except InvalidQuantityError as error:
        raise ValueError(_NO_SUFFIX) from error


def amount_of_resource(value: Json) -> Json:
    """Reads quantities of resources, which are rounded up to thousandths."""
    found = amount(value)
    if found.endswith(("n", "u")):
        return amounts.thousandths(found)
    return found


def encoded(value: Json) -> Json:
    """Reads bytes in base64."""
    if not isinstance(value, str):
        raise Mistyped(go_type(value), "[]uint8")
    text = value.replace("\r", "").replace("\n", "")
    at = _fault(text)
    if at is not None:
        raise ValueError(f"illegal base64 data at input byte {at}")
    return text


def _fault(text: str) -> int | None:
    """Where a text stops being base64, as Go says it."""
    found = _NOT_BASE64.search(text)
    end = len(text) if found is None else found.start()
    if found is None or text[end] != "=" or end % 4 < 2:
        return end if found else (end - end % 4 if end % 4 else None)
    for at in range(end, end - end % 4 + 4):
        if text[at : at + 1] != "=":
            return at
    whole = end - end % 4 + 4
    return whole if len(text) > whole else None


def anything(value: Json) -> Json:
    """Reads whatever there is."""
    return value

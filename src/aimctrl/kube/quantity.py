"""Kubernetes quantities: `500m`, `16Gi`, `1e3`; exact, comparable, and written the way the API server writes them.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/.
"""

import re
from dataclasses import dataclass, field
from decimal import ROUND_CEILING, ROUND_UP, Context, Decimal
from functools import total_ordering
from typing import Literal

Form = Literal["decimal", "binary", "exponent"]

_DECIMAL = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 10, "Mi": 20, "Gi": 30, "Ti": 40, "Pi": 50, "Ei": 60}
_PATTERN = re.compile(r"(?P<number>[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+))(?:[eE](?P<exponent>[+-]?[0-9]+)|(?P<unit>.*))")

_LONGEST = 64
_BIGGEST_EXPONENT = 40
_LARGEST = Decimal(2**63 - 1)
_SMALLEST_STEP = Decimal("1e-9")
_EXACT = Context(prec=200)


class InvalidQuantityError(ValueError):
    """The text is no quantity; the message quotes it."""


@total_ordering
@dataclass(frozen=True, slots=True, eq=False)
class Quantity:
    """An amount and the family of suffixes it is written with; equality and order look at the amount alone.

    As on the API server an amount is a multiple of 1n (rounded away from zero) within ±(2^63 - 1) (capped).
    """

    amount: Decimal
    form: Form = field(default="decimal")

    def __post_init__(self) -> None:
        capped = max(min(self.amount, _LARGEST), -_LARGEST)
        object.__setattr__(self, "amount", capped.quantize(_SMALLEST_STEP, ROUND_UP, _EXACT))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quantity) and self.amount == other.amount

    def __lt__(self, other: "Quantity") -> bool:
        return self.amount < other.amount

    def __hash__(self) -> int:
        return hash(self.amount)

    def __bool__(self) -> bool:
        return bool(self.amount)

    def __int__(self) -> int:
        """The amount as a whole number, rounded away from zero."""
        return int(self.amount.to_integral_value(ROUND_UP))

    def __add__(self, other: "Quantity") -> "Quantity":
        return Quantity(_EXACT.add(self.amount, other.amount), self.form if self else other.form)

    def __mul__(self, factor: int | Decimal) -> "Quantity":
        return Quantity(_EXACT.multiply(self.amount, Decimal(factor)), self.form)

    def rounded_up(self, step: "Quantity") -> "Quantity":
        """The next multiple of `step` (which is positive), written in its suffixes."""
        steps = _EXACT.divide(self.amount, step.amount).to_integral_value(ROUND_CEILING)
        return Quantity(_EXACT.multiply(steps, step.amount), step.form)

    def __str__(self) -> str:
        """The canonical text: the largest suffix that leaves a whole number."""
        if self.form == "binary" and abs(self.amount) >= 1024 and self.amount == self.amount.to_integral_value():
            return _in_binary(int(self.amount))
        return _in_decimal(self.amount, exponent=self.form == "exponent")


def parse(text: str | float) -> Quantity:
    """The quantity of a field's JSON value.

    Raises InvalidQuantityError, quoting the text.
    """
    shown = str(text).strip()
    found = _PATTERN.fullmatch(shown) if len(shown) <= _LONGEST and shown.isascii() else None
    if found is None or isinstance(text, bool):
        raise InvalidQuantityError(f"{shown[:_LONGEST]!r} is not a quantity such as 500m, 2 or 16Gi")
    number, exponent, unit = Decimal(found["number"]), found["exponent"], found["unit"] or ""
    if exponent is not None:
        return Quantity(_scaled(number, int(exponent)), "exponent")
    if unit in _BINARY:
        return Quantity(_EXACT.multiply(number, Decimal(2 ** _BINARY[unit])), "binary")
    if unit in _DECIMAL:
        return Quantity(_scaled(number, _DECIMAL[unit]))
    raise InvalidQuantityError(f"{shown!r} has the unknown suffix {unit!r}")


def of_bytes(count: int) -> Quantity:
    """A number of bytes, written in Ki, Mi, Gi..."""
    return Quantity(Decimal(count), "binary")


def _scaled(number: Decimal, exponent: int) -> Decimal:
    # Past the limits of a quantity the exact value no longer matters, and must not cost memory.
    bounded = max(min(exponent, _BIGGEST_EXPONENT + _LONGEST), -_BIGGEST_EXPONENT - _LONGEST)
    return number.scaleb(bounded, _EXACT)


def _in_binary(amount: int) -> str:
    for unit, power in reversed(_BINARY.items()):
        if amount % 2**power == 0:
            return f"{amount >> power}{unit}"
    return str(amount)


def _in_decimal(amount: Decimal, *, exponent: bool) -> str:
    nano = int(amount.scaleb(9, _EXACT))
    if nano == 0:
        return "0"
    for unit, power in reversed(_DECIMAL.items()):
        scale = 10 ** (power + 9)
        if nano % scale == 0:
            suffix = (f"e{power}" if power else "") if exponent else unit
            return f"{nano // scale}{suffix}"
    return "0"

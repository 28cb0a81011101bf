"""Quantities, each text of which is read once: objects of a cluster have the same few, over and over."""

from functools import lru_cache

from aimctrl.kube import quantity
from aimctrl.kube.quantity import Quantity

_REMEMBERED = 4096
_MILLI = quantity.parse("1m")


@lru_cache(_REMEMBERED)
def parse(text: str | float) -> Quantity:
    """The quantity of a text or a number. Raises InvalidQuantityError."""
    return quantity.parse(text)


@lru_cache(_REMEMBERED)
def canonical(text: str | float) -> str:
    """A quantity as the API server prints it. Raises InvalidQuantityError."""
    return str(quantity.parse(text))


@lru_cache(_REMEMBERED)
def thousandths(text: str) -> str:
    """A quantity, rounded up to thousandths."""
    return str(quantity.parse(text).rounded_up(_MILLI))

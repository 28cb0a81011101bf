"""What a function of CEL is that is written in Python."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

Made = dict[str, Any]
"""What CEL has no type for: a map with one key that names it, such as {"ip": "10.0.0.1"}; equal things are equal."""


@dataclass(frozen=True, slots=True)
class Function:
    """A function, or a method whose receiver is its first argument; types are named as `cel_type` of `cel` has them.

    It raises ValueError, with the server's words, where there is no answer.
    """

    name: str
    gives: str
    takes: tuple[str, ...]
    call: Callable[..., Any]
    method: bool = True


def function(name: str, gives: str, takes: str, call: Callable[[str], Any]) -> Function:
    """A function of one argument."""
    return Function(name, gives, (takes,), call, method=False)


def on_made(name: str, gives: str, call: Callable[[Made], Any]) -> Function:
    """A method, without arguments, of what CEL has no type for."""
    return Function(name, gives, ("map",), call)


def on_list(name: str, gives: str, call: Callable[[list[Any]], Any]) -> Function:
    """A method, without arguments, of a list."""
    return Function(name, gives, ("list",), call)


def tried(convert: Callable[[str], Any]) -> Callable[[str], bool]:
    def succeeds(text: str) -> bool:
        try:
            convert(text)
        except ValueError:
            return False
        return True

    return succeeds

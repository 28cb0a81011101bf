"""Values as Go prints them, in the words that messages of the API server are made of.

Source: https://pkg.go.dev/fmt (%v, %q) and https://pkg.go.dev/encoding/json#Marshal.
"""

from decimal import Decimal
from typing import Any

import msgspec

from aimctrl.sandbox.apiserver.schema.node import is_array, is_object

_ESCAPES = {
    "\a": "\\a",
    "\b": "\\b",
    "\f": "\\f",
    "\n": "\\n",
    "\r": "\\r",
    "\t": "\\t",
    "\v": "\\v",
    "\\": "\\\\",
    '"': '\\"',
}
_HTML = str.maketrans({"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"})
_PLAIN_EXPONENTS = range(-4, 21)


def quoted(text: str) -> str:
    """The text as `%q` prints it."""
    if text.isascii() and text.isprintable() and '"' not in text and "\\" not in text:
        return f'"{text}"'
    return f'"{"".join(_ESCAPES.get(char) or _printable(char) for char in text)}"'


def plain(value: Any) -> str:
    """A boolean, a number or a text as `%v` prints it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return _number(value) if isinstance(value, float) else str(value)


def compact(value: Any, *, ordered: bool = False) -> str:
    """A value as `json.Marshal` writes it: sorted keys unless they are in order, and `<`, `>` and `&` escaped."""
    return msgspec.json.encode(value, order=None if ordered else "sorted").decode().translate(_HTML)


def _printable(char: str) -> str:
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x80:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _number(value: float) -> str:
    """The shortest text, with an exponent for what is very small or very large."""
    shortest = Decimal(repr(value)).normalize()
    power = shortest.adjusted()
    if power in _PLAIN_EXPONENTS:
        return f"{shortest:f}"
    return f"{shortest.scaleb(-power):f}e{power:+03d}"


def printed(value: Any) -> str:
    """A JSON value as `%v` prints it: `map[a:1 b:[x y]]`, `<nil>`."""
    if is_object(value):
        return f"map[{' '.join(f'{key}:{printed(value[key])}' for key in sorted(value))}]"
    if is_array(value):
        return f"[{' '.join(map(printed, value))}]"
    return "<nil>" if value is None else plain(value)


def source(value: Any) -> str:
    """A JSON value as `%#v` prints it: `map[string]interface {}{"a":1}`, `interface {}(nil)`."""
    if is_object(value):
        return (
            f"map[string]interface {{}}{{{', '.join(f'{quoted(key)}:{source(value[key])}' for key in sorted(value))}}}"
        )
    if is_array(value):
        return f"[]interface {{}}{{{', '.join(map(source, value))}}}"
    if value is None:
        return "interface {}(nil)"
    return quoted(value) if isinstance(value, str) else plain(value)


def type_name(value: Any) -> str:
    """The Go type that a JSON value is decoded into, as `%T` prints it."""
    return _TYPE_NAMES[type(value)]


_TYPE_NAMES = {
    dict: "map[string]interface {}",
    list: "[]interface {}",
    str: "string",
    bool: "bool",
    int: "int64",
    float: "float64",
    type(None): "<nil>",
}

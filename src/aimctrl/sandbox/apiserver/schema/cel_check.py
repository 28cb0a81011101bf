"""The compilation of a rule with the types of its schema, for the complaints that come of it.

In the place of a chain of fields such as `self.spec.replicas` comes a variable of its type, whose name is as long, so
that a complaint names the right column.
"""

import string
from collections.abc import Mapping

from aimctrl.sandbox.apiserver.schema.cel import compile_expression
from aimctrl.sandbox.apiserver.schema.cel_env import CompileError, Type, Variables, compiled
from aimctrl.sandbox.apiserver.schema.cel_fields import chains, of_self
from aimctrl.sandbox.apiserver.schema.cel_values import DYN, type_of
from aimctrl.sandbox.apiserver.schema.node import Node

_SCALARS = ("string", "int", "double", "bool", "bytes", "timestamp", "duration")
_TYPES: tuple[Type, ...] = (
    *_SCALARS,
    *(("list", kind) for kind in (*_SCALARS, DYN)),
    *(("map", kind) for kind in (*_SCALARS, DYN)),
)
_LONGEST = 80
_STAND_INS: Variables = tuple(
    (f"_{letter}".ljust(length, "_"), kind)
    for letter, kind in zip(string.ascii_letters, _TYPES, strict=False)
    for length in range(len("self.a"), _LONGEST)
)
_NAMES: dict[tuple[Type, int], str] = {(kind, len(name)): name for name, kind in _STAND_INS}


def result_of(text: str, node: Node, *, optional: bool) -> str:
    """The name of the type that an expression gives, `DYN` where that is not known.

    Raises:
        CompileError: where the expression does not compile.
    """
    if optional:
        return compile_expression(text, type_of(node), optional=True).result
    return checked(text, of_self(node))


def checked(text: str, roots: Mapping[str, Node]) -> str:
    """The name of the type that an expression about these variables gives, `DYN` where that is not known.

    Raises:
        CompileError: where the expression does not compile.
    """
    stood = _with_stand_ins(text, roots)
    variables = tuple((name, _exact(node)) for name, node in roots.items())
    try:
        result: str = compiled(stood, (*variables, *_STAND_INS)).return_type().name()
    except CompileError as error:
        complaint = str(error)
        for shown, meant in zip(stood.split("\n"), text.split("\n"), strict=True):
            complaint = complaint.replace(f"\n | {shown}\n", f"\n | {meant}\n")
        if "Syntax error" not in complaint:
            _check_fields(text, roots)
        raise CompileError(complaint) from error
    _check_fields(text, roots)
    return result


def _check_fields(text: str, roots: Mapping[str, Node]) -> None:
    complaints = [_undefined(text, *chain.missing) for chain in chains(text, roots) if chain.missing]
    if complaints:
        raise CompileError("\n".join(complaints))


def _with_stand_ins(text: str, roots: Mapping[str, Node]) -> str:
    out, done = "", 0
    for chain in chains(text, roots):
        name = _NAMES.get((_exact(chain.node), chain.end - chain.start))
        whole = any(chain.node is root for root in roots.values())
        if name is not None and not whole and not chain.tested:
            out += text[done : chain.start] + name
            done = chain.end
    return out + text[done:]


def _exact(node: Node) -> Type:
    """The type of a value; unlike when rules are run, numbers are told apart."""
    if node.int_or_string:
        return DYN
    if node.type in {"integer", "number"}:
        return "int" if node.type == "integer" else "double"
    if node.type == "array" and node.items is not None:
        return ("list", _inner(node.items))
    if node.type == "object" and not node.properties and not node.embedded and node.additional is not None:
        return ("map", _inner(node.additional))
    kind: Type = type_of(node)
    return kind


def _inner(node: Node) -> Type:
    kind = _exact(node)
    return kind if isinstance(kind, str) else DYN


def _undefined(text: str, at: int, name: str) -> str:
    line = text.count("\n", 0, at)
    column = at - (text.rfind("\n", 0, at) + 1)
    shown = text.split("\n")[line]
    return f"ERROR: <input>:{line + 1}:{column + 1}: undefined field '{name}'\n | {shown}\n | {'.' * column}^"

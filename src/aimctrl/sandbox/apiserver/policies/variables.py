"""A policy's own variables, put into the expressions that name them.

`variables.a` becomes a local name of CEL, bound to the expression of `a`: it is looked at when it is first needed, and
keeps its type. Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#variable-composition.
"""

import re
from collections.abc import Iterator, Mapping

from aimctrl.sandbox.apiserver.schema.cel_fields import without_literals

_USE = re.compile(
    r"(?<![\w.])(?:(?P<has>has\s*\(\s*variables\s*\.\s*\w+\s*\))|variables\s*\.\s*(?P<name>[A-Za-z_]\w*))", re.ASCII
)


def used(text: str) -> Iterator[str]:
    """The variables that an expression is about, in the order in which it names them."""
    return (match["name"] for match in _USE.finditer(without_literals(text)) if match["name"])


def bound(text: str, declared: Mapping[str, str]) -> str:
    """An expression that says the same without naming variables; `declared` are theirs, in their order."""
    needed: set[str] = {*used(text)}
    for name in reversed([*declared]):
        if name in needed:
            needed.update(used(declared[name]))
    whole = _localised(text)
    for name in reversed([*declared]):
        if name in needed:
            whole = f"cel.bind({_local(name)}, {_localised(declared[name])}\n, {whole}\n)"
    return whole


def _localised(text: str) -> str:
    out, done = "", 0
    for match in _USE.finditer(without_literals(text)):
        out += text[done : match.start()] + (_local(match["name"]) if match["name"] else "true")
        done = match.end()
    return out + text[done:]


def _local(name: str) -> str:
    return f"variables_{name}"

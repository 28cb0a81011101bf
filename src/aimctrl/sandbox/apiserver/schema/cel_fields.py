"""The fields that an expression names after its variables, such as `self`, and what is known of those.

Google's implementation is not told the types of objects, so this is looked for in the text. Not seen are fields of the
items that a macro goes through.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache

from aimctrl.sandbox.apiserver.schema.cel_values import ROOT, TEXTS, escape
from aimctrl.sandbox.apiserver.schema.node import Node

_LITERAL = re.compile(
    r"""[rRbB]{0,2}(?:\"{3}.*?\"{3}|'{3}.*?'{3}|"(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*')|//[^\n]*""", re.DOTALL
)
_CHAIN = r"(?<![\w.])(?P<has>has\s*\(\s*)?(?P<root>{})(?P<steps>(?:\s*\.\s*[A-Za-z_]\w*)+)(?P<call>\s*\()?"
_STEP = re.compile(r"(\.)\s*(\w+)")


@dataclass(frozen=True, slots=True)
class Chain:
    """Where fields after a variable begin and end that the schema knows, and the schema at their end.

    `missing` is the field that comes next and is not declared, with the place where the compiler complains of it;
    `tested` says that the last is only asked for with `has()`.
    """

    start: int
    end: int
    node: Node
    missing: tuple[int, str] | None
    tested: bool


def without_literals(text: str) -> str:
    """The text with blanks in place of literals and comments, as long as it was."""
    return _LITERAL.sub(lambda match: "''".ljust(len(match[0])), text)


def of_self(node: Node) -> Mapping[str, Node]:
    """The variables that a rule of a schema has."""
    return {"self": node, "oldSelf": node}


def chains(text: str, roots: Mapping[str, Node]) -> Iterator[Chain]:
    """Every chain of fields after a variable, as far as the variable's schema knows them."""
    for match in _pattern(tuple(roots)).finditer(without_literals(text)):
        here, end, missing = roots[match["root"]], match.start("steps"), None
        for step in _STEP.finditer(
            match["steps"].rstrip() if not match["call"] else match["steps"][: match["steps"].rindex(".")]
        ):
            if not _has_fields(here):
                break
            at = match.start("steps") + step.start()
            found = _field(here, step[2])
            if found is None:
                last = match.start("steps") + step.end() == match.end("steps")
                missing = (match.start("has") + match["has"].index("(") if match["has"] and last else at, step[2])
                break
            here, end = found, match.start("steps") + step.end()
        whole = end == match.end("steps")
        yield Chain(match.start("root"), end, here, missing, tested=bool(match["has"]) and whole)


@cache
def _pattern(variables: tuple[str, ...]) -> "re.Pattern[str]":
    return re.compile(_CHAIN.format("|".join(variables)))


def with_times(text: str, node: Node) -> str:
    """The text with `timestamp()` and `duration()` around the fields that are such."""
    out, done = "", 0
    for chain in chains(text, of_self(node)):
        convert = TEXTS.get(chain.node.bounds.format, "") if chain.node.type == "string" else ""
        if convert in {"timestamp", "duration"} and not chain.tested and chain.node is not node:
            out += f"{text[done : chain.start]}{convert}({text[chain.start : chain.end]})"
            done = chain.end
    return out + text[done:]


def _has_fields(node: Node) -> bool:
    """Whether a value is an object of which the fields are known."""
    return node.type == "object" and (bool(node.properties) or node.embedded or node.additional is None)


def _field(node: Node, name: str) -> Node | None:
    """The schema of a field by the name that CEL has for it; what has no type is not there for CEL."""
    fields = {**node.properties, **(ROOT if node.embedded else {})}
    found = next((child for key, child in fields.items() if name in {key, escape(key)}), None)
    return found if found is not None and (found.type or found.int_or_string) else None

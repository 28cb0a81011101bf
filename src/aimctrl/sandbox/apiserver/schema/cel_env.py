"""Google's implementation of the Common Expression Language, in C++, with the functions of Kubernetes.

It is loaded with the first expression. Its complaints are put into the words of the API server, which has the one in
Go.
Source: https://kubernetes.io/docs/reference/using-api/cel/
"""

import re
from functools import cache
from typing import TYPE_CHECKING

from aimctrl.sandbox.apiserver.schema import cel_lists, cel_network, cel_scalars
from aimctrl.sandbox.apiserver.schema.cel_function import Function

if TYPE_CHECKING:
    from cel_expr_python import cel

Type = str | tuple[str, "Type"]
"""A type's name, or `list` or `map` with the type of what is in it."""

Variables = tuple[tuple[str, Type], ...]

_STATUS = re.compile(r"^[A-Z_]+: | \[[A-Z_]+\]$")
_OTHER_WORDS = (
    ("null_type", "null"),
    ("google.protobuf.Timestamp", "timestamp"),
    ("google.protobuf.Duration", "duration"),
    ("has() argument must be a field selection", "invalid argument to has() macro"),
)
_MIXED = re.compile(r"'_(<|<=|>|>=)_' applied to '\((int, double|double, int)\)'")
"""What the implementation in C++ refuses and the one in Go does not: comparisons of numbers of two types."""

_UNDECLARED = re.compile(
    r"ERROR: <input>:(\d+):(\d+): undeclared reference to '(\w+)((?:\.\w+)*)\.\w+' \(in container ''\)\n"
    r" \| (.*)\n \| \.*\^"
)
"""A name with fields, of which the implementation in Go names the first part, at its place."""

_SELECTION = re.compile(r"expression of type '(.*)' cannot be the operand of a select operation")


class CompileError(ValueError):
    """An expression that does not compile; the message is the server's."""


def compiled(text: str, variables: Variables) -> "cel.Expression":
    """An expression about variables of those types.

    Raises:
        CompileError: where it does not compile.
    """
    environment = _environment(variables)
    try:
        return environment.compile(text)
    except RuntimeError as error:
        if _MIXED.search(str(error)):
            return environment.compile(text, disable_check=True)
        raise CompileError(_told(str(error))) from error


def without_status(complaint: str) -> str:
    """A complaint without the name of the kind of error that stands around it."""
    return _STATUS.sub("", complaint)


def _told(complaint: str) -> str:
    says = _SELECTION.sub(r"type '\1' does not support field selection", without_status(complaint))
    for words, other in _OTHER_WORDS:
        says = says.replace(words, other)
    return _UNDECLARED.sub(_at_its_start, says)


def _at_its_start(match: "re.Match[str]") -> str:
    line, column, first, between, text = match.groups()
    start = int(column) - len(first) - len(between)
    named = f"ERROR: <input>:{line}:{start}: undeclared reference to '{first}' (in container '')"
    return f"{named}\n | {text}\n | {'.' * (start - 1)}^"


@cache
def _environment(variables: Variables) -> "cel.Env":
    from cel_expr_python import cel
    from cel_expr_python.ext import ext_bindings, ext_encoders, ext_math, ext_optional, ext_strings

    return cel.NewEnv(
        variables={name: _cel_type(kind) for name, kind in variables},
        extensions=[
            ext_strings.ExtStrings(),
            ext_optional.ExtOptional(),
            ext_bindings.ExtBindings(),
            ext_encoders.ExtEncoders(),
            ext_math.ExtMath(),
            _library(),
        ],
    )


@cache
def _library() -> "cel.CelExtension":
    """The functions that Kubernetes adds; not those for authorizers, and not the macros with two variables."""
    from cel_expr_python import cel

    overloads: dict[str, list[cel.Overload]] = {}
    for each in (*cel_lists.FUNCTIONS, *cel_network.FUNCTIONS, *cel_scalars.FUNCTIONS):
        overloads.setdefault(each.name, []).append(_overload(each))
    return cel.CelExtension("kubernetes", [cel.FunctionDecl(name, declared) for name, declared in overloads.items()])


def _overload(function: Function) -> "cel.Overload":
    from cel_expr_python import cel

    return cel.Overload(
        "_".join(("method" if function.method else "function", function.name.replace(".", "_"), *function.takes)),
        return_type=_cel_type(function.gives),
        parameters=[_cel_type(each) for each in function.takes],
        is_member=function.method,
        impl=function.call,
    )


def _cel_type(kind: Type) -> "cel.Type":
    from cel_expr_python import cel

    plain = {
        "bool": cel.Type.BOOL,
        "int": cel.Type.INT,
        "double": cel.Type.DOUBLE,
        "string": cel.Type.STRING,
        "bytes": cel.Type.BYTES,
        "timestamp": cel.Type.TIMESTAMP,
        "duration": cel.Type.DURATION,
        "list": cel.Type.List(cel.Type.DYN),
        "map": cel.Type.Map(cel.Type.DYN, cel.Type.DYN),
    }
    if isinstance(kind, str):
        return plain.get(kind, cel.Type.DYN)
    outer, inner = kind
    return cel.Type.List(_cel_type(inner)) if outer == "list" else cel.Type.Map(cel.Type.STRING, _cel_type(inner))

"""The expressions of policies, checked and run.

Not known here, and refused where an expression uses it: `authorizer`. Nothing is counted against a cost budget.
Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/#validation-expression.
"""

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from aimctrl.sandbox.apiserver.schema.cel import evaluated
from aimctrl.sandbox.apiserver.schema.cel_check import checked
from aimctrl.sandbox.apiserver.schema.cel_env import CompileError, compiled
from aimctrl.sandbox.apiserver.schema.cel_values import DYN
from aimctrl.sandbox.apiserver.schema.node import Node

_REMEMBERED = 1024

_NAMES = ("object", "oldObject", "request", "namespaceObject", "params")

_ANYTHING = Node(int_or_string=True)
_TEXT, _NUMBER, _FLAG = Node(type="string"), Node(type="integer"), Node(type="boolean")


def _object(**fields: Node) -> Node:
    return Node(type="object", properties=fields)


def _list(item: Node) -> Node:
    return Node(type="array", items=item)


def _map(item: Node) -> Node:
    return Node(type="object", additional=item)


_KIND = _object(group=_TEXT, version=_TEXT, kind=_TEXT)
_RESOURCE = _object(group=_TEXT, version=_TEXT, resource=_TEXT)
_REQUEST = _object(
    kind=_KIND,
    resource=_RESOURCE,
    subResource=_TEXT,
    requestKind=_KIND,
    requestResource=_RESOURCE,
    requestSubResource=_TEXT,
    name=_TEXT,
    namespace=_TEXT,
    operation=_TEXT,
    userInfo=_object(username=_TEXT, uid=_TEXT, groups=_list(_TEXT), extra=_map(_list(_TEXT))),
    dryRun=_FLAG,
    options=_ANYTHING,
)
_NAMESPACE = _object(
    metadata=_object(
        name=_TEXT,
        generateName=_TEXT,
        namespace=_TEXT,
        labels=_map(_TEXT),
        annotations=_map(_TEXT),
        UID=_TEXT,
        creationTimestamp=_ANYTHING,
        deletionGracePeriodSeconds=_NUMBER,
        deletionTimestamp=_ANYTHING,
        generation=_NUMBER,
        resourceVersion=_TEXT,
        finalizers=_list(_TEXT),
    ),
    spec=_object(finalizers=_list(_TEXT)),
    status=_object(conditions=_list(_ANYTHING), phase=_TEXT),
)

_WORDS = {
    "BOOL": "bool",
    "BYTES": "bytes",
    "DOUBLE": "double",
    "DURATION": "google.protobuf.Duration",
    "DYN": DYN,
    "INT": "int",
    "NULL": "null_type",
    "STRING": "string",
    "TIMESTAMP": "google.protobuf.Timestamp",
    "UINT": "uint",
}
_NODES = {"BOOL": _FLAG, "INT": _NUMBER, "DOUBLE": Node(type="number"), "STRING": _TEXT}


def variables(*, params: bool = False, declared: Mapping[str, Node] | None = None) -> dict[str, Node]:
    """What an expression may name; `declared` are the policy's own variables so far, None where it can have none."""
    known = {"object": _ANYTHING, "oldObject": _ANYTHING, "request": _REQUEST, "namespaceObject": _NAMESPACE}
    if params:
        known["params"] = _ANYTHING
    return known if declared is None else {**known, "variables": Node(type="object", properties=declared)}


def result_of(text: str, known: Mapping[str, Node], *expected: str) -> Node:
    """The type of what an expression gives, which must be one of those, if any are given.

    Raises:
        CompileError: with the words of the server.
    """
    try:
        result = checked(text, known)
    except CompileError as error:
        raise CompileError(f"compilation failed: {error}") from error
    word = _word(result)
    if expected and word not in expected:
        wanted = expected[0] if len(expected) == 1 else f"one of [{' '.join(expected)}]"
        raise CompileError(f"must evaluate to {wanted} but got {word}")
    return _node(result)


def run(text: str, data: Mapping[str, Any]) -> Any:
    """What comes out of an expression for such variables.

    Raises:
        EvaluationError: where nothing does.
        CompileError: where it does not compile.
    """
    return evaluated(_compiled(text), data)


@lru_cache(_REMEMBERED)
def _compiled(text: str) -> Callable[..., Any]:
    evaluate: Callable[..., Any] = compiled(text, tuple((name, DYN) for name in _NAMES)).eval
    return evaluate


def _word(result: str) -> str:
    """A type as the server names it; `result` is such as `LIST<INT>`."""
    if result.startswith("LIST<"):
        return f"list({_word(result[5:-1])})"
    if result.startswith("MAP<"):
        key, _, value = result[4:-1].partition(", ")
        return f"map({_word(key)}, {_word(value)})"
    return _WORDS.get(result, result)


def _node(result: str) -> Node:
    if result.startswith("LIST<"):
        return _list(_node(result[5:-1]))
    if result.startswith("MAP<STRING, "):
        return _map(_node(result[12:-1]))
    return _NODES.get(result, _ANYTHING)

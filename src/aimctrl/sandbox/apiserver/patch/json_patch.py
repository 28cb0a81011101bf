"""JSON patches (RFC 6902), as the API server takes them.

It is laxer than the RFC: negative indices count from the end, `replace` of a missing key adds it, `copy` of one adds
null, and whatever stands before the first slash of a path is ignored. The library `jsonpatch` is none of that.
Source: https://www.rfc-editor.org/rfc/rfc6902, and the answers of a kube-apiserver v1.36 (hack/controlplane).
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

from aimctrl.sandbox.apiserver.errors import StatusError, bad_request
from aimctrl.sandbox.apiserver.gotext import compact
from aimctrl.sandbox.apiserver.metadata import go_type
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, is_array, is_object
from aimctrl.sandbox.apiserver.values import copied

_MOST_OPERATIONS = 10_000

_INDEX = re.compile(r"[+-]?[0-9]+\Z")

Operation = Mapping[str, Json]


class _DoesNotApplyError(Exception):
    """An operation that cannot be done; the server does not say which, nor why."""


def apply_json_patch(document: Json, patch: Json) -> Json:
    """The document as a list of operations leaves it; it is changed in place, but for a replacement of the whole.

    Raises:
        StatusError: 400 where it is no patch, 413 for one of too many operations, 422 where it does not apply.
    """
    for operation in (operations := _operations(patch)):
        _check(operation)
    try:
        for operation in operations:
            document = _done(document, operation)
    except _DoesNotApplyError as error:
        message = "the server rejected our request due to an error in our request"
        raise StatusError(422, "Invalid", message, details={}) from error
    return document


def _operations(patch: Json) -> list[Operation]:
    if patch is None:
        return []
    if not is_array(patch):
        raise _undecodable(patch, "value of type []handlers.jsonPatchOp")
    operations: list[Any] = patch
    if len(operations) > _MOST_OPERATIONS:
        message = f"The allowed maximum operations in a JSON patch is {_MOST_OPERATIONS}, got {len(operations)}"
        raise StatusError(413, "RequestEntityTooLarge", f"Request entity too large: {message}")
    return [{} if operation is None else operation for operation in operations]


def _check(operation: Operation) -> None:
    if not is_object(operation):
        raise _undecodable(operation, "value of type handlers.jsonPatchOp")
    for key in ("op", "path", "from"):
        value = operation.get(key)
        if value is not None and not isinstance(value, str):
            raise _undecodable(value, f"struct field jsonPatchOp.{key} of type string")


def _undecodable(value: Json, wanted: str) -> StatusError:
    return bad_request(f"error decoding patch: json: cannot unmarshal {go_type(value)} into Go {wanted}")


def _done(document: Json, operation: Operation) -> Json:
    change = _CHANGES.get(operation.get("op") or "")
    path = operation.get("path")
    if change is None or path is None:
        raise _DoesNotApplyError
    return change(document, path, operation)


def _add(document: Json, path: str, operation: Operation) -> Json:
    _put(*_found(document, path), copied(operation.get("value")))
    return document


def _remove(document: Json, path: str, _operation: Operation) -> Json:
    _take(*_found(document, path))
    return document


def _replace(document: Json, path: str, operation: Operation) -> Json:
    value = copied(operation.get("value"))
    if not path:
        if not (is_object(value) or is_array(value)):
            raise _DoesNotApplyError
        return value
    holder, key = _found(document, path)
    holder[key if is_object(holder) else _index(key, len(holder))] = value
    return document


def _move(document: Json, path: str, operation: Operation) -> Json:
    value = _take(*_found(document, _origin(operation)))
    _put(*_found(document, path), value)
    return document


def _copy(document: Json, path: str, operation: Operation) -> Json:
    value = _get(*_found(document, _origin(operation)))
    _put(*_found(document, path), copied(value))
    return document


def _test(document: Json, path: str, operation: Operation) -> Json:
    value = _get(*_found(document, path)) if path else document
    if compact(value) != compact(operation.get("value")):
        raise _DoesNotApplyError
    return document


_CHANGES: Mapping[str, Callable[[Json, str, Operation], Json]] = {
    "add": _add,
    "remove": _remove,
    "replace": _replace,
    "move": _move,
    "copy": _copy,
    "test": _test,
}


def _origin(operation: Operation) -> str:
    origin: str | None = operation.get("from")
    if origin is None:
        raise _DoesNotApplyError
    return origin


def _found(document: Json, path: str) -> tuple[Any, str]:
    """The object or list that holds what a path names, and the last step to it."""
    first, *steps = path.split("/")
    del first
    if not steps:
        raise _DoesNotApplyError
    *way, last = (step.replace("~1", "/").replace("~0", "~") for step in steps)
    holder = document
    for step in way:
        holder = _get(holder, step)
    if not (is_object(holder) or is_array(holder)):
        raise _DoesNotApplyError
    return holder, last


def _get(holder: Json, key: str) -> Json:
    """What an object or a list has there; None where an object has nothing."""
    if is_object(holder):
        return holder.get(key)
    if is_array(holder):
        return holder[_index(key, len(holder))]
    raise _DoesNotApplyError


def _put(holder: Json, key: str, value: Json) -> None:
    if is_object(holder):
        holder[key] = value
    elif key == "-":
        holder.append(value)
    else:
        holder.insert(_index(key, len(holder) + 1), value)


def _take(holder: Json, key: str) -> Json:
    value: Json = holder.pop(key, NOTHING) if is_object(holder) else holder.pop(_index(key, len(holder)))
    if value is NOTHING:
        raise _DoesNotApplyError
    return value


def _index(key: str, length: int) -> int:
    if not _INDEX.match(key):
        raise _DoesNotApplyError
    index = int(key)
    if not -length <= index < length:
        raise _DoesNotApplyError
    return index % length

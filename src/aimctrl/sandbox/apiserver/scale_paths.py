"""Where a kind has its replicas: what may stand there, which is checked whenever an object of it is written.

Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource.
"""

from collections.abc import Iterator

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.gotext import printed
from aimctrl.sandbox.apiserver.resources import Scale
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Json, Object, is_object

_MOST = 2**31 - 1
_GO_TYPES = {
    bool: "bool",
    str: "string",
    int: "int64",
    float: "float64",
    list: "[]interface {}",
    dict: "map[string]interface {}",
    type(None): "<nil>",
}


def scale_errors(scale: Scale, thing: Object, subresource: str) -> Iterator[FieldError]:
    """What is wrong with the replicas of an object; a write of its status is not asked about its spec."""
    if subresource != "status":
        yield from _number_errors(thing, scale.spec_replicas)
    yield from _number_errors(thing, scale.status_replicas)
    if scale.selector:
        found = _at(thing, scale.selector, str, "string")
        if isinstance(found, _Mistyped):
            yield FieldError(Cause.INVALID, scale.selector, found.text, "")


def _number_errors(thing: Object, path: str) -> Iterator[FieldError]:
    found = _at(thing, path, int, "int64")
    if isinstance(found, _Mistyped):
        yield FieldError(Cause.INVALID, path, found.text, 0)
    elif found is not NOTHING and found < 0:
        yield FieldError(Cause.INVALID, path, "should be a non-negative integer", found)
    elif found is not NOTHING and found > _MOST:
        yield FieldError(Cause.INVALID, path, f"should be less than or equal to {_MOST}", found)


class _Mistyped:
    """A value on the way that is of another type."""

    def __init__(self, path: str, value: Json, wanted: str) -> None:
        kind = _GO_TYPES[type(value)]
        self.text = f"{path} accessor error: {printed(value)} is of the type {kind}, expected {wanted}"


def _at(thing: Object, path: str, type_: type, wanted: str) -> Json:
    """What is under a path such as `.spec.replicas`; NOTHING where it ends before."""
    part: Json = thing
    for name in path.removeprefix(".").split("."):
        if part is None:
            return NOTHING
        if not is_object(part):
            return _Mistyped(path, part, "map[string]interface{}")
        if name not in part:
            return NOTHING
        part = part[name]
    return part if type(part) is type_ else _Mistyped(path, part, wanted)

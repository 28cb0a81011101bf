"""What versions of a CustomResourceDefinition have beside a schema: columns, subresources and fields for selectors.

Source: https://kubernetes.io/docs/reference/kubernetes-api/extend-resources/custom-resource-definition-v1/.
"""

from collections.abc import Callable, Iterator

from aimctrl.sandbox.apiserver.builtin.checks import invalid, required
from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import section

_TYPES = ("boolean", "date", "integer", "number", "string")
_FORMATS = ("byte", "date", "date-time", "double", "float", "int32", "int64", "password")
_SIMPLE = "must be a simple json path starting with ."
_SELECTABLE = frozenset({"string", "boolean", "integer"})
_SELECTABLE_WORDS = (
    "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed."
)


def part_errors(spec: Object) -> Iterator[FieldError]:
    """What is wrong with these parts; where all versions have the same, it is spoken of once."""
    for part, check in _CHECKS.items():
        versions: list[Object] = spec.get("versions") or []
        parts = [version.get(part) or None for version in versions]
        if all(one == parts[0] for one in parts):
            yield from check(versions[0], f"spec.{part}") if versions else ()
        else:
            for place, version in enumerate(versions):
                yield from check(version, f"spec.versions[{place}].{part}")


def _subresource_errors(version: Object, path: str) -> Iterator[FieldError]:
    if section(version, "subresources").get("scale") is None:
        return
    scale = section(version, "subresources", "scale")
    for part, under in (("specReplicasPath", ".spec"), ("statusReplicasPath", ".status")):
        where, found = f"{path}.scale.{part}", str(scale.get(part) or "")
        if not found:
            yield required(where)
        elif not found.startswith("."):
            yield invalid(where, found, _SIMPLE)
        elif not found.startswith(f"{under}."):
            yield invalid(where, found, f"should be a json path under {under}")
    selector = str(scale.get("labelSelectorPath") or "")
    if selector and not selector.startswith("."):
        yield invalid(f"{path}.scale.labelSelectorPath", selector, _SIMPLE)
    elif selector and not selector.startswith((".spec.", ".status.")):
        words = "should be a json path under either .spec or .status"
        yield invalid(f"{path}.scale.labelSelectorPath", selector, words)


def _column_errors(version: Object, path: str) -> Iterator[FieldError]:
    for place, column in enumerate(version.get("additionalPrinterColumns") or ()):
        at, kind, form = f"{path}[{place}]", column.get("type"), column.get("format")
        if not column.get("name"):
            yield required(f"{at}.name")
        if not kind:
            yield required(f"{at}.type", f"must be one of {','.join(_TYPES)}")
        elif kind not in _TYPES:
            yield invalid(f"{at}.type", kind, f"must be one of {','.join(_TYPES)}")
        if form and form not in _FORMATS:
            yield invalid(f"{at}.format", form, f"must be one of {','.join(_FORMATS)}")
        if not column.get("jsonPath"):
            yield required(f"{at}.JSONPath")
        elif not column["jsonPath"].startswith("."):
            yield invalid(f"{at}.JSONPath", column["jsonPath"], _SIMPLE)


def _selectable_errors(version: Object, path: str) -> Iterator[FieldError]:
    schema = section(version, "schema", "openAPIV3Schema")
    seen: set[str] = set()
    for place, field in enumerate(version.get("selectableFields") or ()):
        at, wanted = f"{path}[{place}].jsonPath", field.get("jsonPath", "")
        fault = _selectable_fault(schema, wanted)
        if not wanted:
            yield required(at)
        elif fault:
            yield invalid(at, wanted, fault)
        elif wanted in seen:
            yield FieldError(Cause.DUPLICATE, at, "", wanted)
        seen.add(wanted)


def _selectable_fault(schema: Object, path: str) -> str:
    if not path.startswith("."):
        return f"is an invalid path: expected [ or . but got: {path}"
    part, names = schema, path.split(".")[1:]
    for name in names:
        below = section(part, "properties")
        if name not in below or names[0] == "metadata":
            return "is an invalid path: does not refer to a valid field"
        part = section(below, name)
    return "" if part.get("type") in _SELECTABLE else _SELECTABLE_WORDS


_CHECKS: dict[str, Callable[[Object, str], Iterator[FieldError]]] = {
    "subresources": _subresource_errors,
    "additionalPrinterColumns": _column_errors,
    "selectableFields": _selectable_errors,
}

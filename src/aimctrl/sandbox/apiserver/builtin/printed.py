"""What several built-in kinds show of themselves: selectors, containers, addresses, modes of access."""

from collections.abc import Iterable, Mapping
from typing import Any

from aimctrl.sandbox.apiserver.printing import NONE, Shown, text, wide
from aimctrl.sandbox.apiserver.schema.node import Json, Object

_OPERATORS = {"In": "in", "NotIn": "notin", "Exists": "", "DoesNotExist": "!"}

_MODES = {"ReadWriteOnce": "RWO", "ReadOnlyMany": "ROX", "ReadWriteMany": "RWX", "ReadWriteOncePod": "RWOP"}

_SHOWN = 3
"""How many addresses or hosts are named before the others are only counted."""


def at(thing: Object, *path: str) -> Any:
    """The value at a path of keys; None where there is none."""
    value: Any = thing
    for key in path:
        value = value.get(key) if value else None
    return value


def labels(pairs: Mapping[str, str] | None) -> str:
    """Labels as a selector is written."""
    return ",".join(f"{key}={value}" for key, value in sorted((pairs or {}).items())) or NONE


def selector(wanted: Object | None) -> str:
    """A label selector in one line."""
    if not wanted:
        return NONE
    pairs: Mapping[str, str] = wanted.get("matchLabels") or {}
    others: list[Object] = wanted.get("matchExpressions") or []
    parts: list[tuple[str, str, list[str]]] = [(key, "=", [value]) for key, value in pairs.items()]
    parts += [(str(other["key"]), str(other["operator"]), _values(other)) for other in others]
    return ",".join(_requirement(*part) for part in sorted(parts, key=lambda part: part[0])) or NONE


def _values(requirement: Object) -> list[str]:
    values: list[str] = requirement.get("values") or []
    return sorted(values)


def _requirement(key: str, operator: str, values: list[str]) -> str:
    if operator == "=":
        return f"{key}={values[0]}"
    word = _OPERATORS[operator]
    return f"{key} {word} ({','.join(values)})" if values else f"{word}{key}"


def template_columns(*path: str) -> tuple[Shown, Shown]:
    """The containers and the images of the Pod template at a path."""

    def joined(key: str, thing: Object) -> str:
        return ",".join(container.get(key, "") for container in at(thing, *path, "spec", "containers") or ())

    return (
        text("Containers", lambda thing: joined("name", thing)),
        text("Images", lambda thing: joined("image", thing)),
    )


def workload_columns() -> tuple[Shown, ...]:
    """The columns of what makes Pods, where there is room for them."""
    return tuple(wide(shown) for shown in (*template_columns("spec", "template"), text("Selector", _chosen)))


def _chosen(workload: Object) -> str:
    """Whom it chooses; an old kind has no more than labels."""
    wanted: Object = at(workload, "spec", "selector") or {}
    return labels(wanted) if workload["kind"] == "ReplicationController" else selector(wanted)


def modes(names: Iterable[str] | None) -> str:
    """Modes of access, shortened, in Kubernetes' order."""
    known = set(names or ())
    return ",".join(short for name, short in _MODES.items() if name in known)


def some(names: Iterable[Json], absent: str) -> str:
    """The first three of them, and how many others there are."""
    found = [str(name) for name in names]
    more = f" + {len(found) - _SHOWN} more..." if len(found) > _SHOWN else ""
    return (",".join(found[:_SHOWN]) + more) or absent


def truthful(value: Json, absent: str) -> Json:
    """The value, or what stands for its absence."""
    return absent if value is None or value == "" else value

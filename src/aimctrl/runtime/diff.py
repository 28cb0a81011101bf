"""Comparing JSON the way the API server would: would this apply change anything, and what must a patch say?

Everything here is on the safe side: where it cannot be known that an apply changes nothing, the answer is that it does.
Sources: https://kubernetes.io/docs/reference/using-api/server-side-apply/ , RFC 7386.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

import msgspec

from aimctrl.kube.quantity import InvalidQuantityError, parse

QUANTITIES = frozenset({"limits", "requests", "capacity", "sizeLimit"})
"""Fields whose strings are quantities, at any depth below: `1000m` there is `1`."""

Json = Mapping[str, Any]


def decode(raw: bytes) -> dict[str, Any]:
    """An object's JSON."""
    value: dict[str, Any] = msgspec.json.decode(raw)
    return value


def plain(value: Any) -> Any:
    """The value as JSON decodes it: dicts, lists, strings, numbers."""
    return msgspec.json.decode(msgspec.json.encode(value))


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it is a JSON object."""
    return isinstance(value, dict)


def is_array(value: Any) -> TypeGuard[list[Any]]:
    """Whether it is a JSON array."""
    return isinstance(value, list)


def covers(live: Json, manifest: Json) -> bool:
    """Whether every field of `manifest` has its value in `live` already; what else is in `live` does not matter.

    Lists are compared whole and in order, but for owner references and finalizers, which several may add to.
    apiVersion and kind are not compared: the items of a list come without them.
    """
    rest = {name: value for name, value in manifest.items() if name not in {"apiVersion", "kind", "metadata"}}
    return _metadata_covered(live.get("metadata", {}), manifest.get("metadata", {})) and _covered(live, rest)


def _metadata_covered(live: Json, wanted: Json) -> bool:
    refs = live.get("ownerReferences", [])
    if not all(any(_covered(ref, own) for ref in refs) for own in wanted.get("ownerReferences", [])):
        return False
    if not set(wanted.get("finalizers", [])) <= set(live.get("finalizers", [])):
        return False
    rest = {name: value for name, value in wanted.items() if name not in {"ownerReferences", "finalizers"}}
    return _covered(live, rest)


def _covered(live: Any, wanted: Any, *, quantity: bool = False) -> bool:
    if is_object(wanted):
        return is_object(live) and all(
            (name in live and _covered(live[name], value, quantity=quantity or name in QUANTITIES))
            or (value is None and name not in live)
            for name, value in wanted.items()
        )
    if is_array(wanted):
        pairs = zip(live, wanted, strict=True) if is_array(live) and len(live) == len(wanted) else None
        return pairs is not None and all(_covered(a, b, quantity=quantity) for a, b in pairs)
    return _equal(live, wanted) or (quantity and _same_quantity(live, wanted))


def _equal(live: Any, wanted: Any) -> bool:
    return isinstance(live, bool) == isinstance(wanted, bool) and live == wanted


def _same_quantity(live: Any, wanted: Any) -> bool:
    try:
        return parse(live) == parse(wanted)
    except InvalidQuantityError:
        return False


def applied_fields(live: Json, manager: str) -> Json | None:
    """The fields that `manager` owns by server-side apply, as `fieldsV1` has them; None where that is not known."""
    for entry in live.get("metadata", {}).get("managedFields", []):
        mine = entry.get("manager") == manager and entry.get("operation") == "Apply"
        if mine and not entry.get("subresource"):
            fields: Json = entry.get("fieldsV1", {})
            return fields
    return None


def within(fields: Json, value: Any) -> bool:
    """Whether every field in `fields` (a `fieldsV1` tree) is still in `value`: applying it would take none away."""
    return all(_path_within(path, below, value) for path, below in fields.items())


def _path_within(path: str, below: Json, value: Any) -> bool:
    sort, _, text = path.partition(":")
    if sort == ".":
        return True
    if sort == "f":
        return is_object(value) and text in value and within(below, value[text])
    if not is_array(value) or sort not in {"k", "v"}:
        return False
    told = msgspec.json.decode(text)
    if sort == "v":
        return told in value
    return any(_has_keys(item, told) and within(below, item) for item in value)


def _has_keys(item: Any, keys: Json) -> bool:
    """Whether the list item is the one with those keys; a key it leaves out has been defaulted by the server."""
    return is_object(item) and all(item.get(name, value) == value for name, value in keys.items())


def patched_already(live: Any, patch: Any) -> bool:
    """Whether a JSON merge patch would leave `live` as it is."""
    if not is_object(patch):
        return _equal(live, patch)
    return is_object(live) and all(
        name not in live if value is None else name in live and patched_already(live[name], value)
        for name, value in patch.items()
    )


def without_unset(status: Json) -> dict[str, Any]:
    """A status as JSON without the fields that are None; below them a null is a value like any other."""
    return {name: value for name, value in plain(status).items() if value is not None}

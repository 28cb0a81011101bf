"""JSON merge patches (RFC 7386).

Source: https://www.rfc-editor.org/rfc/rfc7386, and the answers of a kube-apiserver v1.36 (hack/controlplane).
"""

from typing import Any

from aimctrl.sandbox.apiserver.errors import bad_request
from aimctrl.sandbox.apiserver.metadata import go_type
from aimctrl.sandbox.apiserver.schema.node import Json, Object, is_array, is_object


def apply_merge_patch(document: Object, patch: Json) -> Object:
    """The document with the patch in it; it is changed in place, and takes over parts of the patch.

    Raises:
        StatusError: 400 where it is no patch.
    """
    if patch is None:
        raise bad_request("Invalid JSON Patch")
    if not is_object(patch):
        kind = go_type(patch)
        raise bad_request(
            f"error decoding patch: json: cannot unmarshal {kind} into Go value of type map[string]interface {{}}"
        )
    _merge(document, patch)
    return document


def _merge(document: Object, patch: Object) -> None:
    for key, value in patch.items():
        if value is None:
            document.pop(key, None)
            continue
        current = document.get(key)
        if not is_object(current):
            document[key] = _without_nulls(value)
        elif is_object(value):
            _merge(current, value)
        else:
            document[key] = value


def _without_nulls(value: Json) -> Any:
    """The value without the nulls in its objects; those in lists stay."""
    if is_object(value):
        return {key: _without_nulls(part) for key, part in value.items() if part is not None}
    if is_array(value):
        return [_without_nulls(part) for part in value]
    return value

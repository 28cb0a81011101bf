from typing import Any

import pytest

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.patch.merge_patch import apply_merge_patch


@pytest.mark.parametrize(
    ("document", "patch", "expected"),
    [
        pytest.param({"a": "b"}, {"a": "c"}, {"a": "c"}, id="replace"),
        pytest.param({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}, id="add"),
        pytest.param({"a": "b", "b": "c"}, {"a": None}, {"b": "c"}, id="remove"),
        pytest.param({}, {"a": None}, {}, id="remove-nothing"),
        pytest.param({"a": ["b"]}, {"a": ["c"]}, {"a": ["c"]}, id="lists-are-replaced"),
        pytest.param({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}, id="deep"),
        pytest.param({"a": "b"}, {"a": {"c": None, "d": 1}}, {"a": {"d": 1}}, id="object-for-text"),
        pytest.param({}, {"a": {"b": {"c": None}}}, {"a": {"b": {}}}, id="new-without-nulls"),
        pytest.param({"a": None}, {"a": {"b": None}}, {"a": {}}, id="object-for-null"),
        pytest.param({}, {"a": [None, {"b": None}]}, {"a": [None, {}]}, id="nulls-of-lists-stay"),
        pytest.param({"a": {"b": 1}}, {"a": [{"b": None}]}, {"a": [{"b": None}]}, id="list-for-object-as-it-is"),
        pytest.param({"a": {"b": 1}}, {"a": 0}, {"a": 0}, id="zero-is-a-value"),
    ],
)
def test_the_patch_is_merged_into_the_document(document: Any, patch: Any, expected: Any) -> None:
    assert apply_merge_patch(document, patch) == expected


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        (None, "Invalid JSON Patch"),
        ([], "error decoding patch: json: cannot unmarshal array into Go value of type map[string]interface {}"),
        ("x", "error decoding patch: json: cannot unmarshal string into Go value of type map[string]interface {}"),
        (5, "error decoding patch: json: cannot unmarshal number into Go value of type map[string]interface {}"),
    ],
    ids=["null", "list", "text", "number"],
)
def test_only_objects_are_merge_patches(patch: Any, message: str) -> None:
    with pytest.raises(StatusError) as refusal:
        apply_merge_patch({}, patch)
    assert (refusal.value.code, refusal.value.message) == (400, message)

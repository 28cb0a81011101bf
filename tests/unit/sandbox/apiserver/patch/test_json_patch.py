"""What each JSON patch does is what a kube-apiserver v1.36 did with it."""

from typing import Any

import pytest

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.patch.json_patch import apply_json_patch

REFUSED = "the server rejected our request due to an error in our request"


def document() -> dict[str, Any]:
    return {"data": {"k": "v", "a/b~c": "x", "n": None}, "list": ["p", "q"], "deep": [{"name": "m", "args": [1]}]}


def op(kind: str, path: str, **more: Any) -> dict[str, Any]:
    return {"op": kind, "path": path, **more}


@pytest.mark.parametrize(
    ("patch", "where", "expected"),
    [
        pytest.param([op("add", "/data/x", value="1")], "data", {**document()["data"], "x": "1"}, id="add-key"),
        pytest.param([op("add", "/data/k", value="2")], "data", {**document()["data"], "k": "2"}, id="add-replaces"),
        pytest.param([op("add", "/data/x")], "data", {**document()["data"], "x": None}, id="add-without-value"),
        pytest.param([op("add", "/list/-", value="r")], "list", ["p", "q", "r"], id="append"),
        pytest.param([op("add", "/list/0", value="r")], "list", ["r", "p", "q"], id="insert"),
        pytest.param([op("add", "/list/2", value="r")], "list", ["p", "q", "r"], id="insert-at-end"),
        pytest.param([op("add", "/list/-1", value="r")], "list", ["p", "q", "r"], id="insert-from-the-end"),
        pytest.param([op("remove", "/list/0")], "list", ["q"], id="remove-item"),
        pytest.param([op("remove", "/list/-1")], "list", ["p"], id="remove-last"),
        pytest.param([op("remove", "/data/a~1b~0c")], "data", {"k": "v", "n": None}, id="escaped"),
        pytest.param([op("replace", "/data/new", value="1")], "data", {**document()["data"], "new": "1"}, id="upsert"),
        pytest.param([op("replace", "/list/1", value="r")], "list", ["p", "r"], id="replace-item"),
        pytest.param([op("replace", "/deep/0/args/0", value=2)], "deep", [{"name": "m", "args": [2]}], id="deep"),
        pytest.param(
            [{"op": "move", "from": "/data/k", "path": "/list/0"}], "list", ["v", "p", "q"], id="move-into-a-list"
        ),
        pytest.param(
            [{"op": "copy", "from": "/deep/0", "path": "/deep/-"}, op("replace", "/deep/1/name", value="c")],
            "deep",
            [{"name": "m", "args": [1]}, {"name": "c", "args": [1]}],
            id="copies-are-apart",
        ),
        pytest.param(
            [{"op": "copy", "from": "/data/none", "path": "/list/-"}], "list", ["p", "q", None], id="copy-of-nothing"
        ),
        pytest.param([op("test", "/data/k", value="v")], "list", ["p", "q"], id="test-holds"),
        pytest.param([op("test", "/data/n", value=None)], "list", ["p", "q"], id="test-null"),
        pytest.param([op("test", "/data/none")], "list", ["p", "q"], id="test-of-nothing"),
        pytest.param([op("test", "/deep", value=document()["deep"])], "list", ["p", "q"], id="test-deep"),
        pytest.param([op("test", "", value=document())], "list", ["p", "q"], id="test-document"),
        pytest.param([op("add", "ignored/data/k", value="2")], "data", {**document()["data"], "k": "2"}, id="prefix"),
        pytest.param([op("replace", "", value={"list": []})], "list", [], id="replace-document"),
        pytest.param(None, "list", ["p", "q"], id="null"),
        pytest.param([], "list", ["p", "q"], id="empty"),
    ],
)
def test_operations_change_the_document(patch: Any, where: str, expected: Any) -> None:
    assert apply_json_patch(document(), patch)[where] == expected


@pytest.mark.parametrize(
    "patch",
    [
        pytest.param([op("frobnicate", "/data/k")], id="unknown-operation"),
        pytest.param([None], id="null"),
        pytest.param([{"op": "add", "value": 1}], id="no-path"),
        pytest.param([{"op": "move", "path": "/data/x"}], id="no-from"),
        pytest.param([op("add", "", value={})], id="add-document"),
        pytest.param([op("replace", "", value="x")], id="replace-document-by-text"),
        pytest.param([op("add", "data", value="1")], id="no-slash"),
        pytest.param([op("add", "/none/of/this", value=1)], id="add-below-nothing"),
        pytest.param([op("add", "/data/k/x", value=1)], id="add-below-text"),
        pytest.param([op("add", "/data/n/x", value=1)], id="add-below-null"),
        pytest.param([op("add", "/list/3", value=1)], id="add-past-the-end"),
        pytest.param([op("add", "/list/x", value=1)], id="add-at-a-name"),
        pytest.param([op("remove", "/data/none")], id="remove-nothing"),
        pytest.param([op("remove", "/list/2")], id="remove-past-the-end"),
        pytest.param([op("remove", "/list/-3")], id="remove-before-the-start"),
        pytest.param([op("replace", "/list/2", value=1)], id="replace-past-the-end"),
        pytest.param([op("replace", "/list/-", value=1)], id="replace-at-dash"),
        pytest.param([op("replace", "/none/x", value=1)], id="replace-below-nothing"),
        pytest.param([{"op": "move", "from": "/data/none", "path": "/data/x"}], id="move-nothing"),
        pytest.param([op("test", "/data/k", value="w")], id="test-other"),
        pytest.param([op("test", "/data/none", value="w")], id="test-missing"),
        pytest.param([op("test", "/deep/0/args/0", value=True)], id="test-true-is-not-1"),
        pytest.param([op("test", "/none/x", value="w")], id="test-below-nothing"),
    ],
)
def test_what_does_not_apply_is_refused_without_a_reason(patch: Any) -> None:
    with pytest.raises(StatusError) as refusal:
        apply_json_patch(document(), patch)
    assert (refusal.value.code, refusal.value.reason, refusal.value.message) == (422, "Invalid", REFUSED)
    assert refusal.value.details == {}


@pytest.mark.parametrize(
    ("patch", "message"),
    [
        pytest.param({}, "object into Go value of type []handlers.jsonPatchOp", id="object"),
        pytest.param("x", "string into Go value of type []handlers.jsonPatchOp", id="text"),
        pytest.param(["x"], "string into Go value of type handlers.jsonPatchOp", id="item"),
        pytest.param([op("add", "/x", value=1), {"op": 1}], "number into Go struct field jsonPatchOp.op", id="op"),
        pytest.param([{"op": "add", "path": 1}], "number into Go struct field jsonPatchOp.path", id="path"),
        pytest.param([{"op": "add", "from": {}}], "object into Go struct field jsonPatchOp.from", id="from"),
    ],
)
def test_what_is_no_patch_is_a_bad_request(patch: Any, message: str) -> None:
    with pytest.raises(StatusError) as refusal:
        apply_json_patch(document(), patch)
    assert refusal.value.code == 400
    assert refusal.value.message.startswith(f"error decoding patch: json: cannot unmarshal {message}")


def test_ten_thousand_operations_are_the_most() -> None:
    operations = [op("test", "/data/k", value="v")] * 10_000
    assert apply_json_patch(document(), operations) == document()
    with pytest.raises(StatusError) as refusal:
        apply_json_patch(document(), [*operations, operations[0]])
    assert refusal.value.code == 413
    assert "The allowed maximum operations in a JSON patch is 10000, got 10001" in refusal.value.message


def test_the_patch_stays_as_it_was() -> None:
    patch = [op("add", "/data/new", value={}), op("add", "/data/new/x", value=1)]
    apply_json_patch(document(), patch)
    assert patch[0]["value"] == {}

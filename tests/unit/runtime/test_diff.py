"""Whether an apply or a patch would change anything, as the API server would see it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.runtime import diff


def spec(value: Any) -> dict[str, Any]:
    return {"spec": value}


@pytest.mark.parametrize(
    ("live", "manifest", "covered"),
    [
        pytest.param(spec({"a": 1, "b": 2}), spec({"a": 1}), True, id="more-in-live"),
        pytest.param(spec({"a": 1}), spec({"a": 2}), False, id="another-value"),
        pytest.param(spec({"a": 1}), spec({"b": 1}), False, id="not-there"),
        pytest.param(spec({"a": 1}), spec({"a": True}), False, id="true-is-not-one"),
        pytest.param(spec({}), spec({"a": None}), True, id="null-is-absent"),
        pytest.param(spec({}), spec({"a": {}}), False, id="an-empty-object-is-not-absent"),
        pytest.param(spec({"a": "x"}), spec({"a": {"b": 1}}), False, id="another-type"),
        pytest.param(
            spec([{"name": "a", "image": "i", "imagePullPolicy": "Always"}]),
            spec([{"name": "a", "image": "i"}]),
            True,
            id="defaults-in-list-items",
        ),
        pytest.param(spec([1, 2, 3]), spec([1, 2]), False, id="a-longer-list"),
        pytest.param(spec([2, 1]), spec([1, 2]), False, id="another-order"),
        pytest.param(spec({"limits": {"cpu": "1"}}), spec({"limits": {"cpu": "1000m"}}), True, id="equal-quantities"),
        pytest.param(spec({"limits": {"cpu": "4"}}), spec({"limits": {"cpu": 4}}), True, id="a-number-as-quantity"),
        pytest.param(spec({"limits": {"cpu": "1"}}), spec({"limits": {"cpu": "2"}}), False, id="other-quantities"),
        pytest.param(spec({"limits": {"cpu": "1"}}), spec({"limits": {"cpu": "one"}}), False, id="no-quantity"),
        pytest.param(spec({"version": "1.0"}), spec({"version": "1.00"}), False, id="not-a-field-for-quantities"),
        pytest.param({"spec": {}}, {"apiVersion": "v1", "kind": "X", "spec": {}}, True, id="type-left-out-in-lists"),
        pytest.param(
            {"metadata": {"ownerReferences": [{"uid": "1", "name": "a"}, {"uid": "2"}], "finalizers": ["x", "y"]}},
            {"metadata": {"ownerReferences": [{"uid": "2"}], "finalizers": ["y"]}},
            True,
            id="others-own-it-too",
        ),
        pytest.param(
            {"metadata": {"ownerReferences": [{"uid": "1"}]}},
            {"metadata": {"ownerReferences": [{"uid": "2"}]}},
            False,
            id="not-owned-yet",
        ),
        pytest.param({"metadata": {}}, {"metadata": {"finalizers": ["y"]}}, False, id="no-finalizer-yet"),
        pytest.param(
            {"metadata": {"labels": {"a": "1", "b": "2"}}},
            {"metadata": {"labels": {"a": "1"}}},
            True,
            id="other-labels",
        ),
    ],
)
def test_what_is_there_already(live: dict[str, Any], manifest: dict[str, Any], covered: bool) -> None:
    assert diff.covers(live, manifest) is covered


OWNED = {
    "f:metadata": {"f:labels": {".": {}, "f:app": {}}, "f:ownerReferences": {'k:{"uid":"u"}': {}}},
    "f:spec": {
        "f:replicas": {},
        "f:containers": {'k:{"name":"main"}': {".": {}, "f:name": {}, "f:image": {}}},
        "f:ports": {'k:{"containerPort":80,"protocol":"TCP"}': {".": {}, "f:containerPort": {}}},
        "f:names": {'v:"a"': {}},
    },
}
APPLIED: dict[str, Any] = {
    "metadata": {"labels": {"app": "x"}, "ownerReferences": [{"uid": "u"}]},
    "spec": {
        "replicas": 1,
        "containers": [{"name": "main", "image": "i"}],
        "ports": [{"containerPort": 80}],
        "names": ["a", "b"],
    },
}


def test_what_was_applied_is_within_what_is_applied_again() -> None:
    assert diff.within(OWNED, APPLIED)


@pytest.mark.parametrize(
    "less",
    [
        pytest.param({"spec": APPLIED["spec"]}, id="all-labels-dropped"),
        pytest.param({**APPLIED, "spec": {**APPLIED["spec"], "containers": []}}, id="a-container-dropped"),
        pytest.param({**APPLIED, "spec": {**APPLIED["spec"], "containers": [{"name": "main"}]}}, id="an-image-dropped"),
        pytest.param({**APPLIED, "spec": {**APPLIED["spec"], "ports": [{"containerPort": 81}]}}, id="a-port-moved"),
        pytest.param({**APPLIED, "spec": {**APPLIED["spec"], "names": ["b"]}}, id="a-set-member-dropped"),
        pytest.param({**APPLIED, "spec": {**APPLIED["spec"], "names": {"a": 1}}}, id="a-list-became-an-object"),
        pytest.param({**APPLIED, "spec": None}, id="null"),
    ],
)
def test_a_field_that_was_applied_and_is_dropped_is_noticed(less: dict[str, Any]) -> None:
    assert not diff.within(OWNED, less)


def test_a_field_owned_by_position_is_taken_as_dropped() -> None:
    assert not diff.within({"f:list": {"i:0": {}}}, {"list": [1]})


def test_only_our_own_applies_count_as_ours() -> None:
    def entry(**fields: str) -> dict[str, Any]:
        return {"manager": "us", "operation": "Apply", "fieldsV1": {"f:" + fields.get("marks", "x"): {}}, **fields}

    others = [entry(operation="Update"), entry(manager="them"), entry(subresource="status")]
    assert diff.applied_fields({"metadata": {"managedFields": others}}, "us") is None
    assert diff.applied_fields({"metadata": {"managedFields": [*others, entry(marks="y")]}}, "us") == {"f:y": {}}
    assert diff.applied_fields({"metadata": {}}, "us") is None


JSON = st.recursive(
    st.integers(0, 3) | st.sampled_from(["a", "b"]) | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("xyz"), inner, max_size=3),
    max_leaves=8,
)
OBJECT = st.dictionaries(st.sampled_from("xyz"), JSON, max_size=3)


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result


@given(OBJECT, st.dictionaries(st.sampled_from("xyz"), JSON | st.none(), max_size=3))
def test_a_patch_that_is_carried_out_already_changes_nothing(live: dict[str, Any], patch: dict[str, Any]) -> None:
    if diff.patched_already(live, patch):
        assert merged(live, patch) == live
    assert diff.patched_already(merged(live, patch), patch)


@given(OBJECT)
def test_what_is_there_is_covered(value: dict[str, Any]) -> None:
    assert diff.covers({"spec": value}, {"spec": value})
    assert diff.patched_already(value, value)


@given(OBJECT, OBJECT)
def test_a_patch_known_to_change_nothing_changes_nothing(live: dict[str, Any], patch: dict[str, Any]) -> None:
    if diff.patched_already(live, patch):
        assert merged(live, patch) == live


@pytest.mark.parametrize(
    ("live", "patch", "already"),
    [
        pytest.param({"a": 1}, {"b": None}, True, id="absent"),
        pytest.param({"a": 1}, {"a": None}, False, id="to-remove"),
        pytest.param({"a": [{"x": 1, "y": 2}]}, {"a": [{"x": 1}]}, False, id="lists-are-replaced-whole"),
        pytest.param({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}}, True, id="nested"),
    ],
)
def test_whether_a_patch_is_carried_out_already(live: dict[str, Any], patch: dict[str, Any], already: bool) -> None:
    assert diff.patched_already(live, patch) is already


def test_tuples_become_lists() -> None:
    assert diff.plain({"a": (1, {"b": ()})}) == {"a": [1, {"b": []}]}

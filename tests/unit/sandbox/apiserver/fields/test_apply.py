"""Server-side apply; owners, conflicts and results are those of a kube-apiserver v1.36."""

from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.fields.apply import applied
from aimctrl.sandbox.apiserver.fields.managers import tracked
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import copied
from support.fields import THINGS, applier, owned, stored, thing, updater

FIRST, SECOND = "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"


def apply(live: Object | None, name: str, time: str = FIRST, *, force: bool = False, **parts: Any) -> Object:
    return applied(THINGS, live, thing(**parts), applier(name, time), force=force)


def update(live: Object, name: str, **parts: Any) -> Object:
    new = copied({**live, **parts})
    tracked(THINGS, live, new, updater(name))
    return new


def times(of: Object) -> dict[str, str | None]:
    return {entry["manager"]: entry.get("time") for entry in of["metadata"].get("managedFields", [])}


def containers(*names: str, **more: Any) -> dict[str, Any]:
    return {"containers": [{"name": name, **more} for name in names]}


def order(of: Object) -> list[str]:
    return [item["name"] for item in of["spec"]["containers"]]


def test_what_is_applied_is_created_with_its_leaves_managed() -> None:
    new = apply(None, "m", data={"a": "1"}, spec={"replicas": 1})
    assert (new["data"], new["spec"]) == ({"a": "1"}, {"replicas": 1})
    assert owned(new) == {"m": [".data.a", ".spec.replicas"]}


def test_what_the_applier_drops_is_gone() -> None:
    live = apply(None, "m", data={"a": "1", "b": "1"}, spec=containers("c", "d", image="i"))
    new = apply(live, "m", data={"b": "1"}, spec=containers("d"))
    assert new["data"] == {"b": "1"}
    assert new["spec"] == {"containers": [{"name": "d"}]}


def test_whole_objects_go_with_the_last_of_their_parts() -> None:
    new = apply(apply(None, "m", data={"a": "1"}, spec={"replicas": 1}), "m", data={"a": "1"})
    assert "spec" not in new


def test_what_another_applier_has_too_stays() -> None:
    live = apply(apply(None, "m", data={"a": "1", "b": "1"}), "n", data={"b": "1"})
    new = apply(live, "m", data={"a": "1"})
    assert new["data"] == {"a": "1", "b": "1"}
    assert owned(new) == {"m": [".data.a"], "n": [".data.b"]}


def test_what_an_updater_set_stays() -> None:
    live = update(apply(None, "m", data={"a": "1"}), "u", data={"a": "1", "b": "1"})
    new = apply(live, "m")
    assert new["data"] == {"b": "1"}
    assert owned(new) == {"u updates": [".data.b"]}


def test_what_nobody_manages_stays_where_some_of_its_surroundings_do() -> None:
    live = apply(None, "m", spec={"paused": True, "groups": ["a"]})
    live["spec"] = {**live["spec"], "replicas": 1}
    assert apply(live, "m", spec={"paused": True})["spec"] == {"paused": True, "replicas": 1}


def test_an_item_of_which_others_have_parts_stays_with_those_parts() -> None:
    live = apply(None, "m", spec=containers("c", image="i"))
    live = apply(live, "n", spec={"containers": [{"name": "c", "env": [{"name": "A"}]}]})
    new = apply(live, "m", data={"a": "1"})
    assert new["spec"] == {"containers": [{"name": "c", "env": [{"name": "A"}]}]}


def test_applying_the_same_again_changes_nothing_not_even_the_time() -> None:
    live = apply(None, "m", FIRST, data={"a": "1"})
    assert apply(live, "m", SECOND, data={"a": "1"}) == live


def test_a_second_applier_of_the_same_shares_it_and_has_no_time_yet() -> None:
    live = apply(None, "m", FIRST, data={"a": "1"})
    new = apply(live, "n", SECOND, data={"a": "1"})
    assert owned(new) == {"n": [".data.a"], "m": [".data.a"]}
    assert times(new) == {"n": None, "m": FIRST}


def test_who_applies_a_change_of_its_own_has_a_new_time() -> None:
    live = apply(None, "m", FIRST, data={"a": "1"})
    assert times(apply(live, "m", SECOND, data={"a": "2"})) == {"m": SECOND}


@pytest.mark.parametrize(
    ("parts", "message", "causes"),
    [
        pytest.param(
            {"data": {"a": "2"}},
            'Apply failed with 1 conflict: conflict with "m": .data.a',
            [('conflict with "m"', ".data.a")],
            id="one",
        ),
        pytest.param(
            {"data": {"a": "2", "b": "2", "u": "2"}},
            'Apply failed with 3 conflicts: conflicts with "m":\n- .data.a\n- .data.b\n'
            'conflicts with "u" using t.io/v1:\n- .data.u',
            [
                ('conflict with "m"', ".data.a"),
                ('conflict with "m"', ".data.b"),
                ('conflict with "u" using t.io/v1', ".data.u"),
            ],
            id="several",
        ),
        pytest.param(
            {"spec": containers("c", image="j")},
            'Apply failed with 1 conflict: conflict with "m": .spec.containers[name="c"].image',
            [('conflict with "m"', '.spec.containers[name="c"].image')],
            id="of-an-item",
        ),
    ],
)
def test_what_others_manage_is_not_changed_without_force(
    parts: dict[str, Any], message: str, causes: Sequence[tuple[str, str]]
) -> None:
    live = apply(None, "m", data={"a": "1", "b": "1"}, spec=containers("c", image="i"))
    live = update(live, "u", data={"a": "1", "b": "1", "u": "1"})
    with pytest.raises(StatusError) as refusal:
        apply(live, "n", **parts)
    assert (refusal.value.code, refusal.value.reason, refusal.value.message) == (409, "Conflict", message)
    assert refusal.value.details == {
        "causes": [{"reason": "FieldManagerConflict", "message": text, "field": path} for text, path in causes]
    }


def test_force_takes_what_others_manage() -> None:
    live = apply(None, "m", data={"a": "1", "b": "1"})
    new = apply(live, "n", force=True, data={"a": "2"})
    assert new["data"] == {"a": "2", "b": "1"}
    assert owned(new) == {"m": [".data.b"], "n": [".data.a"]}


def test_what_a_request_does_not_change_is_no_conflict() -> None:
    live = applied(THINGS, stored(), thing(status={"phase": "Up"}), applier("s", subresource="status"), force=False)
    new = apply(live, "n", data={"a": "1"}, status={"phase": "Down"})
    assert owned(new) == {"s of status": [".status.phase"], "n": [".data.a"]}


def test_a_conflict_names_the_subresource() -> None:
    live = applied(THINGS, stored(), thing(status={"phase": "Up"}), applier("s", subresource="status"), force=False)
    with pytest.raises(StatusError) as refusal:
        applied(THINGS, live, thing(status={"phase": "Down"}), applier("t", subresource="status"), force=False)
    assert refusal.value.message == (
        'Apply failed with 1 conflict: conflict with "s" with subresource "status": .status.phase'
    )


def test_conflicts_go_by_manager_and_subresources_first() -> None:
    live = apply(None, "m1", data={"a": "1"})
    live = applied(THINGS, live, thing(data={"b": "1"}), applier("m1", subresource="status"), force=False)
    live = apply(live, "m", data={"c": "1"})
    with pytest.raises(StatusError) as refusal:
        apply(live, "n", data={"a": "2", "b": "2", "c": "2"})
    assert refusal.value.message == (
        'Apply failed with 3 conflicts: conflicts with "m":\n- .data.c\n'
        'conflicts with "m1" with subresource "status":\n- .data.b\nconflicts with "m1":\n- .data.a'
    )


def test_what_nobody_managed_is_put_under_a_name_of_its_own_at_the_first_apply() -> None:
    live = stored(data={"a": "1", "b": "1"})
    new = apply(live, "m", SECOND, data={"a": "1"})
    assert owned(new) == {"m": [".data.a"], "before-first-apply updates": [".data", ".data.a", ".data.b"]}
    assert times(new) == {"m": None, "before-first-apply": SECOND}
    with pytest.raises(StatusError) as refusal:
        apply(live, "m", data={"a": "2"})
    assert refusal.value.message == (
        'Apply failed with 1 conflict: conflict with "before-first-apply" using t.io/v1: .data.a'
    )


@pytest.mark.parametrize(
    ("live", "wanted", "expected"),
    [
        pytest.param("abc", "ba", "bca", id="applied-order-wins"),
        pytest.param("abc", "x", "abcx", id="new-after-the-live"),
        pytest.param("abc", "xb", "axbc", id="new-before-its-neighbour"),
        pytest.param("abc", "bx", "abcx", id="new-after-its-neighbour"),
        pytest.param("abcd", "da", "bcda", id="live-ones-stay-among-themselves"),
        pytest.param("abcd", "cxa", "bcdxa", id="between"),
        pytest.param("abcd", "dcba", "dcba", id="reversed"),
    ],
)
def test_lists_are_in_the_applied_order_with_the_others_where_they_were(live: str, wanted: str, expected: str) -> None:
    new = apply(stored(spec=containers(*live)), "m", spec=containers(*wanted))
    assert "".join(order(new)) == expected


@pytest.mark.parametrize(
    ("live", "wanted", "expected"),
    [
        pytest.param({"data": {"a": "1"}}, {"data": None}, {"data": {"a": "1"}}, id="null-leaves-a-map"),
        pytest.param({"data": {}}, {"data": None}, {"data": None}, id="null-for-an-empty-map"),
        pytest.param({"data": {"a": "1"}}, {"data": {"a": None}}, {"data": {"a": None}}, id="null-for-a-leaf"),
        pytest.param({"data": None}, {"data": {"a": "1"}}, {"data": {"a": "1"}}, id="map-for-null"),
        pytest.param(
            {"spec": {"selector": {"matchLabels": {"a": "1"}}}},
            {"spec": {"selector": {"matchLabels": {"b": "1"}}}},
            {"spec": {"selector": {"matchLabels": {"b": "1"}}}},
            id="atomic-objects-are-replaced",
        ),
        pytest.param(
            {"spec": {"groups": ["a", "b"]}}, {"spec": {"groups": ["c", "a"]}}, {"spec": {"groups": ["c", "a", "b"]}},
            id="sets-are-joined",
        ),
        pytest.param(
            {"spec": {"free": {"a": {"b": 1}, "l": [1]}}}, {"spec": {"free": {"a": {"c": 2}, "l": [2]}}},
            {"spec": {"free": {"a": {"b": 1, "c": 2}, "l": [2]}}}, id="schemaless",
        ),
        pytest.param(
            {"spec": {"free": {"a": {"b": 1}}}}, {"spec": {"free": {"a": 1}}}, {"spec": {"free": {"a": 1}}},
            id="another-type",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "a", "image": "2"}]}},
            {"spec": {"containers": [{"name": "a", "args": []}]}},
            {"spec": {"containers": [{"name": "a", "args": []}]}},
            id="duplicates-are-replaced",
        ),
    ],
)  # fmt: skip
def test_objects_are_merged_by_schema(live: Any, wanted: Any, expected: Any) -> None:
    new = apply(stored(**live), "m", force=True, **wanted)
    assert {key: new[key] for key in expected} == expected


@pytest.mark.parametrize(
    ("intent", "code", "message"),
    [
        pytest.param({}, 400, "invalid object type: /, Kind=", id="nothing"),
        pytest.param(thing(kind="Other"), 400, "invalid object type: t.io/v1, Kind=Other", id="kind"),
        pytest.param(thing(apiVersion="v1"), 400, "invalid object type: /v1, Kind=Thing", id="version"),
        pytest.param(
            thing(metadata={"name": "x", "managedFields": []}),
            400,
            "metadata.managedFields must be nil",
            id="managed-fields",
        ),
        pytest.param(
            thing(foo=1, metadata={"namespace": "n"}),
            500,
            "failed to create typed patch object (n/; t.io/v1, Kind=Thing): .foo: field not declared in schema",
            id="unknown-field",
        ),
        pytest.param(
            thing(data={"a": 1, "b": True}),
            500,
            "failed to create typed patch object (/x; t.io/v1, Kind=Thing): errors:\n"
            "  .data.a: expected string, got &value.valueUnstructured{Value:1}\n"
            "  .data.b: expected string, got &value.valueUnstructured{Value:true}",
            id="types",
        ),
    ],
)
def test_what_does_not_fit_is_refused(intent: Object, code: int, message: str) -> None:
    with pytest.raises(StatusError) as refusal:
        applied(THINGS, None, intent, applier("m"), force=False)
    assert (refusal.value.code, refusal.value.message) == (code, message)


def test_managed_fields_may_be_null() -> None:
    new = apply(None, "m", metadata={"name": "x", "managedFields": None}, data={"a": "1"})
    assert owned(new) == {"m": [".data.a"]}


def test_who_claims_nothing_is_no_manager() -> None:
    assert owned(apply(apply(None, "m", data={"a": "1"}), "m")) == {}


def test_kubectl_may_change_what_it_once_applied_by_itself() -> None:
    note = '{"apiVersion":"t.io/v1","kind":"Thing","metadata":{"name":"x"},"data":{"a":"1","b":"0"}}'
    key = "kubectl.kubernetes.io/last-applied-configuration"
    live: Object = {**thing(data={"a": "1", "b": "1"}), "metadata": {"name": "x", "annotations": {key: note}}}
    tracked(THINGS, None, live, updater("kubectl-client-side-apply"))
    live["metadata"]["uid"] = "u"
    new = apply(live, "kubectl", data={"a": "2"})
    assert new["data"] == {"a": "2", "b": "1"}
    assert new["metadata"]["annotations"][key] == (
        '{"apiVersion":"t.io/v1","data":{"a":"2"},"kind":"Thing","metadata":{"name":"x"}}\n'
    )
    for name, wanted in (("kubectl", {"b": "2"}), ("other", {"a": "2"})):
        with pytest.raises(StatusError):
            apply(live, name, data=wanted)


DATA = st.dictionaries(st.sampled_from("abc"), st.sampled_from("12"), min_size=1, max_size=3)
NAMES = st.lists(st.sampled_from("pqrs"), unique=True, min_size=1, max_size=3)
SPECS = st.fixed_dictionaries(
    {"paused": st.booleans()},
    optional={
        "replicas": st.integers(1, 2),
        "groups": NAMES,
        "containers": NAMES.map(lambda names: [{"name": name} for name in names]),
        "free": st.dictionaries(st.sampled_from("xy"), DATA, min_size=1, max_size=2),
    },
)
INTENTS = st.fixed_dictionaries({}, optional={"data": DATA, "spec": SPECS})
"""Without empty parts, which have nothing to be owned: a server forgets who applied them, and leaves nulls behind."""
STEPS = st.lists(st.tuples(st.sampled_from(["m", "n"]), INTENTS), max_size=4)


def after(steps: Sequence[tuple[str, dict[str, Any]]]) -> Object:
    live = apply(None, "first", spec={"paused": False})
    live["metadata"]["uid"] = "u"
    for name, intent in steps:
        live = apply(live, name, force=True, **intent)
    return live


def has(value: Any, part: Any) -> bool:
    """Whether a value has all of an applied part, by keys and by items."""
    if isinstance(part, dict):
        return all(key in value and has(value[key], below) for key, below in part.items())
    if isinstance(part, list):
        return all(item in value for item in part)
    return bool(value == part)


@given(STEPS, INTENTS)
def test_applying_twice_is_applying_once(steps: Any, intent: dict[str, Any]) -> None:
    once = apply(after(steps), "m", force=True, **intent)
    assert apply(once, "m", SECOND, **intent) == once


@given(STEPS, INTENTS)
def test_what_is_forced_is_there_and_is_the_appliers(steps: Any, intent: dict[str, Any]) -> None:
    new = apply(after(steps), "m", force=True, **intent)
    assert has(new, intent)
    assert owned(new).get("m", []) == owned(apply(None, "m", **intent)).get("m", [])


@given(STEPS, INTENTS)
def test_without_force_it_is_refused_or_the_same(steps: Any, intent: dict[str, Any]) -> None:
    live = after(steps)
    before = copied(live)
    forced = apply(live, "n", force=True, **intent)
    try:
        new = apply(live, "n", **intent)
    except StatusError:
        assert owned(forced) != owned(live)
    else:
        assert new == forced
    assert live == before


@given(STEPS)
def test_who_applies_nothing_leaves_only_what_others_have(steps: Any) -> None:
    live = after(steps)
    new = apply(live, "m")
    assert owned(new) == {name: texts for name, texts in owned(live).items() if name != "m"}

"""Who manages what after creates, updates and patches; the answers are those of a kube-apiserver v1.36."""

from typing import Any

import pytest

from aimctrl.sandbox.apiserver.fields.apply import applied
from aimctrl.sandbox.apiserver.fields.managers import settle, tracked
from aimctrl.sandbox.apiserver.fields.writers import Writer
from aimctrl.sandbox.apiserver.schema.node import Node, Object
from aimctrl.sandbox.apiserver.values import copied
from support.fields import SPEC, TEXTS, THINGS, applier, fields, owned, stored, thing, updater

EARLIER, LATER = "2026-01-01T00:00:00Z", "2026-01-01T00:00:09Z"


def created(writer: Writer, **parts: Any) -> Object:
    """An object as it is stored after its creation."""
    new = thing(**parts)
    tracked(THINGS, None, new, writer)
    new["metadata"]["uid"] = "u"
    return new


def changed(old: Object, writer: Writer, **parts: Any) -> Object:
    """The object after an update that replaces these parts."""
    new = copied({**old, **parts})
    if "metadata" in parts:
        new["metadata"] = {**old["metadata"], **parts["metadata"]}
    tracked(THINGS, old, new, writer)
    return new


def entries(of: Object) -> list[dict[str, Any]]:
    return of["metadata"].get("managedFields", [])


def test_the_creator_manages_all_that_it_set() -> None:
    new = created(updater("user", EARLIER), spec={"replicas": 1, "containers": [{"name": "c"}]}, data={"a": "1"})
    assert entries(new) == [
        {
            "manager": "user",
            "operation": "Update",
            "apiVersion": "t.io/v1",
            "time": EARLIER,
            "fieldsType": "FieldsV1",
            "fieldsV1": {
                "f:data": {".": {}, "f:a": {}},
                "f:spec": {
                    ".": {},
                    "f:containers": {".": {}, 'k:{"name":"c"}': {".": {}, "f:name": {}}},
                    "f:replicas": {},
                },
            },
        }
    ]


def test_objects_that_a_built_in_kind_always_has_are_nobodys() -> None:
    container = Node(type="array", items=Node(type="object"))
    always = Node(type="object", properties=SPEC.properties, default={})
    kind = Node(type="object", properties={"spec": always, "data": TEXTS, "list": container})
    writer = Writer("user", "Update", "v1", "Thing", "", EARLIER, {}, {"spec": {}, "list": None})
    new: Object = {"metadata": {}, "spec": {"replicas": 1}, "data": {"a": "1"}, "list": ["x"]}
    tracked(kind, None, new, writer)
    assert entries(new)[0]["fieldsV1"] == {
        "f:data": {".": {}, "f:a": {}},
        "f:list": {},
        "f:spec": {"f:replicas": {}},
    }


def test_who_changes_a_field_takes_it() -> None:
    old = created(updater("user"), data={"a": "1", "b": "1"})
    new = changed(old, updater("other"), data={"a": "2", "b": "1", "c": "1"})
    assert owned(new) == {"user updates": [".data", ".data.b"], "other updates": [".data.a", ".data.c"]}


def test_removed_fields_are_nobodys_and_empty_entries_go() -> None:
    old = created(updater("user"), data={"a": "1"})
    old = changed(old, updater("other"), data={"a": "1", "b": "1"})
    new = changed(old, updater("third"), data={"a": "1"})
    assert owned(new) == {"user updates": [".data", ".data.a"]}


def test_a_writer_keeps_what_it_had_and_its_time_is_that_of_its_last_change() -> None:
    old = created(updater("user", EARLIER), data={"a": "1"})
    new = changed(old, updater("user", LATER), data={"a": "1", "b": "1"})
    assert owned(new) == {"user updates": [".data", ".data.a", ".data.b"]}
    assert [entry["time"] for entry in entries(new)] == [LATER]


def test_an_update_that_changes_nothing_keeps_times() -> None:
    old = created(updater("user", EARLIER), data={"a": "1"})
    assert changed(old, updater("other", LATER)) == old


def test_one_that_only_removes_keeps_times() -> None:
    old = created(updater("user", EARLIER), data={"a": "1", "b": "1"})
    new = changed(old, updater("user", LATER), data={"a": "1"})
    assert [entry["time"] for entry in entries(new)] == [EARLIER]


def test_status_and_the_rest_are_managed_apart() -> None:
    old = created(updater("user"), spec={"replicas": 1})
    status = {"status": {"phase": "Up"}}
    new = changed(
        old, updater("user", subresource="status"), spec={"replicas": 2}, metadata={"labels": {"a": "b"}}, **status
    )
    assert owned(new) == {
        "user updates": [".spec", ".spec.replicas"],
        "user updates of status": [".status", ".status.phase"],
    }
    assert owned(changed(new, updater("other"), status={"phase": "Down"})) == owned(new)
    without = {key: part for key, part in copied(new).items() if key != "status"}
    tracked(THINGS, new, without, updater("other"))
    assert owned(without) == owned(new)


def test_nobody_manages_what_the_server_sets() -> None:
    new = created(updater("user"), metadata={"name": "x", "namespace": "n", "labels": {"a": "b"}})
    assert owned(new) == {"user updates": [".metadata.labels", ".metadata.labels.a"]}


def test_appliers_come_first_then_the_oldest() -> None:
    old = created(updater("z", EARLIER), data={"a": "1"})
    old = changed(old, updater("a", LATER), data={"a": "1", "b": "1"})
    new = applied(THINGS, old, thing(data={"c": "1"}), applier("m", LATER), force=False)
    assert [(entry["manager"], entry["operation"]) for entry in entries(new)] == [
        ("m", "Apply"),
        ("z", "Update"),
        ("a", "Update"),
    ]


def test_what_is_not_managed_stays_so_until_it_is_applied() -> None:
    assert entries(changed(stored(data={"a": "1"}), updater("user"), data={"a": "2"})) == []


@pytest.mark.parametrize("reset", [[], [{}]], ids=["empty-list", "empty-entry"])
def test_an_empty_list_is_a_wish_to_have_no_managers(reset: list[Any]) -> None:
    old = created(updater("user"), data={"a": "1"})
    assert entries(changed(old, updater("user"), metadata={"managedFields": reset})) == []


def test_on_creation_the_writer_manages_all_the_same() -> None:
    new = created(updater("user"), data={"a": "1"}, metadata={"name": "x", "managedFields": []})
    assert owned(new) == {"user updates": [".data", ".data.a"]}


def sent(**more: Any) -> list[dict[str, Any]]:
    return [
        {
            "manager": "q",
            "operation": "Apply",
            "apiVersion": "t.io/v1",
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:data": {"f:a": {}, 'k:{"b": 1, "a": 2}': {".": {}}, "q:later": {}}},
            **more,
        }
    ]


def test_managed_fields_that_are_sent_are_taken_in_normal_form() -> None:
    new = changed(created(updater("user"), data={"a": "1"}), updater("user"), metadata={"managedFields": sent()})
    assert entries(new) == sent(fieldsV1={"f:data": {"f:a": {}, 'k:{"a":2,"b":1}': {}}})


@pytest.mark.parametrize(
    "malformed",
    [
        pytest.param(sent(operation="Merge"), id="operation"),
        pytest.param(sent(apiVersion=""), id="api-version"),
        pytest.param(sent(fieldsType="FieldsV2"), id="fields-type"),
        pytest.param(sent(fieldsV1={"data": {}}), id="element"),
        pytest.param(sent(fieldsV1=[]) and sent(fieldsV1="x"), id="fields"),
        pytest.param(["x"], id="text"),
        pytest.param([*sent(), {"manager": "r"}], id="one-of-two"),
    ],
)
def test_malformed_managed_fields_are_ignored(malformed: Any) -> None:
    old = created(updater("user"), data={"a": "1"})
    assert entries(changed(old, updater("user"), metadata={"managedFields": malformed})) == entries(old)


def test_a_subresource_cannot_set_them() -> None:
    old = created(updater("user"), data={"a": "1"})
    new = changed(old, updater("user", subresource="status"), metadata={"managedFields": sent()})
    assert entries(new) == entries(old)


def test_items_without_identity_end_the_tracking() -> None:
    old = created(updater("user"), spec={"containers": [{"name": "c"}]})
    assert entries(changed(old, updater("user"), spec={"containers": [{"image": "i"}]})) == []


def test_at_most_ten_updaters_are_kept_apart() -> None:
    at = created(updater("m0", "2026-01-01T00:00:00Z"), data={"k0": "v"})
    for number in range(1, 10):
        data = {**at["data"], f"k{number}": "v"}
        at = changed(at, updater(f"m{number}", f"2026-01-01T00:00:0{number}Z"), data=data)
    assert len(entries(at)) == 10
    at = changed(at, updater("m10", "2026-01-01T00:00:10Z"), data={**at["data"], "k10": "v"})
    assert [entry["manager"] for entry in entries(at)] == ["ancient-changes", *(f"m{n}" for n in range(2, 11))]
    assert entries(at)[0]["time"] == "2026-01-01T00:00:01Z"
    at = changed(at, updater("m11", "2026-01-01T00:00:11Z"), data={**at["data"], "k11": "v"})
    assert owned(at)["ancient-changes updates"] == [".data", ".data.k0", ".data.k1", ".data.k2"]


def test_new_times_are_taken_back_from_what_is_otherwise_as_it_was() -> None:
    old = created(updater("user", EARLIER), data={"a": "1"})
    new = copied(old)
    entries(new)[0]["time"] = LATER
    settle(old, new)
    assert new == old
    new = copied({**old, "data": {"a": "2"}})
    entries(new)[0]["time"] = LATER
    settle(old, new)
    assert entries(new)[0]["time"] == LATER


def test_nothing_that_is_stored_is_changed() -> None:
    old = created(updater("user"), data={"a": "1"}, spec={"containers": [{"name": "c"}]})
    before = copied(old)
    changed(old, updater("other"), data={"a": "2"}, spec={"containers": [{"name": "c", "image": "i"}]})
    assert old == before
    assert entries(old)[0]["fieldsV1"]["f:spec"] == {
        ".": {},
        **fields("f:containers", 'f:containers k:{"name":"c"}', 'f:containers k:{"name":"c"} f:name'),
    }

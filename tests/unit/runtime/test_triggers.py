"""Which changes count, and whom they are about."""

import json
from typing import Any

import pytest

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.store import Change, Entry
from aimctrl.runtime.triggers import Predicate, Watch, any_change, came_or_went, owner_of, owns, spec_changed, to

KEY = Key("ns", "x")
OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "Owner", "owners", dict)
CLUSTER_OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "ClusterOwner", "clusterowners", dict, namespaced=False)
CHILD: Kind[dict[str, Any]] = Kind("example.com", "v1", "Child", "children", dict)


def entry(version: int = 1, uid: str = "u", **meta: Any) -> Entry:
    meta = {"name": "x", "namespace": "ns", "uid": uid, "generation": 1, **meta}
    return Entry(json.dumps({"metadata": meta}).encode(), version, meta["generation"])


OLD = entry()


@pytest.mark.parametrize(
    ("old", "new", "passes"),
    [
        pytest.param(None, OLD, {any_change, came_or_went, spec_changed}, id="came"),
        pytest.param(OLD, None, {any_change, came_or_went, spec_changed}, id="went"),
        pytest.param(OLD, entry(2, uid="v"), {any_change, came_or_went, spec_changed}, id="replaced"),
        pytest.param(OLD, OLD, {any_change, spec_changed}, id="resync"),
        pytest.param(OLD, entry(2, generation=2), {any_change, spec_changed}, id="generation"),
        pytest.param(OLD, entry(1, selfLink="other"), {any_change, spec_changed}, id="schema"),
        pytest.param(OLD, entry(2, labels={"a": "b"}), {any_change, spec_changed}, id="labels"),
        pytest.param(OLD, entry(2, annotations={"a": "b"}), {any_change, spec_changed}, id="annotations"),
        pytest.param(OLD, entry(2, finalizers=["f"]), {any_change, spec_changed}, id="finalizers"),
        pytest.param(OLD, entry(2, ownerReferences=[{"uid": "o"}]), {any_change, spec_changed}, id="owners"),
        pytest.param(
            OLD, entry(2, deletionTimestamp="2026-01-01T00:00:00Z"), {any_change, spec_changed}, id="being-deleted"
        ),
        pytest.param(OLD, entry(2), {any_change}, id="status"),
        pytest.param(entry(generation=0), entry(2, generation=0), {any_change, spec_changed}, id="no-generation"),
    ],
)
@pytest.mark.parametrize("predicate", [any_change, came_or_went, spec_changed])
def test_what_a_predicate_lets_through(
    predicate: Predicate, old: Entry | None, new: Entry | None, passes: set[Predicate]
) -> None:
    assert predicate(Change(KEY, old, new)) is (predicate in passes)


def test_a_generation_is_compared_without_decoding_anything() -> None:
    assert spec_changed(Change(KEY, Entry(b"no JSON", 1, 1), Entry(b"no JSON", 2, 2)))


def ref(kind: str, name: str, **fields: Any) -> dict[str, Any]:
    return {"apiVersion": "example.com/v1beta1", "kind": kind, "name": name, "uid": name, **fields}


@pytest.mark.parametrize(
    ("owner", "controller_only", "refs", "keys"),
    [
        pytest.param(OWNER, True, [ref("Owner", "o", controller=True)], [Key("ns", "o")], id="controller"),
        pytest.param(OWNER, True, [ref("Owner", "o")], [], id="not-the-controller"),
        pytest.param(OWNER, False, [ref("Owner", "p"), ref("Owner", "o")], [Key("ns", "o"), Key("ns", "p")], id="all"),
        pytest.param(CLUSTER_OWNER, False, [ref("ClusterOwner", "o")], [Key("", "o")], id="cluster-scoped"),
        pytest.param(OWNER, False, [ref("Other", "o")], [], id="another-kind"),
        pytest.param(OWNER, False, [ref("Owner", "o", apiVersion="other.com/v1")], [], id="another-group"),
        pytest.param(OWNER, False, [ref("Owner", "o", apiVersion="v1")], [], id="the-core-group"),
    ],
)
def test_owners(owner: Kind[Any], controller_only: bool, refs: list[Any], keys: list[Key]) -> None:
    mapper = owner_of(owner, controller_only=controller_only)
    assert list(mapper(Change(KEY, None, entry(ownerReferences=refs)))) == keys


def test_an_owner_that_lost_its_child_hears_of_it() -> None:
    mapper = owner_of(OWNER, controller_only=False)
    old, new = (entry(version, ownerReferences=[ref("Owner", name)]) for version, name in ((1, "o"), (2, "p")))
    assert list(mapper(Change(KEY, old, new))) == [Key("ns", "o"), Key("ns", "p")]
    assert list(mapper(Change(KEY, old, None))) == [Key("ns", "o")]


def test_the_owner_of_a_child_that_is_nested_too_deep_to_be_read_is_found() -> None:
    meta = json.dumps({"metadata": {"ownerReferences": [ref("Owner", "a", controller=True)]}})
    deep = b'%b,"spec":%b}' % (meta[:-1].encode(), b'{"a":' * 5000 + b"1" + b"}" * 5000)
    assert list(owner_of(OWNER)(Change(KEY, None, Entry(deep, 1, 1)))) == [Key("ns", "a")]


def test_a_mapper_of_metadata_names_each_key_once() -> None:
    mapper = to(lambda meta: [Key(meta.namespace, meta.labels["of"])])
    change = Change(KEY, entry(1, labels={"of": "a"}), entry(2, labels={"of": "a"}))
    assert list(mapper(change)) == [Key("ns", "a")]


def test_watching_owned_children_keeps_their_managed_fields_for_the_applier() -> None:
    watch = owns(CHILD, OWNER, selector="a=b")
    assert (watch.kind, watch.selector, watch.keep_managed_fields, watch.label) == (CHILD, "a=b", True, "Child owned")
    assert not owns(CHILD, OWNER, keep_managed_fields=False).keep_managed_fields


def test_a_watch_without_a_reason_is_told_by_its_kind() -> None:
    assert Watch(CHILD, lambda change: [change.key]).label == "Child changed"
    assert Watch(CHILD, lambda change: [change.key], reason="cache moved").label == "cache moved"

from typing import Any

import pytest

from support.scene import Scene, scene, settle

pytestmark = pytest.mark.looptime

Json = dict[str, Any]
NOBODY = "00000000-0000-0000-0000-000000000001"
HOLD = "example.com/hold"
GONE = {"apiVersion": "v1", "kind": "ConfigMap", "name": "gone", "uid": NOBODY}


def thing(at: Scene, name: str, *owners: Json, held: bool = False, namespace: str = "here") -> None:
    meta: Json = {"ownerReferences": list(owners)} if owners else {}
    at.create("configmaps", name, namespace, metadata={**meta, **({"finalizers": [HOLD]} if held else {})})


def left(at: Scene) -> dict[str, list[str]]:
    """The objects that are not on their way out, with the names of their owners."""
    things = [each["metadata"] for each in at.all("configmaps", "here")]
    return {
        meta["name"]: [owner["name"] for owner in meta.get("ownerReferences", ())]
        for meta in things
        if "deletionTimestamp" not in meta and meta["name"] != "kube-root-ca.crt"
    }


def going(at: Scene) -> dict[str, list[str]]:
    """The objects on their way out, with what holds them."""
    things = [each["metadata"] for each in at.all("configmaps", "here")]
    return {meta["name"]: meta["finalizers"] for meta in things if "deletionTimestamp" in meta}


def let_go(at: Scene, name: str) -> None:
    at.change("configmaps", name, lambda each: each["metadata"].pop("finalizers"))


OWNERS = [
    pytest.param({}, None, id="it is there"),
    pytest.param({"uid": NOBODY}, "deleted", id="it is gone"),
    pytest.param({"name": "another"}, "deleted", id="it has another name"),
    pytest.param({"kind": "Secret"}, "deleted", id="it is of another kind"),
    pytest.param({"apiVersion": "nope.test/v1", "kind": "Nope"}, None, id="nobody knows its kind"),
]


@pytest.mark.parametrize(("said", "fate"), OWNERS)
async def test_an_object_goes_with_its_owner(said, fate):
    async with scene() as at:
        thing(at, "owner")
        thing(at, "child", at.own("configmaps", "owner") | said)
        await settle(20)
        assert ("child" in left(at)) == (fate is None)


async def test_an_owner_in_another_namespace_is_none_which_an_event_says():
    async with scene() as at:
        at.create("namespaces", "there")
        thing(at, "owner", namespace="there")
        owner = at.get("configmaps", "owner", "there")
        assert owner is not None
        uid = owner["metadata"]["uid"]
        thing(at, "child", {**GONE, "name": "owner", "uid": uid})
        await settle()
        assert left(at) == {}
        where = f"[v1/ConfigMap, namespace: here, name: owner, uid: {uid}]"
        (event,) = at.all("events")
        assert event["reason"] == "OwnerRefInvalidNamespace"
        assert event["message"] == f'ownerRef {where} does not exist in namespace "here"'


async def test_an_object_without_a_namespace_is_left_alone_where_its_owner_would_have_one():
    async with scene() as at:
        at.create("clusterroles", "child", metadata={"ownerReferences": [GONE]})
        await settle(20)
        assert at.get("clusterroles", "child")


async def test_an_owner_that_is_gone_is_forgotten_while_another_is_left():
    async with scene() as at:
        thing(at, "owner")
        thing(at, "child", at.own("configmaps", "owner"), GONE)
        await settle()
        assert left(at) == {"owner": [], "child": ["owner"]}


@pytest.mark.parametrize("policy", ["", "Background", "Foreground"])
async def test_what_is_owned_by_what_is_owned_goes_too(policy):
    async with scene() as at:
        thing(at, "first")
        thing(at, "second", at.own("configmaps", "first", block=True))
        thing(at, "third", at.own("configmaps", "second", block=True))
        at.delete("configmaps", "first", policy)
        await settle()
        assert (left(at), going(at)) == ({}, {})


async def test_in_the_foreground_an_owner_waits_for_those_that_block_it_all_the_way_down():
    async with scene() as at:
        thing(at, "first")
        thing(at, "second", at.own("configmaps", "first", block=True))
        thing(at, "third", at.own("configmaps", "second", block=True), held=True)
        thing(at, "aside", at.own("configmaps", "first"), held=True)
        at.delete("configmaps", "first", "Foreground")
        await settle()
        waits = ["foregroundDeletion"]
        assert going(at) == {"first": waits, "second": waits, "third": [HOLD], "aside": [HOLD]}
        let_go(at, "third")
        await settle()
        assert going(at) == {"aside": [HOLD]}


async def test_in_the_foreground_a_child_with_another_owner_stays():
    async with scene() as at:
        thing(at, "owner")
        thing(at, "other")
        thing(at, "child", at.own("configmaps", "owner", block=True), at.own("configmaps", "other"))
        at.delete("configmaps", "owner", "Foreground")
        await settle()
        assert left(at) == {"other": [], "child": ["other"]}


@pytest.mark.parametrize("policy", ["Background", "Foreground"])
async def test_two_that_own_each_other_go_together(policy):
    async with scene() as at:
        thing(at, "one")
        thing(at, "two", at.own("configmaps", "one", block=True))
        back = at.own("configmaps", "two", block=True)
        at.change("configmaps", "one", lambda each: each["metadata"].update(ownerReferences=[back]))
        at.delete("configmaps", "one", policy)
        await settle()
        assert (left(at), going(at)) == ({}, {})


async def test_orphans_lose_that_owner_and_stay():
    async with scene() as at:
        thing(at, "owner")
        thing(at, "other")
        thing(at, "child", at.own("configmaps", "owner"))
        thing(at, "shared", at.own("configmaps", "owner"), at.own("configmaps", "other"))
        at.delete("configmaps", "owner", "Orphan")
        await settle()
        assert left(at) == {"other": [], "child": [], "shared": ["other"]}


async def test_custom_resources_own_and_are_owned():
    async with scene() as at:
        names = {"plural": "widgets", "kind": "Widget"}
        schema = {"openAPIV3Schema": {"type": "object"}}
        versions = [{"name": "v1", "served": True, "storage": True, "schema": schema}]
        spec = {"group": "test.io", "scope": "Namespaced", "names": names, "versions": versions}
        at.create("customresourcedefinitions", "widgets.test.io", spec=spec)
        await settle()
        at.create("widgets", "owner")
        thing(at, "child", at.own("widgets", "owner"))
        at.delete("widgets", "owner")
        await settle()
        assert left(at) == {}

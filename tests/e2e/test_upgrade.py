"""Definitions and operators of different releases, on a real API server: what was stored stays whole, what serves stays.

The tests build on one another, in the order in which a cluster lives through it.
"""

import asyncio
import copy
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from aimctrl import manifests
from aimctrl.aim.removal import MADE
from aimctrl.aim.shared import CONFIG_KINDS
from aimctrl.api.kinds import (
    AIM_CLUSTER_IMAGE,
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_IMAGE,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_RUNTIME_CONFIG,
    ALL,
)
from aimctrl.kube.core import CRDS, JOBS, NODES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.sandbox.script import ImageScript
from e2e.conftest import AIM_CRDS, OPERATOR_NAMESPACE
from e2e.homes import GATEWAY, SOURCES, Home, storage_class
from support.at_work import at_work
from support.crds import crds_of
from support.embedded import Plane
from support.identity import identity
from support.world import World, eventually, surroundings, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
Objects = dict[str, Json]
FIRST = Path(__file__).parents[1] / "data" / "crds" / "first"
BROKEN = "registry.test/broken:download"
OLDER = "definitions are older than this operator"
PART = "ofALaterRelease"


@pytest.fixture(scope="module")
def plane(new_plane: type[Plane]) -> Iterator[Plane]:
    """A control plane with definitions of an earlier release."""
    with new_plane(crds=[FIRST, *crds_of()]) as plane, identity(plane):
        yield plane


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def home(plane: Plane) -> AsyncIterator[Home]:
    async with world(plane) as user, surroundings(plane) as scripts:
        await user.namespace(OPERATOR_NAMESPACE)
        await user.have(NODES, "mi300x", labels={"amd.com/gpu.device-id": "74a1"})
        await user.put(storage_class("default", default=True))
        scripts.set(BROKEN, ImageScript(log="401 Unauthorized\n", exit_code=1))
        yield Home(user, "upgraded")


async def objects(user: World, *kinds: Kind[Any]) -> Objects:
    """All objects of these kinds as JSON, by kind and key."""
    found = {}
    for kind in kinds:
        for raw in (await user.client.list_page(kind)).items:
            one = msgspec.json.decode(raw)
            meta = one["metadata"]
            found[f"{kind.name} {meta.get('namespace', '')}/{meta['name']}"] = one
    return found


async def look_at_all(user: World, looks: int = 1) -> int:
    """How often an operator looks that looks so often at each object."""
    return looks * len(await objects(user, *(kind for kind in ALL if kind not in CONFIG_KINDS)))


async def have_one_of_each(home: Home) -> None:
    """An object of every kind: in order, with what it made, or with something to be told of."""
    user, namespace = home.world, home.namespace
    for kind in (AIM_CLUSTER_MODEL, AIM_CLUSTER_IMAGE):
        await user.have(kind, "everywhere", image=home.image)
    await user.have(AIM_IMAGE, "older", namespace, image=home.image)
    await user.have(AIM_CLUSTER_RUNTIME_CONFIG, "default", pvcHeadroomPercent=20)
    await user.have(AIM_RUNTIME_CONFIG, "ours", namespace, defaultStorageClassName="default")
    await user.have(AIM_CLUSTER_SERVICE_TEMPLATE, "shared", modelName="everywhere", modelSources=SOURCES)
    await home.model()
    await home.template("fast", caching={"enabled": True})
    await home.discovered("slow", metric="throughput")
    broken = {"sourceURI": "hf://org/broken", "size": "1Gi", "modelDownloadImage": BROKEN}
    await user.have(AIM_MODEL_CACHE, "broken", namespace, **broken)
    routing = {"enabled": True, "gatewayRef": GATEWAY}
    await home.service(cacheModel=True, templateRef="fast", runtimeConfigName="ours", routing=routing)
    await home.service("derived", templateRef="slow", overrides={"precision": "fp8"})
    await home.service("lost", model={"ref": "nothing"})


async def settled(home: Home) -> None:
    await home.runs()
    await home.runs("derived")
    await home.becomes("Degraded", "ModelNotFound", "lost")
    await home.world.reaches(AIM_MODEL_CACHE, "broken", home.namespace, status="Failed")


async def test_an_operator_tells_of_older_definitions_and_works_with_them(plane: Plane, home: Home):
    await have_one_of_each(home)
    async with at_work(plane) as running:
        await running.program.says(OLDER)
        await settled(home)
        await running.rests(await look_at_all(home.world))
    assert {name.split()[0] for name in await objects(home.world, *ALL)} == {kind.name for kind in ALL}
    broken = await home.world.json(AIM_MODEL_CACHE, "broken", home.namespace)
    assert broken["status"]["download"].keys() == {"failures", "retryAt"}
    assert broken["status"]["download"]["failures"] >= 1


async def test_definitions_are_replaced_where_they_are_and_nothing_is_lost(plane: Plane, home: Home):
    user, kinds = home.world, (*ALL, *(kind for kind in MADE if kind is not JOBS))
    before = await objects(user, *kinds)
    await asyncio.to_thread(plane.apply_crds, AIM_CRDS)
    broken = Key(home.namespace, "broken")
    await kept(user, AIM_MODEL_CACHE, broken, "status", {"download": {"jobUID": "x"}}, dryRun="All")
    assert await objects(user, *kinds) == before
    for name, one in before.items():
        await accepted(user, name, one)
    async with at_work(plane) as running:
        await running.rests(await look_at_all(user))
        assert OLDER not in running.program.output
        after = await objects(user, *kinds)
        changed = {name for name, one in after.items() if one != before.get(name)}
        assert changed <= {f"AIMModelCache {home.namespace}/broken"}
        assert after.keys() == before.keys()
        await home.service("new", templateRef="fast")
        await home.runs("new")


async def kept(user: World, kind: Kind[Any], key: Key, part: str, value: Json, **query: str) -> None:
    """Write that to the spec or status once the API server goes by definitions that keep it."""
    path = kind.path(key.namespace, key.name, part if part == "status" else "")
    sent = {"content_type": "application/merge-patch+json", "query": query, "body": {part: value}}

    async def written() -> bool:
        answer = msgspec.json.decode(await user.client.request("PATCH", path, **sent))
        return contains(answer[part], value)

    assert await eventually(written)


def contains(whole: Any, part: Any) -> bool:
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(name in whole and contains(whole[name], part[name]) for name in part)
    return bool(whole == part)


async def accepted(user: World, name: str, one: Json) -> None:
    """The object, unchanged and with a label more, passes the definition, as does its status."""
    kind = next(kind for kind in (*ALL, *MADE) if kind.name == name.split(maxsplit=1)[0])
    meta = one["metadata"]
    labelled = {**one, "metadata": {**meta, "labels": {**meta.get("labels", {}), "touched": "true"}}}
    for subresource in ("", "status") if kind in ALL else ("",):
        path = kind.path(meta.get("namespace", ""), meta["name"], subresource)
        for body in (one, labelled):
            answer = msgspec.json.decode(await user.client.request("PUT", path, body=body, query={"dryRun": "All"}))
            assert {part: answer.get(part) for part in ("spec", "status")} == {
                part: one.get(part) for part in ("spec", "status")
            }


def of_a_later_release() -> list[Json]:
    """Definitions with a field more in every spec and every status."""
    later = copy.deepcopy(manifests.crds())
    for crd in later:
        parts = crd["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]
        for part in ("spec", "status"):
            parts[part]["properties"][PART] = {"type": "string"}
    return later


async def test_what_a_later_release_has_written_is_kept_by_this_operator(plane: Plane, home: Home):
    user = home.world
    for crd in of_a_later_release():
        await user.client.apply(CRDS, crd, field_manager="controlplane")
    for kind in ALL:
        for found in await user.all(kind):
            for part in ("spec", "status"):
                await kept(user, kind, found.key, part, {PART: "kept"})
    async with at_work(plane) as running:
        await home.runs()
        await running.rests(await look_at_all(user))
        await user.delete(AIM_MODEL, "llama", home.namespace)
        await home.becomes("Degraded", "ModelNotFound")
        await home.model()
        await home.runs()
    found = await objects(user, *ALL)
    del found[f"AIMModel {home.namespace}/llama"]
    lost = [name for name, one in found.items() for part in ("spec", "status") if one[part].get(PART) != "kept"]
    assert lost == []

"""`aimctrl uninstall` on a real API server: what it says is what happens, typed or done by itself."""

import contextlib
from collections.abc import AsyncIterator, Iterator
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from aimctrl.aim.removal import INSTALLED, MADE
from aimctrl.aim.shared import CONFIG_KINDS
from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_RUNTIME_CONFIG, AIM_SERVICE, ALL
from aimctrl.kube.core import CRDS, JOBS, LEASES, NODES, PVCS
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES, SERVING_RUNTIMES
from aimctrl.kube.kinds import Kind
from aimctrl.runtime.errors import NotFoundError
from aimctrl.sandbox.script import Scripts
from controlplane.build import pinned
from e2e.conftest import AIM_CRDS, OPERATOR_NAMESPACE
from e2e.homes import GATEWAY, Home, storage_class
from support.at_work import AtWork, at_work
from support.crds import crds_of
from support.embedded import Plane
from support.identity import identity
from support.identity import user as identified
from support.program import Aimctrl, command, writes
from support.world import World, becomes_equal, surroundings, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
LABELS = {"app.kubernetes.io/name": "aimctrl"}


@pytest.fixture(scope="module")
def plane(new_plane: type[Plane]) -> Iterator[Plane]:
    """A control plane of this module's own: its definitions go."""
    with new_plane(crds=[AIM_CRDS, *crds_of()]) as plane:
        yield plane


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scripts(plane: Plane) -> AsyncIterator[Scripts]:
    async with surroundings(plane) as scripts:
        yield scripts


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def user(plane: Plane) -> AsyncIterator[World]:
    async with world(plane) as user:
        await user.namespace(OPERATOR_NAMESPACE)
        await user.have(NODES, "plain")
        await user.put(storage_class("default", default=True))
        yield user


@pytest.fixture
def aimctrl(plane: Plane, user: World) -> Aimctrl:
    return Aimctrl(plane.kubeconfig)


RECONCILED = tuple(kind for kind in ALL if kind not in CONFIG_KINDS)
SOURCES = {name: [{"name": name, "sourceURI": f"hf://org/{name}", "size": "1Gi"}] for name in ("whole", "partial")}


def specs() -> dict[str, Json]:
    """The rest of what an operator is installed with, by kind; of the others the metadata will do."""
    container = {"name": "aimctrl", "image": "aimctrl"}
    pods = {"metadata": {"labels": LABELS}, "spec": {"containers": [container]}}
    roles = {
        f"{kind}Binding": {"roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": kind, "name": "aimctrl"}}
        for kind in ("Role", "ClusterRole")
    }
    return {
        "Deployment": {"spec": {"replicas": 0, "selector": {"matchLabels": LABELS}, "template": pods}},
        "NetworkPolicy": {"spec": {"podSelector": {}}},
        "Service": {"spec": {"ports": [{"port": 80}]}},
        **roles,
    }


async def install(user: World) -> None:
    """Have what an operator is installed with, as far as the cluster has the kinds."""
    rest = specs()
    for kind in INSTALLED:
        if kind is LEASES:
            continue
        metadata: Json = {"name": "aimctrl-itself", "labels": LABELS}
        if kind.namespaced:
            metadata["namespace"] = OPERATOR_NAMESPACE
        with contextlib.suppress(NotFoundError):
            await user.client.apply(kind, {"metadata": metadata, **rest.get(kind.name, {})}, field_manager="user")


@contextlib.asynccontextmanager
async def operator(plane: Plane, user: World) -> AsyncIterator[AtWork]:
    """The operator with all that it is installed with; it stops in order, and stays installed."""
    await install(user)
    with identity(plane):
        async with at_work(plane, "--leader-elect") as running:
            yield running


async def have(home: Home, scripts: Scripts) -> None:
    """A service that runs on cached weights, with a route; and one that waits for its cache, which never comes."""
    scripts.set_claim("partial-cache", "pending")
    await home.world.have(AIM_RUNTIME_CONFIG, "default", home.namespace)
    await home.model()
    await home.template("fast", modelSources=SOURCES["whole"])
    await home.template("slow", modelSources=SOURCES["partial"])
    routing = {"enabled": True, "gatewayRef": GATEWAY}
    await home.service(cacheModel=True, templateRef="fast", routing=routing)
    await home.service("waits", cacheModel=True, templateRef="slow")
    await home.runs()
    await home.becomes("Starting", "WaitingForCache", "waits")
    await home.world.until(AIM_MODEL_CACHE, "partial", home.namespace, lambda cache: bool(cache.status.conditions))


async def left(user: World, *kinds: Kind[Any], keep: str = "") -> list[str]:
    """What there is of these kinds, but for what has that name."""
    found = [f"{kind.name} {thing['metadata']['name']}" for kind in kinds for thing in await everything(user, kind)]
    return sorted(name for name in found if not keep or not name.endswith(f" {keep}"))


async def everything(user: World, kind: Kind[Any]) -> list[Json]:
    """All objects of a kind as JSON; none where there is no such kind, and no CRDs of others, nor roles of the system."""
    try:
        page = await user.client.list_page(kind)
    except NotFoundError:
        return []
    found = [msgspec.json.decode(raw) for raw in page.items]
    if kind in INSTALLED and kind is not LEASES:
        return [one for one in found if one["metadata"].get("labels", {}).items() >= LABELS.items()]
    if kind is LEASES:
        return [one for one in found if one["metadata"]["namespace"] == OPERATOR_NAMESPACE]
    return [one for one in found if kind is not CRDS or one["spec"]["group"] == "aim.silogen.ai"]


async def plan(aimctrl: Aimctrl, *arguments: str) -> Json:
    said: Json = msgspec.json.decode(await aimctrl("uninstall", "--dry-run", "-o", "json", *arguments))
    return said


def fates(said: Json, kind: Kind[Any]) -> dict[str, str]:
    return {item["name"]: item["fate"] for item in said["items"] if item["kind"] == kind.name}


async def test_the_typed_commands_remove_all_while_the_operator_runs(
    plane: Plane, user: World, scripts: Scripts, aimctrl: Aimctrl
):
    home = Home(user, "typed")
    async with operator(plane, user):
        await have(home, scripts)
        said = await plan(aimctrl, "--delete-crds")
        assert fates(said, AIM_SERVICE) == {"chat": "deleted", "waits": "deleted"}
        assert fates(said, INFERENCE_SERVICES) == fates(said, HTTPROUTES) == {"chat": "collected"}
        assert fates(said, PVCS) == {"whole-cache": "collected", "partial-cache": "collected"}
        assert set(fates(said, CRDS)) == {kind.resource for kind in ALL}
        *steps, definitions = [step["commands"] for step in said["steps"]]
        assert all("customresourcedefinitions" in text for text in definitions)
        for text in (text for commands in steps for text in commands):
            await typed(text)
    nothing: list[str] = []
    await becomes_equal(lambda: left(user, *INSTALLED, *ALL, *MADE), nothing)


async def typed(text: str) -> None:
    """Type a command."""
    path = {"PATH": f"{pinned('kubectl').parent}:/usr/bin:/bin"}
    async with command("sh", "-c", text, environment=path) as running:
        assert await running.ends(timeout=120) == 0, f"{text}\n{running.output}"


async def test_the_operator_goes_and_comes_back_and_nothing_else_changes(
    plane: Plane, user: World, scripts: Scripts, aimctrl: Aimctrl
):
    home = Home(user, "kept")
    async with operator(plane, user):
        await have(home, scripts)
        await user.until(JOBS, "whole-cache-download", "kept", lambda job: job.spec.ttl_seconds_after_finished)
        said = await aimctrl("uninstall", "--dry-run")
    assert "stays: goes on serving" in said
    assert "AIMService kept/waits: aim.silogen.ai/service-cache" in said
    assert "PersistentVolumeClaim kept/whole-cache: 2Gi, Bound" in said
    assert said.rstrip().endswith("aimctrl uninstall --yes")
    kinds = (*ALL, *MADE, CRDS)
    before = {kind: await everything(user, kind) for kind in kinds}
    assert all(before[kind] for kind in (AIM_SERVICE, INFERENCE_SERVICES, HTTPROUTES, SERVING_RUNTIMES, PVCS, JOBS))
    await aimctrl("uninstall", "--yes")
    assert await left(user, *INSTALLED) == []
    assert {kind: await everything(user, kind) for kind in kinds} == before
    written = writes(plane, identified())
    async with operator(plane, user) as again:
        await again.rests(sum(len(before[kind]) for kind in RECONCILED))
    assert writes(plane, identified())[len(written) :] == []
    assert {kind: await everything(user, kind) for kind in kinds} == before


async def test_without_an_operator_all_goes_but_the_data_that_is_to_be_kept(user: World, aimctrl: Aimctrl):
    said = await plan(aimctrl, "--delete-crds", "--keep-data")
    assert fates(said, PVCS) == {"whole-cache": "stays", "partial-cache": "collected"}
    held = [text for step in said["steps"] for text in step["ifHeld"]]
    assert {text.split(" ")[6] for text in held} >= {"kept"}
    services = [text for text in held if "aimservices" in text and " waits " in text]
    await user.delete(AIM_SERVICE, "waits", "kept")
    await typed(services[0])
    assert await user.get(AIM_SERVICE, "waits", "kept") is None
    told = await aimctrl("uninstall", "--delete-crds", "--keep-data", "--yes")
    assert "no operator is at work, so its finalizers are taken off" in told
    only = ["PersistentVolumeClaim whole-cache"]
    await becomes_equal(lambda: left(user, CRDS, *ALL, *MADE), only)
    claim = await user.json(PVCS, "whole-cache", "kept")
    assert "ownerReferences" not in claim["metadata"]
    assert claim["status"]["phase"] == "Bound"
    assert "nothing to remove" in await aimctrl("uninstall", "--delete-crds", "--yes")

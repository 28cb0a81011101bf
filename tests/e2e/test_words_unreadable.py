"""An operator that may not read what it needs: nothing is called missing that may well be there (SPEC §8)."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from aimctrl.aim.operator import add_controllers
from aimctrl.api import kinds
from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
from aimctrl.kube import core, external
from aimctrl.kube.core import NODES
from aimctrl.kube.kinds import Kind
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import connect
from aimctrl.runtime.manager import Manager
from controlplane import ControlPlane
from e2e.conftest import Stage
from e2e.homes import SOURCES, Home
from support.program import account
from support.world import reasons, running

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALL = (*kinds.ALL, *(kind for module in (core, external) for kind in vars(module).values() if isinstance(kind, Kind)))
ARTIFACT = {"sourceURI": "hf://org/weights", "size": "1Gi"}


def rules(hidden: Iterable[Kind[Any]]) -> list[dict[str, list[str]]]:
    """Rights to everything an operator has to do with, but for these kinds."""
    seen = [(kind.group, kind.plural) for kind in ALL if kind not in hidden]
    return [
        {"apiGroups": [group], "resources": [plural], "verbs": ["*"]}
        for group, plural in (*seen, ("*", "*/status"), ("*", "*/finalizers"))
    ]


@asynccontextmanager
async def short_sighted(plane: ControlPlane, stage: Stage, folder: Path, *hidden: Kind[Any]) -> AsyncIterator[None]:
    """An operator without rights to these kinds; the program itself would not begin its work."""
    file = await account(stage.world, plane, folder, f"short-sighted-{uuid4().hex[:8]}", *rules(hidden))
    async with Client(await connect(str(file))) as client:
        manager = Manager(client)
        add_controllers(manager)
        async with running(manager):
            yield


@pytest.fixture
def home(unmanned: Stage, namespace: str) -> Home:
    return Home(unmanned.world, namespace)


async def pends(home: Home, kind: Kind[Any], name: str, reason: str, **conditions: tuple[str, str]) -> None:
    """Wait until the object is Pending for that reason, with those conditions."""
    expected = conditions | {
        "Ready": ("False", reason),
        "Progressing": ("True", reason),
        "Failure": ("False", reason),
    }
    await home.world.until(
        kind,
        name,
        home.namespace if kind.namespaced else "",
        lambda found: found.status.status == "Pending" and expected.items() <= reasons(found).items(),
    )


async def test_runtime_configs_that_cannot_be_read_are_not_called_missing(
    control_plane: ControlPlane, unmanned: Stage, home: Home, tmp_path: Path
):
    world, config = home.world, {"runtimeConfigName": "ours"}
    await home.model(**config)
    await home.template(**config)
    await home.service(**config)
    await world.have(AIM_TEMPLATE_CACHE, "all", home.namespace, templateRef="fast", **config)
    await world.have(AIM_MODEL_CACHE, "weights", home.namespace, **ARTIFACT, **config)
    missing, unknown = "RuntimeConfigMissing", ("Unknown", "RuntimeConfigMissing")
    async with short_sighted(control_plane, unmanned, tmp_path, AIM_CLUSTER_RUNTIME_CONFIG):
        await pends(home, AIM_MODEL, "llama", missing, RuntimeResolved=unknown)
        await pends(home, AIM_SERVICE_TEMPLATE, "fast", missing, Discovered=("Unknown", "AwaitingDiscovery"))
        await pends(home, AIM_SERVICE, "chat", missing, Resolved=unknown, RuntimeReady=unknown, RoutingReady=unknown)
        await pends(home, AIM_TEMPLATE_CACHE, "all", missing, Resolved=unknown, CacheWarm=("False", missing))
        await pends(home, AIM_MODEL_CACHE, "weights", missing, StorageReady=("False", missing))


async def test_models_templates_and_nodes_that_cannot_be_read_are_not_called_missing(
    control_plane: ControlPlane, unmanned: Stage, home: Home, tmp_path: Path
):
    await home.model()
    await home.template("of-nowhere", modelName="elsewhere")
    await home.template("of-a-gpu", gpuSelector={"model": "MI100"})
    await home.service(model={"ref": "elsewhere"})
    await home.service("other")
    await home.world.have(AIM_TEMPLATE_CACHE, "all", home.namespace, templateRef="elsewhere")
    hidden = (AIM_CLUSTER_MODEL, AIM_CLUSTER_SERVICE_TEMPLATE, NODES)
    async with short_sighted(control_plane, unmanned, tmp_path, *hidden):
        await pends(home, AIM_SERVICE_TEMPLATE, "of-nowhere", "ModelNotFound")
        await pends(home, AIM_SERVICE_TEMPLATE, "of-a-gpu", "GPUNotAvailable")
        await pends(home, AIM_SERVICE, "chat", "ModelNotFound", Resolved=("Unknown", "ModelNotFound"))
        unknown = ("Unknown", "TemplateNotFound")
        await pends(home, AIM_SERVICE, "other", "TemplateNotFound", Resolved=unknown)
        await pends(home, AIM_TEMPLATE_CACHE, "all", "TemplateNotFound", Resolved=unknown)


async def test_caches_that_cannot_be_read_are_not_made_again(
    control_plane: ControlPlane, unmanned: Stage, home: Home, tmp_path: Path
):
    await home.model()
    await home.template(caching={"enabled": True})
    await home.world.have(AIM_TEMPLATE_CACHE, "all", home.namespace, templateRef="fast", modelSources=SOURCES)
    async with short_sighted(control_plane, unmanned, tmp_path, AIM_MODEL_CACHE):
        unknown = ("Unknown", "CachePending")
        await pends(home, AIM_TEMPLATE_CACHE, "all", "CachePending", Resolved=unknown)
    await home.world.delete(AIM_SERVICE_TEMPLATE, "fast", home.namespace)
    await home.template("slow", caching={"enabled": True})
    async with short_sighted(control_plane, unmanned, tmp_path, AIM_TEMPLATE_CACHE):
        waits = ("False", "WarmRequested")
        await pends(home, AIM_SERVICE_TEMPLATE, "slow", "WarmRequested", CacheWarm=waits)

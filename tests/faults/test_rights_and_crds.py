"""Rights that are taken away and given back, kinds that go and come back, schemas that change, under an operator at work.

The operator's watches go through a proxy that hangs up on them: so it meets at once what it would meet within minutes.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio
import yaml

from aimctrl.aim.operator import add_controllers
from aimctrl.api.kinds import AIM_SERVICE, AIM_SERVICE_TEMPLATE
from aimctrl.api.kinds import ALL as AIM_KINDS
from aimctrl.kube import core, external
from aimctrl.kube.core import CRDS, NODES
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Kind
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import connect
from aimctrl.runtime.controller import Controller
from aimctrl.runtime.errors import NotFoundError
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.manager import Manager, ManagerOptions
from aimctrl.runtime.request import Request, Result
from controlplane import ControlPlane, ControlPlaneError, crd_folder
from e2e.homes import Home, message
from faults.conftest import AIM_CRDS
from support.history import History, history
from support.program import account
from support.proxy import Proxy, between
from support.world import CLUSTER_ROLES, RBAC, World, eventually, surroundings, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "operator"
PATIENCE = 180.0
MODULES = (core, external)
KINDS = (*AIM_KINDS, *(kind for module in MODULES for kind in vars(module).values() if isinstance(kind, Kind)))


def rules(*, without: Kind[Any] | None = None) -> list[dict[str, list[str]]]:
    """Rights to everything an operator has to do with, but for that kind."""
    seen = [(kind.group, kind.plural) for kind in KINDS if kind != without]
    return [
        {"apiGroups": [group], "resources": [plural, f"{plural}/status", f"{plural}/finalizers"], "verbs": ["*"]}
        for group, plural in seen
    ]


@dataclass(frozen=True)
class Scene:
    """An operator at work with rights of its own, and a proxy between it and the API server."""

    user: World
    plane: ControlPlane
    proxy: Proxy
    manager: Manager

    def home(self, name: str) -> Home:
        """A namespace of a test's own."""
        return Home(self.user, f"{name}-{uuid4().hex[:6]}")

    async def allow(self, *, without: Kind[Any] | None = None) -> None:
        """Have the operator's rights, but for those to that kind."""
        role = {"metadata": {"name": NAME}, "rules": rules(without=without)}
        await self.user.put({"apiVersion": f"{RBAC}/v1", "kind": CLUSTER_ROLES.name, **role})

    @asynccontextmanager
    async def without(self, kind: Kind[Any]) -> AsyncIterator[None]:
        """Have the kind's definition and all its objects gone while the block runs, and the definition back after."""
        await self.user.delete(CRDS, kind.resource)

        async def gone() -> bool:
            return await self.user.get(CRDS, kind.resource) is None

        try:
            await eventually(gone, timeout=PATIENCE)
            yield
        finally:
            await eventually(lambda: self._installed(kind), timeout=PATIENCE)

    async def _installed(self, kind: Kind[Any]) -> bool:
        name = f"{kind.group}_{kind.plural}.yaml"
        files = [file for folder in (AIM_CRDS, crd_folder()) for file in folder.rglob(name)]
        try:
            await asyncio.to_thread(self.plane.apply_crds, *files)
        except ControlPlaneError:  # not established in time, on a busy machine
            return False
        return True

    async def reads(self, kind: Kind[Any], *, reason: str = "") -> None:
        """Wait until the operator reads the kind, or cannot for that reason."""

        async def so() -> bool:
            informer = self.manager.informers.find(kind)
            assert informer is not None
            state = informer.availability
            return (state.reason if isinstance(state, Unavailable) else "") == reason

        await eventually(so, timeout=PATIENCE)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("operator")
    async with world(plane) as user, surroundings(plane), between(plane, folder) as gate:
        await user.have(NODES, "plain")
        config = yaml.safe_load((await account(user, plane, folder, NAME, *rules())).read_text(encoding="utf-8"))
        config["clusters"] = yaml.safe_load(gate.kubeconfig.read_text(encoding="utf-8"))["clusters"]
        file = folder / "through-the-proxy"
        file.write_text(yaml.safe_dump(config), encoding="utf-8")
        async with Client(await connect(str(file))) as client:
            manager = Manager(client, options=ManagerOptions(grace_period=10.0))
            add_controllers(manager)
            running = asyncio.create_task(manager.run())
            yield Scene(user, plane, gate.proxy, manager)
            manager.stop()
            await running


async def test_rights_to_a_kind_that_are_taken_away_cost_only_what_needs_it_and_only_for_so_long(scene: Scene):
    home = scene.home("rights")
    await home.model()
    await home.template()
    await home.service()
    await home.runs()
    before = await home.inference_service()
    async with history(scene.user, AIM_SERVICE, home.namespace) as seen:
        await scene.allow(without=INFERENCE_SERVICES)
        scene.proxy.hang_up(INFERENCE_SERVICES.plural)
        await scene.reads(INFERENCE_SERVICES, reason="Forbidden")
        await home.service("late")
        await home.template("other")
        await scene.user.reaches(AIM_SERVICE_TEMPLATE, "other", home.namespace, status="Ready", timeout=PATIENCE)
        waits = ("False", "CreatingRuntime")
        service = await home.becomes("Starting", "CreatingRuntime", "late", timeout=PATIENCE, RuntimeReady=waits)
        assert "inferenceservices.serving.kserve.io is forbidden" in message(service, "RuntimeReady")
        await scene.allow()
        late = await home.becomes("Running", "RuntimeReady", "late", timeout=PATIENCE)
        await home.runs()
        await seen.reaches(late.metadata.resource_version)
    assert bad(seen) == []
    assert await home.inference_service() == before


def bad(seen: History) -> list[Any]:
    """Where an object's failure was told."""
    return [live["status"] for live in seen if live.get("status", {}).get("status") in {"Failed", "Degraded"}]


async def test_a_kind_of_children_that_is_deleted_and_comes_back_has_its_objects_made_again(scene: Scene):
    home = scene.home("children")
    await home.model()
    await home.template()
    await home.routed()
    await home.runs()
    gone, runtime = await home.route(), await identity(home)
    async with history(scene.user, AIM_SERVICE, home.namespace) as seen:
        async with scene.without(HTTPROUTES):
            await scene.reads(HTTPROUTES, reason="KindMissing")
            service = await home.becomes("Degraded", "RouteFailed", timeout=PATIENCE)
            assert "is not installed" in message(service, "RoutingReady")
            assert await identity(home) == runtime
        service = await home.becomes("Running", "RuntimeReady", timeout=PATIENCE)
        await seen.reaches(service.metadata.resource_version)
    again = await home.route()
    assert again["metadata"]["uid"] != gone["metadata"]["uid"]
    assert again["spec"] == gone["spec"]
    told = {c["message"] for live in seen for c in live["status"]["conditions"] if c["reason"] == "RouteFailed"}
    assert not [words for words in told if "is not installed" not in words], "it is not refused, its kind is gone"


async def test_a_kind_of_ours_that_is_deleted_and_comes_back_is_reconciled_as_before(scene: Scene):
    home = scene.home("ours")
    await home.model()
    await home.template()
    await home.service()
    await home.runs()
    before = await identity(home)
    async with scene.without(AIM_SERVICE_TEMPLATE):
        await home.becomes("Degraded", "TemplateNotFound", timeout=PATIENCE)
        assert await identity(home) == before
    await home.template()
    await home.world.reaches(AIM_SERVICE_TEMPLATE, "fast", home.namespace, status="Ready", timeout=PATIENCE)
    await home.becomes("Running", "RuntimeReady", timeout=PATIENCE)
    assert await identity(home) == before


async def identity(home: Home) -> tuple[Any, Any]:
    """Which InferenceService there is, and what is asked of it; what KServe says of it is its business."""
    live = await home.inference_service()
    return (live["metadata"]["uid"], live["spec"])


WIDGETS = Kind("faults.example.com", "v1", "Widget", "widgets", dict)


def widgets(**fields: Any) -> dict[str, Any]:
    """The CRD of a kind whose spec has these fields."""
    spec = {"type": "object", "properties": {"spec": {"type": "object", "properties": fields}}}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": spec}}
    names = {"kind": WIDGETS.name, "listKind": f"{WIDGETS.name}List", "plural": WIDGETS.plural, "singular": "widget"}
    return {
        "apiVersion": CRDS.api_version,
        "kind": CRDS.name,
        "metadata": {"name": WIDGETS.resource},
        "spec": {"group": WIDGETS.group, "names": names, "scope": "Namespaced", "versions": [version]},
    }


class Reader:
    """Notes what each look at a Widget shows it."""

    def __init__(self, manager: Manager) -> None:
        self.seen: list[Any] = []
        self._widgets = manager.informers.informer(WIDGETS).lister

    async def reconcile(self, request: Request) -> Result:
        live = self._widgets.get(*request.key)
        self.seen.append(live and live["spec"])
        return Result()


async def test_a_schema_that_changes_under_cached_objects_is_seen_though_no_object_was_written(scene: Scene):
    text = {"type": "string"}
    await scene.user.put(widgets(size={"type": "integer"}, old=text))
    home = scene.home("schema")
    await scene.user.namespace(home.namespace)
    await eventually(lambda: served(scene, home.namespace), timeout=PATIENCE)
    await scene.user.client.create(WIDGETS, widget(home.namespace))
    async with Client(await connect(str(scene.plane.kubeconfig))) as client:
        manager = Manager(client)
        reader = Reader(manager)
        manager.add(Controller("reader", WIDGETS, reader))
        running = asyncio.create_task(manager.run())
        await sees(reader, {"size": 1, "old": "x"})
        version = (await scene.user.json(WIDGETS, "a", home.namespace))["metadata"]["resourceVersion"]
        await scene.user.put(widgets(size={"type": "integer"}, colour={**text, "default": "red"}))
        await sees(reader, {"size": 1, "colour": "red"})
        live = await scene.user.json(WIDGETS, "a", home.namespace)
        assert live["spec"] == {"size": 1, "colour": "red"}
        assert live["metadata"]["resourceVersion"] == version
        manager.stop()
        await running


def widget(namespace: str) -> dict[str, Any]:
    return {"metadata": {"name": "a", "namespace": namespace}, "spec": {"size": 1, "old": "x"}}


async def served(scene: Scene, namespace: str) -> bool:
    try:
        await scene.user.client.list_page(WIDGETS, namespace)
    except NotFoundError:
        return False
    return True


async def sees(reader: Reader, spec: dict[str, Any]) -> None:
    """Wait until the last look showed that."""

    async def seen() -> bool:
        return reader.seen[-1:] == [spec]

    await eventually(seen, timeout=PATIENCE)

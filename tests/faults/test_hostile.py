"""Objects made to do harm: as large, as deep, as oddly named and as many as a real API server lets them be."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio
from aiohttp import web

from aimctrl.api.kinds import AIM_SERVICE
from aimctrl.kube.core import CONFIGMAPS, EVENTS, NODES
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime import Client, Controller, Manager, ManagerOptions, Note, Request, Result, Target, connect
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.errors import Answer, ConnectionFailedError, InvalidError
from aimctrl.runtime.informers import Informers
from controlplane import ControlPlane
from support.keeper import PARENT_CRD, PARENTS, Home, home, named
from support.world import CLUSTER_ROLES, World, eventually, operator, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

PATIENCE = 120.0
ANNOTATIONS_LIMIT = 256 * 1024
DEPTH = 3000
DEEP = b'{"a":[' * (DEPTH // 2) + b"1" + b"]}" * (DEPTH // 2)


@pytest.fixture(scope="module", autouse=True)
def parents(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The kind of the keeper's objects."""
    file: Path = tmp_path_factory.mktemp("crds") / "parents.yaml"
    file.write_text(PARENT_CRD, encoding="utf-8")
    plane.apply_crds(file)


@pytest_asyncio.fixture(loop_scope="module")
async def it(plane: ControlPlane) -> AsyncIterator[Home]:
    """A keeper that has done its work."""
    async with home(plane, values=dict.fromkeys(named("p", 3), "one")) as it:
        await it.converges()
        yield it


async def test_annotations_at_the_limit(it: Home):
    large = {"a": "x" * (ANNOTATIONS_LIMIT - 1)}
    for name in ("large", "larger"):
        manifest = {
            "metadata": {"name": name, "namespace": it.namespace, "annotations": large},
            "spec": {"value": "one"},
        }
        await it.world.client.apply(PARENTS, manifest, field_manager="somebody")
        it.values[name] = "one"
    more = {"metadata": {"annotations": {"b": ""}}}
    with pytest.raises(InvalidError):
        await it.world.client.patch(PARENTS, Key(it.namespace, "large"), more)
    await it.have("two", "large", *named("p", 2))
    await it.converges()


async def test_an_object_nested_too_deep_is_set_aside_alone_and_comes_back(it: Home):
    name = "deep"
    body = b'{"apiVersion":"%b","kind":"Parent","metadata":{"name":"%b"},"spec":{"value":%b}}'
    body = body % (PARENTS.api_version.encode(), name.encode(), DEEP)
    await it.world.client.request("POST", PARENTS.path(it.namespace), body=body)
    await it.have("two", *named("p", 3), *named("new", 3))
    await it.converges()

    async def told() -> bool:
        events = await it.world.events(it.namespace, name)
        return [event.reason for event in events] == ["Undecodable"]

    await eventually(told, timeout=PATIENCE)
    assert it.count("aimctrl_reconcile_set_aside_total") == 1
    await _is_listed(it, name)
    mended = {"apiVersion": PARENTS.api_version, "kind": "Parent", "metadata": {"name": name}, "spec": {"value": "two"}}
    live = msgspec.json.encode(mended)
    await it.world.client.request("PATCH", PARENTS.path(it.namespace, name), body=live, content_type=MERGE)
    it.values[name] = "two"
    await it.converges()


MERGE = "application/merge-patch+json"


class Paged(Client):
    """A client to a server that does not stream lists."""

    @asynccontextmanager
    async def stream(self, path: str, query: Any, **more: Any) -> AsyncIterator[Any]:
        if "sendInitialEvents" in query:
            raise InvalidError(Answer(422, "Invalid", "sendInitialEvents is forbidden"))
        async with super().stream(path, query, **more) as lines:
            yield lines


async def _is_listed(it: Home, name: str) -> None:
    """A list holds it too, however it is asked for, and all others."""
    for sort in (Client, Paged):
        async with sort(await connect(str(it.plane.kubeconfig))) as client, _listed(client, it.namespace) as listed:
            assert {name, *it.values} <= {key.name for key in listed.informer(PARENTS).lister.keys(namespace="")}


@asynccontextmanager
async def _listed(client: Client, namespace: str) -> AsyncIterator[Informers]:
    """Informers of Parents and ConfigMaps in the namespace, which have their lists."""
    informers = Informers(client, namespaces=[namespace])
    watched = [informers.informer(PARENTS), informers.informer(CONFIGMAPS)]
    running = asyncio.create_task(informers.run())
    try:
        async with asyncio.timeout(PATIENCE):
            for informer in watched:
                await informer.synced.wait()
        yield informers
    finally:
        running.cancel()
        await asyncio.wait({running})


ALLOWED = [chr(code) for code in range(1, 128) if chr(code) not in "/%"] + ["ä", "漢", "😀", "\u2028"]
"""What the name of a ClusterRole may have in it, which is nearly everything."""


class Marker:
    """Marks each ClusterRole of a test with a label, and says so in an event."""

    def __init__(self, manager: Manager, prefix: str) -> None:
        self.manager, self.prefix = manager, prefix

    async def reconcile(self, request: Request) -> Result:
        meta = self.manager.informers.informer(CLUSTER_ROLES).lister.meta(request.key)
        if meta is None or not request.name.startswith(self.prefix) or "marked" in meta.labels:
            return Result()
        await self.manager.client.patch(CLUSTER_ROLES, request.key, {"metadata": {"labels": {"marked": "yes"}}})
        self.manager.recorder.note(Target(CLUSTER_ROLES, meta), Note("Marked", f"{request.name} is marked"))
        return Result()


async def test_names_with_every_allowed_character(plane: ControlPlane):
    prefix = f"r{uuid4().hex[:6]}"
    names = [
        *(f"{prefix}-{sign}-" for sign in ALLOWED),
        f"{prefix}-{''.join(ALLOWED)}",
        f"{prefix}..",
        f"{prefix} + ?a=b#c",
    ]
    async with world(plane) as user, Client(await connect(str(plane.kubeconfig)), field_manager="marker") as client:
        manager = Manager(client, options=ManagerOptions(grace_period=5.0, component="marker"))
        manager.add(Controller("marker", CLUSTER_ROLES, Marker(manager, prefix)))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(manager.run())
            try:
                for name in names:
                    await user.client.create(CLUSTER_ROLES, {"metadata": {"name": name}})
                await _are_marked(user, names, prefix)
                for name in names:
                    await user.client.delete(CLUSTER_ROLES, Key("", name))
                lister = manager.informers.informer(CLUSTER_ROLES).lister
                await eventually(lambda: _none(lister.keys(), prefix), timeout=PATIENCE)
            finally:
                manager.stop()


async def _none(keys: list[Key], prefix: str) -> bool:
    return not any(key.name.startswith(prefix) for key in keys)


async def _are_marked(user: World, names: list[str], prefix: str) -> None:
    async def marked() -> bool:
        roles = await user.all(CLUSTER_ROLES)
        done = {role.metadata.name for role in roles if "marked" in role.metadata.labels}
        return {name for name in done if name.startswith(prefix)} == set(names)

    async def told() -> bool:
        events = await user.all(EVENTS, "default")
        return set(names) <= {event.regarding.name for event in events if event.reason == "Marked"}

    await eventually(marked, timeout=PATIENCE)
    await eventually(told, timeout=PATIENCE)


async def test_ten_thousand_conditions(plane: ControlPlane):
    """Objects of ours have room for 32; those of others that the operator reads are read all the same."""
    namespace, stamp = f"many-{uuid4().hex[:6]}", "2026-01-01T00:00:00Z"
    conditions = [
        {"type": f"C{number}", "status": "True", "reason": "R", "message": "", "lastTransitionTime": stamp}
        for number in range(10_000)
    ]
    crowded = {"status": {"conditions": conditions}}

    async def crowd(kind: Kind[Any], key: Key) -> None:
        path = kind.path(key.namespace, key.name, "status")
        await user.client.request("PATCH", path, body=crowded, content_type=MERGE)

    async with world(plane) as user, operator(plane) as manager:
        await user.have(AIM_SERVICE, "many", namespace, model={"ref": "none"})
        service = await user.reaches(AIM_SERVICE, "many", namespace, status="Degraded", timeout=PATIENCE)
        with pytest.raises(InvalidError, match="must have at most 32 items"):
            await crowd(AIM_SERVICE, Key(namespace, "many"))
        owner = Target(AIM_SERVICE, service.metadata).owner_reference()
        meta = {"name": "many", "namespace": namespace, "ownerReferences": [owner]}
        predictor = {"containers": [{"name": "kserve-container", "image": "x"}]}
        await user.client.create(INFERENCE_SERVICES, {"metadata": meta, "spec": {"predictor": predictor}})
        await crowd(INFERENCE_SERVICES, Key(namespace, "many"))
        await user.client.create(NODES, {"metadata": {"name": namespace}})
        try:
            await crowd(NODES, Key("", namespace))
            await user.have(AIM_SERVICE, "other", namespace, model={"ref": "none"})
            await user.reaches(AIM_SERVICE, "other", namespace, status="Degraded", timeout=PATIENCE)
            for kind, key in ((INFERENCE_SERVICES, Key(namespace, "many")), (NODES, Key("", namespace))):
                await eventually(partial(_holds, manager, kind, key, b'"C9999"'), timeout=PATIENCE)
            await user.reaches(AIM_SERVICE, "many", namespace, status="Degraded", timeout=PATIENCE)
        finally:
            await user.client.delete(NODES, Key("", namespace))


async def _holds(manager: Manager, kind: Kind[Any], key: Key, text: bytes) -> bool:
    """Whether the cache has the object with that text in it, and the object can be decoded."""
    entry = manager.informers.informer(kind).lister.entry(key)
    return entry is not None and text in entry.raw and kind.decode(entry.raw) is not None


async def test_a_list_page_of_twenty_megabytes(plane: ControlPlane):
    count, each, namespace = 500, 42_000, f"large-{uuid4().hex[:6]}"
    async with world(plane) as user, Paged(await connect(str(plane.kubeconfig))) as client:
        await user.namespace(namespace)
        async with asyncio.TaskGroup() as tasks:
            for number in range(count):
                manifest = {"metadata": {"name": f"c{number}", "namespace": namespace}, "data": {"a": "x" * each}}
                tasks.create_task(user.client.create(CONFIGMAPS, manifest))
        page = await client.list_page(CONFIGMAPS, namespace)
        assert len(page.items) == count
        assert sum(len(bytes(item)) for item in page.items) > 20_000_000
        async with _listed(client, namespace) as listed:
            held = listed.informer(CONFIGMAPS).store
            assert held.count() >= count
            await user.client.delete(CONFIGMAPS, Key(namespace, "c0"))
            await eventually(lambda: _is(held.get(Key(namespace, "c0")), None), timeout=PATIENCE)


async def _is(value: object, wanted: object) -> bool:
    return value is wanted


@pytest.mark.parametrize("pause", [0.0, 0.05], ids=["a flood", "a trickle"])
async def test_a_log_stream_that_never_ends(pause: float):
    """What was asked for of a flood is had, and the connection dropped; a trickle is given up in time."""
    hung_up = asyncio.Event()

    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * (1 if pause else 65_536))
                await asyncio.sleep(pause)
        finally:
            hung_up.set()

    app = web.Application()
    app.router.add_get("/{rest:.*}", endless)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    try:
        there = Connection(f"http://127.0.0.1:{runner.addresses[0][1]}")
        async with Client(there, timeout=1.0 if pause else PATIENCE) as client, asyncio.timeout(PATIENCE):
            asked = client.pod_log(Key("x", "p"), limit_bytes=1_000_000)
            if pause:
                with pytest.raises(ConnectionFailedError):
                    await asked
            else:
                assert await asked == b"x" * 1_000_000
            await hung_up.wait()
    finally:
        await runner.cleanup()

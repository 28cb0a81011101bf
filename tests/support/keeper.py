"""A small controller to hurt: it keeps one ConfigMap for each Parent, with the Parent's value and those it had before.

The ConfigMap's name is generated and its history is read, lengthened and written back without a precondition: the
hardest case, where nothing but what the runtime promises keeps a second child and a lost update from happening.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec

from aimctrl.kube.core import CONFIGMAPS, ConfigMap
from aimctrl.kube.kinds import Key, Kind, Model, Resource
from aimctrl.runtime import (
    Client,
    Controller,
    ControllerOptions,
    Manager,
    ManagerOptions,
    Request,
    Result,
    connect,
    owns,
)
from aimctrl.runtime.index import BY_OWNER, decode_meta
from aimctrl.runtime.informers import SLIM_LIST
from controlplane import ControlPlane
from support.world import World, eventually

PARENT_CRD = """\
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: parents.faults.example.com
spec:
  group: faults.example.com
  names: {kind: Parent, listKind: ParentList, plural: parents, singular: parent}
  scope: Namespaced
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec:
            type: object
            properties:
              value: {x-kubernetes-preserve-unknown-fields: true}
"""


@contextmanager
def plane_of_parents(folder: Path) -> Iterator[ControlPlane]:
    """A control plane that knows Parents, its garbage collector too; the CRD is written into the folder."""
    file = folder / "parents.yaml"
    file.write_text(PARENT_CRD, encoding="utf-8")
    with ControlPlane(crds=[file]) as plane:
        yield plane


class ParentSpec(Model):
    value: str = ""


class Parent(Resource):
    spec: ParentSpec = ParentSpec()


PATIENCE = 180.0
"""Seconds that a wait may take on a busy machine."""

PARENTS = Kind("faults.example.com", "v1", "Parent", "parents", Parent)


class Keeper:
    """The reconciler; `acknowledged` are the values that the API server said it has written, by parent."""

    def __init__(self, manager: Manager) -> None:
        self.client = manager.client
        self.parents = manager.informers.informer(PARENTS)
        self.children = manager.informers.informer(CONFIGMAPS)
        self.children.add_index(BY_OWNER)
        self.acknowledged: dict[Key, list[str]] = {}

    async def reconcile(self, request: Request) -> Result:
        parent = self.parents.lister.get(*request.key)
        if parent is None or parent.metadata.deletion_timestamp is not None:
            return Result()
        value = parent.spec.value
        children = self.children.lister.by_index(BY_OWNER.name, parent.metadata.uid)
        if not children:
            await self.client.create(CONFIGMAPS, _child(parent))
        elif children[0].data["value"] != value:
            history = [*children[0].data["history"].split(), value]
            data = {"value": value, "history": " ".join(history)}
            await self.client.patch(CONFIGMAPS, children[0].key, {"data": data})
        else:
            return Result()
        self.acknowledged.setdefault(request.key, []).append(value)
        return Result()


def _child(parent: Parent) -> dict[str, Any]:
    meta = parent.metadata
    owner = {"apiVersion": PARENTS.api_version, "kind": PARENTS.name, "name": meta.name, "uid": meta.uid}
    metadata = {"generateName": f"{meta.name}-", "namespace": meta.namespace, "ownerReferences": [owner]}
    metadata["ownerReferences"][0]["controller"] = True
    return {"metadata": metadata, "data": {"value": parent.spec.value, "history": parent.spec.value}}


@dataclass
class Home:
    """A namespace with Parents, and the keeper at work in it; the user's requests go straight to the API server."""

    world: World
    plane: ControlPlane
    namespace: str
    manager: Manager
    controller: Controller
    keeper: Keeper
    values: dict[str, str] = field(default_factory=dict)

    async def have(self, value: str, *names: str) -> None:
        """Give these Parents that value, new ones where they are not there."""
        await _give(self.world, self.namespace, dict.fromkeys(names, value))
        self.values |= dict.fromkeys(names, value)

    async def spoil(self, name: str) -> None:
        """Give a Parent a value that it may have by its schema, but does not decode; `have` mends it."""
        await _give(self.world, self.namespace, {name: {"no": "string"}})
        self.values.pop(name, None)

    async def drop(self, name: str) -> None:
        """Delete a Parent; the garbage collector deletes its child."""
        del self.values[name]
        await self.world.client.delete(PARENTS, Key(self.namespace, name))

    async def converges(self) -> None:
        """Wait until each Parent has a child with its value, then see that nothing was doubled or lost.

        Nothing here waits for a second child to go: there must never have been one. Only for a Parent that is gone,
        while the keeper could not know it, another may have been made when the garbage collector took the first.
        """
        await eventually(self._is_right, timeout=PATIENCE)
        created = [name for name in self.created() if name in self.values]
        doubled, lost = await self.doubled(), await self.lost()
        assert not doubled, f"with more than one child: {doubled}"
        assert not lost, f"acknowledged and gone: {lost}"
        assert sorted(created) == sorted(set(created)), f"made again: {sorted(created)}"

    async def catches_up(self) -> None:
        """Wait until the caches hold what the API server has, and there is nothing to do."""

        async def caught_up() -> bool:
            idle = not (self.controller.queue.depth or self.controller.queue.running)
            return idle and await self._is_cached()

        await eventually(caught_up, timeout=PATIENCE)

    async def doubled(self) -> list[str]:
        """The Parents with more than one child."""
        return sorted(name for name, held in (await self.children()).items() if len(held) > 1)

    async def lost(self) -> list[tuple[str, str]]:
        """The values the API server has acknowledged that no child of the Parent knows of any more."""
        children = await self.children()
        known = {
            name: {word for child in held for word in child.data["history"].split()} for name, held in children.items()
        }
        kept = [(key.name, value) for key, values in self.keeper.acknowledged.items() for value in values]
        return [(name, value) for name, value in kept if name in known and value not in known[name]]

    async def children(self) -> dict[str, list[ConfigMap]]:
        """The ConfigMaps that belong to Parents, by these."""
        found: dict[str, list[ConfigMap]] = {}
        for child in await self.world.all(CONFIGMAPS, self.namespace):
            for owner in child.metadata.owner_references:
                found.setdefault(owner.name, []).append(child)
        return found

    async def acknowledges(self, value: str, *names: str) -> None:
        """Wait until the API server has told the keeper that this value is written for each of these Parents."""
        keys = [Key(self.namespace, name) for name in names]

        async def written() -> bool:
            return all(value in self.keeper.acknowledged.get(key, ()) for key in keys)

        await eventually(written, timeout=PATIENCE)

    def count(self, metric: str) -> float:
        """What a metric of the controller stands at."""
        return self.manager.metrics.registry.get_sample_value(metric, {"controller": "keeper"}) or 0.0

    async def _is_right(self) -> bool:
        children = await self.children()
        found = {name: held[-1].data["value"] for name, held in children.items() if name in self.values}
        return found == self.values and await self._is_cached()

    async def _is_cached(self) -> bool:
        for informer in (self.keeper.parents, self.keeper.children):
            held = {key: entry.version for key, entry in informer.store.items(self.namespace)}
            if held != await self._there(informer.kind):
                return False
        return True

    async def _there(self, kind: Kind[Any]) -> dict[Key, int]:
        page = await self.world.client.list_page(kind, self.namespace, accept=SLIM_LIST)
        metas = [decode_meta(bytes(raw)) for raw in page.items]
        return {Key(meta.namespace, meta.name): int(meta.resource_version) for meta in metas}

    def created(self) -> list[str]:
        """The Parents that the keeper has made children for, by the audit log, in order.

        An API server that is killed may have carried out what it did not get to log.
        """
        return [event["objectRef"]["name"].rpartition("-")[0] for event in self.written() if event["verb"] == "create"]

    def written(self) -> list[Any]:
        """The audit log's events of what the keeper has written here, in order; what was refused is not written."""
        with self.plane.audit_log.open("rb") as log:
            events = [msgspec.json.decode(line) for line in log if self.namespace.encode() in line]
        return [event for event in events if self._is_write(event)]

    def _is_write(self, event: Any) -> bool:
        ours = event["userAgent"].startswith(f"{self.manager.client.field_manager} ")
        reads = event["verb"] in {"get", "list", "watch"} or event["objectRef"]["resource"] != CONFIGMAPS.plural
        return ours and not reads and event["responseStatus"]["code"] < 300


GRACE = ManagerOptions(grace_period=5.0)


@dataclass(frozen=True)
class KeeperOptions:
    """How the keeper runs; `timeout` is that of its client, in seconds."""

    timeout: float = 30.0
    manager: ManagerOptions = GRACE
    controller: type[Controller] = Controller


@asynccontextmanager
async def home(
    plane: ControlPlane,
    *,
    kubeconfig: Path | None = None,
    values: Mapping[str, str] = {},
    options: KeeperOptions = KeeperOptions(),
) -> AsyncIterator[Home]:
    """A new namespace with these Parents, kept by a manager that uses this kubeconfig."""
    namespace = f"faults-{uuid4().hex[:8]}"
    there = await connect(str(kubeconfig or plane.kubeconfig))
    async with (
        Client(await connect(str(plane.kubeconfig)), field_manager="user") as user,
        Client(there, field_manager="keeper", timeout=options.timeout) as client,
    ):
        world = World(user)
        await world.namespace(namespace)
        await _give(world, namespace, values)
        manager = Manager(client, namespaces=[namespace], options=options.manager)
        keeper = Keeper(manager)
        watches = (owns(CONFIGMAPS, PARENTS),)
        limits = ControllerOptions(max_concurrent=8)
        controller = options.controller("keeper", PARENTS, keeper, watches=watches, options=limits)
        manager.add(controller)
        running = asyncio.create_task(manager.run())
        try:
            yield Home(world, plane, namespace, manager, controller, keeper, dict(values))
        finally:
            manager.stop()
            await running


async def _give(world: World, namespace: str, values: Mapping[str, Any]) -> None:
    async with asyncio.TaskGroup() as tasks:
        for name, value in values.items():
            manifest = {"metadata": {"name": name, "namespace": namespace}, "spec": {"value": value}}
            tasks.create_task(world.client.apply(PARENTS, manifest, field_manager="user"))


def named(prefix: str, count: int) -> tuple[str, ...]:
    """So many names."""
    return tuple(f"{prefix}{number}" for number in range(count))

"""Churn without end: as many objects as before, and so are memory, open files, tasks and keys.

Every round changes, deletes and makes Parents and hurts their children, through a controller that records an event each
time; counted are the watch events that reached it.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from uuid import uuid4

import pytest
from structlog import DropEvent
from structlog.testing import capture_logs
from structlog.typing import EventDict

from aimctrl.kube.core import CONFIGMAPS, LEASES
from aimctrl.kube.kinds import Key
from aimctrl.runtime import (
    Client,
    Controller,
    ControllerOptions,
    Manager,
    ManagerOptions,
    Note,
    Plan,
    PlanReconciler,
    Request,
    Target,
    connect,
    owns,
)
from aimctrl.runtime.plan import Child
from controlplane import ControlPlane
from support.footprint import open_files, resident
from support.world import World, eventually

MIB = 1 << 20
PATIENCE = 120.0
OBJECTS = 100


class Keeper(PlanReconciler[Target]):
    """Keeps a ConfigMap for each Lease that says who holds it."""

    def __init__(self, manager: Manager) -> None:
        super().__init__(manager.applier)
        self.leases = manager.informers.informer(LEASES)

    async def observe(self, request: Request) -> Target | None:
        meta = self.leases.lister.meta(request.key)
        if meta is None or meta.deletion_timestamp is not None:
            return None
        return Target(LEASES, meta)

    def decide(self, observed: Target) -> Plan:
        lease = self.leases.lister.get(*observed.key)
        holder = lease.spec.holder_identity if lease is not None else ""
        meta = {
            "name": observed.meta.name,
            "namespace": observed.meta.namespace,
            "ownerReferences": [observed.owner_reference()],
        }
        child = Child(CONFIGMAPS, {"metadata": meta, "data": {"holder": holder}})
        return Plan(observed, children=(child,), notes=(Note("Kept", f"for {holder}"),))


@dataclass
class Soak:
    """A namespace, the keeper at work in it, and what it has heard."""

    world: World
    namespace: str
    manager: Manager
    controller: Controller
    events: int = 0
    holders: dict[str, str] = field(default_factory=dict)

    async def have(self, name: str, holder: str) -> None:
        manifest = {"metadata": {"name": name, "namespace": self.namespace}, "spec": {"holderIdentity": holder}}
        await self.world.client.apply(LEASES, manifest, field_manager="user")
        self.holders[name] = holder

    async def churn(self, number: int) -> None:
        """Change each Lease; delete a few and make others; delete and change children behind the keeper's back."""
        names = sorted(self.holders)
        gone = names[number % 10 :: 10]
        async with asyncio.TaskGroup() as tasks:
            for name in gone:
                del self.holders[name]
                tasks.create_task(self.world.client.delete(LEASES, Key(self.namespace, name)))
            for name in list(self.holders):
                tasks.create_task(self.have(name, f"holder-{number}"))
            for index, _ in enumerate(gone):
                tasks.create_task(self.have(f"l-{number}-{index}", f"holder-{number}"))
            for name in sorted(self.holders)[number % 5 :: 5]:
                tasks.create_task(self.world.client.delete(CONFIGMAPS, Key(self.namespace, name)))
        await self.converges()

    async def converges(self) -> None:
        """Wait until the children are those of the Leases, and nothing is queued."""
        children = self.manager.informers.informer(CONFIGMAPS)

        async def converged() -> bool:
            if self.keys():
                return False
            held = children.lister.list(self.namespace)
            return {
                child.metadata.name: child.data.get("holder") for child in held if child.data.get("holder")
            } == self.holders

        await eventually(converged, timeout=PATIENCE)

    def keys(self) -> int:
        """Keys that the queue knows of."""
        return len(vars(self.controller.queue)["_slots"])


@asynccontextmanager
async def soak(plane: ControlPlane) -> AsyncIterator[Soak]:
    namespace = f"soak-{uuid4().hex[:8]}"
    async with (
        Client(await connect(str(plane.kubeconfig)), field_manager="user") as user,
        Client(await connect(str(plane.kubeconfig)), field_manager="keeper") as client,
    ):
        world = World(user)
        await world.namespace(namespace)
        options = ManagerOptions(grace_period=5.0, component="keeper", resync_seconds=20.0)
        manager = Manager(client, namespaces=[namespace], options=options)
        controller = Controller(
            "keeper",
            LEASES,
            Keeper(manager),
            watches=(owns(CONFIGMAPS, LEASES),),
            options=ControllerOptions(max_concurrent=8),
        )
        manager.add(controller)
        one = Soak(world, namespace, manager, controller)
        for kind in (LEASES, CONFIGMAPS):
            manager.informers.informer(kind).add_handler(lambda _: _heard(one))
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(manager.run())
            try:
                yield one
            finally:
                manager.stop()


def _heard(one: Soak) -> None:
    one.events += 1


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    """A control plane without CRDs."""
    with ControlPlane() as plane:
        yield plane


@dataclass(frozen=True)
class Footprint:
    memory: int
    files: int
    tasks: int


def footprint() -> Footprint:
    return Footprint(resident(), open_files(), len(asyncio.all_tasks()))


async def test_churn_leaves_nothing_behind(plane: ControlPlane, full: bool):
    """Half of the events are warm-up; from then on nothing grows but what a bounded memory holds."""
    total = 200_000 if full else 4_000
    with capture_logs(processors=[_drop]):
        async with soak(plane) as one:
            for index in range(OBJECTS):
                await one.have(f"l-{index}", "nobody")
            await one.converges()
            half: Footprint | None = None
            for number in count():
                await one.churn(number)
                if half is None and one.events >= total / 2:
                    half = footprint()
                if one.events >= total:
                    break
            end = footprint()
            assert half is not None
            assert one.keys() == 0
            assert abs(end.tasks - half.tasks) <= 4
            assert abs(end.files - half.files) <= 16
            assert end.memory - half.memory < 8 * MIB, f"{(end.memory - half.memory) / MIB:.1f} MiB more"
            await eventually(lambda: _as_many(one), timeout=PATIENCE)


def _drop(_logger: object, _level: str, _event: EventDict) -> EventDict:
    """Logs would be kept, and are not what grows here."""
    raise DropEvent


async def _as_many(one: Soak) -> bool:
    return one.manager.informers.informer(LEASES).store.count(one.namespace) == OBJECTS == len(one.holders)

"""Reconciles that raise, hang, block the event loop or eat memory: one object's trouble is nobody else's.

The API server is the embedded one, in a thread of its own: nothing here is about it, and it must not be blocked too.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from aimctrl.kube.core import CONFIGMAPS
from aimctrl.kube.kinds import Key
from aimctrl.runtime import Client, Controller, ControllerOptions, Manager, ManagerOptions, Request, Result, connect
from support.embedded import EmbeddedPlane
from support.footprint import resident
from support.keeper import PARENT_CRD, PARENTS, named
from support.world import World, eventually

MIB = 1 << 20
PATIENCE = 90.0

Trouble = Callable[[Request], Awaitable[None]]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPlane]:
    file: Path = tmp_path_factory.mktemp("crds") / "parents.yaml"
    file.write_text(PARENT_CRD, encoding="utf-8")
    with EmbeddedPlane(crds=[file]) as server:
        yield server


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[EventDict]]:
    """What is logged, without the exceptions, whose frames hold all that a reconcile held."""
    with capture_logs(processors=[_without_exception]) as logs:
        yield logs


def _without_exception(_logger: Any, _level: str, event: EventDict) -> EventDict:
    event.pop("exc_info", None)
    return event


@dataclass
class Home:
    """A namespace with Parents; each gets a ConfigMap of its name once its reconcile gets through its `trouble`."""

    world: World
    namespace: str
    manager: Manager
    controller: Controller
    troubles: dict[str, Trouble] = field(default_factory=dict)
    tried: dict[str, int] = field(default_factory=dict)

    async def have(self, *names: str) -> None:
        for name in names:
            manifest = {"metadata": {"name": name, "namespace": self.namespace}, "spec": {"value": "v"}}
            await self.world.client.apply(PARENTS, manifest, field_manager="user")

    async def reconcile(self, request: Request) -> Result:
        self.tried[request.name] = self.tried.get(request.name, 0) + 1
        trouble = self.troubles.get(request.name)
        if trouble is not None:
            await trouble(request)
        manifest = {"metadata": {"name": request.name, "namespace": request.namespace}, "data": {"a": "b"}}
        await self.manager.client.apply(CONFIGMAPS, manifest)
        return Result()

    async def gets(self, *names: str) -> None:
        """Wait until these have their ConfigMaps."""

        async def there() -> bool:
            found = {child.metadata.name for child in await self.world.all(CONFIGMAPS, self.namespace)}
            return set(names) <= found

        await eventually(there, timeout=PATIENCE)

    async def is_busy(self, *, workers: int) -> None:
        """Wait until so many workers have a key."""

        async def works() -> bool:
            return self.controller.queue.running == workers

        await eventually(works, timeout=PATIENCE)

    async def is_at_rest(self) -> None:
        """Wait until nothing is queued, running or kept for later."""
        queue = self.controller.queue

        async def rests() -> bool:
            return not (queue.depth or queue.running or vars(queue)["_slots"])

        await eventually(rests, timeout=PATIENCE)

    async def has_counted(self, metric: str, least: float) -> None:
        """Wait until it is at least that."""

        async def there() -> bool:
            return self.count(metric) >= least

        await eventually(there, timeout=PATIENCE)

    def count(self, metric: str) -> float:
        return self.manager.metrics.registry.get_sample_value(metric, {"controller": "parent"}) or 0.0


class _Late:
    """The reconciler of a home that is still to be made."""

    home: Home

    async def reconcile(self, request: Request) -> Result:
        return await self.home.reconcile(request)


@asynccontextmanager
async def home(server: EmbeddedPlane, *, timeout: float = 60.0, blocked_after: float = 30.0) -> AsyncIterator[Home]:
    namespace = f"faults-{uuid4().hex[:8]}"
    async with (
        Client(await connect(str(server.kubeconfig)), field_manager="user") as user,
        Client(await connect(str(server.kubeconfig)), field_manager="op") as client,
    ):
        world, late = World(user), _Late()
        await world.namespace(namespace)
        options = ManagerOptions(grace_period=5.0, blocked_after=blocked_after)
        manager = Manager(client, namespaces=[namespace], options=options)
        limits = ControllerOptions(max_concurrent=2, timeout=timeout)
        controller = Controller("parent", PARENTS, late, options=limits)
        late.home = Home(world, namespace, manager, controller)
        manager.add(controller)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(manager.run())
            try:
                yield late.home
            finally:
                manager.stop()


def raises(*errors: BaseException) -> Trouble:
    left = list(errors)

    async def trouble(_request: Request) -> None:
        if left:
            raise left.pop(0)

    return trouble


ERRORS: dict[str, BaseException] = {
    "value": ValueError("no"),
    "timeout": TimeoutError("somebody else's"),
    "memory": MemoryError(),
    "recursion": RecursionError("too deep"),
    "group": ExceptionGroup("two", [KeyError("a"), OSError("b")]),
    "cancelled": asyncio.CancelledError("of its own accord"),
    "async-stop": StopAsyncIteration(),
    "unprintable": type("Unprintable", (Exception,), {"__str__": lambda _: 1 / 0})(),
}


async def test_whatever_a_reconcile_raises_it_is_tried_again_and_the_others_go_on(server: EmbeddedPlane):
    async with home(server) as it:
        it.troubles = {name: raises(error, error) for name, error in ERRORS.items()}
        await it.have(*ERRORS, *named("well", 10))
        await it.gets(*named("well", 10))
        await it.gets(*ERRORS)
        await it.is_at_rest()
        assert {name: it.tried[name] for name in ERRORS} == dict.fromkeys(ERRORS, 3)
        assert it.count("controller_runtime_reconcile_errors_total") == 2 * len(ERRORS)
        assert it.count("controller_runtime_active_workers") == 0


async def test_reconciles_that_hang_give_their_workers_back(server: EmbeddedPlane):
    hang = True

    async def hangs(_request: Request) -> None:
        while hang:
            await asyncio.sleep(3600)

    async with home(server, timeout=0.5) as it:
        stuck = named("stuck", 4)  # twice as many as there are workers
        it.troubles = dict.fromkeys(stuck, hangs)
        await it.have(*stuck)
        await it.is_busy(workers=2)
        await it.have(*named("well", 6))
        await it.gets(*named("well", 6))
        await it.has_counted("controller_runtime_reconcile_timeouts_total", 2)  # the other hangs on for a moment
        hang = False
        await it.gets(*stuck)
        await it.is_at_rest()


async def test_a_reconcile_that_blocks_the_event_loop_is_named_with_its_stack(
    server: EmbeddedPlane, logs: list[EventDict]
):
    async def blocks(request: Request) -> None:
        await asyncio.sleep(0)
        if it.tried[request.name] == 1:
            a_driver_that_waits(lambda: any(entry["event"] == "event loop blocked" for entry in logs))

    def a_driver_that_waits(until: Callable[[], bool]) -> None:
        patience = time.monotonic() + PATIENCE
        while not until() and time.monotonic() < patience:
            time.sleep(0.05)

    async with home(server, blocked_after=0.5) as it:
        it.troubles["slow"] = blocks
        await it.have("slow", "well")
        await it.gets("slow", "well")
        await it.is_at_rest()
    told = [
        entry for entry in logs if entry["event"] == "event loop blocked" and "a_driver_that_waits" in entry["stack"]
    ]
    assert [entry["task"] for entry in told] == [f"parent {Key(it.namespace, 'slow')}"]


async def test_what_reconciles_allocate_is_given_back_though_they_fail(server: EmbeddedPlane):
    async def allocates(request: Request) -> None:
        hoard = bytearray(32 * MIB)
        hoard[::4096] = b"x" * (len(hoard) // 4096)  # every page is really there
        if it.tried[request.name] <= rounds:
            raise MemoryError(f"{len(hoard)} bytes were not enough")

    rounds = 4
    async with home(server) as it:
        greedy = named("greedy", 10)
        it.troubles = dict.fromkeys(greedy, allocates)
        await it.have("first")
        await it.gets("first")
        before = resident()
        await it.have(*greedy)
        await it.gets(*greedy)
        await it.is_at_rest()
        assert sum(it.tried[name] for name in greedy) == 10 * (rounds + 1)
        assert resident() - before < 6 * 32 * MIB

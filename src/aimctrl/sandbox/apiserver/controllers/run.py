"""All controllers of the server, at work."""

import asyncio
from collections.abc import AsyncGenerator, Generator, Hashable, Iterable
from contextlib import asynccontextmanager, contextmanager
from typing import Any, Protocol, TypeVar

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.controllers.claims import Claims
from aimctrl.sandbox.apiserver.controllers.definitions import Definitions
from aimctrl.sandbox.apiserver.controllers.garbage import Garbage
from aimctrl.sandbox.apiserver.controllers.jobs import Jobs
from aimctrl.sandbox.apiserver.controllers.loop import Loop
from aimctrl.sandbox.apiserver.controllers.namespaces import Namespaces
from aimctrl.sandbox.apiserver.controllers.roles import Roles
from aimctrl.sandbox.apiserver.storage import Collection, Event, EventType

K = TypeVar("K", bound=Hashable)


class Controller(Protocol[K]):
    """Says what to look at after each event, and looks at it when its turn comes."""

    def hear(self, collection: Collection, event: Event, /) -> Iterable[K]:
        """The keys to look at."""
        ...

    def look(self, key: K, /) -> float | None:
        """Looks at one; gives the seconds after which to do so again, None for not until something happens."""
        ...


def _controllers(cluster: Cluster, ca: str) -> dict[str, Controller[Any]]:
    return {
        "customresourcedefinitions": Definitions(cluster),
        "namespaces": Namespaces(cluster, ca),
        "garbage collector": Garbage(cluster),
        "jobs": Jobs(cluster),
        "claims": Claims(cluster),
        "aggregated roles": Roles(cluster),
    }


@asynccontextmanager
async def run_controllers(cluster: Cluster, ca: str = "") -> AsyncGenerator[None]:
    """The controllers at work while the block runs; they see what is there already, too.

    `ca` is the certificate in PEM that the server is verified with.
    """
    ears = [(each, Loop[Any](name, each.look)) for name, each in _controllers(cluster, ca).items()]
    failure: Exception | None = None
    with _listening(cluster, ears):
        async with asyncio.TaskGroup() as tasks:
            running = [tasks.create_task(loop.run(), name=f"sandbox {loop.name}") for _, loop in ears]
            try:
                yield
            except Exception as error:  # noqa: BLE001 - raised again, outside of the group that would wrap it
                failure = error
            finally:
                for task in running:
                    task.cancel()
    if failure is not None:
        raise failure


@contextmanager
def _listening(cluster: Cluster, ears: Iterable[tuple[Controller[Any], Loop[Any]]]) -> Generator[None]:
    """Tells each controller's loop of what it wants to look at, what is there already first."""

    def hear(collection: Collection, event: Event) -> None:
        for controller, loop in ears:
            for key in controller.hear(collection, event):
                loop.add(key)

    def hasten() -> None:
        for _, loop in ears:
            loop.hasten()

    cluster.clock.listeners.append(hasten)
    cluster.storage.listeners.append(hear)
    for collection in cluster.storage.collections():
        for stored in collection.all():
            hear(collection, Event(EventType.ADDED, stored, None))
    try:
        yield
    finally:
        cluster.storage.listeners.remove(hear)
        cluster.clock.listeners.remove(hasten)

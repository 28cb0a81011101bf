"""The state of an embedded API server with its controllers at work, without HTTP, on the loop's own time."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

from aimctrl.sandbox.apiserver.builtin.kinds import builtin_registry
from aimctrl.sandbox.apiserver.clock import Clock
from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.controllers.run import run_controllers
from aimctrl.sandbox.apiserver.deleting import DeleteOptions
from aimctrl.sandbox.apiserver.internal import Internal
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.storage import Collection, Event

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
NAMESPACE = "here"
Json = dict[str, Any]


class Scene:
    """Creates, changes, deletes and reads objects; a name without a namespace is in `here`."""

    def __init__(self) -> None:
        self.cluster = Cluster(registry=builtin_registry(), clock=Clock(self.now))
        self.events: list[tuple[str, str, Json]] = []
        self._internal = Internal(self.cluster, "test")
        self.cluster.storage.listeners.append(self._note)

    def now(self) -> datetime:
        return EPOCH + timedelta(seconds=asyncio.get_running_loop().time())

    def type(self, plural: str) -> ResourceType:
        """The resource of that name, whose group nobody has to say."""
        return next(t for t in self.cluster.registry if t.plural == plural and t.group != "events.k8s.io")

    def create(self, plural: str, name: str, namespace: str = NAMESPACE, **parts: Any) -> Json:
        type_, meta = self.type(plural), parts.pop("metadata", {})
        thing = {"metadata": {"name": name, **meta}, **parts}
        return self._internal.create(type_, thing, namespace=namespace if type_.namespaced else "").object

    def get(self, plural: str, name: str, namespace: str = NAMESPACE) -> Json | None:
        type_ = self.type(plural)
        stored = self.cluster.collection(type_).get(f"{namespace}/{name}" if type_.namespaced else name)
        return stored.object if stored else None

    def all(self, plural: str, namespace: str = "") -> list[Json]:
        return [stored.object for stored in self.cluster.collection(self.type(plural)).all(namespace)]

    def change(self, plural: str, name: str, change: Any, subresource: str = "", namespace: str = NAMESPACE) -> None:
        type_ = self.type(plural)
        key = f"{namespace}/{name}" if type_.namespaced else name
        self._internal.change(type_, key, change, subresource=subresource)

    def delete(self, plural: str, name: str, policy: str = "", namespace: str = NAMESPACE) -> None:
        type_ = self.type(plural)
        key = f"{namespace}/{name}" if type_.namespaced else name
        self._internal.delete(type_, key, DeleteOptions(policy=policy))

    def own(self, plural: str, name: str, *, block: bool = False, controller: bool = False) -> Json:
        """A reference to an object as an owner."""
        thing = self.get(plural, name)
        assert thing is not None
        owner = {
            "apiVersion": thing["apiVersion"],
            "kind": thing["kind"],
            "name": name,
            "uid": thing["metadata"]["uid"],
        }
        return {**owner, "blockOwnerDeletion": block, "controller": controller}

    def history(self, plural: str, name: str) -> list[Json]:
        """What became of an object, change by change."""
        return [thing for kind, called, thing in self.events if (kind, called) == (plural, name)]

    def _note(self, collection: Collection, event: Event) -> None:
        self.events.append((collection.plural, event.now.object["metadata"]["name"], event.now.object))


@asynccontextmanager
async def scene() -> AsyncIterator[Scene]:
    """A scene with the namespace `here`."""
    made = Scene()
    async with run_controllers(made.cluster, "a certificate"):
        made.create("namespaces", NAMESPACE)
        await settle()
        yield made


async def settle(seconds: float = 0.5) -> None:
    """Lets the controllers come to rest; the time is virtual."""
    await asyncio.sleep(seconds)

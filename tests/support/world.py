"""A cluster as its user sees it: YAML goes in, statuses come out; and the operator and stand-ins that live in it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import yaml

from aimctrl.aim.operator import add_controllers
from aimctrl.aim.options import OperatorOptions
from aimctrl.api.kinds import ALL
from aimctrl.kube import core, external
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.client import Client, all_items
from aimctrl.runtime.connection import connect
from aimctrl.runtime.errors import NotFoundError
from aimctrl.runtime.manager import Manager, ManagerOptions
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import Scripts
from aimctrl.sandbox.stand_ins import stand_ins
from controlplane import ControlPlane
from support import identity

T = TypeVar("T")
Json = dict[str, Any]
PATIENCE = 60.0

RBAC = "rbac.authorization.k8s.io"
SERVICE_ACCOUNTS = Kind("", "v1", "ServiceAccount", "serviceaccounts", core.Object)
CLUSTER_ROLES = Kind(RBAC, "v1", "ClusterRole", "clusterroles", core.Object, namespaced=False)
ROLE_BINDINGS = Kind(RBAC, "v1", "RoleBinding", "rolebindings", core.Object)
CLUSTER_ROLE_BINDINGS = Kind(RBAC, "v1", "ClusterRoleBinding", "clusterrolebindings", core.Object, namespaced=False)

KINDS: dict[tuple[str, str], Kind[Any]] = {
    (kind.api_version, kind.name): kind
    for kind in (
        *ALL,
        *(one for module in (core, external) for one in vars(module).values() if isinstance(one, Kind)),
        *(SERVICE_ACCOUNTS, CLUSTER_ROLES, ROLE_BINDINGS, CLUSTER_ROLE_BINDINGS),
    )
}


class World:
    """One cluster; everything a test made in it, but for namespaces, is removed by `clean`."""

    def __init__(self, client: Client) -> None:
        self.client = client
        self._made: list[tuple[Kind[Any], Key]] = []

    async def apply(self, source: str | Path, **substitutions: str) -> list[Json]:
        """Apply the YAML documents, as `kubectl apply --server-side` does; `substitutions` replace words in it."""
        text = source.read_text(encoding="utf-8") if isinstance(source, Path) else source
        for old, new in substitutions.items():
            text = text.replace(old, new)
        return [await self.put(manifest) for manifest in yaml.safe_load_all(text) if manifest]

    async def put(self, manifest: Json) -> Json:
        """Apply one object; its namespace is made where it is missing."""
        kind = KINDS[manifest["apiVersion"], manifest["kind"]]
        key = Key(manifest["metadata"].get("namespace", "") if kind.namespaced else "", manifest["metadata"]["name"])
        if key.namespace:
            await self.namespace(key.namespace)
        path = kind.path(key.namespace, key.name)
        query = {"fieldManager": "user", "force": "true"}
        body = await self.client.request(
            "PATCH", path, body=manifest, query=query, content_type="application/apply-patch+yaml"
        )
        if kind is not core.NAMESPACES:
            self._made.append((kind, key))
        return msgspec.json.decode(body)

    async def have(self, kind: Kind[Any], name: str, namespace: str = "", **spec: Any) -> Json:
        """Apply an object with that spec; `labels` and `annotations` go to its metadata."""
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        metadata |= {part: spec.pop(part) for part in ("labels", "annotations") if part in spec}
        return await self.put(
            {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata} | ({"spec": spec} if spec else {})
        )

    async def namespace(self, name: str) -> None:
        """Have the namespace."""
        manifest = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}
        await self.client.apply(core.NAMESPACES, manifest, field_manager="user")

    async def get(self, kind: Kind[T], name: str, namespace: str = "") -> T | None:
        """The object, None where it is not there."""
        try:
            return kind.decode(await self.client.get(kind, Key(namespace, name)))
        except NotFoundError:
            return None

    async def json(self, kind: Kind[Any], name: str, namespace: str = "") -> Json:
        """The whole object as JSON."""
        return msgspec.json.decode(await self.client.get(kind, Key(namespace, name)))

    async def all(self, kind: Kind[T], namespace: str = "", *, selector: str = "") -> list[T]:
        """All objects of a kind, in a namespace or everywhere."""
        found = all_items(lambda token: self.client.list_page(kind, namespace, selector=selector, token=token))
        return [kind.decode(raw) async for raw in found]

    async def delete(self, kind: Kind[Any], name: str, namespace: str = "") -> None:
        """Delete the object."""
        await self.client.delete(kind, Key(namespace, name))

    async def events(self, namespace: str, about: str) -> list[core.Event]:
        """The events about objects of that name, in the order they came."""
        found = [e for e in await self.all(core.EVENTS, namespace) if e.regarding.name == about]
        return sorted(found, key=lambda e: int(e.metadata.resource_version))

    async def reaches(
        self, kind: Kind[T], name: str, namespace: str = "", *, status: str, timeout: float = PATIENCE
    ) -> T:
        """The object once the operator says of what its spec is now that its `status.status` is `status`."""
        return await self.until(
            kind, name, namespace, lambda found: is_told(found) and found.status.status == status, timeout=timeout
        )

    async def until(
        self,
        kind: Kind[T],
        name: str,
        namespace: str,
        holds: Callable[[Any], bool],
        *,
        timeout: float = PATIENCE,
    ) -> T:
        """The object once `holds` says so of it; AssertionError with its last state where it never does."""

        async def look() -> T | None:
            found = await self.get(kind, name, namespace)
            return found if found is not None and holds(found) else None

        try:
            return await eventually(look, timeout=timeout)
        except TimeoutError:
            try:
                last = yaml.safe_dump(await self.json(kind, name, namespace))
            except NotFoundError:
                last = "it does not exist"
            raise AssertionError(f"{kind.name} {namespace}/{name} never got there; at the end:\n{last}") from None

    async def clean(self) -> None:
        """Delete what was applied here, and wait until what is cluster-scoped is gone."""
        made = list(dict.fromkeys(reversed(self._made)))
        self._made.clear()
        async with asyncio.TaskGroup() as tasks:
            for kind, key in made:
                tasks.create_task(self.client.delete(kind, key))
        for kind, key in made:
            if not kind.namespaced:
                await eventually(lambda kind=kind, key=key: self._is_gone(kind, key))

    async def _is_gone(self, kind: Kind[Any], key: Key) -> bool:
        return await self.get(kind, key.name, key.namespace) is None


async def eventually(look: Callable[[], Awaitable[T]], *, timeout: float = PATIENCE, every: float = 0.05) -> T:
    """What `look` gives once it is true; TimeoutError where it never is."""
    async with asyncio.timeout(timeout):
        while True:
            found = await look()
            if found:
                return found
            await asyncio.sleep(every)


async def becomes_equal(
    look: Callable[[], Awaitable[T]], expected: T, *, timeout: float = PATIENCE, every: float = 0.05
) -> None:
    """Wait until `look` gives what is expected; AssertionError with what it gave last where it never does."""
    seen: list[T] = []

    async def equal() -> bool:
        seen[:] = [await look()]
        return seen == [expected]

    with contextlib.suppress(TimeoutError):
        await eventually(equal, timeout=timeout, every=every)
    assert seen == [expected], f"{seen} and not {expected}"


def is_told(found: Any) -> bool:
    """Whether the operator has said something of what the spec is now; before, a status is what it was, or defaults."""
    return bool(found.status.conditions) and found.status.observed_generation == found.metadata.generation


def reason(found: Any) -> str:
    """Why the object is what its status says, `""` where nobody has said anything yet."""
    return reasons(found).get("Ready", ("", ""))[1]


def reasons(found: Any) -> Mapping[str, tuple[str, str]]:
    """Status and reason of each condition, by type."""
    return {c.type: (c.status, c.reason) for c in found.status.conditions}


@contextlib.asynccontextmanager
async def world(plane: ControlPlane) -> AsyncIterator[World]:
    """The user's own connection."""
    async with Client(await connect(str(plane.kubeconfig)), field_manager="user") as client:
        yield World(client)


@contextlib.asynccontextmanager
async def operator(
    plane: ControlPlane, options: OperatorOptions = OperatorOptions(), *, namespaces: tuple[str, ...] = ()
) -> AsyncIterator[Manager]:
    """The operator, embedded in the test, with its own rights; stopped in order at the end."""
    async with Client(await connect(str(identity.of(plane)))) as client:
        manager = Manager(client, namespaces=namespaces, options=ManagerOptions(grace_period=10.0))
        add_controllers(manager, options)
        async with running(manager):
            yield manager


@contextlib.asynccontextmanager
async def running(manager: Manager) -> AsyncIterator[None]:
    """The manager at work; stopped in order at the end."""
    task = asyncio.create_task(manager.run())
    try:
        yield
    finally:
        manager.stop()
        await task


@contextlib.asynccontextmanager
async def surroundings(plane: ControlPlane, scripts: Scripts | None = None) -> AsyncIterator[Scripts]:
    """Kubelet, KServe and gateway; every image is an AIM image where no script says otherwise."""
    held = scripts or Scripts(AimImage())
    async with stand_ins(await connect(str(plane.kubeconfig)), held):
        yield held

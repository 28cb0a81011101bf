"""Makes the Widgets that the peers reconcile, changes them, and sees from outside what the peers do about it.

All of it runs in the benchmark's own process, one event loop for each task, and is named `bench` in the audit log.
"""

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from itertools import count
from typing import Any

import msgspec

from aimctrl.kube.core import CONFIGMAPS, NAMESPACES
from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta
from aimctrl.runtime import Client, connect
from aimctrl.runtime.errors import AlreadyExistsError
from bench.widgets import WIDGETS

SPACES = tuple(f"bench-{number:02}" for number in range(20))
SENDER = "bench"

OURS = "aimctrl"
"""The field manager of our peer: what it applies itself it need not apply again. To others it makes no difference."""

_AT_ONCE = 24
_PATIENCE = 60.0
_TOUCH = "bench.example.com/touched"


class _Status(msgspec.Struct, frozen=True, rename="camel"):
    observed_generation: int = 0


class _Object(msgspec.Struct, frozen=True):
    metadata: Meta
    status: _Status = _Status()

    @property
    def done(self) -> bool:
        """Whether the status is of this generation."""
        return self.status.observed_generation == self.metadata.generation


class _Event(msgspec.Struct):
    type: str
    object: _Object


_decode = msgspec.json.Decoder(_Event).decode


@dataclass(frozen=True, slots=True)
class Load:
    """What a benchmark does to one API server; `kubeconfig` says which."""

    kubeconfig: str

    def make(self, widgets: int, *, converged: bool) -> None:
        """Make so many Widgets; converged ones with the ConfigMap and the status a peer would give them."""
        asyncio.run(self._make(widgets, converged=converged))

    def wipe(self) -> None:
        """Remove all Widgets and ConfigMaps."""
        asyncio.run(self._wipe())

    def change(self, widgets: int, times: int) -> list[float]:
        """Change the spec of one Widget after another; for each the ms from the answer to the new status."""
        return asyncio.run(self._change(widgets, times))

    def touch(self, widgets: int, times: int) -> None:
        """Change an annotation that means nothing, so many times, spread over the Widgets."""
        asyncio.run(self._touch(widgets, times))

    async def ready(self, widgets: int) -> float:
        """Wait until so many Widgets have a status of their generation; when that was, in seconds since the epoch."""
        done: set[Key] = set()
        async with self._client() as client:
            async for seen in _events(client, {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}):
                if seen.done:
                    done.add(Key(seen.metadata.namespace, seen.metadata.name))
                if len(done) == widgets:
                    break
        return time.time()

    @asynccontextmanager
    async def _client(self) -> AsyncIterator[Client]:
        async with Client(await connect(self.kubeconfig), field_manager=SENDER) as client:
            yield client

    async def _make(self, widgets: int, *, converged: bool) -> None:
        async with self._client() as client:
            for space in SPACES:
                with suppress(AlreadyExistsError):
                    await client.create(NAMESPACES, {"metadata": {"name": space}})

            async def one(number: int) -> None:
                meta = await client.create(WIDGETS, _widget(number))
                if converged:
                    await client.apply(CONFIGMAPS, _child(meta, number), field_manager=OURS)
                    status = {"observedGeneration": 1, "conditions": [_READY]}
                    await client.patch(WIDGETS, _key(number), {"status": status}, subresource="status")

            await _many(widgets, one)

    async def _wipe(self) -> None:
        async with self._client() as client:
            for space in SPACES:
                await client.request("DELETE", WIDGETS.path(space))
                await client.request("DELETE", CONFIGMAPS.path(space))

    async def _change(self, widgets: int, times: int) -> list[float]:
        async with self._client() as client, asyncio.TaskGroup() as tasks:
            seen = _Seen()
            watcher = tasks.create_task(seen.follow(client))
            await asyncio.sleep(0.5)  # the watch is from now on, and says nothing before the first change
            took = [await _reaction(client, seen, number * 37 % widgets) for number in range(times)]
            watcher.cancel()
        return took

    async def _touch(self, widgets: int, times: int) -> None:
        async with self._client() as client:

            async def one(number: int) -> None:
                body = {"metadata": {"annotations": {_TOUCH: str(time.time_ns())}}}
                await client.patch(WIDGETS, _key(number % widgets), body)

            await _many(times, one)


class _Seen:
    """The generation that each Widget's status is of, and when that was seen, by the loop's clock."""

    def __init__(self) -> None:
        self._news = asyncio.Event()
        self._seen: dict[Key, tuple[int, float]] = {}

    async def follow(self, client: Client) -> None:
        """Take notice of all changes from now on, until cancelled."""
        async for seen in _events(client, {}):
            generation = seen.status.observed_generation
            key = Key(seen.metadata.namespace, seen.metadata.name)
            if generation > self._seen.get(key, (0, 0.0))[0]:
                self._seen[key] = (generation, asyncio.get_running_loop().time())
                self._news.set()

    async def when(self, key: Key, generation: int) -> float:
        """Wait for the status of that generation; when it was seen."""
        while self._seen.get(key, (0, 0.0))[0] < generation:
            self._news.clear()
            await self._news.wait()
        return self._seen[key][1]


async def _reaction(client: Client, seen: _Seen, number: int) -> float:
    """Change one Widget's spec; the ms from the answer until its new status was seen, less than 0 never."""
    key = _key(number)
    meta = await client.patch(WIDGETS, key, {"spec": {"replicas": 1000 + random.randrange(10**6)}})  # noqa: S311
    answered = asyncio.get_running_loop().time()
    async with asyncio.timeout(_PATIENCE):
        took = max(0.0, await seen.when(key, meta.generation) - answered)
    await asyncio.sleep(0.005)
    return took * 1000


async def _events(client: Client, query: Mapping[str, str]) -> AsyncIterator[_Object]:
    """Widgets as they are added and change, from now on or as the query says."""
    async with client.stream(WIDGETS.path(), {"watch": "1", "allowWatchBookmarks": "true", **query}) as batches:
        async for lines in batches:
            for line in lines:
                if b'"type":"BOOKMARK"' in line[:20]:
                    continue
                event = _decode(line)
                if event.type != "DELETED":
                    yield event.object


async def _many(times: int, one: Callable[[int], Awaitable[None]]) -> None:
    numbers = count()

    async def work() -> None:
        while (number := next(numbers)) < times:
            await one(number)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(_AT_ONCE):
            tasks.create_task(work())


def _key(number: int) -> Key:
    return Key(SPACES[number % len(SPACES)], f"widget-{number:06}")


def _widget(number: int) -> dict[str, Any]:
    key = _key(number)
    labels = {"app": "bench", "shard": f"s{number % 7}"}
    spec = {
        "replicas": number % 9 + 1,
        "image": f"registry.example.com/team/image-{number % 50}:1.0",
        "labels": {"team": f"t{number % 11}", "zone": f"z{number % 3}"},
        "config": {"settings": [_setting(number, place) for place in range(16)]},
    }
    return {"metadata": {"name": key.name, "namespace": key.namespace, "labels": labels}, "spec": spec}


def _setting(number: int, place: int) -> dict[str, Any]:
    value = (number * 2654435761 + place * 40503) % 2**32
    return {
        "name": f"setting-{place:02}",
        "value": f"v{value:08x}-{number:06}-opaque",
        "enabled": place % 3 == 0,
        "weight": (number + place) % 100,
        "tier": f"tier-{place % 4}",
    }


def _child(owner: Meta, number: int) -> dict[str, Any]:
    reference = {
        "apiVersion": WIDGETS.api_version,
        "kind": WIDGETS.name,
        "name": owner.name,
        "uid": owner.uid,
        "controller": True,
        "blockOwnerDeletion": True,
    }
    metadata = {"name": owner.name, "namespace": owner.namespace, "ownerReferences": [reference]}
    return {"metadata": metadata, "data": {"image": _widget(number)["spec"]["image"]}}


_READY = {
    "type": "Ready",
    "status": "True",
    "reason": "Converged",
    "message": "The ConfigMap exists.",
    "observedGeneration": 1,
    "lastTransitionTime": "2026-01-01T00:00:00Z",
}

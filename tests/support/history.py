"""Every state that the objects of a kind went through, as a watch shows them."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from aimctrl.kube.kinds import Kind
from support.world import World, eventually

Json = dict[str, Any]


class History(list[Json]):
    """The objects as they were, in the order of their changes; those deleted as they were last."""

    def of(self, name: str, uid: str = "") -> list[Json]:
        """The states of the objects of that name, or of the one of them with that uid."""
        named = [live for live in self if live["metadata"]["name"] == name]
        return [live for live in named if not uid or live["metadata"]["uid"] == uid]

    async def reaches(self, version: str) -> None:
        """Wait until the watch has come to that resourceVersion."""

        async def there() -> bool:
            return any(int(live["metadata"]["resourceVersion"]) >= int(version) for live in self)

        assert await eventually(there)


@asynccontextmanager
async def history(world: World, kind: Kind[Any], namespace: str) -> AsyncIterator[History]:
    """What becomes of the objects of a kind in a namespace from now on."""
    seen = History()
    version = (await world.client.list_page(kind, namespace)).version
    query = {"watch": "1", "resourceVersion": version}

    async def follow() -> None:
        async with world.client.stream(kind.path(namespace), query) as batches:
            async for lines in batches:
                seen.extend(msgspec.json.decode(line)["object"] for line in lines)

    async with asyncio.TaskGroup() as tasks:
        following = tasks.create_task(follow())
        try:
            yield seen
        finally:
            following.cancel()

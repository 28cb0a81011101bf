"""Puts CustomResourceDefinitions into a cluster, so that their kinds can be used at once."""

import asyncio
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.core import Object
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.client import Client

POLL: Final = 0.02
"""Seconds between two looks at a definition."""


class _Status(msgspec.Struct, frozen=True):
    conditions: tuple[Condition, ...] | None = None


class Definition(Object, frozen=True):
    """As much of a CustomResourceDefinition as tells whether its kind is served."""

    status: _Status = _Status()

    @property
    def established(self) -> bool:
        """Whether the kind is served."""
        found = find(self.status.conditions or (), "Established")
        return found is not None and found.is_true


DEFINITIONS = Kind(
    "apiextensions.k8s.io", "v1", "CustomResourceDefinition", "customresourcedefinitions", Definition, namespaced=False
)


async def install(client: Client, definitions: Iterable[Mapping[str, Any]]) -> None:
    """Apply the definitions, and wait until all of their kinds are served.

    Raises what `Client.apply` raises. Cancelling leaves open what is there by then.
    """
    try:
        async with asyncio.TaskGroup() as tasks:
            for definition in definitions:
                tasks.create_task(_installed(client, definition))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from errors


async def _installed(client: Client, definition: Mapping[str, Any]) -> None:
    meta = await client.apply(DEFINITIONS, definition)
    while not await _is_established(client, Key("", meta.name)):  # noqa: ASYNC110 - it is the server that knows
        await asyncio.sleep(POLL)


async def _is_established(client: Client, key: Key) -> bool:
    return DEFINITIONS.decode(await client.get(DEFINITIONS, key)).established

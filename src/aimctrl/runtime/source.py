"""The part of the Client that informers use."""

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.answers import JSON
from aimctrl.runtime.client import Page


class Batches(Protocol):
    """Lines that stream in (runtime/lines.py)."""

    async def each(self, take: Callable[[list[bytes]], None]) -> None:
        """Batch by batch, each in the moment it arrives; what `take` raises ends it."""
        ...


class Source(Protocol):
    """Reads from an API server."""

    async def get(self, kind: Kind[Any], key: Key) -> bytes:
        """An object's JSON."""
        ...

    async def list_page(
        self, kind: Kind[Any], namespace: str = "", *, selector: str = "", token: str = "", accept: str = JSON
    ) -> Page:
        """One page of a list."""
        ...

    def stream(
        self, path: str, query: Mapping[str, str], *, accept: str = JSON
    ) -> AbstractAsyncContextManager[Batches]:
        """The lines of an answer, in batches."""
        ...

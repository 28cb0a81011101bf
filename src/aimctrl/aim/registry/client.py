"""A client of OCI registries that reads one thing: the labels of an image."""

import asyncio
from collections.abc import Iterable, Sequence
from types import TracebackType
from typing import Final, Self

from yarl import URL

from aimctrl.aim.registry.auth import ANONYMOUS
from aimctrl.aim.registry.docker_config import Credential
from aimctrl.aim.registry.outcomes import (
    AuthFailure,
    FailedError,
    ImageNotFound,
    Inspected,
    Outcome,
    RegistryUnreachable,
)
from aimctrl.aim.registry.pull import Pull
from aimctrl.aim.registry.reference import Reference
from aimctrl.aim.registry.transport import TIMEOUT, Transport

DEADLINE: Final = 60.0
"""Seconds all requests about one image may take together."""


class RegistryClient:
    """Reads labels from any registry; an async context manager that holds the connections.

    `insecure` are the registries, besides those on localhost, that may be plain HTTP; `timeout` in seconds is that of
    one request.
    """

    def __init__(self, insecure: Iterable[str] = (), *, timeout: float = TIMEOUT) -> None:
        self._transport = Transport(insecure, timeout=timeout)

    async def __aenter__(self) -> Self:
        await self._transport.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.__aexit__(kind, error, trace)

    async def labels(self, reference: Reference, credentials: Sequence[Credential] = ()) -> Outcome:
        """The labels of the image, read with the first credential that is let in, without any where there is none.

        Nothing is raised. Cancelling ends the requests; nothing is left behind.
        """
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._first(reference, credentials or (ANONYMOUS,))
        except FailedError as error:
            return error.outcome
        except TimeoutError:
            return RegistryUnreachable(f"{reference.registry} takes longer than {DEADLINE:g} s")

    async def _first(self, reference: Reference, credentials: Sequence[Credential]) -> Inspected:
        base = URL(f"{await self._scheme(reference.host)}://{reference.host}")
        refusals: list[FailedError] = []
        for credential in credentials:
            try:
                return Inspected(await Pull(self._transport, base, reference, credential).labels())
            except FailedError as error:
                # A registry may hide an image from one credential and show it to the next.
                if not isinstance(error.outcome, AuthFailure | ImageNotFound):
                    raise
                refusals.append(error)
        raise refusals[0]

    async def _scheme(self, host: str) -> str:
        may_be_plain = self._transport.plain.allows(host)
        return "http" if may_be_plain and not await self._transport.speaks_tls(host) else "https"

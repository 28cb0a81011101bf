"""What `aimctrl uninstall` asks of the API server: what there is, and the work of each step."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Literal

import msgspec

from aimctrl.aim.naming import MANAGED_BY, MANAGER
from aimctrl.aim.options import LEASE
from aimctrl.aim.removal import FINALIZERS, INSTALLED, MADE, SELECTOR, Delete, Drain, HelmUninstall, Thing, Work
from aimctrl.api.kinds import ALL, GROUP
from aimctrl.kube.core import CRDS, JOBS, LEASES, NAMESPACES, PVCS
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.client import Client, all_items
from aimctrl.runtime.errors import ConflictError, ControllerError, ForbiddenError, NotFoundError

PAUSE = 0.5
"""Seconds between two looks at what is to go."""

UNATTENDED = 10.0
"""Seconds without any progress after which nobody is at work who would take the operator's finalizers off."""

GIVING_UP = 180.0
"""Seconds without any progress after which nothing more is waited for."""

AT_ONCE = 16
"""Writes at a time."""

SHOWN = 5
"""Objects that a message names."""

_OURS = f"{MANAGED_BY}={MANAGER}"


class StuckError(ControllerError):
    """What was deleted does not go; the message names it, and what keeps it."""


class _Status(msgspec.Struct, frozen=True):
    status: str = ""
    phase: str = ""
    capacity: dict[str, str] = {}


class _Resources(msgspec.Struct, frozen=True):
    requests: dict[str, str] = {}


class _Spec(msgspec.Struct, frozen=True):
    resources: _Resources = _Resources()


class _Seen(msgspec.Struct, frozen=True):
    metadata: Meta


class _WithStatus(_Seen, frozen=True):
    status: _Status = _Status()


class _Claim(_WithStatus, frozen=True):
    spec: _Spec = _Spec()


async def look(client: Client, operator_namespace: str) -> tuple[list[Thing], list[str]]:
    """All that is there of aimctrl, and what may not be seen, in the API server's words.

    Cancelling it ends its requests.
    """
    limit = asyncio.Semaphore(AT_ONCE)

    async def listed(kind: Kind[Any], selector: str = "") -> list[Thing] | str:
        async with limit:
            try:
                return [thing async for thing in _list(client, kind, selector)]
            except ForbiddenError as error:
                return error.answer.message or str(error)

    async with asyncio.TaskGroup() as tasks:
        asked = [
            *(tasks.create_task(listed(kind, SELECTOR)) for kind in (*INSTALLED, NAMESPACES)),
            *(tasks.create_task(listed(kind)) for kind in (*ALL, CRDS)),
            *(tasks.create_task(listed(kind, _OURS if kind in {JOBS, PVCS} else "")) for kind in MADE),
        ]
        lease = tasks.create_task(_lease(client, Key(operator_namespace, LEASE)))
    answers = [*(task.result() for task in asked), lease.result()]
    found = {
        (thing.kind, thing.key): thing
        for answer in answers
        if not isinstance(answer, str)
        for thing in answer
        if _is_aims(thing)
    }
    return list(found.values()), sorted({answer for answer in answers if isinstance(answer, str)})


def _is_aims(thing: Thing) -> bool:
    if thing.kind is CRDS:
        return thing.meta.name.endswith(f".{GROUP}")
    return thing.kind not in MADE or thing.owner is not None


async def _lease(client: Client, key: Key) -> list[Thing] | str:
    """The operator's Lease, which nobody labels."""
    try:
        return [_thing(LEASES, await client.get(LEASES, key))]
    except NotFoundError:
        return []
    except ForbiddenError as error:
        return error.answer.message or str(error)


async def _list(client: Client, kind: Kind[Any], selector: str = "") -> AsyncIterator[Thing]:
    """All objects of a kind; none where the cluster does not know it."""
    with suppress(NotFoundError):
        async for raw in all_items(lambda token: client.list_page(kind, selector=selector, token=token)):
            yield _thing(kind, raw)


def _thing(kind: Kind[Any], raw: bytes) -> Thing:
    if kind is PVCS:
        claim = msgspec.json.decode(raw, type=_Claim)
        size = claim.status.capacity.get("storage") or claim.spec.resources.requests.get("storage", "")
        return Thing(kind, claim.metadata, claim.status.phase, size)
    if kind in ALL:
        seen = msgspec.json.decode(raw, type=_WithStatus)
        return Thing(kind, seen.metadata, seen.status.status)
    return Thing(kind, msgspec.json.decode(raw, type=_Seen).metadata)


class Remover:
    """Does the work of a removal; `tell` is told when the operator's finalizers are taken off for it."""

    def __init__(self, client: Client, tell: Callable[[str], None]) -> None:
        self._client = client
        self._tell = tell
        self._unattended = False

    async def carry_out(self, work: Work) -> None:
        """Do it and wait until nothing of it is left; what Helm has to do is left alone.

        Raises StuckError where something does not go, and ApiError. Cancelling leaves deleted what is deleted.
        """
        if isinstance(work, HelmUninstall):
            return
        clock = asyncio.get_running_loop().time
        since, before = clock(), frozenset[tuple[str, tuple[str, ...]]]()
        while things := await _present(self._client, work):
            now = frozenset((thing.meta.uid, thing.meta.finalizers) for thing in things)
            if now != before:
                since, before = clock(), now
            if clock() - since >= GIVING_UP:
                raise StuckError(_stuck(things))
            await _each(things, lambda thing: _delete(self._client, thing, work))
            await self._release(things, clock() - since)
            await asyncio.sleep(PAUSE)

    async def _release(self, things: Iterable[Thing], idle: float) -> None:
        """Take the operator's finalizers off where nobody has done so for a while, here or in an earlier step."""
        held = [thing for thing in things if FINALIZERS & set(thing.meta.finalizers)]
        if not held or (idle < UNATTENDED and not self._unattended):
            return
        if not self._unattended:
            self._tell("no operator is at work, so its finalizers are taken off")
        self._unattended = True
        await _each(held, lambda thing: _release(self._client, thing))


async def _present(client: Client, work: Drain | Delete) -> list[Thing]:
    """What is still there of it, as it is now."""
    if isinstance(work, Drain):
        return [thing async for thing in _list(client, work.kind)]
    left: list[Thing] = []
    for thing in work.things:
        with suppress(NotFoundError):
            left.append(_thing(thing.kind, await client.get(thing.kind, thing.key)))
    uids = {thing.meta.uid for thing in work.things}
    return [thing for thing in left if thing.meta.uid in uids]


async def _each(things: Iterable[Thing], act: Callable[[Thing], Awaitable[None]]) -> None:
    limit = asyncio.Semaphore(AT_ONCE)

    async def one(thing: Thing) -> None:
        async with limit:
            with suppress(NotFoundError, ConflictError):  # looked at again in a moment
                await act(thing)

    try:
        async with asyncio.TaskGroup() as tasks:
            for thing in things:
                tasks.create_task(one(thing))
    except* ControllerError as errors:
        raise _first(errors) from None


def _first(errors: ExceptionGroup[ControllerError]) -> ControllerError:
    error = errors.exceptions[0]
    return _first(error) if isinstance(error, ExceptionGroup) else error


async def _delete(client: Client, thing: Thing, work: Drain | Delete) -> None:
    if thing.meta.deletion_timestamp is not None:
        return
    propagation: Literal["Background", "Foreground", "Orphan"] = "Background"
    if isinstance(work, Drain) and work.orphan:
        propagation = "Orphan"
    elif isinstance(work, Delete) and work.foreground:
        propagation = "Foreground"
    await client.delete(thing.kind, thing.key, uid=thing.meta.uid, propagation=propagation)


async def _release(client: Client, thing: Thing) -> None:
    others = [name for name in thing.meta.finalizers if name not in FINALIZERS]
    metadata = {"uid": thing.meta.uid, "resourceVersion": thing.meta.resource_version, "finalizers": others}
    await client.patch(thing.kind, thing.key, {"metadata": metadata})


def _stuck(things: Sequence[Thing]) -> str:
    shown = [f"{thing.key} ({', '.join(thing.meta.finalizers) or 'no finalizers'})" for thing in things[:SHOWN]]
    more = f" and {len(things) - SHOWN} more" if len(things) > SHOWN else ""
    return f"{things[0].kind.name} {', '.join(shown)}{more} will not go"

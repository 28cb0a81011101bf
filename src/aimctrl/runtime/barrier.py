"""Read your own writes: a key waits until the caches show what its last reconcile wrote.

Without it a reconcile that follows on its own child's event could miss another child it has just made, and make it
again. Nobody holds a worker meanwhile: the key is parked in its queue.

Where the answer to a write was lost, the API server is asked what became of it before the key is reconciled again.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

import structlog

from aimctrl.kube.kinds import Key
from aimctrl.runtime.caches import that_see
from aimctrl.runtime.errors import MendableError, NotFoundError, UnauthorizedError
from aimctrl.runtime.index import decode_meta
from aimctrl.runtime.informer import Informer
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.lister import Available
from aimctrl.runtime.workqueue import WorkQueue
from aimctrl.runtime.writes import Write

log = structlog.get_logger(__name__)

PATIENCE = 10.0
"""Seconds a key waits; a watch that has been open for as long and is that far behind is not waited for."""

DEAF_PATIENCE = 120.0
"""The same while the watch is not open: nothing can be seen then, and acting on what is old does harm."""


class Barrier:
    """Parks keys of one queue; `stale` is called for each that went on without having seen all of its writes."""

    def __init__(self, queue: WorkQueue, informers: Informers, *, stale: Callable[[], None]) -> None:
        self._queue = queue
        self._informers = informers
        self._stale = stale
        self._doubts: dict[Key, tuple[Write, ...]] = {}
        self._unborn: dict[Key, tuple[Write, ...]] = {}

    def hold(self, key: Key, writes: Sequence[Write]) -> None:
        """Park the key until the writes have been seen, or patience has run out; not at all where they have been.

        A watch that is not open is asked to try again, since the API server answers. Writes of kinds that no available
        informer watches are not waited for. Doubtful ones are kept for `is_sure`.
        """
        if not writes:
            return
        self._doubt(key, writes)
        certain = [write for write in writes if not write.doubtful]
        self._are_born(key, certain)
        waiting = [(write, informer) for write in certain for informer in that_see(self._informers, write)]
        if not waiting:
            return
        self._queue.park(key)
        wait = _Wait(len(waiting), lambda: self._queue.unpark(key))
        self._be_patient(key, wait, {(informer, write.key.namespace) for write, informer in waiting})
        for write, informer in waiting:
            if write.deleted:
                informer.store.when_gone(write.key, write.uid, wait.seen)
            else:
                informer.store.when_at_least(write.key, write.version, wait.seen)

    def unborn(self, key: Key) -> tuple[Write, ...]:
        """Creations in doubt that the API server knew nothing of when it was asked; it may carry them out yet."""
        return self._unborn.get(key, ())

    def forget(self, key: Key) -> None:
        """The key is well: what was not created is not to be created any more."""
        if self._unborn:
            self._unborn.pop(key, None)

    def doubts(self, key: Key) -> bool:
        """Whether it is to be asked what became of the key's last writes."""
        return key in self._doubts

    async def is_sure(self, key: Key) -> bool:
        """Whether no doubt is left about what the key's last reconcile wrote, so that it may be reconciled.

        Where a doubtful write is found to have been carried out, the key is parked until the caches show it.
        Raises TransientError where the API server does not say, UnauthorizedError; the doubt stays.
        """
        doubts = self._doubts.get(key)
        if not doubts:
            return True
        found = [found for doubt in doubts if (found := await self._look(doubt)) is not None]
        del self._doubts[key]
        self._unborn[key] = (*self.unborn(key), *(doubt for doubt in doubts if doubt.generate_name))
        self._are_born(key, found)
        self.hold(key, found)
        return not found

    def _are_born(self, key: Key, writes: Sequence[Write]) -> None:
        """These were carried out."""
        if key in self._unborn:
            born = {(write.kind, write.key) for write in writes if not write.deleted}
            left = {(one.kind, one.key): one for one in self._unborn.pop(key) if (one.kind, one.key) not in born}
            if left:
                self._unborn[key] = tuple(left.values())

    def _doubt(self, key: Key, writes: Sequence[Write]) -> None:
        doubts = [write for write in writes if write.doubtful]
        if doubts:
            held = self._doubts.get(key, ())
            self._doubts[key] = tuple({(doubt.kind, doubt.key): doubt for doubt in (*held, *doubts)}.values())

    async def _look(self, doubt: Write) -> Write | None:
        """What the API server has where the doubtful write was to be; None where that is of no use."""
        if not self._informers.all_of(doubt.kind):
            return None
        try:
            meta = decode_meta(await self._informers.ask(doubt.kind, doubt.key))
        except NotFoundError:
            return Write(doubt.kind, doubt.key, 0, deleted=True)
        except UnauthorizedError:
            raise  # our credentials may be better next time
        except MendableError:
            return None  # we may not read it
        return Write(doubt.kind, doubt.key, int(meta.resource_version), uid=meta.uid, labels=meta.labels)

    def _be_patient(self, key: Key, wait: "_Wait", watches: set[tuple[Informer[Any], str]]) -> None:
        """Look at the wait now and then, until it is over or has lasted long enough."""
        loop = asyncio.get_running_loop()
        began = loop.time()

        def heard() -> float:
            """Seconds for which the watches have been open without a break; a closed one is urged on."""
            shortest = PATIENCE
            for informer, namespace in watches:
                if not isinstance(informer.availability, Available):
                    continue  # nothing will arrive
                since = informer.open_since(namespace)
                if since is None:
                    informer.nudge()
                shortest = min(shortest, 0.0 if since is None else loop.time() - since)
            return shortest

        def look() -> None:
            waited = loop.time() - began
            left = min(PATIENCE - min(waited, heard()), DEAF_PATIENCE - waited)
            if left > 0:
                wait.timer = loop.call_later(left, look)
            else:
                wait.give_up()
                self._expired(key, waited)

        look()

    def _expired(self, key: Key, seconds: float) -> None:
        log.warning("own writes not seen in time", key=str(key), seconds=round(seconds, 1))
        self._stale()
        self._queue.unpark(key)


class _Wait:
    """So many writes still to be seen."""

    __slots__ = ("_left", "_over", "timer")

    def __init__(self, left: int, over: Callable[[], None]) -> None:
        self._left = left
        self._over = over
        self.timer: asyncio.TimerHandle | None = None

    def give_up(self) -> None:
        """What is seen later no longer counts."""
        self._left = -1

    def seen(self) -> None:
        """One less."""
        self._left -= 1
        if self._left == 0:
            if self.timer is not None:
                self.timer.cancel()
            self._over()

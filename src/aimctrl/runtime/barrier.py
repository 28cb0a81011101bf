"""Read your own writes: a key waits until the caches show what its last reconcile wrote.

Without it a reconcile that follows on its own child's event could miss another child it has just made, and make it
again. Nobody holds a worker meanwhile: the key is parked in its queue.
"""

import asyncio
from collections.abc import Callable, Iterable

import structlog

from aimctrl.kube.kinds import Key
from aimctrl.runtime.caches import that_see
from aimctrl.runtime.informer import Informers
from aimctrl.runtime.workqueue import WorkQueue
from aimctrl.runtime.writes import Write

log = structlog.get_logger(__name__)

PATIENCE = 10.0
"""Seconds a key waits at most; a watch that is that far behind is not waited for."""


class Barrier:
    """Parks keys of one queue; `stale` is called for each that went on without having seen all of its writes."""

    def __init__(self, queue: WorkQueue, informers: Informers, *, stale: Callable[[], None]) -> None:
        self._queue = queue
        self._informers = informers
        self._stale = stale

    def hold(self, key: Key, writes: Iterable[Write]) -> None:
        """Park the key until the writes have been seen, or `PATIENCE` has passed; not at all where they have been.

        Writes of kinds that no available informer watches are not waited for.
        """
        waiting = [(write, informer.store) for write in writes for informer in that_see(self._informers, write)]
        if not waiting:
            return
        self._queue.park(key)
        wait = _Wait(len(waiting), lambda: self._queue.unpark(key))
        wait.expire_after(PATIENCE, lambda: self._expired(key))
        for write, store in waiting:
            if write.deleted:
                store.when_gone(write.key, write.uid, wait.seen)
            else:
                store.when_at_least(write.key, write.version, wait.seen)

    def _expired(self, key: Key) -> None:
        log.warning("own writes not seen in time", key=str(key), seconds=PATIENCE)
        self._stale()
        self._queue.unpark(key)


class _Wait:
    """So many writes still to be seen."""

    __slots__ = ("_left", "_over", "_timer")

    def __init__(self, left: int, over: Callable[[], None]) -> None:
        self._left = left
        self._over = over
        self._timer: asyncio.TimerHandle | None = None

    def expire_after(self, seconds: float, expired: Callable[[], None]) -> None:
        def expire() -> None:
            self._left = -1  # what is seen later no longer counts
            expired()

        self._timer = asyncio.get_running_loop().call_later(seconds, expire)

    def seen(self) -> None:
        self._left -= 1
        if self._left == 0:
            if self._timer is not None:
                self._timer.cancel()
            self._over()

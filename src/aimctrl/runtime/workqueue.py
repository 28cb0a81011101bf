"""A queue of keys to reconcile: each key once, urgent ones first, failing ones later.

A key is in one place at a time, and moves like this:

    add ──────────────► ready ──── get ───► running ── done ──► gone
     │ after > 0          ▲                   │ an add meanwhile
     └──────► delayed ────┘◄── done ── dirty ◄┘
                          park: a ready key waits until it is unparked

The rules are client-go's (https://pkg.go.dev/k8s.io/client-go/util/workqueue): a key is never handed to two workers,
adds of a waiting key are one hand-out, an add of a running key is one more hand-out after it. On top of them: levels
of priority, reasons to log, and parking. One event loop, no locks; time is the loop's.
"""

import asyncio
from collections import deque
from copy import copy
from enum import IntEnum
from functools import lru_cache
from typing import Protocol

import msgspec

from aimctrl.kube.kinds import Key
from aimctrl.runtime.pacing import RETRY, Backoff, TokenBucket

REASONS_KEPT = 8
"""Distinct reasons remembered for a waiting key; what comes on top is counted."""

LOWEST_TURN = 16
"""Every that many hand-outs one goes to the lowest level that waits, so that no level starves."""

VOID_KEPT = 64
"""So many void places more than there are keys are left in the levels before they are swept out."""


class Priority(IntEnum):
    """Who goes first; within a level it is first come, first served."""

    USER = 100
    CHILD = 50
    RETRY = 40
    INITIAL = -100
    RESYNC = -200


class Item(msgspec.Struct, frozen=True):
    """A key handed out: why it was queued (sorted, at most 8 and a `+n`), and its failures in a row."""

    key: Key
    priority: Priority
    reasons: tuple[str, ...] = ()
    failures: int = 0


class QueueMetrics(Protocol):
    """What a queue tells of itself; seconds are the loop's."""

    def added(self, depth: int) -> None:
        """A key became ready; that many wait now."""

    def taken(self, waited: float, depth: int) -> None:
        """A key was handed out after waiting that long."""

    def finished(self, worked: float) -> None:
        """A key is done."""

    def retried(self) -> None:
        """A key was put back with a backoff."""


class NoQueueMetrics:
    """Tells nobody."""

    def added(self, depth: int) -> None: ...

    def taken(self, waited: float, depth: int) -> None: ...

    def finished(self, worked: float) -> None: ...

    def retried(self) -> None: ...


class _Slot(msgspec.Struct, gc=False):
    """What the queue knows of one key while it knows it; its timer knows the key alone.

    One that has left a level without being taken stays in its deque as a void one, and is never used again.
    """

    key: Key
    priority: Priority = Priority.RESYNC
    reasons: tuple[str, ...] = ()
    more: int = 0
    ready: bool = False
    since: float = 0.0
    level: Priority | None = None
    """The level it waits in, where a worker can take it."""
    parked: bool = False
    running_since: float | None = None
    timer: asyncio.TimerHandle | None = None

    def explain(self, reason: str) -> None:
        """Note a reason that is new."""
        if len(self.reasons) < REASONS_KEPT:
            self.reasons = (*self.reasons, reason)
        else:
            self.more += 1

    @property
    def explained(self) -> tuple[str, ...]:
        if len(self.reasons) < 2:  # nothing to sort, nor more than are kept
            return self.reasons
        more = (f"+{self.more}",) if self.more else ()
        return (*sorted(self.reasons), *more)

    @property
    def idle(self) -> bool:
        return not (self.ready or self.parked or self.timer) and self.running_since is None


@lru_cache(256)  # ten thousand keys that wait for one reason hold one tuple
def _alone(reason: str) -> tuple[str, ...]:
    return (reason,) if reason else ()


class WorkQueue:
    """The queue of one controller. Retries share a bucket of 10 a second (burst 100), whatever their own pauses."""

    def __init__(self) -> None:
        self.metrics: QueueMetrics = NoQueueMetrics()
        self._slots: dict[Key, _Slot] = {}
        self._levels: dict[Priority, deque[_Slot]] = {level: deque() for level in sorted(Priority, reverse=True)}
        self._descending = tuple(self._levels.values())
        self._ascending = self._descending[::-1]
        self._failures: dict[Key, int] = {}
        self._retries = TokenBucket(10.0, 100)
        self._waiters: deque[asyncio.Future[None]] = deque()
        self._turn = 0
        self._depth = 0
        self._void = 0
        self._now = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._running = 0
        self._closed = False
        self._drained = asyncio.Event()

    def time(self) -> float:
        """The event loop's time; which loop that is takes a system call to ask, so that it is asked once."""
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        return self._loop.time()

    @property
    def depth(self) -> int:
        """How many keys a worker could take now."""
        return self._depth

    @property
    def running(self) -> int:
        """How many keys are handed out and not done."""
        return self._running

    def running_for(self) -> tuple[float, ...]:
        """For each running key, the seconds since it was handed out, the longest first."""
        now = self.time()
        since = [slot.running_since for slot in self._slots.values() if slot.running_since is not None]
        return tuple(sorted((now - began for began in since), reverse=True))

    def failures(self, key: Key) -> int:
        """The key's failures in a row."""
        return self._failures.get(key, 0)

    def add(self, key: Key, *, priority: Priority = Priority.USER, reason: str = "", after: float = 0.0) -> None:
        """Queue the key, now or in `after` seconds.

        Of several adds the earliest and the most urgent count, and all their reasons.
        """
        if self._closed:
            return
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = _Slot(key, priority, _alone(reason))
            if after <= 0:  # most are new and wanted at once
                slot.ready, slot.since, slot.level = True, self._shared_time(), priority
                self._levels[priority].append(slot)
                self._has_entered()
                return
        elif slot.level is not None and priority <= slot.priority and (not reason or reason in slot.reasons):
            return  # it waits, and for that already
        else:
            slot.priority = max(slot.priority, priority)
            if reason and reason not in slot.reasons:
                slot.explain(reason)
        if after <= 0:
            self._make_ready(slot)
        elif not slot.ready:
            self._delay(slot, after)
        else:
            self._place(slot)

    def retry(self, key: Key, *, backoff: Backoff = RETRY, reason: str = "retry", at_least: float = 0.0) -> float:
        """Count a failure and queue the key after its pause, at least `at_least` seconds; the pause in seconds."""
        if self._closed:
            return 0.0
        failures = self._failures[key] = self._failures.get(key, 0) + 1
        total = self._retries.reserve(self.time())
        pause = max(backoff.pause(failures), total, at_least)
        self.metrics.retried()
        self.add(key, priority=Priority.RETRY, reason=reason, after=pause)
        return pause

    def forget(self, key: Key) -> None:
        """The key is well: its next failure counts as the first."""
        self._failures.pop(key, None)

    def park(self, key: Key) -> None:
        """Hand the key to nobody until `unpark`, whatever is added."""
        if self._closed:
            return
        slot = self._slots.get(key)
        if slot is None:
            slot = self._slots[key] = _Slot(key)
        slot.parked = True
        self._place(slot)

    def unpark(self, key: Key) -> None:
        """Let a parked key go on."""
        slot = self._slots.get(key)
        if slot is not None and slot.parked:
            slot.parked = False
            self._place(slot)
            if slot.idle:
                del self._slots[key]

    async def get(self) -> Item | None:
        """The next key, which is `done` by the caller; None once the queue is shut down.

        Cancelling takes nothing out of the queue.
        """
        while not self._closed:
            item = self._take()
            if item is not None:
                return item
            waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                if not waiter.cancelled():  # woken and cancelled at once: the wake-up is somebody else's
                    self._wake()
                raise
        return None

    def waited(self, key: Key) -> float:
        """How many seconds a key that `get` has just handed out had waited."""
        slot = self._slots[key]
        return (slot.running_since or slot.since) - slot.since

    def done(self, key: Key) -> None:
        """Give back a key that `get` handed out; it is ready again if it was added meanwhile."""
        slot = self._slots[key]
        now = self.time()
        self.metrics.finished(now - (slot.running_since or now))
        slot.running_since = None
        self._running -= 1
        if slot.ready:
            slot.since = now
            self._place(slot)
        elif slot.idle:
            del self._slots[key]
        if self._closed and not self._running:
            self._drained.set()

    def shutdown(self) -> None:
        """Hand out nothing more: what waits is dropped, every `get` answers None."""
        self._closed = True
        for slot in self._slots.values():
            if slot.timer is not None:
                slot.timer.cancel()
                slot.timer = None
            slot.ready, slot.level = False, None
        for level in self._levels.values():
            level.clear()
        self._depth = 0
        while self._waiters:
            self._wake()
        if not self._running:
            self._drained.set()

    async def drained(self) -> None:
        """Wait until the queue is shut down and every key handed out is done."""
        await self._drained.wait()

    def _make_ready(self, slot: _Slot) -> None:
        if slot.timer is not None:
            slot.timer.cancel()
            slot.timer = None
        if not slot.ready:
            slot.ready = True
            slot.since = self._shared_time()
        self._place(slot)

    def _delay(self, slot: _Slot, after: float) -> None:
        loop = asyncio.get_running_loop()
        due = loop.time() + after
        if slot.timer is not None:
            if slot.timer.when() <= due:
                return
            slot.timer.cancel()
        slot.timer = loop.call_at(due, self._is_due, slot.key)

    def _is_due(self, key: Key) -> None:
        self._make_ready(self._slots[key])

    def _place(self, slot: _Slot) -> None:
        """Put the key into the level it belongs to now, or into none."""
        waits = slot.ready and not slot.parked and slot.running_since is None and not self._closed
        level = slot.priority if waits else None
        before = slot.level
        if level is before:
            return
        if before is not None:
            slot = self._replaced(slot)
            self._depth -= 1
        slot.level = level
        if level is not None:
            self._levels[level].append(slot)
            if before is None:
                self._has_entered()
            else:
                self._depth += 1

    def _replaced(self, slot: _Slot) -> _Slot:
        """The same in no level; in the one where the slot waited it is void."""
        slot.level = None
        fresh = self._slots[slot.key] = copy(slot)
        self._void += 1
        if self._void > VOID_KEPT + len(self._slots):
            self._sweep()
        return fresh

    def _sweep(self) -> None:
        for level in self._descending:
            waiting = [slot for slot in level if slot.level is not None]
            level.clear()
            level.extend(waiting)
        self._void = 0

    def _shared_time(self) -> float:
        """The time; keys that are added at one time hold one float."""
        now = self.time()
        if now != self._now:
            self._now = now
        return self._now

    def _has_entered(self) -> None:
        self._depth += 1
        self.metrics.added(self._depth)
        if self._waiters:
            self._wake()

    def _take(self) -> Item | None:
        if not self._depth:
            return None
        self._turn = (self._turn + 1) % LOWEST_TURN
        levels = self._descending if self._turn else self._ascending
        slot = self._first(levels)
        self._depth -= 1
        self._running += 1
        slot.running_since = now = self.time()
        self.metrics.taken(now - slot.since, self._depth)
        failures = self._failures.get(slot.key, 0) if self._failures else 0
        item = Item(slot.key, slot.priority, slot.explained, failures)
        slot.level, slot.ready, slot.priority = None, False, Priority.RESYNC
        slot.reasons, slot.more = (), 0
        return item

    def _first(self, levels: tuple[deque[_Slot], ...]) -> _Slot:
        for level in levels:
            while level:
                slot = level.popleft()
                if slot.level is not None:
                    return slot
                self._void -= 1
        raise AssertionError("a key waits, but in no level")

    def _wake(self) -> None:
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return

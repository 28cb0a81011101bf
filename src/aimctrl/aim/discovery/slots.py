"""The ledger of discovery slots: never more unfinished discovery Jobs than the limit, oldest waiting template first.

A slot is taken by a Job the informer shows unfinished, or reserved for one that is about to be created; it is free
again when the Job finishes, goes, or could not be created. All of it is in memory, under leadership, and rebuilt from
the Job informer at start. Nothing here awaits, so between `free_for` and `reserve` called one after the other nothing
can come: hundreds of templates at once never pass the limit. SPEC §3, ARCHITECTURE "Discovery slots".

A template's way: `free_for` → `reserve`, then create the Job (`release` where that fails); or `wait` → woken once a
slot is its own → `free_for` again; or `forget` when it is gone or needs no discovery. A Job that was created holds its
slot however late the informer shows it: before any of these, a template with `unseen` Jobs asks the API server.
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from aimctrl.kube.core import JOBS
from aimctrl.kube.kinds import Key, UndecodableObjectError
from aimctrl.runtime.store import Change


class Waiter(NamedTuple):
    """A template that may want a slot; they are served in the order of these fields.

    Kind and key say who it is: one that was created anew takes the place of the one before.
    """

    created: datetime
    kind: str
    key: Key

    @property
    def who(self) -> "Who":
        """Which template it is."""
        return (self.kind, self.key)


Who = tuple[str, Key]


class SlotLedger:
    """At most `limit` slots; `wake` is called with each waiter whose turn has come, once each time."""

    def __init__(self, limit: int, wake: Callable[[Waiter], None]) -> None:
        self._limit = limit
        self._wake = wake
        self._jobs: set[Key] = set()
        self._reserved: dict[Key, Waiter] = {}
        self._waiting: dict[Who, Waiter] = {}
        self._woken: set[Who] = set()

    @property
    def taken(self) -> int:
        """Slots in use: unfinished Jobs and reservations."""
        return len(self._jobs) + len(self._reserved)

    @property
    def free(self) -> int:
        """Slots nobody uses."""
        return max(self._limit - self.taken, 0)

    @property
    def waiting(self) -> tuple[Waiter, ...]:
        """Who waits, the oldest first."""
        return tuple(sorted(self._waiting.values()))

    def free_for(self, waiter: Waiter, job: Key) -> bool:
        """Whether the waiter may create `job` now: a slot is left once all older waiters had theirs.

        True also where that Job has its slot already. Changes nothing.
        """
        if job in self._jobs or job in self._reserved:
            return True
        free = self.free
        return free > 0 and free > sum(other < waiter for who, other in self._waiting.items() if who != waiter.who)

    def reserve(self, waiter: Waiter, job: Key) -> None:
        """Take a slot for a Job about to be created, until the informer shows it. Call right after `free_for`."""
        self._leave(waiter)
        if job not in self._jobs:
            self._reserved[job] = waiter
        self._call()

    def release(self, job: Key) -> None:
        """Give a reserved slot back: the Job could not be created. A Job the informer has shown keeps its slot."""
        if self._reserved.pop(job, None):
            self._call()

    def wait(self, waiter: Waiter) -> None:
        """Stand in line; `wake` is called when its turn comes, at once where it has come already."""
        self._leave(waiter)
        self._waiting[waiter.who] = waiter
        self._call()

    def unseen(self, who: Who) -> tuple[Key, ...]:
        """The Jobs that a template has reserved a slot for and the informer has not shown, sorted."""
        return tuple(sorted(job for job, holder in self._reserved.items() if holder.who == who))

    def forget(self, waiter: Waiter) -> None:
        """Leave the line, and give up a reservation, for a Job that is known not to be there."""
        self._leave(waiter)
        self._call()

    def job_seen(self, job: Key, *, unfinished: bool) -> None:
        """Take note of a Job as it is now; it takes the place of its reservation."""
        self._reserved.pop(job, None)
        if unfinished:
            self._jobs.add(job)
        else:
            self._jobs.discard(job)
            self._call()

    def job_found(self, job: Key, raw: bytes) -> None:
        """Take note of a Job as its JSON shows it."""
        self.job_seen(job, unfinished=_unfinished(raw))

    def job_gone(self, job: Key) -> None:
        """Take note that a Job is gone. A reservation stays: it is for another Job of that name, yet to be created."""
        self._jobs.discard(job)
        self._call()

    def on_change(self, change: Change) -> None:
        """Take note of a discovery Job's change: the handler for the informer of those Jobs alone."""
        if change.new is None:
            self.job_gone(change.key)
        else:
            self.job_found(change.key, change.new.raw)

    def _leave(self, waiter: Waiter) -> None:
        self._waiting.pop(waiter.who, None)
        self._woken.discard(waiter.who)
        for job in self.unseen(waiter.who):
            del self._reserved[job]

    def _call(self) -> None:
        free = self.free
        if not free or len(self._woken) >= len(self._waiting):
            return
        for waiter in self.waiting[:free]:
            if waiter.who not in self._woken:
                self._woken.add(waiter.who)
                self._wake(waiter)


def _unfinished(raw: bytes) -> bool:
    try:
        return not JOBS.decode(raw).finished
    except UndecodableObjectError:
        # Better a slot too few than a Job too many.
        return True

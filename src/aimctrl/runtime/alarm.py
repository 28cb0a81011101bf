"""Cancelling what lasts too long, at next to no cost where it does not."""

import asyncio
from collections.abc import Callable
from typing import Any


class Alarm:
    """Cancels its task once it has lasted for `patience()` seconds from `begins` to `ends`; never outside of that.

    A timer for each time would cost more than what it is set for, where most is over at once. So there is one timer at
    most, and it looks when it began. `rang` says that the task was cancelled; whoever takes that back clears it.
    """

    __slots__ = ("_loop", "_patience", "_since", "_task", "_timer", "rang")

    def __init__(self, task: asyncio.Task[Any], patience: Callable[[], float]) -> None:
        self.rang = False
        self._task = task
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._timer: asyncio.TimerHandle | None = None

    def begins(self) -> float:
        """From now on it counts; by the loop's clock that is now."""
        self._since = now = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(now + self._patience(), self._look)
        return now

    def ends(self) -> None:
        """It was over in time, or is over anyway."""
        self._since = None

    def close(self) -> None:
        """It will not be set again."""
        if self._timer is not None:
            self._timer.cancel()

    def _look(self) -> None:
        self._timer = None
        if self._since is None:
            return
        due = self._since + self._patience()
        if due > self._loop.time():
            self._timer = self._loop.call_at(due, self._look)
        else:
            self.rang = True
            self._task.cancel()

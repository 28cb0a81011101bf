"""How long a stretch of work may take, at next to no cost where it takes less."""

import asyncio
from types import TracebackType
from typing import Any

from aimctrl.runtime.errors import TransientError


class OvertimeError(TransientError):
    """The work took longer than it may, and was cancelled."""


class TimeLimit:
    """Cancels its task where one stretch of its work, a `with` block, lasts for `seconds`; never outside of one.

    As `asyncio.timeout`, and raises OvertimeError. A timer for each stretch would cost more than most of them do. So
    there is one timer at most, and it looks when the stretch began.
    """

    __slots__ = ("_cancelling", "_fell", "_loop", "_seconds", "_since", "_task", "_timer")

    def __init__(self, task: asyncio.Task[Any], seconds: float) -> None:
        self._task = task
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._cancelling = 0
        self._fell = False
        self._timer: asyncio.TimerHandle | None = None

    def close(self) -> None:
        """There will be no further stretch."""
        if self._timer is not None:
            self._timer.cancel()

    def __enter__(self) -> None:
        self._fell = False
        self._cancelling = self._task.cancelling()
        self._since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_at(self._since + self._seconds, self._look)

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._since = None
        if not self._fell:
            return
        ours = self._task.uncancel() <= self._cancelling  # else somebody wants it cancelled besides
        if (ours and kind is asyncio.CancelledError) or isinstance(error, TimeoutError):
            raise OvertimeError(f"not done after {self._seconds:g} s") from error

    def _look(self) -> None:
        self._timer = None
        if self._since is None:
            return
        due = self._since + self._seconds
        if due > self._loop.time():
            self._timer = self._loop.call_at(due, self._look)
        else:
            self._fell = True
            self._task.cancel()

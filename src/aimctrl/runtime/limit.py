"""How long a stretch of work may take."""

import asyncio
from types import TracebackType
from typing import Any

from aimctrl.runtime.alarm import Alarm
from aimctrl.runtime.errors import TransientError


class OvertimeError(TransientError):
    """The work took longer than it may, and was cancelled."""


class TimeLimit:
    """Cancels its task where one stretch of its work, a `with` block, lasts for `seconds`; never outside of one.

    As `asyncio.timeout`, for one stretch after the other, and raises OvertimeError.
    """

    __slots__ = ("_alarm", "_cancelling", "_seconds", "_task")

    def __init__(self, task: asyncio.Task[Any], seconds: float) -> None:
        self._task = task
        self._seconds = seconds
        self._alarm = Alarm(task, lambda: seconds)
        self._cancelling = 0

    def close(self) -> None:
        """There will be no further stretch."""
        self._alarm.close()

    def __enter__(self) -> None:
        self._alarm.rang = False
        self._cancelling = self._task.cancelling()
        self._alarm.begins()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._alarm.ends()
        if not self._alarm.rang:
            return
        ours = self._task.uncancel() <= self._cancelling  # else somebody wants it cancelled besides
        if (ours and kind is asyncio.CancelledError) or isinstance(error, TimeoutError):
            raise OvertimeError(f"not done after {self._seconds:g} s") from error

"""How long somebody has been silent, at next to no cost while they speak."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast


class Silence:
    """Cancels its task once one of its waits has lasted for `patience()` seconds; never outside of a wait.

    A timer for each wait would cost more than what is waited for, where events come one by one. So there is one timer,
    and it looks when the wait began.
    """

    def __init__(self, task: asyncio.Task[Any], patience: Callable[[], float]) -> None:
        self.fell = False
        self._task = task
        self._patience = patience
        self._loop = asyncio.get_running_loop()
        self._since: float | None = None
        self._timer = self._loop.call_later(patience(), self._look)

    def begins(self) -> None:
        """From now on the task waits."""
        self._since = self._loop.time()

    def ends(self) -> None:
        """What was waited for has come."""
        self._since = None

    def close(self) -> None:
        """Nothing is waited for any more."""
        self._timer.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        due = (now if self._since is None else self._since) + self._patience()
        if due > now:
            self._timer = self._loop.call_at(due, self._look)
        else:
            self.fell = True
            self._task.cancel()


@asynccontextmanager
async def silence(patience: Callable[[], float]) -> AsyncGenerator[Silence]:
    """Raises TimeoutError out of the block where a wait in it, between `begins` and `ends`, lasts too long."""
    task = cast("asyncio.Task[Any]", asyncio.current_task())
    cancelling = task.cancelling()
    silent = Silence(task, patience)
    try:
        yield silent
    except asyncio.CancelledError as error:
        if silent.fell and task.uncancel() <= cancelling:
            raise TimeoutError from error
        raise
    finally:
        silent.close()

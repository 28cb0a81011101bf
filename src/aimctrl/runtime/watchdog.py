"""Who keeps the event loop: named in the log with its stack, by a thread that sees it from outside.

One call that blocks (a driver that waits, a loop over everything) stops every watch, every reconcile and the renewal of
the Lease; without a name it looks like a slow API server.
"""

import asyncio
import sys
import threading
import traceback
from collections.abc import Callable, Generator
from contextlib import contextmanager
from time import monotonic
from typing import Any

import structlog

from aimctrl.runtime.fence import leave_alarms

log = structlog.get_logger(__name__)

FRAMES = 30
"""The innermost frames of the stack that are logged."""


_doing: dict[asyncio.Task[Any], Callable[[], str]] = {}


@contextmanager
def doing(what: Callable[[], str]) -> Generator[None]:
    """Inside the block, whoever asks hears what the running task is at: to name it anew each time would cost more."""
    task = asyncio.current_task()
    assert task is not None, "called by a task"
    _doing[task] = what
    try:
        yield
    finally:
        del _doing[task]


@contextmanager
def watched(limit: float) -> Generator[None]:
    """Watch the running event loop: what keeps it for more than `limit` seconds is logged, once for each time.

    It says which task was at work; of a controller's worker the controller and the key. Code that holds the
    interpreter's lock all the while cannot be seen from another thread.
    """
    watch = _Watch(asyncio.get_running_loop(), limit)
    thread = threading.Thread(target=watch.run, name="event loop watchdog", daemon=True)
    thread.start()
    try:
        yield
    finally:
        watch.stop()
        thread.join()


class _Watch:
    """Asks the loop for a sign of life every `limit` seconds, and gives it as long to answer."""

    def __init__(self, loop: asyncio.AbstractEventLoop, limit: float) -> None:
        self._loop = loop
        self._limit = limit
        self._thread = threading.get_ident()
        self._answered = threading.Event()
        self._over = threading.Event()

    def stop(self) -> None:
        self._over.set()
        self._answered.set()

    def run(self) -> None:
        leave_alarms()
        while not self._over.wait(self._limit):
            self._answered.clear()
            asked = monotonic()
            self._loop.call_soon_threadsafe(self._answered.set)
            if self._over.is_set() or self._answered.wait(self._limit):
                continue
            blocked = monotonic() - asked
            if blocked < 2 * self._limit:  # else this thread was late too: the whole process stood still
                log.warning("event loop blocked", seconds=round(blocked, 1), task=self._task(), stack=self._stack())
                self._answered.wait()
                log.info("event loop free again", seconds=round(monotonic() - asked, 1))

    def _task(self) -> str:
        task = asyncio.current_task(self._loop)
        if task is None:
            return ""
        what = _doing.get(task)
        return what() if what is not None else task.get_name()

    def _stack(self) -> str:
        frame = sys._current_frames().get(self._thread)  # noqa: SLF001 # pyright: ignore[reportPrivateUsage] - the only way to look into another thread
        return "".join(traceback.format_stack(frame)[-FRAMES:])

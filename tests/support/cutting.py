"""Cancelling at every await: coroutines whose suspensions are counted, and something done to them at the n-th."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Generator
from typing import Any, TypeVar

T = TypeVar("T")


class Stepped(Awaitable[T]):
    """A coroutine that calls `step` each time it is about to wait; what `step` gives is waited for first."""

    def __init__(self, coroutine: Coroutine[Any, Any, T], step: Callable[[], Awaitable[Any] | None]) -> None:
        self._coroutine = coroutine
        self._step = step

    def __await__(self) -> Generator[Any, Any, T]:
        steps = self._coroutine.__await__()
        error: BaseException | None = None
        while True:
            try:
                future = next(steps) if error is None else steps.throw(error)
            except StopIteration as end:
                value: T = end.value
                return value
            error = None
            try:
                first = self._step()
                if first is not None:
                    yield from first.__await__()
                yield future
            except BaseException as thrown:  # noqa: BLE001 - it is the coroutine's to deal with
                error = thrown


class Scissors:
    """Cuts a tree of tasks: at the `at`-th wait of any task made meanwhile, the root is cancelled.

    `cut` says whether it came to that; it did not where there are fewer waits.
    """

    def __init__(self, at: int) -> None:
        self.cut = False
        self._left = at
        self._root: asyncio.Task[Any] | None = None
        self._tree: set[asyncio.Task[Any]] = set()

    async def run(self, coroutine: Coroutine[Any, Any, Any], until: Callable[[], Awaitable[Any]]) -> None:
        """Run it as a task until it is cut, or `until` has returned; then it is cancelled and has ended.

        Raises what it raised.
        """
        loop = asyncio.get_running_loop()
        loop.set_task_factory(self._make)
        waiting = asyncio.Task(_returning(until), loop=loop)
        self._root = self._tracked(loop, coroutine)
        try:
            await asyncio.wait({self._root, waiting}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            loop.set_task_factory(None)
        self._left = -1  # once is enough
        self._root.cancel()
        waiting.cancel()
        await asyncio.wait({self._root, waiting}, timeout=600.0)
        assert self._root.done(), "what was cancelled did not end"
        left = [task for task in self._tree if not task.done()]
        assert not left, f"tasks were left behind: {left}"
        if not waiting.cancelled():
            waiting.result()
        if not self._root.cancelled():
            self._root.result()

    def _make(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        if asyncio.current_task() is None:
            return asyncio.Task(coroutine, loop=loop, **more)  # of a server that runs in the same loop
        return self._tracked(loop, coroutine, **more)

    def _tracked(self, loop: asyncio.AbstractEventLoop, coroutine: Any, **more: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(_whole(Stepped(coroutine, self._step)), loop=loop, **more)
        task.add_done_callback(lambda _: coroutine.close())  # cancelled before it began, it was never awaited
        self._tree.add(task)
        return task

    def _step(self) -> None:
        self._left -= 1
        if self._left == 0 and self._root is not None:
            self.cut = True
            self._root.cancel()


async def _whole(steps: Stepped[T]) -> T:
    return await steps


async def _returning(until: Callable[[], Awaitable[Any]]) -> None:
    await until()


def stalled(coroutine: Coroutine[Any, Any, T], at: int, told: Callable[[], None]) -> Stepped[T]:
    """The coroutine, which hangs for ever at its `at`-th wait; `told` is called when it comes to that."""
    left = at

    def step() -> Awaitable[Any] | None:
        nonlocal left
        left -= 1
        if left:
            return None
        told()
        return asyncio.get_running_loop().create_future()

    return Stepped(coroutine, step)

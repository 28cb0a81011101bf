"""State machines for hypothesis whose steps run on an event loop of their own, where time passes only when asked to."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import looptime
from hypothesis import Phase, settings
from hypothesis.stateful import RuleBasedStateMachine
from structlog.testing import capture_logs

T = TypeVar("T")

UNSHRUNK = settings(phases=(Phase.explicit, Phase.generate), max_examples=40, stateful_step_count=25, deadline=None)
"""For state machines: to shrink a failing run takes minutes, which one spends by hand and not in CI."""


class VirtualTime(RuleBasedStateMachine):
    """A state machine with a loop of virtual time; what is still running at the end of an example is cancelled.

    Nothing is logged: thousands of faults would be.
    """

    def __init__(self) -> None:
        super().__init__()
        self._quiet = capture_logs()
        self.logs = self._quiet.__enter__()
        self.loop: asyncio.AbstractEventLoop = looptime.new_event_loop(start=0.0)

    def do(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run it to its end, and all else that is going on meanwhile."""
        return self.loop.run_until_complete(coroutine)

    def pass_time(self, seconds: float) -> None:
        """Let that many seconds pass."""
        self.do(asyncio.sleep(seconds))

    def settle(self) -> None:
        """Let happen what can without time passing."""
        self.do(_turns(50))

    def teardown(self) -> None:
        self._quiet.__exit__(None, None, None)
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.do(_ended(tasks))
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()


async def _turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def _ended(tasks: set[asyncio.Task[Any]]) -> None:
    if tasks:
        await asyncio.wait(tasks)

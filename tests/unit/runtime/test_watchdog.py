"""What keeps the event loop is named, once, with its stack; a loop that turns is left in peace."""

import asyncio
import time
from collections.abc import Callable

from structlog.testing import capture_logs

from aimctrl.runtime.watchdog import watched

LIMIT = 0.1
PATIENCE = 60.0


def block(until: Callable[[], bool]) -> None:
    """Keep the event loop until that is so."""
    patience = time.monotonic() + PATIENCE
    while not until() and time.monotonic() < patience:
        time.sleep(0.01)


async def test_what_blocks_the_loop_is_named_once_with_its_stack_and_its_end_is_told() -> None:
    with capture_logs() as logs, watched(LIMIT):

        async def innocent() -> None:
            block(lambda: bool(logs))
            block(lambda: len(logs) > 1 or time.monotonic() > end)  # a second line would come within the limit

        end = time.monotonic() + 5 * LIMIT
        await asyncio.create_task(innocent(), name="owner ns/a")
        async with asyncio.timeout(PATIENCE):
            while len(logs) < 2:
                await asyncio.sleep(LIMIT)
    blocked, free = logs[:2]
    assert (blocked["event"], blocked["log_level"], blocked["task"]) == ("event loop blocked", "warning", "owner ns/a")
    assert "in innocent" in blocked["stack"]
    assert "in block" in blocked["stack"]
    assert free["event"] == "event loop free again"
    assert free["seconds"] >= blocked["seconds"]


async def test_a_loop_that_turns_is_not_complained_of_and_the_thread_ends_with_the_watch() -> None:
    with capture_logs() as logs:
        with watched(30.0):
            await asyncio.sleep(0.01)
        assert logs == []

"""A wait that lasts too long ends the block; work, and waits that end, never do."""

import asyncio
from contextlib import suppress

import pytest

from aimctrl.runtime.silence import silence

pytestmark = pytest.mark.looptime


async def test_a_wait_that_lasts_too_long_ends_the_block_after_just_as_long() -> None:
    async def wait() -> None:
        async with silence(lambda: 10.0) as silent:
            for _ in range(5):
                silent.begins()
                await asyncio.sleep(9)
                silent.ends()
            silent.begins()
            await asyncio.Event().wait()

    with pytest.raises(TimeoutError):
        await wait()
    assert asyncio.get_running_loop().time() == 55


async def test_work_may_last_as_long_as_it_likes() -> None:
    async with silence(lambda: 10.0) as silent:
        await asyncio.sleep(100)
        silent.begins()
        await asyncio.sleep(9)
        silent.ends()
        await asyncio.sleep(100)


@pytest.mark.parametrize("late", [False, True], ids=["before the timer looks", "after it"])
async def test_what_comes_at_the_last_moment_is_worked_on_to_the_end_or_not_at_all(late: bool) -> None:
    loop, done = asyncio.get_running_loop(), [""]

    async def wait() -> None:
        came = loop.create_future()
        if not late:
            loop.call_later(10, came.set_result, None)
        async with silence(lambda: 10.0) as silent:
            if late:
                loop.call_later(10, lambda: came.done() or came.set_result(None))
            silent.begins()
            await came
            silent.ends()
            done.append("begun")
            for _ in range(5):
                await asyncio.sleep(0)
            done.append("ended")

    with suppress(TimeoutError):
        await wait()
    assert done in ([""], ["", "begun", "ended"])


async def test_a_cancellation_from_outside_is_none_of_its_business() -> None:
    async def wait() -> None:
        async with silence(lambda: 10.0) as silent:
            silent.begins()
            await asyncio.Event().wait()

    task = asyncio.create_task(wait())
    await asyncio.sleep(1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert task.cancelled()

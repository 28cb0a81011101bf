"""A stretch of work that takes too long is cancelled; what lies between stretches, and other cancellations, are not it."""

import asyncio
from collections.abc import Generator
from contextlib import closing, contextmanager, suppress
from typing import cast

import pytest

from aimctrl.runtime.limit import OvertimeError, TimeLimit

pytestmark = pytest.mark.looptime


@contextmanager
def ten_seconds() -> Generator[TimeLimit]:
    """That long for each stretch of this task's work."""
    with closing(TimeLimit(cast("asyncio.Task[None]", asyncio.current_task()), 10.0)) as limit:
        yield limit


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_each_stretch_has_the_whole_time_whenever_the_one_before_it_began() -> None:
    with ten_seconds() as limit:
        for seconds in (9, 3, 9.5, 0, 9):
            with limit:
                await asyncio.sleep(seconds)
        began = now()
        with pytest.raises(OvertimeError, match="not done after 10 s"), limit:
            await asyncio.Event().wait()
        assert now() - began == 10


async def test_what_lies_between_stretches_may_last_as_long_as_it_likes() -> None:
    with ten_seconds() as limit:
        with limit:
            await asyncio.sleep(5)
        await asyncio.sleep(100)
        with limit:
            await asyncio.sleep(9)
        await asyncio.sleep(100)


async def test_after_one_that_took_too_long_the_next_has_its_time() -> None:
    with ten_seconds() as limit:
        for _ in range(3):
            with pytest.raises(OvertimeError), limit:
                await asyncio.sleep(11)
            with limit:
                await asyncio.sleep(9)
    assert now() == 57
    assert not cast("asyncio.Task[None]", asyncio.current_task()).cancelling()


async def test_one_that_is_done_all_the_same_when_it_is_cancelled_counts_as_done() -> None:
    with ten_seconds() as limit, limit, suppress(asyncio.CancelledError):
        await asyncio.sleep(11)
    assert not cast("asyncio.Task[None]", asyncio.current_task()).cancelling()
    await asyncio.sleep(0)


async def test_an_error_that_the_cancelling_makes_is_told_as_it_is() -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(11)
        except asyncio.CancelledError:
            raise KeyError from None

    with ten_seconds() as limit, pytest.raises(KeyError), limit:
        await work()


@pytest.mark.parametrize(("seconds", "error"), [(1, TimeoutError), (11, OvertimeError)], ids=["in time", "too late"])
async def test_a_timeout_of_the_work_itself_is_its_own_unless_it_took_too_long(
    seconds: float, error: type[Exception]
) -> None:
    async def work() -> None:
        try:
            await asyncio.sleep(seconds)
        finally:
            raise TimeoutError

    with ten_seconds() as limit, pytest.raises(error) as raised, limit:
        await work()
    assert type(raised.value) is error


@pytest.mark.parametrize("first", ["from outside", "for its time"])
async def test_work_that_is_cancelled_from_outside_too_stays_cancelled(first: str) -> None:
    async def work() -> None:
        with ten_seconds() as limit, limit:
            await asyncio.sleep(11)

    async with asyncio.TaskGroup() as group:
        working = group.create_task(work())
        loop = asyncio.get_running_loop()
        await asyncio.sleep(0)
        loop.call_at(10.0, working.cancel)
        if first == "from outside":
            await asyncio.sleep(9.5)
            working.cancel()
    assert working.cancelled()


async def test_one_timer_does_for_any_number_of_stretches_and_none_is_left() -> None:
    loop = asyncio.get_running_loop()
    with ten_seconds() as limit:
        for _ in range(100):
            with limit:
                await asyncio.sleep(0)
        assert len([timer for timer in vars(loop)["_scheduled"] if not timer.cancelled()]) == 1
    assert not [timer for timer in vars(loop)["_scheduled"] if not timer.cancelled()]

"""What `aimctrl.testing` gives beyond fixtures; those are tested end to end."""

import argparse
import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from aimctrl.runtime.errors import Answer, NotFoundError
from aimctrl.testing import _hosted, _server, eventually

pytestmark = pytest.mark.looptime


async def test_eventually_gives_what_is_true_at_last() -> None:
    answers = iter((NotFoundError(Answer(404)), AssertionError("not yet"), None, 0, "there"))

    async def look() -> object:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    assert await eventually(look) == "there"


async def test_eventually_takes_a_plain_function() -> None:
    answers = iter((False, True))
    assert await eventually(lambda: next(answers))


async def test_eventually_tells_what_it_saw_last() -> None:
    with pytest.raises(AssertionError, match=r"not within 3 s; seen last: \[\]"):
        await eventually(list, timeout=3)


async def test_eventually_tells_the_assertion_that_failed_last() -> None:
    def look() -> bool:
        raise AssertionError("one is not two")

    with pytest.raises(AssertionError, match="one is not two") as caught:
        await eventually(look)
    assert str(caught.value.__cause__) == "one is not two"


async def test_eventually_raises_what_is_no_not_yet() -> None:
    def look() -> bool:
        raise LookupError("wrong")

    with pytest.raises(LookupError, match="wrong"):
        await eventually(look)


@asynccontextmanager
async def _grouped(tasks: list[object], error: Exception | None = None) -> AsyncGenerator[str]:
    tasks.append(asyncio.current_task())
    if error is not None:
        raise error
    async with asyncio.TaskGroup():
        yield "value"
    tasks.append(asyncio.current_task())


async def test_a_context_is_entered_and_left_by_one_task() -> None:
    tasks: list[object] = []
    hosted = _hosted(_grouped(tasks))
    assert await asyncio.create_task(hosted.__aenter__()) == "value"
    await asyncio.create_task(hosted.__aexit__(None, None, None))
    first, last = tasks
    assert first is last


async def test_a_context_that_cannot_be_entered_says_why() -> None:
    with pytest.raises(LookupError, match="shut"):
        async with _hosted(_grouped([], LookupError("shut"))):
            pass


@pytest.mark.parametrize("text", ["", "elsewhere", "real:", "real:/nowhere"])
def test_servers_that_are_none_are_refused(text: str) -> None:
    parser = argparse.ArgumentParser(exit_on_error=False)
    parser.add_argument("--server", type=_server)
    with pytest.raises(argparse.ArgumentError):
        parser.parse_args([f"--server={text}"])

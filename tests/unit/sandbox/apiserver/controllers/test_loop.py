import asyncio
from contextlib import suppress

import pytest

from aimctrl.sandbox.apiserver.controllers.loop import Loop
from aimctrl.sandbox.apiserver.errors import bad_request

pytestmark = pytest.mark.looptime


async def looked(look, *adds: tuple[float, str], until: float) -> None:
    """Runs a loop to that moment, with keys added at moments of their own."""
    loop = Loop[str]("test", look)
    for moment, key in adds:
        asyncio.get_running_loop().call_at(moment, loop.add, key)
    with suppress(TimeoutError):
        async with asyncio.timeout(until):
            await loop.run()


def clock() -> float:
    return asyncio.get_running_loop().time()


async def test_a_key_that_is_added_twice_before_its_turn_is_looked_at_once():
    seen: list[str] = []
    await looked(seen.append, (0, "a"), (0, "b"), (0, "a"), until=1)
    assert seen == ["a", "b"]


async def test_a_key_is_looked_at_again_when_it_asked_last():
    seen: list[float] = []

    def look(_key: str) -> float:
        seen.append(clock())
        return 10

    await looked(look, (0, "a"), (5, "a"), until=30)
    assert seen == [0, 5, 15, 25]


async def test_what_is_refused_is_tried_again_a_second_later():
    seen: list[float] = []

    def look(_key: str) -> None:
        seen.append(clock())
        if len(seen) < 3:
            raise bad_request("not now")

    await looked(look, (0, "a"), until=10)
    assert seen == [0, 1, 2]

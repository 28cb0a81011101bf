"""A manager beside a block: stopped in order, and what breaks either of them comes out."""

import asyncio
from typing import Any

import pytest

from aimctrl.sandbox.working import working


class Manager:
    """Runs until it is stopped, or breaks."""

    def __init__(self, error: Exception | None = None) -> None:
        self.error = error
        self.said: list[str] = []
        self._stop = asyncio.Event()

    async def run(self) -> None:
        if self.error is not None:
            raise self.error
        try:
            await self._stop.wait()
            self.said.append("stopped")
        except asyncio.CancelledError:
            self.said.append("cancelled")
            raise

    def stop(self) -> None:
        self._stop.set()


async def test_the_manager_is_stopped_in_order() -> None:
    manager: Any = Manager()
    async with working(manager, "test") as given:
        assert given is manager
        await asyncio.sleep(0)
    assert manager.said == ["stopped"]


async def test_what_the_block_raises_comes_out_as_itself() -> None:
    manager: Any = Manager()
    with pytest.raises(LookupError, match="of the block"):
        async with working(manager, "test"):
            raise LookupError("of the block")
    assert manager.said == ["stopped"]


async def test_a_manager_that_breaks_ends_the_block() -> None:
    manager: Any = Manager(LookupError("of the manager"))
    with pytest.RaisesGroup(pytest.RaisesExc(LookupError, match="of the manager")):
        async with working(manager, "test"):
            await asyncio.Event().wait()


async def test_cancelling_ends_the_manager_at_once() -> None:
    manager: Any = Manager()

    async def block() -> None:
        async with working(manager, "test"):
            await asyncio.Event().wait()

    task = asyncio.create_task(block())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert manager.said == ["cancelled"]

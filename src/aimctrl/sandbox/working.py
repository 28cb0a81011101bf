"""A manager at work beside what somebody else does."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from aimctrl.runtime.manager import Manager


@asynccontextmanager
async def working(manager: Manager, name: str) -> AsyncGenerator[Manager]:
    """The manager runs while the block does, and is stopped in order at its end; cancelling stops it at once.

    What ends it early cancels the block and is raised from it, in an ExceptionGroup.
    """
    failure: Exception | None = None
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(manager.run(), name=name)
        try:
            yield manager
        except Exception as error:  # noqa: BLE001 - raised again, outside of the group that would wrap it
            failure = error
        manager.stop()
    if failure is not None:
        raise failure

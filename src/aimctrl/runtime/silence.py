"""How long somebody has been silent."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from typing import Any, cast

from aimctrl.runtime.alarm import Alarm


@asynccontextmanager
async def silence(patience: Callable[[], float]) -> AsyncGenerator[Alarm]:
    """Raises TimeoutError out of the block where a wait in it, between `begins` and `ends`, lasts too long."""
    task = cast("asyncio.Task[Any]", asyncio.current_task())
    cancelling = task.cancelling()
    silent = Alarm(task, patience)
    try:
        yield silent
    except asyncio.CancelledError as error:
        if silent.rang and task.uncancel() <= cancelling:
            raise TimeoutError from error
        raise
    finally:
        silent.close()

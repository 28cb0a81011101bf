"""Running informers in tests under virtual time, and what their handlers heard."""

import asyncio
from contextlib import asynccontextmanager

import pytest

from aimctrl.runtime.informers import Informers


class Log(list):
    """A handler that notes what happened, as `name:old->new`."""

    def __call__(self, change):
        old, new = (entry.version - 100 if entry else "" for entry in (change.old, change.new))
        self.append(f"{change.key.name}:{old}->{new}{' initial' if change.initial else ''}")


@asynccontextmanager
async def running(informers):
    task = asyncio.create_task(informers.run())
    try:
        yield
    finally:
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


@asynccontextmanager
async def following(api, kind, *, settle=True, **options):
    """An informer of that kind, running; yields it and what its handler heard."""
    informers = Informers(api, **options)
    informer, log = informers.informer(kind), Log()
    informer.add_handler(log)
    async with running(informers):
        if settle:
            await informers.wait_settled()
            await quiet()
        yield informer, log


async def quiet():
    """Until everything that can happen without time passing has happened."""
    for _ in range(50):
        await asyncio.sleep(0)


def keys(informer):
    return [str(key) for key in informer.lister.keys(namespace="")]

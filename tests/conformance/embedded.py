"""The embedded server in a thread of its own, so that tests can talk to it as to any other."""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from aimctrl.sandbox.apiserver.builtin.kinds import builtin_registry
from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.server import ApiServer, api_server

FIRST_VERSION = 5_000_000
"""Its revisions begin here: numbers that mean nothing else in any answer."""


@contextmanager
def embedded() -> Iterator[ApiServer]:
    """An embedded server while the block runs."""
    ready, box = threading.Event(), []

    async def serve() -> None:
        cluster = Cluster(registry=builtin_registry())
        cluster.storage.version = FIRST_VERSION
        async with api_server(cluster=cluster) as server:
            end = asyncio.Event()
            box.extend((server, asyncio.get_running_loop(), end))
            ready.set()
            await end.wait()

    thread = threading.Thread(target=lambda: asyncio.run(serve()), name="embedded API server")
    thread.start()
    assert ready.wait(30), "the embedded server does not start"
    server, loop, end = box
    try:
        yield server
    finally:
        loop.call_soon_threadsafe(end.set)
        thread.join()

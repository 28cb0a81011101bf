"""The floor under any program in Python that keeps up with a watch: it receives one through uvloop's TLS, no more.

It says on stdout, as the peers do, when nothing has come for a second ("drained"), and ends at SIGTERM.
"""

import asyncio
import json
import signal
import sys
import time
from urllib.parse import urlsplit

import uvloop

from aimctrl.runtime import connect
from aimctrl.runtime.wire import read_buffer
from bench.widgets import WIDGETS

_BEGINS = b"HTTP/1.1 200 "


class _Pit(asyncio.BufferedProtocol):
    """Where what comes is forgotten, but for how much it was and how it began."""

    def __init__(self) -> None:
        self.size = 0
        self.beginning = b""
        self._buffer = read_buffer()

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - as asyncio wants it
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        if not self.size:
            self.beginning = bytes(self._buffer[: len(_BEGINS)])
        self.size += nbytes


async def _main() -> None:
    loop, told = asyncio.get_running_loop(), asyncio.Event()
    loop.add_signal_handler(signal.SIGTERM, told.set)
    where = await connect()
    url = urlsplit(where.server)
    transport, pit = await loop.create_connection(_Pit, url.hostname, url.port, ssl=where.ssl)
    head = [f"GET {WIDGETS.path()}?watch=true HTTP/1.1", f"Host: {url.netloc}", "Accept: application/json"]
    transport.write("\r\n".join([*head, f"Authorization: {await where.authorization()}", "", ""]).encode())
    seen = -1
    while seen != pit.size:
        seen = pit.size
        await asyncio.sleep(1)
    if pit.beginning != _BEGINS:
        sys.exit(f"the API server answers {pit.beginning!r}")
    print(json.dumps({"event": "drained", "time": time.time()}), flush=True)
    await told.wait()
    transport.abort()


if __name__ == "__main__":
    uvloop.run(_main())

"""Pages over plain HTTP/1.1; imported only where there is an address to listen on."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import structlog
from aiohttp import web

from aimctrl.runtime.serving import Address, AddressError, Show

log = structlog.get_logger(__name__)

SHUTDOWN_TIMEOUT = 1.0
"""Seconds a request under way has to end at a stop."""


@asynccontextmanager
async def listening(address: Address, pages: Mapping[str, Show]) -> AsyncGenerator[Address]:
    """Show a page for each path until left; gives the address really listened on.

    Raises AddressError where that is not possible.
    """
    application = web.Application()
    application.add_routes([web.get(path, _handler(show)) for path, show in pages.items()])
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
    await runner.setup()
    try:
        await _start(runner, address)
        port = runner.addresses[0][1]
        log.info("listening", address=str(Address(address.host, port)))
        yield Address(address.host, port)
    finally:
        await runner.cleanup()


def _handler(show: Show) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        page = show(request.query)
        return web.Response(body=page.body, status=page.status, headers={"Content-Type": page.content_type})

    return answer


async def _start(runner: web.AppRunner, address: Address) -> None:
    try:
        await web.TCPSite(runner, address.host or None, address.port).start()
    except OSError as error:
        raise AddressError(f"cannot listen on {address}: {error.strerror or error}") from error

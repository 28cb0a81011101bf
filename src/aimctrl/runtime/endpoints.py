"""Pages over HTTP/1.1; imported only where there is an address to listen on."""

import ssl
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import structlog
from aiohttp import web

from aimctrl.runtime.serving import Address, AddressError, Guard, Page, Protection, Show

log = structlog.get_logger(__name__)

GUARDED = ("/metrics",)
"""The paths that a guard is asked about; probes have no credentials."""

SHUTDOWN_TIMEOUT = 1.0
"""Seconds a request under way has to end at a stop."""


@asynccontextmanager
async def listening(address: Address, pages: Mapping[str, Show], protection: Protection) -> AsyncGenerator[Address]:
    """Show a page for each path until left; gives the address really listened on.

    Raises AddressError where that is not possible.
    """
    context = _context(protection.folder) if protection.folder else None
    application = web.Application()
    for path, show in pages.items():
        application.router.add_get(path, _handler(show, protection.guard if path in GUARDED else None))
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
    await runner.setup()
    try:
        await _start(runner, address, context)
        port = runner.addresses[0][1]
        log.info("listening", address=str(Address(address.host, port)), tls=context is not None)
        yield Address(address.host, port)
    finally:
        await runner.cleanup()


def _handler(show: Show, guard: Guard | None) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def answer(request: web.Request) -> web.Response:
        refusal = await guard(request.path, request.headers.get("Authorization", "")) if guard else None
        return _response(refusal or show(request.query))

    return answer


def _response(page: Page) -> web.Response:
    headers = {"Content-Type": page.content_type}
    if page.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return web.Response(body=page.body, status=page.status, headers=headers)


def _context(folder: str) -> ssl.SSLContext:
    from aimctrl.runtime.certificate import ServerCertificate

    return ServerCertificate(Path(folder)).context


async def _start(runner: web.AppRunner, address: Address, context: ssl.SSLContext | None) -> None:
    try:
        await web.TCPSite(runner, address.host or None, address.port, ssl_context=context).start()
    except OSError as error:
        raise AddressError(f"cannot listen on {address}: {error.strerror or error}") from error

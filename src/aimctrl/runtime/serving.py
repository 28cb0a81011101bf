"""What a running program shows over plain HTTP: `/healthz`, `/readyz` and `/metrics`.

`/healthz` answers as long as the event loop turns. `/readyz` asks named checks; `?verbose` lists them all. Paths and
answers are those of controller-runtime and of https://kubernetes.io/docs/reference/using-api/health-checks/.
"""

from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog
from aiohttp import web

from aimctrl.runtime.errors import ControllerError
from aimctrl.runtime.metrics import CONTENT_TYPE

log = structlog.get_logger(__name__)

SHUTDOWN_TIMEOUT = 1.0
"""Seconds a request under way has to end at a stop."""

Check = Callable[[], str]
"""Says what is wrong, in a few words; empty where nothing is. Must not block."""


class AddressError(ControllerError):
    """An address cannot be understood, or cannot be listened on; the message names it."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen: all interfaces where `host` is empty, a port of the system's choice where `port` is 0."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


def parse_address(text: str) -> Address | None:
    """`host:port`, `:port` or `[v6]:port`; None for `0` and the empty text, which turn an endpoint off.

    Raises AddressError.
    """
    if text in ("", "0"):
        return None
    host, colon, port = text.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    if not colon or not port.isdecimal() or int(port) > 65535 or (":" in bare and host != f"[{bare}]"):
        raise AddressError(f"cannot listen on {text!r}: need host:port, :port, or 0 for not at all")
    return Address(bare, int(port))


class Checks:
    """Named checks, asked in the order of their names."""

    def __init__(self) -> None:
        self._checks: dict[str, Check] = {}

    def add(self, name: str, check: Check) -> None:
        """Add a check, or replace the one of that name."""
        self._checks[name] = check

    def failures(self) -> dict[str, str]:
        """What is wrong for each check, empty where nothing is."""
        return {name: self._ask(name) for name in sorted(self._checks)}

    def _ask(self, name: str) -> str:
        try:
            return self._checks[name]()
        except Exception as error:
            log.exception("check raised", check=name)
            return f"{type(error).__name__}: {error}"


class Serving:
    """The endpoints of one program; either address may be None, and both may be the same.

    While `serve` is entered, `health_address` and `metrics_address` are the ones really listened on.
    """

    def __init__(self, exposition: Callable[[], bytes], *, health: Address | None, metrics: Address | None) -> None:
        self.ready = Checks()
        self.health_address = health
        self.metrics_address = metrics
        self._exposition = exposition

    @asynccontextmanager
    async def serve(self) -> AsyncGenerator[None]:
        """Listen until left.

        Raises AddressError, naming the address, where that is not possible.
        """
        health, metrics = self.health_address, self.metrics_address
        probes = [web.get("/healthz", self._healthz), web.get("/readyz", self._readyz)]
        series = [web.get("/metrics", self._metrics)]
        if health == metrics:
            async with _listening(health, [*probes, *series]) as self.health_address:
                self.metrics_address = self.health_address
                yield
            return
        async with (
            _listening(health, probes) as self.health_address,
            _listening(metrics, series) as self.metrics_address,
        ):
            yield

    async def _healthz(self, _: web.Request) -> web.Response:
        return web.Response(text="ok")

    async def _readyz(self, request: web.Request) -> web.Response:
        failures = self.ready.failures()
        well = not any(failures.values())
        if well and "verbose" not in request.query:
            return web.Response(text="ok")
        lines = [f"[-]{name} failed: {what}" if what else f"[+]{name} ok" for name, what in failures.items()]
        lines.append("readyz check passed" if well else "readyz check failed")
        return web.Response(text="\n".join(lines) + "\n", status=200 if well else 500)

    async def _metrics(self, _: web.Request) -> web.Response:
        return web.Response(body=self._exposition(), headers={"Content-Type": CONTENT_TYPE})


@asynccontextmanager
async def _listening(address: Address | None, routes: Iterable[web.RouteDef]) -> AsyncGenerator[Address | None]:
    if address is None:
        yield None
        return
    application = web.Application()
    application.add_routes(routes)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_TIMEOUT)
    await runner.setup()
    try:
        await _start(runner, address)
        port = runner.addresses[0][1]
        log.info("listening", address=str(Address(address.host, port)))
        yield Address(address.host, port)
    finally:
        await runner.cleanup()


async def _start(runner: web.AppRunner, address: Address) -> None:
    try:
        await web.TCPSite(runner, address.host or None, address.port).start()
    except OSError as error:
        raise AddressError(f"cannot listen on {address}: {error.strerror or error}") from error

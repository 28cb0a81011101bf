"""What a running program shows over HTTP: `/healthz`, `/readyz` and `/metrics`.

`/healthz` answers as long as the event loop turns. `/readyz` asks named checks; `?verbose` lists them all. Paths and
answers are those of controller-runtime and of https://kubernetes.io/docs/reference/using-api/health-checks/. `/metrics`
may be kept from who has no business there.
"""

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager

import msgspec
import structlog

from aimctrl.runtime.errors import ControllerError
from aimctrl.runtime.metrics import CONTENT_TYPE

log = structlog.get_logger(__name__)

Check = Callable[[], str]
"""Says what is wrong, in a few words; empty where nothing is. Must not block."""


class AddressError(ControllerError):
    """An address cannot be understood, or cannot be listened on; the message names it."""


class Address(msgspec.Struct, frozen=True):
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


class Page(msgspec.Struct, frozen=True):
    """An answer."""

    body: bytes
    status: int = 200
    content_type: str = "text/plain; charset=utf-8"


Show = Callable[[Mapping[str, str]], Page]
"""What there is to see, given the query."""


Guard = Callable[[str, str], Awaitable[Page | None]]
"""Given a path and the Authorization header, `""` where there is none: the refusal, or None for who may see it."""


class Protection(msgspec.Struct, frozen=True):
    """TLS with the certificate in that folder, where one is given, and who is to be asked before a page is shown."""

    folder: str = ""
    guard: Guard | None = None


_NONE = Protection()


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

    `protection` is that of the metrics; where both addresses are the same, the probes are behind its TLS as well.
    While `serve` is entered, `health_address` and `metrics_address` are the ones really listened on.
    """

    def __init__(
        self,
        exposition: Callable[[], bytes],
        *,
        health: Address | None,
        metrics: Address | None,
        protection: Protection = _NONE,
    ) -> None:
        self.ready = Checks()
        self.health_address = health
        self.metrics_address = metrics
        self._exposition = exposition
        self._protection = protection

    @asynccontextmanager
    async def serve(self) -> AsyncGenerator[None]:
        """Listen until left.

        Raises AddressError, naming the address or the certificate's folder, where that is not possible.
        """
        health, metrics = self.health_address, self.metrics_address
        probes: dict[str, Show] = {"/healthz": self._healthz, "/readyz": self._readyz}
        series: dict[str, Show] = {"/metrics": self._metrics}
        if health == metrics:
            async with _listening(health, probes | series, self._protection) as self.health_address:
                self.metrics_address = self.health_address
                yield
            return
        async with (
            _listening(health, probes, _NONE) as self.health_address,
            _listening(metrics, series, self._protection) as self.metrics_address,
        ):
            yield

    def _healthz(self, _: Mapping[str, str]) -> Page:
        return Page(b"ok")

    def _readyz(self, query: Mapping[str, str]) -> Page:
        failures = self.ready.failures()
        well = not any(failures.values())
        if well and "verbose" not in query:
            return Page(b"ok")
        lines = [f"[-]{name} failed: {what}" if what else f"[+]{name} ok" for name, what in failures.items()]
        lines.append("readyz check passed" if well else "readyz check failed")
        return Page(("\n".join(lines) + "\n").encode(), 200 if well else 500)

    def _metrics(self, _: Mapping[str, str]) -> Page:
        return Page(self._exposition(), content_type=CONTENT_TYPE)


@asynccontextmanager
async def _listening(
    address: Address | None, pages: Mapping[str, Show], protection: Protection
) -> AsyncGenerator[Address | None]:
    if address is None:
        yield None
        return
    from aimctrl.runtime.endpoints import listening  # and with it aiohttp's server

    async with listening(address, pages, protection) as actual:
        yield actual

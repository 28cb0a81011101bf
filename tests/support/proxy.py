"""A proxy between a client and a real API server, which does to requests and answers what a test says."""

import asyncio
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

import aiohttp
import msgspec
from aiohttp import web
from yarl import URL

from controlplane import ControlPlane
from support.world import eventually

PATIENCE = 180.0
"""Seconds that a wait may take on a busy machine."""

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_PASSED_ON = ("Accept", "Authorization", "Content-Type", "User-Agent")


class ConnectionLostError(Exception):
    """Raised by a treatment: the client's connection is reset at this place."""


Pieces = AsyncIterator[bytes]
Treatment = Callable[[Pieces], AsyncIterator[bytes]]
"""What becomes of the body of an answer on its way."""


@dataclass
class Exchange:
    """One request, which a fault passes on, answers itself, or loses; `query` may be changed before that.

    `at` is when it came, by the monotonic clock.
    """

    request: web.Request
    body: bytes
    upstream: aiohttp.ClientSession
    server: str
    query: dict[str, str] = field(default_factory=dict)
    at: float = field(default_factory=monotonic)

    @property
    def method(self) -> str:
        return self.request.method

    @property
    def path(self) -> str:
        return self.request.path

    @property
    def plural(self) -> str:
        """The kind it is about; only of collections and objects without subresources."""
        parts = self.path.strip("/").split("/")
        rest = parts[2:] if parts[0] == "api" else parts[3:]
        return (rest[2:] or rest)[0] if rest and rest[0] == "namespaces" else (rest or [""])[0]

    @property
    def watches(self) -> bool:
        return self.query.get("watch") in {"1", "true"}

    async def pass_on(self, treatment: Treatment | None = None) -> web.StreamResponse:
        """Have the API server answer, piece by piece."""
        async with self._ask() as answer:
            response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
            await response.prepare(self.request)
            pieces = answer.content.iter_any()
            async with aclosing(treatment(pieces) if treatment else _as_it_is(pieces)) as treated:
                async for piece in treated:
                    await response.write(piece)
            await response.write_eof()
            return response

    async def carried_out(self) -> int:
        """Have the API server answer for nobody; the status of its answer."""
        async with self._ask() as answer:
            await answer.read()
            return answer.status

    def refuse(self, code: int, reason: str = "", **headers: str) -> web.Response:
        """An answer of the proxy's own."""
        status = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason}
        body = msgspec.json.encode(status | {"message": f"the proxy says {code}"})
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return web.Response(status=code, body=body, content_type="application/json", headers=named)

    @asynccontextmanager
    async def _ask(self) -> AsyncIterator[aiohttp.ClientResponse]:
        headers = {name: self.request.headers[name] for name in _PASSED_ON if name in self.request.headers}
        url = URL(f"{self.server}{self.request.rel_url.raw_path}", encoded=True).with_query(self.query)
        try:
            async with self.upstream.request(self.method, url, data=self.body or None, headers=headers) as answer:
                yield answer
        except (aiohttp.ClientConnectionError, aiohttp.ClientPayloadError) as error:
            raise ConnectionLostError from error


async def _as_it_is(pieces: Pieces) -> AsyncIterator[bytes]:
    async for piece in pieces:
        yield piece


async def lines(pieces: Pieces) -> AsyncIterator[bytes]:
    """The lines of a watch, each with its newline."""
    rest = b""
    async for piece in pieces:
        *whole, rest = (rest + piece).split(b"\n")
        for line in whole:
            yield line + b"\n"


Where = Callable[[Exchange], bool]
Fault = Callable[[Exchange], Awaitable[web.StreamResponse]]


@dataclass
class Rule:
    """A fault, for the requests it is about, `times` at most; `struck` are those that it was about."""

    where: Where
    fault: Fault
    times: float
    struck: list[Exchange] = field(default_factory=list)

    async def strikes(self, times: int = 1) -> None:
        """Wait until it has struck that often."""

        async def often_enough() -> bool:
            return len(self.struck) >= times

        await eventually(often_enough, timeout=PATIENCE)


class Proxy:
    """What stands between; without rules everything is passed on as it is."""

    def __init__(self, server: str, upstream: aiohttp.ClientSession) -> None:
        self.asked: list[Exchange] = []
        self._server = server
        self._upstream = upstream
        self._rules: list[Rule] = []
        self._watching: set[asyncio.Task[object]] = set()

    @contextmanager
    def rule(self, where: Where, fault: Fault, *, times: float = float("inf")) -> Iterator[Rule]:
        """What happens to such requests, where no earlier rule is about them, inside the block."""
        rule = Rule(where, fault, times)
        self._rules.append(rule)
        try:
            yield rule
        finally:
            self._rules.remove(rule)

    def pauses(self, rule: Rule) -> list[float]:
        """Seconds from each request that a rule was about to the next one like it."""
        found: list[float] = []
        for struck in rule.struck:
            like = [one.at - struck.at for one in self.asked if (one.method, one.path) == (struck.method, struck.path)]
            found += sorted(pause for pause in like if pause > 0)[:1]
        return found

    def hang_up(self, plural: str = "") -> None:
        """Reset the watches that are open now, of one kind or all."""
        for task in self._watching:
            if not plural or task.get_name() == plural:
                task.cancel("hung up")

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer one request by the first rule that is about it."""
        exchange = Exchange(request, await request.read(), self._upstream, self._server, dict(request.query))
        self.asked.append(exchange)
        answering = asyncio.ensure_future(self._fault(exchange)(exchange))
        if exchange.watches:
            answering.set_name(exchange.plural)
            self._watching.add(answering)
            answering.add_done_callback(self._watching.discard)
        try:
            return await answering
        except ConnectionLostError:
            return await _reset(request)
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                answering.cancel()
                raise
            return await _reset(request)

    def _fault(self, exchange: Exchange) -> Fault:
        for rule in self._rules:
            if len(rule.struck) < rule.times and rule.where(exchange):
                rule.struck.append(exchange)
                return rule.fault
        return Exchange.pass_on


async def _reset(request: web.Request) -> web.StreamResponse:
    """End the connection with a RST; the handler is cancelled by that."""
    transport = request.transport
    if transport is not None:
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        transport.abort()
    await asyncio.Event().wait()
    raise AssertionError("the connection has outlived its reset")


@dataclass(frozen=True)
class Between:
    """A proxy at work, a kubeconfig that leads there, and the TLS context by which it takes connections."""

    proxy: Proxy
    kubeconfig: Path
    tls: ssl.SSLContext


@asynccontextmanager
async def between(plane: ControlPlane, folder: Path) -> AsyncIterator[Between]:
    """A proxy in front of a control plane's API server, with the same certificate."""
    certificate = plane.folder / "certs" / "apiserver.crt"
    ours = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    ours.load_cert_chain(certificate, certificate.with_suffix(".key"))
    theirs = aiohttp.TCPConnector(limit=0, ssl=ssl.create_default_context(cafile=str(plane.ca)), force_close=True)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=theirs, timeout=timeout, auto_decompress=False) as upstream:
        proxy = Proxy(plane.server, upstream)
        app = web.Application(client_max_size=1 << 24)
        app.router.add_route("*", "/{path:.*}", proxy.handle)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=ours)
        await site.start()
        port = runner.addresses[0][1]
        text = plane.kubeconfig.read_text(encoding="utf-8").replace(plane.server, f"https://127.0.0.1:{port}")
        kubeconfig = folder / f"proxy-{port}.kubeconfig"
        kubeconfig.write_text(text, encoding="utf-8")
        try:
            yield Between(proxy, kubeconfig, ours)
        finally:
            await runner.cleanup()

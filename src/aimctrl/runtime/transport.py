"""HTTP to the API server: authorization, the mapping to errors, retries that are safe, and streams.

Calls share a pool of connections, streams have one each, so that many watches never starve the calls.
"""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import lru_cache
from typing import Protocol, TypeVar
from urllib.parse import urlencode, urlsplit

from aimctrl import __version__
from aimctrl.runtime.answers import Call, refusal, silence
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.dialling import ConnectError, UntrustedError, proxy_proof, target
from aimctrl.runtime.errors import ApiError, ConnectionFailedError, NotLeaderError, ServerError, ThrottledError
from aimctrl.runtime.pool import Pool
from aimctrl.runtime.tracing import Tracer
from aimctrl.runtime.wire import Answer, Wire

_LONGEST_PAUSE = 10.0
_CALLS_AT_ONCE = 64

A = TypeVar("A", Answer, Wire | Answer)
"""What has a status: a whole answer, or a connection on which one has begun."""


class RequestMetrics(Protocol):
    """Counts requests; `rest_client_requests_total` of client-go."""

    def request(self, code: str, method: str, host: str) -> None:
        """One attempt was made; `code` is the HTTP status, or `<error>` where no answer came."""
        ...


class NoRequestMetrics:
    """Counts nothing."""

    def request(self, code: str, method: str, host: str) -> None:
        """Nothing to count."""


class Transport:
    """Sends Calls over one Connection; `timeout` is in seconds, for a whole call and for the start of a stream.

    `sender` is who the API server's log says it was, beside this package.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        sender: str,
        metrics: RequestMetrics,
        tracer: Tracer | None = None,
        timeout: float,
        may_write: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._metrics = metrics
        self._tracer = tracer
        self._timeout = timeout
        self._may_write = may_write
        self._host = urlsplit(connection.server).netloc
        self._target = target(connection)
        self._fixed = (
            f"Host: {self._host}\r\nUser-Agent: {sender} aimctrl/{__version__}\r\nAccept-Encoding: identity\r\n"
        )
        if connection.server.startswith("http://"):
            self._fixed += proxy_proof(connection)
        self._pool: Pool | None = None

    async def open(self) -> None:
        """Make the pool, on the running event loop."""
        self._pool = Pool(self._connection, _CALLS_AT_ONCE)

    async def close(self) -> None:
        """Close all connections; calls under way fail, open streams end."""
        if self._pool is not None:
            self._pool.close()

    async def send(self, call: Call) -> bytes:
        """The body of the answer.

        Reads are sent up to three times where the error is transient; writes only where the server cannot have carried
        them out: it was busy (429, 503 with Retry-After) or no connection came about. Cancelled, a write may have
        been carried out.

        Raises ApiError by the answer, NotLeaderError for a write while the fence is closed.
        """
        attempt = self._attempt if self._tracer is None else self._traced
        try:
            return await attempt(call)
        except ApiError as error:
            if not _worth_repeating(call, error):
                raise
            first = error
        from aimctrl.runtime.repeating import repeated

        return await repeated(lambda: attempt(call), first, lambda error: _worth_repeating(call, error))

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncGenerator["Pieces"]:
        """The answer's body in pieces as they come; leaving the block closes the connection.

        Raises ApiError by the answer, also out of the iteration. Nothing is retried and nothing times out once the
        answer has begun: the reader knows how long silence may last.
        """
        pool = self._opened()
        begun = await self._ask(call, lambda request: _begun(pool, request))
        if isinstance(begun, Answer):
            raise _refused(call, begun)
        try:
            yield Pieces(begun, call)
        finally:
            pool.drop(begun)

    async def _traced(self, call: Call) -> bytes:
        assert self._tracer is not None
        with self._tracer.request(call.method, call.path, self._host):
            return await self._attempt(call)

    async def _attempt(self, call: Call) -> bytes:
        pool = self._opened()
        answer = await self._ask(call, lambda request: self._exchange(pool, call, request))
        if not _is_success(answer.status):
            raise _refused(call, answer)
        return answer.body

    async def _ask(self, call: Call, send: Callable[[bytes], Awaitable[A]]) -> A:
        """What sending the request gives; once more where the credentials were refused and there may be better ones."""
        answer = await self._once(call, send)
        if answer.status == 401:
            await self._connection.renew()
            answer = await self._once(call, send)
        return answer

    async def _once(self, call: Call, send: Callable[[bytes], Awaitable[A]]) -> A:
        request = self._request(call, await self._connection.authorization())
        try:
            async with asyncio.timeout(self._timeout):
                answer = await send(request)
        except OSError as error:  # TimeoutError is an OSError
            self._metrics.request("<error>", call.method, self._host)
            if isinstance(error, UntrustedError):
                await self._connection.renew()  # the authorities may be others by now; the next attempt trusts them
            raise silence(call, error) from error
        self._metrics.request(str(answer.status), call.method, self._host)
        if self._tracer is not None:
            self._tracer.answered(answer.status)
        return answer

    async def _exchange(self, pool: Pool, call: Call, request: bytes) -> Answer:
        wire = await pool.take()
        try:
            if not call.reads and not self._may_write():  # nothing is awaited from here to the bytes (fence.py)
                raise NotLeaderError(f"{call.method} {call.path} was not sent: this process does not lead any more")
            wire.send(request, limit=call.limit)
            return await wire.answer()
        finally:
            pool.give(wire)

    def _opened(self) -> Pool:
        if self._pool is None:
            raise RuntimeError("the client is not open: use `async with Client(...)`")
        return self._pool

    def _request(self, call: Call, authorization: str | None) -> bytes:
        query = _encoded(tuple(call.query.items())) if call.query else ""
        if not f"{call.method}{call.path}{call.accept}{call.content_type}{authorization}".isprintable():
            raise ValueError(f"a line break or the like in the path, the types or the credentials of {call.method}")
        head = f"{call.method} {self._target}{call.path}{query} HTTP/1.1\r\n{self._fixed}Accept: {call.accept}\r\n"
        if self._tracer is not None:
            head += self._tracer.headers()
        if authorization:
            head += f"Authorization: {authorization}\r\n"
        if call.body is None:
            return f"{head}\r\n".encode()
        return (
            f"{head}Content-Type: {call.content_type}\r\nContent-Length: {len(call.body)}\r\n\r\n".encode() + call.body
        )


@lru_cache(256)  # mostly who writes, and what is watched
def _encoded(query: tuple[tuple[str, str], ...]) -> str:
    return f"?{urlencode(query)}"


class Pieces:
    """The body of an answer that streams."""

    def __init__(self, wire: Wire, call: Call) -> None:
        self._wire = wire
        self._call = call

    def __aiter__(self) -> "Pieces":
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._wire.piece()
        except OSError as error:
            raise silence(self._call, error) from error
        if not piece:
            raise StopAsyncIteration
        return piece

    async def pour(self, take: Callable[[bytes], None]) -> None:
        """Hand over each piece in the moment it arrives, until the end; what `take` raises ends it."""
        try:
            await self._wire.pour(take)
        except OSError as error:
            raise silence(self._call, error) from error


def _refused(call: Call, answer: Answer) -> ApiError:
    return refusal(call, answer.status, answer.body, answer.retry_after)


def _is_success(status: int) -> bool:
    return 200 <= status < 300  # redirects lead to login pages, not to objects


async def _begun(pool: Pool, request: bytes) -> Wire | Answer:
    """A connection on which the answer has begun; where that is no success, all of it, and the connection is closed."""
    wire = await pool.dial()
    try:
        wire.send(request, streams=True)
        if _is_success(await wire.head()):
            return wire
        answer = await wire.answer()
    except BaseException:
        pool.drop(wire)
        raise
    pool.drop(wire)
    return answer


def _worth_repeating(call: Call, error: BaseException) -> bool:
    if isinstance(error, ThrottledError):
        return (error.answer.retry_after or 0) <= _LONGEST_PAUSE
    if isinstance(error, ConnectionFailedError):
        if isinstance(error.__cause__, TimeoutError):
            return False  # whoever asks has waited long enough
        return call.reads or isinstance(error.__cause__, ConnectError)
    return call.reads and isinstance(error, ServerError)

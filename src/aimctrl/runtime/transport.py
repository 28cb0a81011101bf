"""HTTP to the API server: authorization, the mapping to errors, retries that are safe, and streams.

Calls and streams have connection pools of their own, so that many watches never starve the calls.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlencode, urlsplit

import aiohttp
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, wait_random_exponential
from yarl import URL

from aimctrl import __version__
from aimctrl.runtime.answers import Call, refusal, silence
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.errors import ApiError, ConnectionFailedError, NotLeaderError, ServerError, ThrottledError
from aimctrl.runtime.fence import FencedBody, dial

_ATTEMPTS = 3
_LONGEST_PAUSE = 10.0
_CALLS_AT_ONCE = 64
_READ_BUFFER = 1 << 20
_ERROR_LIMIT = 1 << 20

T = TypeVar("T")


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
        timeout: float,
        may_write: Callable[[], bool],
    ) -> None:
        self._connection = connection
        self._sender = f"{sender} aimctrl/{__version__}"
        self._metrics = metrics
        self._timeout = timeout
        self._may_write = may_write
        self._host = urlsplit(connection.server).netloc
        self._calls: aiohttp.ClientSession | None = None
        self._streams: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Make the pools, on the running event loop."""
        self._calls = self._session(_CALLS_AT_ONCE)
        self._streams = self._session(0)

    async def close(self) -> None:
        """Close all connections; open streams end."""
        for session in (self._calls, self._streams):
            if session is not None:
                await session.close()

    async def send(self, call: Call) -> bytes:
        """The body of the answer.

        Reads are sent up to three times where the error is transient; writes only where the server cannot have carried
        them out: it was busy (429, 503 with Retry-After) or no connection came about. Cancelled, a write may have
        been carried out.

        Raises ApiError by the answer, NotLeaderError for a write while the fence is closed.
        """
        try:
            return await self._attempt(call)
        except ApiError as error:
            if not _worth_repeating(call, error):
                raise
            first = error
        retrying = AsyncRetrying(
            stop=stop_after_attempt(_ATTEMPTS),
            wait=_pause,
            retry=retry_if_exception(lambda error: _worth_repeating(call, error)),
            reraise=True,
        )
        answers = iter([first])

        async def attempt() -> bytes:
            for error in answers:
                raise error
            return await self._attempt(call)

        return await retrying(attempt)

    @asynccontextmanager
    async def stream(self, call: Call) -> AsyncGenerator[AsyncIterator[bytes]]:
        """The answer's body in pieces as they come; leaving the block closes the connection.

        Raises ApiError by the answer, also out of the iteration. Nothing is retried and nothing times out once the
        answer has begun: the reader knows how long silence may last.
        """
        response = await self._open(call)
        try:
            async with aclosing(_pieces(response, call)) as pieces:
                yield pieces
        finally:
            _hang_up(response)

    async def _open(self, call: Call) -> aiohttp.ClientResponse:
        try:
            async with asyncio.timeout(self._timeout):
                response: aiohttp.ClientResponse = await self._ask(self._streams, call, None)
                if _is_success(response):
                    return response
                async with response:
                    body = await _read(response, _ERROR_LIMIT)
        except (aiohttp.ClientError, OSError) as error:  # TimeoutError is an OSError
            self._metrics.request("<error>", call.method, self._host)
            raise silence(call, error) from error
        raise refusal(call, response.status, response.headers, body)

    async def _attempt(self, call: Call) -> bytes:
        if not call.reads and not self._may_write():
            raise _held_back(call)
        try:
            response = await self._ask(self._calls, call, self._timeout)
            async with response:
                body = await _read(response, call.limit if _is_success(response) else _ERROR_LIMIT)
        except (aiohttp.ClientError, OSError) as error:
            if isinstance(error.__cause__, NotLeaderError):
                raise _held_back(call) from error
            self._metrics.request("<error>", call.method, self._host)
            raise silence(call, error) from error
        if not _is_success(response):
            raise refusal(call, response.status, response.headers, body)
        return body

    async def _ask(self, session: aiohttp.ClientSession | None, call: Call, total: float | None) -> Any:
        """The answer's head; a 401 is answered with fresh credentials, once.

        A new connection trusts what is to be trusted by now (connection.py).
        """
        if session is None:
            raise RuntimeError("the client is not open: use `async with Client(...)`")
        for attempt in (1, 2):
            try:
                response = await session.request(
                    call.method,
                    self._url(call),
                    data=call.body if call.reads else FencedBody(call.body or b"", self._may_write),
                    headers=await self._headers(call),
                    allow_redirects=False,
                    proxy=self._connection.proxy or None,
                    server_hostname=self._connection.server_name or None,
                    ssl=self._connection.ssl or True,
                    timeout=aiohttp.ClientTimeout(total=total),
                )
            except aiohttp.ClientConnectorCertificateError:
                await self._connection.renew()  # the authorities may be others by now; the next attempt trusts them
                raise
            except asyncio.CancelledError as error:
                if cast("asyncio.Task[Any]", asyncio.current_task()).cancelling():
                    raise
                # aiohttp cancels who waits for a connection when its pool is closed; task groups would not notice.
                raise aiohttp.ClientConnectionError("no connection came about") from error
            self._metrics.request(str(response.status), call.method, self._host)
            if response.status != 401 or attempt == 2:
                break
            response.release()
            await self._connection.renew()
        return response

    def _url(self, call: Call) -> URL:
        query = f"?{urlencode(call.query)}" if call.query else ""
        return URL(f"{self._connection.server}{call.path}{query}", encoded=True)

    async def _headers(self, call: Call) -> dict[str, str]:
        headers = {"Accept": call.accept, "Accept-Encoding": "identity"}
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        authorization = await self._connection.authorization()
        if authorization:
            headers["Authorization"] = authorization
        return headers

    def _session(self, limit: int) -> aiohttp.ClientSession:
        connector = aiohttp.TCPConnector(limit=limit, keepalive_timeout=60, socket_factory=dial)
        return aiohttp.ClientSession(
            connector=connector,
            headers={"User-Agent": self._sender},
            read_bufsize=_READ_BUFFER,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
        )


def _is_success(response: aiohttp.ClientResponse) -> bool:
    return 200 <= response.status < 300  # redirects lead to login pages, not to objects


def _held_back(call: Call) -> NotLeaderError:
    return NotLeaderError(f"{call.method} {call.path} was not sent: this process does not lead any more")


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if not limit:
        return await response.read()
    parts: list[bytes] = []
    size = 0
    async for part in response.content.iter_any():
        parts.append(part)
        size += len(part)
        if size >= limit:
            response.close()  # the rest may never end
            break
    return b"".join(parts)[:limit]


async def _pieces(response: aiohttp.ClientResponse, call: Call) -> AsyncGenerator[bytes]:
    try:
        async for part in response.content.iter_any():
            yield part
    except (aiohttp.ClientError, OSError) as error:
        raise silence(call, error) from error


def _worth_repeating(call: Call, error: BaseException) -> bool:
    if isinstance(error, ThrottledError):
        return (error.answer.retry_after or 0) <= _LONGEST_PAUSE
    if isinstance(error, ConnectionFailedError):
        if isinstance(error.__cause__, TimeoutError):
            return False  # whoever asks has waited long enough
        return call.reads or isinstance(error.__cause__, aiohttp.ClientConnectorError)
    return call.reads and isinstance(error, ServerError)


_jitter = wait_random_exponential(multiplier=0.1, max=2)


def _pause(state: RetryCallState) -> float:
    error = state.outcome.exception() if state.outcome else None
    asked = (error.answer.retry_after or 0.0) if isinstance(error, ApiError) else 0.0
    return asked + _jitter(state)


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """Drop the connection at once: to close it is to wait for a TLS farewell that nobody awaits."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()

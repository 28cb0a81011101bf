"""One HTTP/1.1 connection: requests go out one after the other, their answers come in whole or piece by piece.

Most of what a controller costs is small answers and single watch events, so that their way is short: what arrives is
parsed where the event loop delivers it, and one future wakes whoever waits, once for each answer or each piece.
The syntax of HTTP is llhttp's, through httptools (https://github.com/MagicStack/httptools).
"""

import asyncio
from collections.abc import Callable
from typing import NamedTuple, cast

import httptools

from aimctrl.runtime.gathering import Gathering

_BUFFERED = 1 << 18
"""Bytes of a stream that may wait to be read before the sender is made to wait."""

_GULP = 1 << 16
"""Bytes read at once, after which others have the event loop before more is read."""

_REFUSAL = 1 << 20
"""Bytes of an answer that is no success that are read at most: nobody wants to know more."""

_FRAMING = (b"content-length", b"transfer-encoding")


class DisconnectedError(ConnectionError):
    """The connection ended before the answer did."""


class NoHttpError(ConnectionError):
    """What came back is no HTTP."""


class Answer(NamedTuple):
    """A whole answer: its status, the value of its Retry-After header if it has one, and its body."""

    status: int
    retry_after: str | None
    body: bytes


def read_buffer() -> memoryview:
    """Where connections of one event loop, which reads one after the other, put what they read until it is parsed."""
    return memoryview(bytearray(_GULP))


class Wire(asyncio.BufferedProtocol):
    """A connection; `send`, then either `answer` or `head` and `piece`s or `pour`, all by one task.

    Whoever is cancelled in between, or has had enough, calls `abort`. All of them raise OSError where the connection
    failed: DisconnectedError, NoHttpError, or what the system says.
    """

    def __init__(self, buffer: memoryview) -> None:
        self.transport: asyncio.Transport | None = None
        self.idle_since = 0.0
        self.status = 0
        self.retry_after: str | None = None
        self._buffer = buffer
        self._parser = httptools.HttpResponseParser(self)
        self._waiter: asyncio.Future[None] | None = None
        self._take: Callable[[bytes], None] | None = None
        self._gathering: Gathering | None = None
        self._error: OSError | None = None
        self._parts: list[bytes] = []
        self._size = 0
        self._limit = 0
        self._asked = self._done = self._surplus = self._streams = self._framed = self._lasts = self._paused = False

    @property
    def reusable(self) -> bool:
        """Whether another request may be sent: the last answer is complete, and both sides keep the connection."""
        return self._lasts and self._done and not self.lost

    @property
    def lost(self) -> bool:
        """Whether the connection is gone, or going."""
        return self._error is not None or self.transport is None or self.transport.is_closing()

    def send(self, request: bytes, *, limit: int = 0, streams: bool = False) -> None:
        """Hand a whole request to the connection.

        Of the body of a success `limit` bytes are wanted, 0 for all. `streams` says that it is taken piece by piece.
        """
        self._asked, self._done, self._framed, self._lasts = True, False, False, False
        self._streams, self._limit = streams, limit
        self._parts, self._size, self.status, self.retry_after = [], 0, 0, None
        if self.transport is None or self.lost:
            self._error = self._error or DisconnectedError("the connection was closed before the request was sent")
            return
        self.transport.write(request)

    async def answer(self) -> Answer:
        """The whole answer, or as much of it as is wanted; the connection is of no more use then."""
        while not self._done and not self._full:
            await self._news()
        if not self.reusable:
            self.abort()
        body = self._parts[0] if len(self._parts) == 1 else b"".join(self._parts)
        return Answer(self.status, self.retry_after, body[: self._wanted] if self._wanted else body)

    async def head(self) -> int:
        """The status of an answer that streams."""
        while not self.status:
            await self._news()
        return self.status

    async def piece(self) -> bytes:
        """What has arrived since the last piece, or arrives next; `b""` at the end."""
        while not self._parts:
            if self._done:
                return b""
            await self._news()
        parts, self._parts, self._size = self._parts, [], 0
        self._go_on()
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def pour(self, take: Callable[[bytes], None]) -> None:
        """Hand over each piece in the moment it arrives, which wakes no task, until the end.

        What `take` raises ends it. Of a flood the pieces are large, and come some milliseconds later.
        """
        while self._parts:
            take(await self.piece())
        self._take = take
        self._gathering = gathering = Gathering(self.transport) if self.transport is not None else None
        try:
            while not self._done:
                await self._news()
        finally:
            self._take = self._gathering = None
            if gathering is not None:
                gathering.stop()

    def abort(self) -> None:
        """Drop the connection at once: to close it in order is to wait for a TLS farewell that nobody awaits."""
        if self.transport is not None:
            self.transport.abort()
        self._fail(DisconnectedError("the connection was closed here"))

    # What the event loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self.transport = cast("asyncio.Transport", transport)

    def get_buffer(self, sizehint: int) -> memoryview:  # noqa: ARG002 - as asyncio wants it
        """Where to put what arrives next."""
        return self._buffer

    def buffer_updated(self, nbytes: int) -> None:
        """So many bytes have arrived."""
        if self._done or not self._asked:
            self.abort()  # nobody has asked for that; what follows could be taken for the next answer
            return
        try:
            self._parser.feed_data(self._buffer[:nbytes])
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            self._fail(NoHttpError(f"no HTTP: {error}"))
            self.abort()
            return
        if self._take is not None:
            self._pour(self._take, nbytes)
        elif self._streams:
            if self._size > _BUFFERED and not self._paused and self.transport is not None:
                self._paused = True
                self.transport.pause_reading()
            if self.status:
                self._wake()
        elif self._done or self._full:
            self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is closed."""
        if exc is None and self.status and not self._framed and not self._error:
            self._done = True  # an answer without a length ends with its connection
            self._wake()
        self._fail(exc if isinstance(exc, OSError) else DisconnectedError("the server closed the connection"))

    # What the parser calls.

    def on_message_begin(self) -> None:
        """An answer begins; one that nobody asked for may follow in the same breath."""
        if self._done:
            self._surplus, self._lasts = True, False

    def on_header(self, name: bytes, value: bytes) -> None:
        """One header of an answer."""
        name = name.lower()
        if name in _FRAMING:
            self._framed = True
        elif name == b"retry-after" and not self._surplus:
            self.retry_after = value.decode("latin-1")

    def on_headers_complete(self) -> None:
        """All of them; of an interim answer (1xx) too."""
        status = self._parser.get_status_code()
        if status >= 200 and not self._surplus:
            self.status = status

    def on_body(self, body: bytes) -> None:
        """A part of the body."""
        if body and not self._surplus:
            self._parts.append(body)
            self._size += len(body)

    def on_message_complete(self) -> None:
        """The answer is complete; an interim one is followed by another."""
        if self.status and not self._surplus:
            self._done = True
            self._lasts = self._parser.should_keep_alive()

    @property
    def _wanted(self) -> int:
        return self._limit if self.status < 300 else _REFUSAL

    @property
    def _full(self) -> bool:
        return 0 < self._wanted <= self._size

    def _pour(self, take: Callable[[bytes], None], size: int) -> None:
        if self._gathering is not None:
            self._gathering.arrived(size)
        parts = self._parts
        if parts:
            self._parts, self._size = [], 0
            try:
                take(parts[0] if len(parts) == 1 else b"".join(parts))
            except Exception as error:  # noqa: BLE001 - it is for whoever pours
                self._take = None
                if self._waiter is not None and not self._waiter.done():
                    self._waiter.set_exception(error)
                return
        if self._done:
            self._wake()

    def _go_on(self) -> None:
        if self._paused and self.transport is not None and not self.lost:
            self._paused = False
            self.transport.resume_reading()

    async def _news(self) -> None:
        if self._error is not None:
            raise self._error
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _fail(self, error: OSError) -> None:
        if self._error is None:
            self._error = error
            self._wake()

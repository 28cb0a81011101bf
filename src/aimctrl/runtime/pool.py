"""Connections kept for the next request."""

import asyncio
from ssl import SSLContext

from aimctrl.runtime.connection import Connection
from aimctrl.runtime.dialling import dialled
from aimctrl.runtime.wire import Wire, read_buffer

KEPT_SECONDS = 60.0
"""How long a connection that nobody uses is kept; the API server closes it after 90 s or more."""


class Pool:
    """At most `limit` connections that calls take turns on, and as many as there are streams, which share none."""

    def __init__(self, connection: Connection, limit: int) -> None:
        self._connection = connection
        self._turns = asyncio.Semaphore(limit)
        self._idle: list[Wire] = []
        self._trusted: SSLContext | None = None
        self._out: dict[Wire, SSLContext | None] = {}
        self._buffer = read_buffer()
        self._closed = False

    async def take(self) -> Wire:
        """A connection for one call, to be given back whatever becomes of it.

        Raises ConnectError.
        """
        await self._turns.acquire()
        try:
            return self._kept() or await self.dial()
        except BaseException:
            self._turns.release()
            raise

    def give(self, wire: Wire) -> None:
        """The call is over, one way or another."""
        self._turns.release()
        trusted = self._out.pop(wire)
        if wire.reusable and not self._closed and trusted is self._connection.ssl:
            wire.idle_since = asyncio.get_running_loop().time()
            self._idle.append(wire)
        else:
            wire.abort()

    async def dial(self) -> Wire:
        """A connection of one's own, to be dropped.

        Raises ConnectError.
        """
        trusted = self._connection.ssl
        wire = await dialled(self._connection, self._buffer)
        if self._closed:
            wire.abort()
        self._out[wire] = trusted
        return wire

    def drop(self, wire: Wire) -> None:
        """Close one that was dialled."""
        self._out.pop(wire, None)
        wire.abort()

    def close(self) -> None:
        """Close all connections, those in use too."""
        self._closed = True
        for wire in (*self._idle, *self._out):
            wire.abort()
        self._idle.clear()

    def _kept(self) -> Wire | None:
        """The one used last of those that are still good: the older ones grow old, and are closed."""
        if self._trusted is not self._connection.ssl:  # they trust what is not to be trusted any more
            self._trusted = self._connection.ssl
            self._clear(len(self._idle))
        old = asyncio.get_running_loop().time() - KEPT_SECONDS
        self._clear(next((at for at, wire in enumerate(self._idle) if wire.idle_since > old), len(self._idle)))
        while self._idle:
            wire = self._idle.pop()
            if not wire.lost:
                self._out[wire] = self._trusted
                return wire
        return None

    def _clear(self, count: int) -> None:
        for wire in self._idle[:count]:
            wire.abort()
        del self._idle[:count]

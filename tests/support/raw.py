"""Servers that say exactly what a test wants to be said."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

Script = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def listening(script: Script, tls: ssl.SSLContext | None = None) -> AsyncIterator[int]:
    """A server on loopback that treats each connection so; its port.

    All is closed at the end, and the block does not last longer than a minute.
    """
    conversations: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        conversations.add(asyncio.current_task())  # type: ignore[arg-type]
        writers.append(writer)
        try:
            await script(reader, writer)
        except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the client has left, or the test is over
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=tls)
    async with server:
        try:
            async with asyncio.timeout(60):
                yield server.sockets[0].getsockname()[1]
        finally:
            for conversation in conversations:
                conversation.cancel()
            for writer in writers:
                writer.transport.abort()
            if conversations:
                await asyncio.wait(conversations)
            await asyncio.sleep(0)  # transports close in the next turn

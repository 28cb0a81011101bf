"""Answers that are at hand as a whole: head and body are put together here, and go out in one piece.

What aiohttp does for a response of any kind takes longer than most requests take to be carried out.
"""

import time
from email.utils import formatdate
from functools import lru_cache

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter

_SMALL = 64 * 1024
"""Bytes of a body that need not wait until those before them are read."""

_LINES = {200: b"HTTP/1.1 200 OK", 201: b"HTTP/1.1 201 Created"}


class Reply(web.StreamResponse):
    """A body with its media type. Where more is to be said or much is to be sent, aiohttp does it."""

    def __init__(self, code: int, body: bytes, media: str) -> None:
        super().__init__(status=code, headers={"Content-Type": media})
        self._whole, self._media, self._sent = body, media, False

    @property
    def prepared(self) -> bool:
        """Whether the head is out."""
        return self._sent or super().prepared

    @property
    def keep_alive(self) -> bool | None:
        """Whether the connection lasts."""
        return self._sent or super().keep_alive

    async def prepare(self, request: web.BaseRequest) -> AbstractStreamWriter | None:
        """Sends all of it, or begins to.

        Raises:
            ConnectionResetError: where nobody is there any more.
        """
        line = _LINES.get(self.status)
        plain = request.version == HttpVersion11 and request.keep_alive and len(self.headers) == 1
        if line is None or not plain or len(self._whole) > _SMALL:
            self.content_length = len(self._whole)
            return await super().prepare(request)
        transport = request.transport
        if transport is None or transport.is_closing():
            raise ConnectionResetError("the connection is closed")
        head = b"%b\r\nContent-Type: %b\r\nContent-Length: %d\r\nDate: %b\r\n\r\n"
        transport.write(head % (line, self._media.encode(), len(self._whole), _date(int(time.time()))) + self._whole)
        self._sent = True
        return None

    async def write_eof(self, data: bytes = b"") -> None:
        """Sends what was not sent yet."""
        if not self._sent:
            await super().write_eof(self._whole + data)


@lru_cache(maxsize=1)
def _date(second: int) -> bytes:
    return formatdate(second, usegmt=True).encode()

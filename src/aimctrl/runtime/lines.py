"""The lines of an answer that streams, however the connection cuts it into pieces."""

from collections.abc import AsyncIterator, Callable
from typing import Protocol


class Pieces(Protocol):
    """The body of an answer in pieces."""

    def __aiter__(self) -> AsyncIterator[bytes]:
        """Piece by piece, each when it is asked for."""
        ...

    async def pour(self, take: Callable[[bytes], None]) -> None:
        """Piece by piece, each in the moment it arrives."""
        ...


class Lines:
    """The whole lines, in batches as they arrive; a line cut off at the end too, as the last one."""

    def __init__(self, pieces: Pieces) -> None:
        self._pieces = pieces
        self._next = aiter(pieces)
        self._rest: list[bytes] = []

    def __aiter__(self) -> "Lines":
        return self

    async def __anext__(self) -> list[bytes]:
        while True:
            piece = await anext(self._next, b"")
            lines = self._whole(piece) if piece else self._last()
            if lines:
                return lines
            if not piece:
                raise StopAsyncIteration

    async def each(self, take: Callable[[list[bytes]], None]) -> None:
        """Hand over each batch in the moment it arrives, which wakes no task, until the end.

        What `take` raises ends it.
        """

        def lines(piece: bytes) -> None:
            whole = self._whole(piece)
            if whole:
                take(whole)

        await self._pieces.pour(lines)
        last = self._last()
        if last:
            take(last)

    def _whole(self, piece: bytes) -> list[bytes]:
        end = piece.find(b"\n")
        if end < 0:
            self._rest.append(piece)
            return []
        lines = [b"".join([*self._rest, piece[:end]]) if self._rest else piece[:end]]
        start, end = end + 1, piece.find(b"\n", end + 1)
        while end >= 0:  # bytes.split looks at each byte by itself
            lines.append(piece[start:end])
            start, end = end + 1, piece.find(b"\n", end + 1)
        self._rest = [piece[start:]] if start < len(piece) else []
        return lines

    def _last(self) -> list[bytes]:
        rest, self._rest = b"".join(self._rest), []
        return [rest] if rest else []

"""Lines, however a connection cuts them."""

from collections.abc import AsyncIterator, Callable

import pytest

from aimctrl.runtime.lines import Lines

CUTS = [
    pytest.param([b"one\ntwo\n"], [[b"one", b"two"]], id="whole lines"),
    pytest.param([b"o", b"n", b"e\n", b"two\n"], [[b"one"], [b"two"]], id="a line in pieces"),
    pytest.param([b"one\ntw", b"o\nthr", b"ee\n"], [[b"one"], [b"two"], [b"three"]], id="cut in the middle"),
    pytest.param([b"one\ntw"], [[b"one"], [b"tw"]], id="the last cut off"),
    pytest.param([b"tw", b"o"], [[b"two"]], id="one that never ends"),
    pytest.param([], [], id="nothing"),
]


class Pieces:
    def __init__(self, pieces: list[bytes]) -> None:
        self.pieces = pieces

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for piece in self.pieces:
            yield piece

    async def pour(self, take: Callable[[bytes], None]) -> None:
        for piece in self.pieces:
            take(piece)


@pytest.mark.parametrize(("pieces", "batches"), CUTS)
async def test_lines_are_whole_when_asked_for(pieces: list[bytes], batches: list[list[bytes]]) -> None:
    assert [batch async for batch in Lines(Pieces(pieces))] == batches


@pytest.mark.parametrize(("pieces", "batches"), CUTS)
async def test_lines_are_whole_as_they_arrive(pieces: list[bytes], batches: list[list[bytes]]) -> None:
    got: list[list[bytes]] = []
    await Lines(Pieces(pieces)).each(got.append)
    assert got == batches


async def test_what_began_while_it_was_asked_for_goes_on_as_it_arrives() -> None:
    pieces = Pieces([b"one\ntw"])
    lines = Lines(pieces)
    assert await anext(lines) == [b"one"]
    pieces.pieces = [b"o\n"]
    got: list[list[bytes]] = []
    await lines.each(got.append)
    assert got == [[b"two"]]

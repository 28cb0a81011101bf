"""A flood is read in large steps, nothing waits for longer than 10 ms, and a trickle is read as it comes."""

import asyncio
import socket
from itertools import pairwise

import pytest

from aimctrl.runtime.gathering import Gathering

pytestmark = pytest.mark.looptime


class Line:
    """A connection: what the kernel was asked to wake us for, in bytes, and when, in ms."""

    def __init__(self, *, closing: bool = False, refuses: bool = False) -> None:
        self.asked: list[tuple[int, int]] = []
        self._closing = closing
        self._refuses = refuses
        self._began = asyncio.get_running_loop().time()

    def get_extra_info(self, name: str) -> "Line":
        assert name == "socket"
        return self

    def is_closing(self) -> bool:
        return self._closing

    def setsockopt(self, level: int, option: int, size: int) -> None:
        assert (level, option) == (socket.SOL_SOCKET, socket.SO_RCVLOWAT)
        if self._refuses:
            raise OSError("unknown")
        self.asked.append((round(1000 * (asyncio.get_running_loop().time() - self._began)), size))

    @property
    def low_water(self) -> int:
        return self.asked[-1][1] if self.asked else 1


def gathering(line: Line) -> Gathering:
    return Gathering(line)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType] - as much of a transport as it asks


async def feed(to: Gathering, *, reads: int, size: int, every_ms: float) -> None:
    for _ in range(reads):
        to.arrived(size)
        await asyncio.sleep(every_ms / 1000)


@pytest.mark.parametrize(
    ("reads", "size", "every_ms"),
    [
        pytest.param(100, 3000, 4, id="a trickle"),
        pytest.param(7, 3000, 0.1, id="a short burst"),
        pytest.param(100, 200, 0.5, id="many small ones"),
        pytest.param(100, 1 << 16, 5, id="large ones"),
    ],
)
async def test_what_is_no_flood_wakes_us_as_it_comes(reads: int, size: int, every_ms: float) -> None:
    line = Line()
    await feed(gathering(line), reads=reads, size=size, every_ms=every_ms)
    assert line.asked == []


async def test_in_a_flood_we_are_woken_for_much_and_every_ten_milliseconds_for_anything() -> None:
    line = Line()
    await feed(gathering(line), reads=80, size=4000, every_ms=1)
    eager = [at for at, size in line.asked if size == 1]
    patient = [at for at, size in line.asked if size > 1 << 16]
    assert patient[0] <= 20
    assert all(after - before <= 10 for before, after in pairwise(eager))
    assert len(eager) + len(patient) == len(line.asked)


async def test_after_a_flood_we_are_woken_for_anything_again() -> None:
    line = Line()
    to = gathering(line)
    await feed(to, reads=50, size=4000, every_ms=1)
    assert any(size > 1 for _, size in line.asked)
    await asyncio.sleep(0.02)
    assert line.low_water == 1
    asked = len(line.asked)
    await feed(to, reads=50, size=3000, every_ms=5)
    assert len(line.asked) == asked


async def test_once_stopped_we_are_woken_for_anything_and_it_stays_so() -> None:
    line = Line()
    to = gathering(line)
    await feed(to, reads=50, size=4000, every_ms=1)
    to.stop()
    assert line.low_water == 1
    asked = len(line.asked)
    await asyncio.sleep(1)
    assert len(line.asked) == asked


@pytest.mark.parametrize("line", [{"closing": True}, {"refuses": True}], ids=["closed", "a system that cannot"])
async def test_a_connection_that_cannot_be_asked_is_left_as_it_is(line: dict[str, bool]) -> None:
    there = Line(**line)
    to = gathering(there)
    await feed(to, reads=50, size=4000, every_ms=1)
    to.stop()
    assert there.asked == []

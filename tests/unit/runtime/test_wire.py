"""One HTTP/1.1 connection, against servers that send what a test says, byte by byte."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

import pytest

from aimctrl.runtime.wire import Answer, DisconnectedError, NoHttpError, Wire, read_buffer
from support.raw import Script, listening

REQUEST = b"GET / HTTP/1.1\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def sends(*parts: bytes, ends: bool = False) -> Script:
    """Answers each request with the next of these, the last one's connection closed where `ends`."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for part in parts:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(part)
        if not ends:
            await reader.read()

    return script


@asynccontextmanager
async def wired(script: Script) -> AsyncIterator[Wire]:
    """A connection to a server that does that."""

    async with listening(script) as port:
        _, wire = await asyncio.get_running_loop().create_connection(lambda: Wire(read_buffer()), "127.0.0.1", port)
        try:
            yield wire
        finally:
            wire.abort()


async def ask(wire: Wire, *, limit: int = 0) -> Answer:
    wire.send(REQUEST, limit=limit)
    return await wire.answer()


async def all_of(wire: Wire) -> bytes:
    wire.send(REQUEST, streams=True)
    await wire.head()
    whole = b""
    while piece := await wire.piece():
        whole += piece
    return whole


@pytest.mark.parametrize(
    ("sent", "answer", "reusable"),
    [
        pytest.param(OK, Answer(200, None, b"ok"), True, id="with a length"),
        pytest.param(CHUNKED + b"1\r\no\r\n1\r\nk\r\n0\r\n\r\n", Answer(200, None, b"ok"), True, id="in chunks"),
        pytest.param(b"HTTP/1.1 204 No Content\r\n\r\n", Answer(204, None, b""), True, id="without a body"),
        pytest.param(b"HTTP/1.1 100 Continue\r\n\r\n" + OK, Answer(200, None, b"ok"), True, id="after an interim one"),
        pytest.param(
            b"HTTP/1.1 429 Too Many\r\nretry-AFTER: 7\r\nContent-Length: 0\r\n\r\n",
            Answer(429, "7", b""),
            True,
            id="that says when to come back",
        ),
        pytest.param(
            b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
            Answer(200, None, b"ok"),
            False,
            id="that is the last on its connection",
        ),
    ],
)
async def test_an_answer_is_read_to_its_end(sent: bytes, answer: Answer, *, reusable: bool) -> None:
    async with wired(sends(sent, OK)) as wire:
        assert await ask(wire) == answer
        assert wire.reusable is reusable
        if reusable:
            assert await ask(wire) == Answer(200, None, b"ok")


async def test_an_answer_may_come_byte_by_byte() -> None:
    async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for at in range(len(OK)):
            writer.write(OK[at : at + 1])
            await writer.drain()
            await asyncio.sleep(0)
        await reader.read()

    async with wired(drip) as wire:
        assert await ask(wire) == Answer(200, None, b"ok")


async def test_an_answer_without_a_length_ends_with_its_connection() -> None:
    async with wired(sends(b"HTTP/1.0 200 OK\r\n\r\nall of it", ends=True)) as wire:
        assert await ask(wire) == Answer(200, None, b"all of it")
        assert not wire.reusable


@pytest.mark.parametrize(
    ("sent", "error"),
    [
        pytest.param(b"", DisconnectedError, id="before it begins"),
        pytest.param(b"HTTP/1.1 200 OK\r\nContent-", DisconnectedError, id="in its head"),
        pytest.param(OK[:-1], DisconnectedError, id="in its body"),
        pytest.param(CHUNKED + b"2\r\nok\r\n", DisconnectedError, id="between chunks"),
        pytest.param(b"SSH-2.0-OpenSSH\r\n", NoHttpError, id="by no HTTP"),
        pytest.param(CHUNKED + b"zz\r\n", NoHttpError, id="by a chunk that is none"),
        pytest.param(
            b"HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
            NoHttpError,
            id="by another protocol",
        ),
    ],
)
async def test_an_answer_that_breaks_off_is_no_answer(sent: bytes, error: type[Exception]) -> None:
    async with wired(sends(sent, ends=True)) as wire:
        with pytest.raises(error):
            await ask(wire)
        assert wire.lost
        with pytest.raises(OSError, match=r"."):
            await ask(wire)  # and it stays so


async def test_of_a_body_that_never_ends_as_much_is_read_as_is_wanted() -> None:
    async def endless(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED)
        while True:
            writer.write(b"4\r\nmore\r\n")
            await writer.drain()

    async with wired(endless) as wire:
        assert await ask(wire, limit=10) == Answer(200, None, b"moremoremo")
        assert not wire.reusable


async def test_the_limit_is_for_what_was_asked_for_not_for_a_refusal() -> None:
    refusal = b"HTTP/1.1 404 Not Found\r\nContent-Length: 9\r\n\r\nnot found"
    async with wired(sends(refusal)) as wire:
        assert await ask(wire, limit=3) == Answer(404, None, b"not found")


@pytest.mark.parametrize(
    "surplus",
    [
        pytest.param(OK, id="a whole answer"),
        pytest.param(b"HTTP/1.1 500 Oh\r\nRetry-After: 1\r\n", id="a part of one"),
        pytest.param(b"\x00", id="anything"),
    ],
)
@pytest.mark.parametrize("at_once", [True, False], ids=["in one breath with the answer", "after it"])
async def test_what_nobody_asked_for_is_not_the_next_answer(surplus: bytes, *, at_once: bool) -> None:
    answered = asyncio.Event()

    async def chatty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK + surplus if at_once else OK)
        await answered.wait()
        if not at_once:
            writer.write(surplus)
        await reader.read()

    async with wired(chatty) as wire:
        try:
            assert await ask(wire) == Answer(200, None, b"ok")
        except NoHttpError:
            assert at_once
        answered.set()
        while not at_once and not wire.lost:
            await asyncio.sleep(0)
        with pytest.raises(OSError, match=r"."):
            await ask(wire)


async def test_a_stream_comes_as_it_is_sent_and_what_came_before_a_break_is_not_lost() -> None:
    more = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED)
        await more.wait()
        writer.write(b"3\r\none\r\n")

    async with wired(talk) as wire:
        wire.send(REQUEST, streams=True)
        assert await wire.head() == 200
        more.set()
        assert await wire.piece() == b"one"
        with pytest.raises(DisconnectedError):
            await wire.piece()


async def pour(wire: Wire, take: Callable[[bytes], None]) -> None:
    wire.send(REQUEST, streams=True)
    assert await wire.head() == 200
    await wire.pour(take)


async def test_a_stream_that_is_poured_is_handed_over_as_it_arrives_until_it_ends() -> None:
    more, got = asyncio.Event(), bytearray()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + b"3\r\none\r\n")
        await more.wait()
        writer.write(b"3\r\ntwo\r\n5\r\nthree\r\n0\r\n\r\n")
        await reader.read()

    def take(piece: bytes) -> None:
        got.extend(piece)
        more.set()

    async with wired(talk) as wire:
        await pour(wire, take)
        assert got == b"onetwothree"
        assert wire.reusable


async def test_a_stream_that_is_poured_may_break_off() -> None:
    got: list[bytes] = []
    async with wired(sends(CHUNKED + b"3\r\none\r\n", ends=True)) as wire:
        with pytest.raises(DisconnectedError):
            await pour(wire, got.append)
    assert got == [b"one"]


@pytest.mark.parametrize("at", [0, 1], ids=["what had arrived before", "what arrives"])
async def test_whoever_does_not_want_a_piece_ends_the_pouring_and_is_told_why(at: int) -> None:
    more, got = asyncio.Event(), list[bytes]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + b"3\r\none\r\n")
        await more.wait()
        writer.write(b"3\r\ntwo\r\n")
        await asyncio.sleep(0)
        writer.write(b"5\r\nthree\r\n0\r\n\r\n")
        await reader.read()

    def take(piece: bytes) -> None:
        more.set()
        if len(got) == at:
            raise LookupError(piece)
        got.append(piece)

    async with wired(talk) as wire:
        with pytest.raises(LookupError):
            await pour(wire, take)
    assert got == [b"one"][:at]


async def test_a_flood_that_is_poured_leaves_the_event_loop_to_others() -> None:
    size, turns = 1 << 24, 0

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED + b"%x\r\n" % size + bytes(size) + b"\r\n0\r\n\r\n")
        await reader.read()

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    pieces: list[tuple[int, int]] = []
    async with wired(flood) as wire:
        task = asyncio.create_task(others())
        await pour(wire, lambda piece: pieces.append((turns, len(piece))))
        task.cancel()
    assert sum(length for _, length in pieces) == size
    assert len(pieces) > 100
    assert len({turn for turn, _ in pieces}) >= len(pieces) - 1  # what had arrived before is handed over besides


async def test_of_a_flood_that_ebbs_nothing_is_left_waiting() -> None:
    drop, got, all_there = b"%x\r\n" % 3000 + bytes(3000) + b"\r\n", 0, asyncio.Event()

    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED)
        for _ in range(5000):
            writer.write(drop)
            await writer.drain()
        writer.write(b"1\r\n!\r\n")
        await all_there.wait()
        writer.write(b"0\r\n\r\n")
        await reader.read()

    def take(piece: bytes) -> None:
        nonlocal got
        got += len(piece)
        if piece.endswith(b"!"):
            all_there.set()

    async with wired(flood) as wire:
        await pour(wire, take)
    assert got == 5000 * 3000 + 1


async def test_a_stream_is_poured_no_more_once_whoever_poured_is_cancelled() -> None:
    more, got = asyncio.Event(), list[bytes]()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(CHUNKED)
        await more.wait()
        writer.write(b"3\r\none\r\n")
        await reader.read()

    async with wired(talk) as wire:
        wire.send(REQUEST, streams=True)
        await wire.head()
        task = asyncio.create_task(wire.pour(got.append))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        more.set()
        assert await wire.piece() == b"one"
    assert got == []


async def test_whoever_reads_a_stream_slowly_holds_its_sender_up() -> None:
    sent = 0
    size = 1 << 26

    async def pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        while sent < size:
            sent += 1 << 16
            writer.write(b"x" * (1 << 16))
            await writer.drain()
        await reader.read()

    async with wired(pour) as wire:
        wire.send(REQUEST, streams=True)
        await wire.head()
        before = -1
        while before != sent:  # until it is stuck
            before = sent
            for _ in range(100):
                await asyncio.sleep(0)
        assert sent < size
        read = 0
        while piece := await wire.piece():
            read += len(piece)
        assert read == size
        assert wire.reusable


async def test_a_stream_ends_with_its_answer() -> None:
    async with wired(sends(CHUNKED + b"2\r\nok\r\n0\r\n\r\n")) as wire:
        assert await all_of(wire) == b"ok"


async def test_a_connection_that_is_aborted_wakes_who_waits() -> None:
    async with wired(sends(b"")) as wire:
        wire.send(REQUEST)
        waiting = asyncio.ensure_future(wire.answer())
        await asyncio.sleep(0)
        wire.abort()
        with pytest.raises(DisconnectedError):
            await waiting

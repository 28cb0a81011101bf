"""A network that tears, delays and falls silent, between a controller and a real API server (docs/reliability.md)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from itertools import cycle, pairwise
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from aimctrl.kube.core import CONFIGMAPS
from aimctrl.kube.kinds import Key
from aimctrl.runtime import Controller, ManagerOptions
from aimctrl.runtime.barrier import Barrier
from aimctrl.runtime.controller import Host
from aimctrl.runtime.writes import Write
from controlplane import ControlPlane
from support.history import History, history
from support.keeper import PATIENCE, Home, KeeperOptions, home, named, plane_of_parents
from support.proxy import Between, ConnectionLostError, Exchange, Pieces, between, lines
from support.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with plane_of_parents(tmp_path_factory.mktemp("crds")) as plane:
        yield plane


@pytest_asyncio.fixture(loop_scope="module")
async def net(plane: ControlPlane, tmp_path: Path) -> AsyncIterator[Between]:
    async with between(plane, tmp_path) as net:
        yield net


def everything(_exchange: Exchange) -> bool:
    return True


def creates(exchange: Exchange) -> bool:
    return exchange.method == "POST" and exchange.plural == CONFIGMAPS.plural


def changes(exchange: Exchange) -> bool:
    return exchange.method in {"POST", "PATCH"} and exchange.plural == CONFIGMAPS.plural


def streams_the_list(exchange: Exchange) -> bool:
    return "sendInitialEvents" in exchange.query


def of_children(asks: Callable[[Exchange], bool]) -> Callable[[Exchange], bool]:
    return lambda exchange: exchange.plural == CONFIGMAPS.plural and asks(exchange)


def watches(exchange: Exchange) -> bool:
    return exchange.watches


def lists(exchange: Exchange) -> bool:
    return exchange.method == "GET" and not exchange.watches and exchange.plural in {"configmaps", "parents"}


async def no_streams(exchange: Exchange) -> Any:
    return exchange.refuse(422, "Invalid")


def after(seconds: float, least: asyncio.Event | None = None) -> Callable[[Exchange], Any]:
    """Passes on all an answer says that much later, in order, and not before `least` is set."""

    async def late(pieces: Pieces) -> AsyncIterator[bytes]:
        loop = asyncio.get_running_loop()
        waiting: asyncio.Queue[tuple[float, bytes | None]] = asyncio.Queue()

        async def read() -> None:
            async for piece in pieces:
                waiting.put_nowait((loop.time() + seconds, piece))
            waiting.put_nowait((loop.time() + seconds, None))

        async with asyncio.TaskGroup() as tasks:
            reading = tasks.create_task(read())
            try:
                while True:
                    due, piece = await waiting.get()
                    await asyncio.sleep(due - loop.time())
                    if least is not None:
                        await least.wait()
                    if piece is None:
                        return
                    yield piece
            finally:
                reading.cancel()

    return lambda exchange: exchange.pass_on(late)


def torn(at: Callable[[bytes], int]) -> Callable[[Exchange], Any]:
    """Resets the connection once so many bytes of a line, or of a whole page, have been passed on."""

    async def tear(pieces: Pieces) -> AsyncIterator[bytes]:
        async for line in lines(pieces):
            if at(line):
                yield line[: at(line)]
                await asyncio.sleep(0.05)  # a reset overtakes what has not been read
                raise ConnectionLostError
            yield line

    return lambda exchange: exchange.pass_on(tear)


async def stir(it: Home, *, rounds: int = 3) -> None:
    """A user who changes everything, adds and deletes, while things go wrong."""
    await it.have("first", *named("p", 6))
    for turn in range(rounds):
        await it.have(f"turn-{turn}", *named("p", 4), f"late-{turn}")
        await asyncio.sleep(0.2)  # not a wait for anything: the changes shall not all be one
    await it.drop("p5")


async def test_a_connection_reset_in_the_middle_of_a_list_page(plane: ControlPlane, net: Between):
    async def small(exchange: Exchange) -> Any:
        exchange.query["limit"] = "2"
        return await exchange.pass_on()

    async def small_and_torn(exchange: Exchange) -> Any:
        exchange.query["limit"] = "2"
        return await torn(lambda page: len(page) // 2)(exchange)

    with (
        net.proxy.rule(streams_the_list, no_streams),
        net.proxy.rule(
            lambda exchange: lists(exchange) and "continue" in exchange.query, small_and_torn, times=6
        ) as tears,
        net.proxy.rule(lists, small),
    ):
        async with home(plane, kubeconfig=net.kubeconfig, values=dict.fromkeys(named("p", 7), "one")) as it:
            await stir(it)
            await it.converges()
    assert len(tears.struck) == 6


async def test_a_connection_reset_in_the_middle_of_a_streamed_list(plane: ControlPlane, net: Between):
    heard: list[bytes] = []

    def at_every_third(line: bytes) -> int:
        heard.append(line)
        return 0 if len(heard) % 3 else len(line) // 2

    listing = net.proxy.rule(lambda it: streams_the_list(it) and it.plural == "parents", torn(at_every_third), times=2)
    with listing as tears:
        async with home(plane, kubeconfig=net.kubeconfig, values=dict.fromkeys(named("p", 7), "one")) as it:
            await stir(it)
            await it.converges()
    assert len(tears.struck) == 2


async def test_a_connection_reset_in_the_middle_of_a_watch_line(plane: ControlPlane, net: Between):
    heard: list[bytes] = []

    def every_other(line: bytes) -> int:
        heard.append(line)
        return 0 if len(heard) % 2 else len(line) // 2

    async with home(plane, kubeconfig=net.kubeconfig) as it:
        await it.have("zero", "p0")
        await it.converges()
        with net.proxy.rule(watches, torn(every_other), times=6) as tears:
            net.proxy.hang_up()
            await stir(it)
            await tears.strikes(6)
            await it.converges()


async def test_a_connection_reset_after_a_write_was_taken_but_before_its_answer(plane: ControlPlane, net: Between):
    async def lose(exchange: Exchange) -> Any:
        await exchange.carried_out()
        raise ConnectionLostError

    behind = net.proxy.rule(of_children(watches), after(1.0))
    with behind:
        async with home(plane, kubeconfig=net.kubeconfig) as it:
            with net.proxy.rule(creates, lose, times=6) as lost:
                await it.have("one", *named("p", 6))
                await lost.strikes(6)
                await it.converges()
            with net.proxy.rule(changes, lose, times=6) as lost:
                await it.have("two", *named("p", 6))
                await lost.strikes(6)
                await it.have("three", *named("p", 6))
                await it.converges()
            histories = [child.data["history"] for held in (await it.children()).values() for child in held]
            assert histories == ["one two three"] * 6


async def test_a_half_open_connection_is_noticed(plane: ControlPlane, net: Between):
    silenced = asyncio.Event()

    async def falls_silent(pieces: Pieces) -> AsyncIterator[bytes]:
        async for piece in pieces:
            if silenced.is_set():
                await asyncio.Event().wait()
            yield piece

    quick = KeeperOptions(manager=ManagerOptions(grace_period=5.0, watch_idle_seconds=3.0))
    with net.proxy.rule(watches, lambda exchange: exchange.pass_on(falls_silent), times=2) as rule:
        async with home(plane, kubeconfig=net.kubeconfig, options=quick) as it:
            await it.have("zero", "p0")
            await it.converges()
            assert len(rule.struck) == 2
            silenced.set()
            await stir(it)
            await it.converges()


async def test_a_version_that_has_expired_while_busy(plane: ControlPlane, net: Between):
    async def long_ago(exchange: Exchange) -> Any:
        exchange.query["resourceVersion"] = "1"
        return await exchange.pass_on()

    async with home(plane, kubeconfig=net.kubeconfig) as it:
        await it.have("zero", "p0")
        await it.converges()
        resumes = net.proxy.rule(
            lambda exchange: watches(exchange) and not streams_the_list(exchange), long_ago, times=4
        )
        with resumes as rule:
            for turn in range(3):
                await it.have(f"turn-{turn}", *named("p", 6))
                net.proxy.hang_up()
                await rule.strikes(turn + 1)
            await it.drop("p5")
            await it.converges()
        assert sum(watch.relists for watch in it.manager.informers.freshness()) > 2


async def test_too_many_requests_are_asked_again_when_the_server_said(plane: ControlPlane, net: Between):
    async def busy(exchange: Exchange) -> Any:
        return exchange.refuse(429, "TooManyRequests", Retry_After="1")

    async with home(plane, kubeconfig=net.kubeconfig) as it:
        await it.have("one", *named("p", 4))
        await it.converges()
        with net.proxy.rule(watches, busy, times=4) as watching, net.proxy.rule(changes, busy, times=8) as writing:
            await it.have("two", *named("p", 4))
            await writing.strikes(8)
            net.proxy.hang_up()
            await watching.strikes(4)
            await it.converges()
        for rule in (watching, writing):
            assert min(net.proxy.pauses(rule)) >= 1.0


async def test_an_api_server_that_only_errs(plane: ControlPlane, net: Between, full: bool):
    async def errs(exchange: Exchange) -> Any:
        return exchange.refuse(500, "InternalError")

    async with home(plane, kubeconfig=net.kubeconfig) as it:
        await it.have("zero", *named("p", 2))
        await it.converges()
        with net.proxy.rule(everything, errs):
            net.proxy.hang_up()
            await stir(it)
            await asyncio.sleep(60.0 if full else 3.0)  # how long it lasts is what is tried
        await it.converges()


async def test_every_call_takes_two_seconds(plane: ControlPlane, net: Between):
    async def slow(exchange: Exchange) -> Any:
        await asyncio.sleep(2.0)
        return await exchange.pass_on()

    with net.proxy.rule(everything, slow) as rule:
        async with home(plane, kubeconfig=net.kubeconfig) as it:
            await it.have("one", *named("p", 8))
            await it.have("two", *named("p", 8))
            await it.converges()
    assert len(rule.struck) > 8


async def test_a_page_that_never_ends(plane: ControlPlane, net: Between):
    async def endless(pieces: Pieces) -> AsyncIterator[bytes]:
        async for piece in pieces:
            yield piece.rstrip()[:-1]  # the last bracket is missing
            while True:
                await asyncio.sleep(0.05)
                yield b" "

    impatient = KeeperOptions(timeout=2.0)
    with (
        net.proxy.rule(streams_the_list, no_streams),
        net.proxy.rule(lists, lambda exchange: exchange.pass_on(endless), times=3) as rule,
    ):
        async with home(plane, kubeconfig=net.kubeconfig, options=impatient) as it:
            await stir(it)
            await it.converges()
    assert len(rule.struck) == 3


async def test_watch_lines_that_are_no_json(plane: ControlPlane, net: Between):
    garbage = cycle([b"<html>502 Bad Gateway</html>\n", b'{"type":"ADDED","obj\n', b"\n\n", b"\xff\xfe\x00\n"])

    async def interrupted(pieces: Pieces) -> AsyncIterator[bytes]:
        async for line in lines(pieces):
            yield line
            yield next(garbage)

    async with home(plane, kubeconfig=net.kubeconfig) as it:
        await it.have("zero", "p0")
        await it.converges()
        with net.proxy.rule(watches, lambda exchange: exchange.pass_on(interrupted), times=6) as rule:
            net.proxy.hang_up()
            await stir(it)
            await rule.strikes(6)
            await it.converges()
        assert sum(watch.broken_lines for watch in it.manager.informers.freshness()) >= 4


async def test_an_object_that_does_not_decode_is_set_aside_alone_and_comes_back_when_mended(plane: ControlPlane):
    async with home(plane) as it:
        await it.have("one", *named("p", 3))
        await it.converges()
        for name in ("p0", "odd"):
            await it.spoil(name)
        await it.have("two", "p1", "p2", "new")
        await it.converges()

        async def told() -> bool:
            about = [await it.world.events(it.namespace, name) for name in ("p0", "odd")]
            return [[(event.reason, event.type) for event in one] for one in about] == [
                [("Undecodable", "Warning")]
            ] * 2

        await eventually(told, timeout=PATIENCE)
        assert it.count("aimctrl_reconcile_set_aside_total") == 2
        await it.have("mended", "p0", "odd")
        await it.converges()


class AtOnce(Barrier):
    """Parks no key: what was written need not be seen before the next reconcile."""

    def hold(self, key: Key, writes: Sequence[Write]) -> None:
        pass


class Heedless(Controller):
    def bind(self, host: Host) -> None:
        super().bind(host)
        assert self._attempts is not None
        self._attempts = replace(self._attempts, barrier=AtOnce(self.queue, host.informers, stale=lambda: None))


async def test_a_watch_that_is_five_seconds_behind(plane: ControlPlane, net: Between):
    """Reading one's own writes, nothing is doubled or lost; without, in the same test, both are seen to happen."""
    old, new = named("old", 3), named("new", 3)
    done = asyncio.Event()

    async def changes(it: Home) -> None:
        """Two values, one after the other; the second one is there before the watch tells of the first one's child."""
        await it.have("two", *old, *new)
        await it.acknowledges("two", *old, *new)
        await it.have("three", *old, *new)

    heedless = KeeperOptions(controller=Heedless)
    async with (
        home(plane, kubeconfig=net.kubeconfig) as with_it,
        home(plane, kubeconfig=net.kubeconfig, options=heedless) as without,
    ):
        both = (with_it, without)
        for it in both:
            await it.have("one", *old)
            await it.converges()
        async with AsyncExitStack() as stack:
            seen = [await stack.enter_async_context(history(it.world, CONFIGMAPS, it.namespace)) for it in both]
            stack.enter_context(net.proxy.rule(of_children(watches), after(5.0, done)))
            net.proxy.hang_up(CONFIGMAPS.plural)
            async with asyncio.TaskGroup() as tasks:
                for it in both:
                    tasks.create_task(changes(it))
            await without.acknowledges("three", *old, *new)
            done.set()
            await with_it.converges()
            await without.catches_up()
        assert shortened(seen[0]) == []
        assert await without.doubled() == sorted(new)
        assert set(shortened(seen[1])) >= set(old)


def shortened(seen: History) -> list[str]:
    """The Parents whose child's history has lost a value it once had, as often as it has."""
    found: list[str] = []
    for name in sorted({live["metadata"]["name"] for live in seen if "history" in live["data"]}):
        states = [live["data"]["history"] for live in seen.of(name)]
        found += [name.rpartition("-")[0] for old, new in pairwise(states) if not new.startswith(old)]
    return found

"""pytest fixtures for controllers: an API server for each test, a manager on it, and what plays kubelet.

    pytest_plugins = ["aimctrl.testing"]  # in conftest.py, or `pytest -p aimctrl.testing`

    async def test_a_greeting_comes_back(manager, client, eventually): ...

They need `pip install 'aimctrl[testing]'`, and pytest-asyncio in its mode `auto` or a mark on each test. With
`--aimctrl-apiserver=real:KUBECONFIG` the same tests run on a cluster of yours; what they make stays there.
"""

import asyncio
import inspect
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar, cast
from uuid import uuid4

import pytest
import pytest_asyncio

from aimctrl.kube.core import NAMESPACES
from aimctrl.kube.kinds import Key
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import Connection, connect
from aimctrl.runtime.errors import NotFoundError
from aimctrl.runtime.manager import Manager, ManagerOptions
from aimctrl.sandbox.apiserver import server as embedded_server
from aimctrl.sandbox.apiserver.faults import Faults
from aimctrl.sandbox.installing import install
from aimctrl.sandbox.script import Scripts
from aimctrl.sandbox.stand_ins import stand_ins

T = TypeVar("T")

OPTION = "--aimctrl-apiserver"
EMBEDDED, REAL = "embedded", "real:"

POLL = 0.02
"""Seconds between two looks of `eventually`."""

GRACE = 2.0
"""Seconds that a manager may take to stop."""


def pytest_addoption(parser: pytest.Parser) -> None:
    """Lets the command line choose the API server."""
    text = "what tests run on: embedded, in this process, or real:KUBECONFIG, a cluster of yours"
    parser.addoption(OPTION, default=EMBEDDED, metavar="SERVER", type=_server, help=text)


def _server(text: str) -> str:
    if text != EMBEDDED and not (text.startswith(REAL) and Path(text.removeprefix(REAL)).is_file()):
        raise ValueError(text)
    return text


@dataclass(frozen=True, slots=True)
class Server:
    """An API server under test. `connect` gives a new connection as its administrator.

    `kubeconfig` is for kubectl and programs of one's own; `faults` is None where it is not the embedded one.
    """

    connect: Callable[[], Awaitable[Connection]]
    kubeconfig: Path
    faults: Faults | None = None

    async def install(self, *definitions: Mapping[str, Any]) -> None:
        """Apply CustomResourceDefinitions, and wait until their kinds are served."""
        async with Client(await self.connect(), field_manager="test") as client:
            await install(client, definitions)


class TrialManager(Manager):
    """A manager that runs from `start` to the end of the test."""

    _running: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Run; returns once the informers have settled. What is to run was added before.

        Raises what keeps the manager from running.
        """
        settled = asyncio.Event()
        self.on_elected(_setter(settled))
        self._running = asyncio.create_task(self.run(), name="manager")
        waiting = asyncio.create_task(settled.wait())
        try:
            await asyncio.wait({waiting, self._running}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
        if self._running.done():
            broken, self._running = self._running, None  # told once
            await broken

    async def end(self) -> None:
        """Stop in order, where it runs; raises what broke it meanwhile."""
        self.stop()
        if self._running is not None:
            await self._running


@pytest_asyncio.fixture
async def api_server(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncGenerator[Server]:
    """An API server with nothing in it, or the cluster that `--aimctrl-apiserver` names."""
    asked = str(request.config.getoption(OPTION, EMBEDDED))
    if asked != EMBEDDED:
        path = Path(asked.removeprefix(REAL))
        yield Server(lambda: connect(str(path)), path)
        return
    async with _hosted(embedded_server.api_server()) as server:
        path = tmp_path / "kubeconfig"
        server.write_kubeconfig(path)

        async def connected() -> Connection:
            return server.connection()

        yield Server(connected, path, server.faults)


@pytest_asyncio.fixture
async def client(api_server: Server) -> AsyncGenerator[Client]:
    """The test's own client, an administrator's."""
    async with Client(await api_server.connect(), field_manager="test") as client:
        yield client


@pytest_asyncio.fixture
async def namespace(client: Client) -> AsyncGenerator[str]:
    """The name of a new namespace, which is deleted in the end."""
    name = f"test-{uuid4().hex[:8]}"
    await client.create(NAMESPACES, {"metadata": {"name": name}})
    yield name
    await client.delete(NAMESPACES, Key("", name))


@pytest_asyncio.fixture
async def manager(api_server: Server) -> AsyncGenerator[TrialManager]:
    """A manager with a client of its own: add controllers to it, then `await manager.start()`."""
    async with Client(await api_server.connect(), field_manager="manager") as client:
        manager = TrialManager(client, options=ManagerOptions(component="manager", grace_period=GRACE))
        try:
            yield manager
        finally:
            await manager.end()


@pytest_asyncio.fixture
async def kubelet(api_server: Server) -> AsyncGenerator[Scripts]:
    """Stand-ins at work for scheduler, kubelets, storage, KServe and gateways; what images do is set in the scripts.

    Nodes are the test's to make: each one is taken over and becomes ready.
    """
    scripts = Scripts()
    async with _hosted(stand_ins(await api_server.connect(), scripts)):
        yield scripts


@pytest.fixture
def faults(api_server: Server) -> Faults:
    """What may go wrong with the embedded API server; a test that asks for it is skipped on another one.

        faults.add(Fault(verbs=("list",), resource="pods", code=429, retry_after=1, times=3))
        faults.add(Fault(verbs=WRITES, every=50, compact=True))

    A rule makes the requests it is for slow, refuses them, closes their connection before or after they are carried
    out, has watches fall silent, has the server forget the past (410 to watches and lists that go on from there), or
    its clock jump: see `aimctrl.sandbox.apiserver.faults.Fault`. `faults.compact()`, `faults.jump(seconds)` and
    `faults.hang_up()` do so at once.
    """
    if api_server.faults is None:
        pytest.skip("only the embedded API server has faults on request")
    return api_server.faults


@pytest.fixture(name="eventually")
def eventually_fixture() -> Callable[..., Awaitable[Any]]:
    """Waits for what is to come: see the function."""
    return eventually


async def eventually(look: Callable[[], Awaitable[T] | T], *, timeout: float = 10.0) -> T:  # noqa: ASYNC109 - the test's word
    """What `look` gives once it is true. It may be async; NotFoundError and a failed `assert` in it mean: not yet.

    Raises AssertionError after `timeout` seconds, with what was seen last.
    """
    last: object = None
    try:
        async with asyncio.timeout(timeout):
            while True:
                try:
                    seen = look()
                    found = cast("T", await seen if inspect.isawaitable(seen) else seen)
                except (NotFoundError, AssertionError) as error:
                    last = error
                else:
                    if found:
                        return found
                    last = found
                await asyncio.sleep(POLL)
    except TimeoutError:
        cause = last if isinstance(last, Exception) else None
        raise AssertionError(f"not within {timeout:g} s; seen last: {last!r}") from cause


def _setter(event: asyncio.Event) -> Callable[[], Awaitable[None]]:
    async def hook() -> None:
        event.set()

    return hook


@asynccontextmanager
async def _hosted(context: AbstractAsyncContextManager[T]) -> AsyncGenerator[T]:
    """The context, entered and left by one task, as task groups have it; pytest does that in one task each.

    Where it ends early, the test goes on, and what ended it is raised in the end.
    """
    entered: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    leave = asyncio.Event()

    async def host() -> None:
        async with context as value:
            entered.set_result(value)
            await leave.wait()

    task = asyncio.create_task(host())
    first: set[asyncio.Future[Any]] = {task, entered}
    try:
        await asyncio.wait(first, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield entered.result()
    finally:
        leave.set()
        await task

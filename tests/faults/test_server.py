"""An API server that dies and an etcd that stands still, under a busy controller (docs/reliability.md)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager

import pytest
import pytest_asyncio

from controlplane import ControlPlane
from support.keeper import Home, KeeperOptions, home, named, plane_of_parents

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    with plane_of_parents(tmp_path_factory.mktemp("crds")) as plane:
        yield plane


@pytest_asyncio.fixture(loop_scope="module")
async def it(plane: ControlPlane) -> AsyncIterator[Home]:
    """A keeper that has done its work, and is in the middle of more when a test begins; it waits 3 s for an answer."""
    options = KeeperOptions(timeout=3.0)
    async with home(plane, values=dict.fromkeys(named("p", 8), "zero"), options=options) as it:
        await it.converges()
        await it.have("one", *named("p", 6), *named("new", 20))
        yield it


async def test_an_api_server_that_is_killed_and_started_again(plane: ControlPlane, it: Home, full: bool):
    for turn in range(10 if full else 2):
        await it.have(f"before-{turn}", *named("p", 6), *named(f"turn-{turn}-", 10))
        plane.kill_apiserver()
        await asyncio.to_thread(plane.start_apiserver)
        await it.have(f"after-{turn}", *named("p", 3))
        await it.drop(f"turn-{turn}-0")
    await it.converges()


async def test_an_etcd_that_stands_still(plane: ControlPlane, it: Home, full: bool):
    with still(plane.pause_etcd, plane.resume_etcd):
        await asyncio.sleep(30.0 if full else 5.0)  # how long it lasts is what is tried
    await it.have("two", *named("p", 4), *named("late", 4))
    await it.drop("p5")
    await it.converges()


async def test_an_api_server_that_stands_still(plane: ControlPlane, it: Home, full: bool):
    with still(plane.pause_apiserver, plane.resume_apiserver):
        await asyncio.sleep(30.0 if full else 5.0)
    await it.have("two", *named("p", 4), *named("late", 4))
    await it.drop("p5")
    await it.converges()


@contextmanager
def still(pause: Callable[[], None], resume: Callable[[], None]) -> Iterator[None]:
    pause()
    try:
        yield
    finally:
        resume()

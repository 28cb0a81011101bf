"""Waiting for one's own writes: those whose answers were lost, and watches that cannot show them."""

import asyncio
from collections.abc import Callable

import pytest

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.barrier import DEAF_PATIENCE, PATIENCE, Barrier
from aimctrl.runtime.errors import Answer, ApiError, ConnectionFailedError, ForbiddenError, UnauthorizedError
from aimctrl.runtime.lister import Availability, Available, Unavailable
from aimctrl.runtime.workqueue import WorkQueue
from aimctrl.runtime.writes import Write
from support.fake_cluster import FakeCluster, FakeInformers

pytestmark = pytest.mark.looptime

CHILD = Kind("example.com", "v1", "Child", "children", dict)
A, C = Key("ns", "a"), Key("ns", "c")
DOUBT = Write(CHILD, C, 0, doubtful=True)


class Scene:
    """A queue with one key in a worker's hands, whose last reconcile left a doubt about its child."""

    def __init__(self) -> None:
        self.informers = FakeInformers()
        self.informers.informer(CHILD)
        self.cluster = FakeCluster(self.informers)
        self.queue = WorkQueue()
        self.stale = 0
        self.barrier = Barrier(self.queue, self.informers, stale=self.count)  # type: ignore[arg-type]
        self.barrier.hold(A, [DOUBT])

    def count(self) -> None:
        self.stale += 1

    def put(self) -> None:
        self.cluster.put(CHILD, {"metadata": {"name": "c", "namespace": "ns"}})

    async def is_free(self) -> bool:
        """Whether a worker would get the key."""
        self.queue.add(A)
        await asyncio.sleep(0)
        return self.queue.depth == 1


async def test_a_key_with_a_doubt_waits_until_the_cache_shows_what_was_carried_out() -> None:
    scene = Scene()
    scene.cluster.lagging = True
    scene.put()
    assert not await scene.barrier.is_sure(A)
    assert not await scene.is_free()
    scene.cluster.deliver()
    assert await scene.is_free()
    assert await scene.barrier.is_sure(A)
    assert scene.cluster.calls == ["get Child ns/c"]


async def test_what_the_cache_shows_already_is_not_waited_for() -> None:
    scene = Scene()
    scene.put()
    assert not await scene.barrier.is_sure(A)
    assert await scene.is_free()
    assert await scene.barrier.is_sure(A)


async def test_what_is_not_there_was_not_carried_out() -> None:
    scene = Scene()
    await scene.barrier.is_sure(A)
    assert await scene.is_free()
    assert await scene.barrier.is_sure(A)


async def test_what_is_gone_since_is_waited_for_until_the_cache_shows_that() -> None:
    scene = Scene()
    scene.put()
    scene.cluster.lagging = True
    scene.cluster.drop(CHILD, C)
    assert not await scene.barrier.is_sure(A)
    assert not await scene.is_free()
    scene.cluster.deliver()
    assert await scene.is_free()


@pytest.mark.parametrize(
    "error", [ConnectionFailedError(Answer()), UnauthorizedError(Answer(401))], ids=["silent", "401"]
)
async def test_a_doubt_stays_until_the_api_server_answers(error: ApiError) -> None:
    scene = Scene()
    scene.cluster.refuse = _always(error)
    for _ in range(3):
        with pytest.raises(type(error)):
            await scene.barrier.is_sure(A)
    scene.cluster.refuse = _always(None)
    scene.put()
    assert not await scene.barrier.is_sure(A)
    assert await scene.barrier.is_sure(A)


async def test_what_may_not_be_read_or_is_watched_by_nobody_is_not_waited_for() -> None:
    scene = Scene()
    scene.cluster.refuse = _always(ForbiddenError(Answer(403)))
    assert await scene.barrier.is_sure(A)
    scene.informers.held.clear()
    scene.barrier.hold(A, [DOUBT])
    assert await scene.barrier.is_sure(A)
    assert len(scene.cluster.calls) == 1


async def test_a_cache_that_never_shows_it_is_waited_for_only_so_long() -> None:
    scene = Scene()
    scene.cluster.lagging = True
    scene.put()
    assert not await scene.barrier.is_sure(A)
    await asyncio.sleep(PATIENCE + 1)
    assert await scene.is_free()
    assert scene.stale == 1


async def test_what_a_closed_watch_cannot_show_is_waited_for_longer_and_the_watch_urged_on() -> None:
    scene = Scene()
    informer = scene.informers.informer(CHILD)
    scene.cluster.lagging = True
    informer.opened = None
    scene.put()
    assert not await scene.barrier.is_sure(A)
    await asyncio.sleep(DEAF_PATIENCE - PATIENCE - 1)
    assert not await scene.is_free()
    assert informer.nudged > 2
    informer.opened = asyncio.get_running_loop().time()
    scene.cluster.deliver()
    assert await scene.is_free()
    assert scene.stale == 0


async def test_a_watch_that_has_just_opened_has_its_time_to_catch_up() -> None:
    scene = Scene()
    informer = scene.informers.informer(CHILD)
    scene.cluster.lagging = True
    informer.opened = None
    scene.put()
    await scene.barrier.is_sure(A)
    await asyncio.sleep(PATIENCE - 1)
    informer.opened = asyncio.get_running_loop().time()
    await asyncio.sleep(PATIENCE - 1)
    assert not await scene.is_free()
    await asyncio.sleep(2)
    assert await scene.is_free()


async def test_a_watch_that_broke_and_opened_again_meanwhile_has_its_time_to_catch_up() -> None:
    scene = Scene()
    informer = scene.informers.informer(CHILD)
    scene.cluster.lagging = True
    scene.put()
    await scene.barrier.is_sure(A)
    await asyncio.sleep(PATIENCE - 1)
    informer.opened = asyncio.get_running_loop().time()
    await asyncio.sleep(PATIENCE - 1)
    assert not await scene.is_free()
    scene.cluster.deliver()
    assert await scene.is_free()
    assert scene.stale == 0


@pytest.mark.parametrize(
    ("availability", "seconds"),
    [(Available(), DEAF_PATIENCE), (Unavailable("Forbidden", "no"), PATIENCE)],
    ids=["closed", "forbidden since"],
)
async def test_a_watch_that_stays_closed_is_waited_for_only_so_long(availability: Availability, seconds: float) -> None:
    scene = Scene()
    informer = scene.informers.informer(CHILD)
    scene.cluster.lagging = True
    informer.opened = None
    scene.put()
    await scene.barrier.is_sure(A)
    informer.availability = availability
    await asyncio.sleep(seconds - 1)
    assert not await scene.is_free()
    await asyncio.sleep(2)
    assert await scene.is_free()
    assert scene.stale == 1


async def test_doubts_add_up_and_concern_only_their_own_key() -> None:
    scene = Scene()
    scene.barrier.hold(A, [Write(CHILD, Key("ns", "d"), 0, doubtful=True), DOUBT])
    assert await scene.barrier.is_sure(Key("ns", "b"))
    await scene.barrier.is_sure(A)
    assert scene.cluster.calls == ["get Child ns/c", "get Child ns/d"]


def _always(error: Exception | None) -> Callable[[str, Kind[object], Key], Exception | None]:
    return lambda _verb, _kind, _key: error


async def test_the_name_of_what_was_not_found_is_kept_until_it_is_there_or_not_wanted_any_more() -> None:
    """The API server may carry out yet what it knew nothing of when it was asked."""
    scene = Scene()
    doubt = Write(CHILD, C, 0, doubtful=True, generate_name="c-")
    scene.barrier.hold(A, [doubt])
    await scene.barrier.is_sure(A)
    assert scene.barrier.unborn(A) == (doubt,)
    scene.barrier.hold(A, [])  # the next reconcile came to nothing
    assert scene.barrier.unborn(A) == (doubt,)
    scene.barrier.hold(A, [Write(CHILD, C, 5)])  # the one after created it
    assert scene.barrier.unborn(A) == ()
    scene.barrier.hold(A, [doubt])
    await scene.barrier.is_sure(A)
    scene.barrier.forget(A)
    assert scene.barrier.unborn(A) == ()
    scene.barrier.hold(A, [doubt])
    await scene.barrier.is_sure(A)
    scene.barrier.hold(A, [doubt])  # created again, it was there already
    scene.put()
    await scene.barrier.is_sure(A)
    assert scene.barrier.unborn(A) == ()

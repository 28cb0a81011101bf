"""Each key once, urgent ones first, failing ones later, none lost."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.kube.kinds import Key
from aimctrl.runtime.pacing import RETRY, Backoff, TokenBucket
from aimctrl.runtime.workqueue import Item, Priority, WorkQueue

A, B, C = (Key("ns", name) for name in "abc")


async def take(queue: WorkQueue) -> Item:
    item = await queue.get()
    assert item is not None
    return item


async def drain(queue: WorkQueue) -> list[Key]:
    """Every key a worker could take now, in order, each done at once."""
    keys = []
    while queue.depth:
        item = await take(queue)
        queue.done(item.key)
        keys.append(item.key)
    return keys


def now() -> float:
    return asyncio.get_running_loop().time()


async def test_a_key_added_twice_is_handed_out_once() -> None:
    queue = WorkQueue()
    queue.add(A)
    queue.add(A)
    assert await drain(queue) == [A]


async def test_keys_come_in_the_order_they_were_added() -> None:
    queue = WorkQueue()
    for key in (B, A, C, A):
        queue.add(key)
    assert await drain(queue) == [B, A, C]


async def test_a_running_key_is_not_handed_to_a_second_worker_but_runs_once_more_after() -> None:
    queue = WorkQueue()
    queue.add(A, reason="first")
    await take(queue)
    queue.add(A, reason="second")
    queue.add(A, reason="third")
    assert queue.depth == 0
    queue.done(A)
    assert (await take(queue)).reasons == ("second", "third")
    queue.done(A)
    assert queue.depth == 0


async def test_a_worker_that_waits_is_woken_by_an_add() -> None:
    queue = WorkQueue()
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(take(queue))
        await asyncio.sleep(0)
        queue.add(A)
    assert waiting.result().key == A


async def test_a_worker_cancelled_as_it_is_woken_leaves_the_key_to_another() -> None:
    queue = WorkQueue()
    async with asyncio.TaskGroup() as group:
        first, second = group.create_task(take(queue)), group.create_task(take(queue))
        await asyncio.sleep(0)
        queue.add(A)
        first.cancel()
    assert first.cancelled()
    assert second.result().key == A


@pytest.mark.parametrize(
    ("adds", "order"),
    [
        pytest.param([(A, Priority.INITIAL), (B, Priority.USER)], [B, A], id="a-users-change-before-the-initial-list"),
        pytest.param([(A, Priority.RESYNC), (B, Priority.INITIAL)], [B, A], id="the-initial-list-before-resyncs"),
        pytest.param([(A, Priority.RETRY), (B, Priority.CHILD)], [B, A], id="a-childs-event-before-retries"),
        pytest.param(
            [(A, Priority.INITIAL), (B, Priority.INITIAL), (B, Priority.USER)], [B, A], id="an-urgent-add-raises-a-key"
        ),
        pytest.param(
            [(A, Priority.USER), (B, Priority.USER), (A, Priority.RESYNC)], [A, B], id="a-lazy-add-lowers-none"
        ),
    ],
)
async def test_order_of_priorities(adds: list[tuple[Key, Priority]], order: list[Key]) -> None:
    queue = WorkQueue()
    for key, priority in adds:
        queue.add(key, priority=priority)
    assert await drain(queue) == order


async def test_the_lowest_level_is_not_starved_by_a_stream_of_urgent_keys() -> None:
    queue = WorkQueue()
    queue.add(A, priority=Priority.RESYNC)
    for number in range(100):
        queue.add(Key("ns", f"urgent-{number}"))
    order = await drain(queue)
    assert order.index(A) < 20


async def test_priority_and_reasons_are_those_since_the_last_hand_out() -> None:
    queue = WorkQueue()
    queue.add(A, reason="edited")
    assert await take(queue) == Item(A, Priority.USER, ("edited",))
    queue.add(A, priority=Priority.RESYNC, reason="resync")
    queue.done(A)
    assert await take(queue) == Item(A, Priority.RESYNC, ("resync",))


async def test_reasons_are_sorted_distinct_and_bounded() -> None:
    queue = WorkQueue()
    for reason in ("b", "a", "b", *"cdefghij", ""):
        queue.add(A, reason=reason)
    assert (await take(queue)).reasons == (*"abcdefgh", "+2")


@pytest.mark.looptime
async def test_a_delayed_key_comes_when_it_is_due() -> None:
    queue = WorkQueue()
    began = now()
    queue.add(A, after=30)
    assert queue.depth == 0
    await take(queue)
    assert now() - began == pytest.approx(30)


@pytest.mark.looptime
@pytest.mark.parametrize("delays", [(30, 10), (10, 30)], ids=["sooner", "later"])
async def test_of_two_delays_the_earlier_counts(delays: tuple[float, float]) -> None:
    queue = WorkQueue()
    began = now()
    for delay in delays:
        queue.add(A, after=delay)
    await take(queue)
    queue.done(A)
    assert now() - began == pytest.approx(10)
    async with asyncio.timeout(100):
        queue.add(B, after=50)
        assert (await take(queue)).key == B  # and A did not come a second time


@pytest.mark.looptime
async def test_a_change_does_not_wait_for_a_delay() -> None:
    queue = WorkQueue()
    queue.add(A, after=600, reason="requeue")
    queue.add(A, reason="edited")
    item = await take(queue)
    assert item.reasons == ("edited", "requeue")
    queue.done(A)
    await asyncio.sleep(1000)
    assert queue.depth == 0


@pytest.mark.looptime
async def test_a_delay_that_ends_while_the_key_runs_makes_it_run_again() -> None:
    queue = WorkQueue()
    queue.add(A)
    await take(queue)
    queue.add(A, after=5)
    await asyncio.sleep(10)
    assert queue.depth == 0
    queue.done(A)
    assert (await take(queue)).key == A


@pytest.mark.looptime
async def test_retries_back_off_and_start_over_once_the_key_is_forgotten() -> None:
    queue = WorkQueue()
    pauses = [queue.retry(A) for _ in range(15)]
    for number, pause in enumerate(pauses):
        whole = min(RETRY.limit, RETRY.base * 2**number)
        assert whole / 2 <= pause <= whole
    assert queue.failures(A) == 15
    queue.forget(A)
    assert queue.retry(A) <= RETRY.base


@pytest.mark.looptime
async def test_a_retry_waits_at_least_as_long_as_the_server_asked() -> None:
    queue = WorkQueue()
    began = now()
    assert queue.retry(A, at_least=42.0) == 42.0
    item = await take(queue)
    assert (now() - began, item.failures, item.priority) == (pytest.approx(42), 1, Priority.RETRY)


@pytest.mark.looptime
async def test_many_first_failures_are_spread_over_time() -> None:
    queue = WorkQueue()
    pauses = [queue.retry(Key("ns", str(number))) for number in range(400)]
    assert max(pauses[:100]) <= RETRY.base
    assert pauses[-1] == pytest.approx(30, abs=1)  # 300 beyond the burst, 10 a second


async def test_a_parked_key_waits_and_the_others_go_on() -> None:
    queue = WorkQueue()
    queue.park(A)
    queue.add(A)
    queue.add(B)
    assert await drain(queue) == [B]
    queue.unpark(A)
    assert await drain(queue) == [A]


async def test_a_key_parked_while_it_runs_is_held_back_after_it() -> None:
    queue = WorkQueue()
    queue.add(A)
    await take(queue)
    queue.add(A)
    queue.park(A)
    queue.done(A)
    assert queue.depth == 0
    queue.unpark(A)
    assert queue.depth == 1


async def test_a_queued_key_can_be_parked() -> None:
    queue = WorkQueue()
    queue.add(A)
    queue.park(A)
    assert queue.depth == 0
    queue.add(A, priority=Priority.USER)
    queue.unpark(A)
    assert await drain(queue) == [A]


async def test_shutdown_wakes_the_workers_and_drops_what_waits() -> None:
    queue = WorkQueue()
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(queue.get()) for _ in range(3)]
        await asyncio.sleep(0)
        queue.shutdown()
    assert [worker.result() for worker in workers] == [None] * 3
    queue.add(A)
    queue.park(A)
    assert queue.retry(A) == 0.0
    assert await queue.get() is None


async def test_a_queue_is_drained_when_the_last_running_key_is_done() -> None:
    queue = WorkQueue()
    for key in (A, B, C):
        queue.add(key)
    await take(queue)
    await take(queue)
    queue.park(C)
    queue.add(B)
    queue.shutdown()
    async with asyncio.TaskGroup() as group:
        drained = group.create_task(queue.drained())
        await asyncio.sleep(0)
        queue.done(A)
        await asyncio.sleep(0)
        assert not drained.done()
        queue.done(B)
        queue.unpark(C)
    assert queue.depth == 0


async def test_nothing_is_remembered_of_a_key_that_is_done() -> None:
    queue = WorkQueue()
    for _ in range(3):
        queue.add(A)
        queue.park(A)
        queue.unpark(A)
        queue.done((await take(queue)).key)
    queue.park(A)
    queue.unpark(A)
    assert queue._slots == {}


async def test_a_key_that_leaves_a_level_comes_in_its_new_place_alone() -> None:
    queue = WorkQueue()
    for key in (A, B, C):
        queue.add(key, priority=Priority.INITIAL)
    queue.park(A)
    queue.add(B, priority=Priority.USER)
    queue.unpark(A)
    assert queue.depth == 3
    assert await drain(queue) == [B, C, A]
    queue.add(B, priority=Priority.INITIAL)
    assert await drain(queue) == [B]


async def test_a_key_that_is_parked_again_and_again_takes_no_more_room() -> None:
    queue = WorkQueue()
    queue.add(A)
    queue.add(B)
    for _ in range(1000):
        queue.park(A)
        queue.unpark(A)
    assert sum(len(level) for level in queue._levels.values()) < 100
    assert await drain(queue) == [B, A]


@pytest.mark.looptime
async def test_how_long_keys_have_been_running_is_known() -> None:
    queue = WorkQueue()
    queue.add(A)
    await take(queue)
    await asyncio.sleep(3)
    queue.add(B)
    await take(queue)
    await asyncio.sleep(1)
    assert queue.running_for() == (pytest.approx(4), pytest.approx(1))


class Told:
    def __init__(self) -> None:
        self.seen: list[tuple[str, float]] = []

    def added(self, depth: int) -> None:
        self.seen.append(("added", depth))

    def taken(self, waited: float, depth: int) -> None:
        self.seen.append(("taken", round(waited)))
        self.seen.append(("depth", depth))

    def finished(self, worked: float) -> None:
        self.seen.append(("finished", round(worked)))

    def retried(self) -> None:
        self.seen.append(("retried", 0))


@pytest.mark.looptime
async def test_a_queue_tells_its_depth_and_how_long_keys_wait_and_take() -> None:
    queue, told = WorkQueue(), Told()
    queue.metrics = told
    queue.add(A)
    queue.add(A)
    await asyncio.sleep(2)
    await take(queue)
    queue.retry(A)
    await asyncio.sleep(3)
    queue.done(A)
    assert told.seen == [("added", 1), ("taken", 2), ("depth", 0), ("retried", 0), ("finished", 3), ("added", 1)]


@given(st.integers(1, 200))
def test_a_pause_never_vanishes_and_never_passes_its_limit(failures: int) -> None:
    assert 1.0 <= Backoff(2.0, 60.0).pause(failures) <= 60.0


def test_a_bucket_lets_a_burst_through_and_then_its_rate() -> None:
    bucket = TokenBucket(rate=0.5, burst=3)
    assert [bucket.allow(100.0) for _ in range(4)] == [True, True, True, False]
    assert [bucket.allow(at) for at in (101.0, 102.0, 102.5, 104.0)] == [False, True, False, True]


class Play:
    """A queue beside what it should know."""

    def __init__(self) -> None:
        self.queue = WorkQueue()
        self.wanted: set[Key] = set()
        self.running: set[Key] = set()

    async def add(self, key: Key) -> None:
        self.queue.add(key, priority=Priority.INITIAL if key == A else Priority.USER)
        self.wanted.add(key)

    async def park(self, key: Key) -> None:
        self.queue.park(key)

    async def unpark(self, key: Key) -> None:
        self.queue.unpark(key)

    async def done(self, key: Key) -> None:
        if key in self.running:
            self.queue.done(key)
            self.running.discard(key)

    async def take(self, _key: Key) -> None:
        if self.queue.depth:
            taken = (await take(self.queue)).key
            assert taken not in self.running
            self.running.add(taken)
            self.wanted.discard(taken)


@given(st.lists(st.tuples(st.sampled_from(["add", "park", "unpark", "done", "take"]), st.sampled_from([A, B, C]))))
def test_no_sequence_of_calls_loses_a_key_or_runs_it_twice_at_once(calls: list[tuple[str, Key]]) -> None:
    async def all_of_it() -> None:
        play = Play()
        for call, key in calls:
            await getattr(play, call)(key)
        for key in (A, B, C):
            await play.unpark(key)
            await play.done(key)
        assert set(await drain(play.queue)) == play.wanted
        assert play.queue._slots == {}

    asyncio.run(all_of_it())


@pytest.mark.looptime
async def test_how_long_a_key_waited_is_known_while_it_is_worked_on() -> None:
    queue = WorkQueue()
    queue.add(A)
    await asyncio.sleep(2.5)
    await take(queue)
    assert queue.waited(A) == pytest.approx(2.5)

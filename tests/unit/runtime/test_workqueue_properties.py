"""The workqueue against a plain model: what is added is handed out, to one worker at a time, whatever happens meanwhile."""

import asyncio
from dataclasses import dataclass, field

from hypothesis import strategies as st
from hypothesis.stateful import initialize, invariant, precondition, rule

from aimctrl.kube.kinds import Key
from aimctrl.runtime.workqueue import LOWEST_TURN, Item, Priority, WorkQueue
from support.virtual import UNSHRUNK, VirtualTime

KEYS = [Key("ns", name) for name in "abcd"]
keys = st.sampled_from(KEYS)
priorities = st.sampled_from(list(Priority))
EVER = 10_000.0


@dataclass
class Known:
    """What the model knows of a key: `due` is when it is to be ready, `asked` how urgently and why."""

    ready: bool = False
    due: float | None = None
    running: bool = False
    parked: bool = False
    failures: int = 0
    priority: Priority = Priority.RESYNC
    reasons: set[str] = field(default_factory=set)

    @property
    def waits(self) -> bool:
        return self.ready and not self.running and not self.parked


class QueueMachine(VirtualTime):
    @initialize()
    def begin(self) -> None:
        self.queue = WorkQueue()
        self.model = {key: Known() for key in KEYS}
        self.turn = 0

    @rule(key=keys, priority=priorities, reason=st.sampled_from("pqr"), after=st.sampled_from([0.0, 0.0, 1.0, 30.0]))
    def add(self, key: Key, priority: Priority, reason: str, after: float) -> None:
        self.do(self.adding(key, priority, reason, after))
        self.added(key, priority, reason, after)

    @rule(key=keys, at_least=st.sampled_from([0.0, 7.0]))
    def retry(self, key: Key, at_least: float) -> None:
        pause = self.do(self.retrying(key, at_least))
        assert pause >= at_least
        self.model[key].failures += 1
        self.added(key, Priority.RETRY, "retry", pause)

    @rule(key=keys)
    def forget(self, key: Key) -> None:
        self.queue.forget(key)
        self.model[key].failures = 0

    @rule(key=keys)
    def park(self, key: Key) -> None:
        self.do(self.parking(key, parked=True))
        self.model[key].parked = True

    @rule(key=keys)
    def unpark(self, key: Key) -> None:
        self.do(self.parking(key, parked=False))
        self.model[key].parked = False

    @precondition(lambda self: any(known.waits for known in self.model.values()))
    @rule()
    def take(self) -> None:
        self.taken(self.do(self.taking()))

    @precondition(lambda self: not any(known.waits for known in self.model.values()))
    @rule(key=keys, workers=st.integers(1, 3), cancelled=st.integers(0, 2))
    def workers_wait_and_some_are_cancelled_as_a_key_comes(self, key: Key, workers: int, cancelled: int) -> None:
        known = self.model[key]
        items = self.do(self.contest(key, workers, min(cancelled, workers)))
        self.added(key, Priority.USER, "contest", 0.0)
        assert len(items) == int(known.waits and cancelled < workers)
        for item in items:
            self.taken(item)

    @precondition(lambda self: any(known.running for known in self.model.values()))
    @rule(data=st.data())
    def done(self, data: st.DataObject) -> None:
        key = data.draw(st.sampled_from([key for key in KEYS if self.model[key].running]))
        self.do(self.ending(key))
        self.model[key].running = False

    @rule(seconds=st.sampled_from([0.3, 1.0, 40.0]))
    def time_passes(self, seconds: float) -> None:
        self.pass_time(seconds)
        self.mature()

    @invariant()
    def counts_are_right(self) -> None:
        self.mature()
        assert self.queue.depth == sum(known.waits for known in self.model.values())
        assert self.queue.running == sum(known.running for known in self.model.values())
        for key, known in self.model.items():
            assert self.queue.failures(key) == known.failures

    def teardown(self) -> None:
        try:
            if hasattr(self, "queue"):
                self.everything_comes_out()
        finally:
            super().teardown()

    def everything_comes_out(self) -> None:
        """Let workers finish and time pass: every key that waits is handed out once, and nothing is kept of any."""
        for key, known in self.model.items():
            if known.running:
                self.do(self.ending(key))
                known.running = False
            self.do(self.parking(key, parked=False))
            known.parked = False
        self.pass_time(EVER)
        self.mature()
        owed = {key for key, known in self.model.items() if known.ready}
        while self.queue.depth:
            item = self.do(self.taking())
            self.taken(item)
            self.do(self.ending(item.key))
            self.model[item.key].running = False
            owed.remove(item.key)
        assert owed == set()
        assert vars(self.queue)["_slots"] == {}

    def taken(self, item: Item) -> None:
        known = self.model[item.key]
        assert known.waits
        self.turn += 1
        levels = [other.priority for other in self.model.values() if other.waits]
        assert known.priority == (min(levels) if self.turn % LOWEST_TURN == 0 else max(levels))
        assert item == Item(item.key, known.priority, tuple(sorted(known.reasons)), known.failures)
        known.ready, known.running, known.priority, known.reasons = False, True, Priority.RESYNC, set()

    def added(self, key: Key, priority: Priority, reason: str, after: float) -> None:
        known = self.model[key]
        known.priority = max(known.priority, priority)
        known.reasons.add(reason)
        if after <= 0:
            known.ready, known.due = True, None
        elif not known.ready:
            due = self.loop.time() + after
            known.due = due if known.due is None else min(due, known.due)

    def mature(self) -> None:
        for known in self.model.values():
            if known.due is not None and known.due <= self.loop.time():
                known.ready, known.due = True, None

    async def adding(self, key: Key, priority: Priority, reason: str, after: float) -> None:
        self.queue.add(key, priority=priority, reason=reason, after=after)

    async def retrying(self, key: Key, at_least: float) -> float:
        return self.queue.retry(key, at_least=at_least)

    async def parking(self, key: Key, *, parked: bool) -> None:
        (self.queue.park if parked else self.queue.unpark)(key)

    async def taking(self) -> Item:
        async with asyncio.timeout(1.0):
            item = await self.queue.get()
        assert item is not None
        return item

    async def ending(self, key: Key) -> None:
        self.queue.done(key)

    async def contest(self, key: Key, workers: int, cancelled: int) -> list[Item]:
        """So many workers wait, the key comes, and the first of them are cancelled in the same moment."""
        waiting = [asyncio.create_task(self.queue.get()) for _ in range(workers)]
        await asyncio.sleep(0)
        self.queue.add(key, reason="contest")
        for task in waiting[:cancelled]:
            task.cancel()
        for _ in range(workers + 1):
            await asyncio.sleep(0)
        items = [task.result() for task in waiting if task.done() and not task.cancelled()]
        for task in waiting:
            task.cancel()
        await asyncio.wait(waiting)
        return [item for item in items if item is not None]


TestWorkQueue = QueueMachine.TestCase
TestWorkQueue.settings = UNSHRUNK

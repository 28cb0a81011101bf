"""What is started and stopped when, in virtual time, with parts that write a diary."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from structlog.testing import capture_logs

from aimctrl.kube.core import CONFIGMAPS
from aimctrl.runtime.controller import Controller, Host
from aimctrl.runtime.election import LeaderOptions
from aimctrl.runtime.errors import Answer, ForbiddenError, LeadershipLostError, NotFoundError
from aimctrl.runtime.informer import RESYNC_SECONDS, Freshness
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.lister import Available, Unavailable
from aimctrl.runtime.manager import Manager, ManagerOptions
from aimctrl.runtime.request import Request, Result
from aimctrl.runtime.serving import AddressError

pytestmark = pytest.mark.looptime


class Api:
    """A client whose lists end as `answer` says: it raises, or waits for ever."""

    field_manager = "test"
    fence: Callable[[], bool] | None = None

    def __init__(self, answer: Exception | None = None) -> None:
        self.answer = answer

    async def list_page(self, *_: Any, **__: Any) -> Any:
        if self.answer is None:
            await asyncio.Event().wait()
        raise self.answer or AssertionError

    @asynccontextmanager
    async def stream(self, *_: Any, **__: Any) -> AsyncIterator[Any]:
        await self.list_page()
        yield


class Part:
    """A controller that writes down what happens to it; `busy` seconds pass between its stop and its end."""

    def __init__(self, diary: list[str], name: str = "controller", busy: float = 0.0) -> None:
        self.name = name
        self.diary = diary
        self.busy = busy
        self.host: Host | None = None
        self.stopped = asyncio.Event()

    def bind(self, host: Host) -> None:
        self.host = host

    async def run(self) -> None:
        self.diary.append(f"{self.name} runs")
        try:
            await self.stopped.wait()
            await asyncio.sleep(self.busy)
            self.diary.append(f"{self.name} done")
        except asyncio.CancelledError:
            self.diary.append(f"{self.name} cut off")
            raise

    def stop(self) -> None:
        self.diary.append(f"{self.name} stops")
        self.stopped.set()


class Elector:
    """Leads when told to, loses when told to."""

    options = LeaderOptions("op", "ns", "me")

    def __init__(self, diary: list[str]) -> None:
        self.diary = diary
        self.elected = asyncio.Event()
        self.lost = asyncio.Event()

    def is_leader(self) -> bool:
        return self.elected.is_set() and not self.lost.is_set()

    async def run(self) -> None:
        await self.elected.wait()
        try:
            await self.lost.wait()
        except asyncio.CancelledError:
            self.diary.append("election ends")
            raise
        raise LeadershipLostError("gone")

    async def release(self) -> None:
        self.diary.append("lease released")


@pytest.fixture
def diary() -> list[str]:
    return []


def endless(diary: list[str], name: str) -> Callable[[], Any]:
    async def run() -> None:
        diary.append(f"{name} runs")
        try:
            await asyncio.Event().wait()
        finally:
            diary.append(f"{name} ends")

    return run


def noting(diary: list[str], what: str) -> Callable[[], Any]:
    async def note() -> None:
        diary.append(what)

    return note


def failing(error: Exception, after: float = 1.0) -> Callable[[], Any]:
    async def fail() -> None:
        await asyncio.sleep(after)
        raise error

    return fail


def manager(**more: Any) -> Manager:
    return Manager(Api(), **more)


async def run_for(seconds: float, one: Manager) -> None:
    """Run the manager, stopping it after that long."""
    async with asyncio.timeout(3600), asyncio.TaskGroup() as tasks:
        tasks.create_task(one.run())
        await asyncio.sleep(seconds)
        one.stop()


def test_informers_are_resynced_as_often_as_the_options_say() -> None:
    seldom, often = manager(), manager(options=ManagerOptions(resync_seconds=90.0))
    assert [one.informers.informer(CONFIGMAPS).resync_seconds for one in (seldom, often)] == [RESYNC_SECONDS, 90.0]


async def test_hooks_come_before_controllers_and_the_stop_goes_back_in_order(diary: list[str]) -> None:
    elector = Elector(diary)
    one = manager(leader=elector)
    one.add(Part(diary))
    one.add_runnable(endless(diary, "runnable"), name="runnable")
    one.on_elected(noting(diary, "first hook"))
    one.on_elected(noting(diary, "second hook"))
    elector.elected.set()
    await run_for(5, one)
    assert diary == [
        "first hook",
        "second hook",
        "runnable runs",
        "controller runs",
        "controller stops",
        "controller done",
        "runnable ends",
        "election ends",
        "lease released",
    ]


async def test_a_standby_runs_only_what_needs_no_leader(diary: list[str]) -> None:
    one = manager(leader=Elector(diary))
    one.add(Part(diary))
    one.on_elected(noting(diary, "hook"))
    one.add_runnable(endless(diary, "leader's"), name="a")
    one.add_runnable(endless(diary, "everybody's"), name="b", leader_only=False)
    await run_for(5, one)
    assert diary == ["everybody's runs", "everybody's ends", "lease released"]
    assert not one.is_leader


async def test_without_an_election_work_begins_at_once(diary: list[str]) -> None:
    one = manager()
    one.add(Part(diary))
    assert one.is_leader
    await run_for(0.1, one)
    assert diary == ["controller runs", "controller stops", "controller done"]


async def test_the_client_writes_only_while_this_process_leads(diary: list[str]) -> None:
    elector = Elector(diary)
    one = manager(leader=elector)
    assert one.client.fence is not None
    assert not one.client.fence()
    elector.elected.set()
    assert one.client.fence()
    elector.lost.set()
    assert not one.client.fence()


async def test_work_waits_for_the_informers(diary: list[str]) -> None:
    one = Manager(Api())
    one.informers.informer(CONFIGMAPS)
    one.add(Part(diary))
    await run_for(50, one)
    assert diary == []


async def test_an_informer_that_cannot_have_its_kind_holds_nobody_up(diary: list[str]) -> None:
    one = Manager(Api(NotFoundError(Answer(404, "NotFound"))))
    one.informers.informer(CONFIGMAPS)
    one.add(Part(diary))
    await run_for(5, one)
    assert diary[0] == "controller runs"


async def test_a_reconcile_that_does_not_end_is_cut_off_within_the_grace_period(diary: list[str]) -> None:
    one = manager(options=ManagerOptions(grace_period=10.0))
    one.add(Part(diary, busy=100))
    loop = asyncio.get_running_loop()
    began = loop.time()
    with capture_logs() as logs:
        await run_for(1, one)
    assert diary == ["controller runs", "controller stops", "controller cut off"]
    assert loop.time() - began < 1 + 10
    assert "reconciles cut off at the end of the grace period" in [line["event"] for line in logs]


async def test_a_reconcile_under_way_may_end(diary: list[str]) -> None:
    one = manager(options=ManagerOptions(grace_period=10.0))
    one.add(Part(diary, busy=7))
    await run_for(1, one)
    assert diary[-1] == "controller done"


async def test_nothing_new_is_watched_while_queues_drain(diary: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Informers, "run", lambda _: endless(diary, "informers")())
    one = manager()
    one.add(Part(diary, busy=3))
    await run_for(1, one)
    assert diary.index("informers ends") < diary.index("controller done")


async def test_lost_leadership_cuts_everything_off_and_is_raised(diary: list[str]) -> None:
    elector = Elector(diary)
    one = manager(leader=elector)
    one.add(Part(diary))
    elector.elected.set()
    asyncio.get_running_loop().call_later(5, elector.lost.set)
    with pytest.raises(LeadershipLostError, match="gone"):
        await one.run()
    assert diary == ["controller runs", "controller cut off", "lease released"]


@pytest.mark.parametrize("leader_only", [True, False])
async def test_what_a_runnable_raises_comes_out_as_it_is(diary: list[str], *, leader_only: bool) -> None:
    elector = Elector(diary)
    elector.elected.set()
    one = manager(leader=elector)
    one.add(Part(diary))
    cause = OSError("disk")
    error = ValueError("broken")
    error.__cause__ = cause
    one.add_runnable(failing(error), name="bad", leader_only=leader_only)
    with pytest.raises(ValueError, match="broken") as caught:
        await one.run()
    assert caught.value.__cause__ is cause
    assert diary[-1] == "lease released"


async def test_what_a_hook_raises_stops_the_start(diary: list[str]) -> None:
    one = manager()
    one.on_elected(failing(ValueError("no ledger")))
    one.add(Part(diary))
    with pytest.raises(ValueError, match="no ledger"):
        await one.run()
    assert diary == []


async def test_several_failures_at_once_come_as_a_group() -> None:
    one = manager()
    one.add_runnable(failing(ValueError("a")), name="a")
    one.add_runnable(failing(KeyError("b")), name="b")
    with pytest.raises(ExceptionGroup) as caught:
        await one.run()
    assert {type(error) for error in caught.value.exceptions} == {ValueError, KeyError}


async def test_a_runnable_that_returns_stops_nothing(diary: list[str]) -> None:
    one = manager()
    one.add(Part(diary))
    one.add_runnable(noting(diary, "ran"), name="short")
    await run_for(5, one)
    assert "controller done" in diary


async def test_a_failure_while_draining_is_not_lost(diary: list[str]) -> None:
    one = manager()
    one.add(Part(diary, busy=5))
    one.add_runnable(failing(ValueError("late"), after=3), name="bad")
    with pytest.raises(ExceptionGroup) as caught:
        await run_for(1, one)
    assert caught.group_contains(ValueError, match="late")


async def test_informers_that_end_by_themselves_stop_the_manager(
    diary: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Informers, "run", lambda _: asyncio.sleep(2))
    one = manager()
    one.add(Part(diary))
    with pytest.raises(RuntimeError, match="informers ended"):
        await one.run()


async def test_stopped_before_it_runs_a_manager_returns(diary: list[str]) -> None:
    one = manager(leader=Elector(diary))
    one.add(Part(diary))
    one.stop()
    one.stop()
    await one.run()
    assert diary == ["lease released"]


async def test_cancelled_it_ends_at_once_and_still_gives_the_lease_back(diary: list[str]) -> None:
    elector = Elector(diary)
    elector.elected.set()
    one = manager(leader=elector)
    one.add(Part(diary, busy=100))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(3):
            await one.run()
    assert sorted(diary[:-1]) == ["controller cut off", "controller runs", "election ends"]
    assert diary[-1] == "lease released"


async def test_an_address_in_use_is_raised_before_anything_starts(diary: list[str]) -> None:
    server = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    one = manager(options=ManagerOptions(health_address=f"127.0.0.1:{port}"))
    one.add(Part(diary))
    try:
        with pytest.raises(AddressError, match=str(port)):
            await one.run()
    finally:
        server.close()
        await server.wait_closed()
    assert diary == []


async def test_a_nonsense_address_is_refused_before_the_run() -> None:
    with pytest.raises(AddressError, match="nonsense"):
        manager(options=ManagerOptions(metrics_address="nonsense"))


class Quiet:
    async def reconcile(self, _: Request) -> Result:
        return Result()


async def test_a_controllers_kinds_are_watched_in_the_managers_namespaces() -> None:
    one = manager(namespaces=("b", "a", "b"))
    one.add(Controller("c", CONFIGMAPS, Quiet()))
    assert [watch.scope for watch in one.informers.freshness()] == ["a", "b"]


def watch(kind: str, seconds: float, why: str = "") -> Freshness:
    return Freshness(kind, "", seconds, Unavailable(why, "told") if why else Available(), 0, 0, 0, 0)


@pytest.mark.parametrize(
    ("watches", "wrong"),
    [
        pytest.param([], "", id="nothing to watch"),
        pytest.param([watch("pods", 1.0)], "", id="fresh"),
        pytest.param([watch("pods", 119.0)], "", id="between two bookmarks"),
        pytest.param([watch("pods", 121.0), watch("jobs", 500.0)], "nothing heard for 120 s: jobs, pods", id="silent"),
        pytest.param(
            [watch("pods", float("inf"), "Syncing"), watch("jobs", 1.0)], "not synced: pods", id="first list under way"
        ),
        pytest.param([watch("pods", float("inf"), "Unreachable")], "not synced: pods", id="no API server"),
        pytest.param([watch("pods", float("inf"), "KindMissing")], "", id="an optional kind is missing"),
        pytest.param([watch("pods", float("inf"), "Forbidden")], "", id="RBAC forbids a kind"),
    ],
)
async def test_readiness_tells_of_watches_that_cannot_be_relied_on(
    watches: list[Freshness], wrong: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = manager()
    monkeypatch.setattr(one.informers, "freshness", lambda: watches)
    assert one.serving.ready.failures() == {"watches": wrong}


async def test_a_standby_is_ready(diary: list[str]) -> None:
    one = Manager(Api(ForbiddenError(Answer(403, "Forbidden"))), leader=Elector(diary))
    one.informers.informer(CONFIGMAPS)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(one.run())
        await asyncio.sleep(5)
        assert one.serving.ready.failures() == {"watches": ""}
        one.stop()

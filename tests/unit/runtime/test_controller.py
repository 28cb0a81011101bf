"""Changes become reconciles, and how a reconcile ends decides what comes next."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
import pytest
import structlog
from structlog.testing import capture_logs

from aimctrl.kube.kinds import Key, Kind, UndecodableObjectError
from aimctrl.runtime.attempt import policy
from aimctrl.runtime.barrier import PATIENCE
from aimctrl.runtime.controller import Controller, ControllerOptions, Host
from aimctrl.runtime.errors import (
    Answer,
    ConnectionFailedError,
    ForbiddenError,
    MendableError,
    NotLeaderError,
    ServerError,
    TerminalError,
    ThrottledError,
    TransientError,
)
from aimctrl.runtime.index import Index
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.metrics import Metrics
from aimctrl.runtime.request import Request, Result
from aimctrl.runtime.store import Change
from aimctrl.runtime.triggers import Watch, owns, to
from aimctrl.runtime.workqueue import Priority
from aimctrl.runtime.writes import collect, record
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder, refused

OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "Owner", "owners", dict)
CHILD: Kind[dict[str, Any]] = Kind("example.com", "v1", "Child", "children", dict)
A = Key("ns", "a")

Body = Callable[[Request], Awaitable[Result | None]]


class Script:
    """A reconciler that does what a test says, and remembers what it was asked and when."""

    def __init__(self, body: Body | None = None) -> None:
        self.body = body
        self.requests: list[Request] = []
        self.times: list[float] = []

    async def reconcile(self, request: Request) -> Result:
        self.requests.append(request)
        self.times.append(asyncio.get_running_loop().time())
        result = await self.body(request) if self.body is not None else None
        return result or Result()


def failing(*errors: BaseException) -> Body:
    """Raise these, one after the other, then succeed."""
    left = list(errors)

    async def body(_request: Request) -> None:
        if left:
            raise left.pop(0)

    return body


class World:
    def __init__(self, body: Body | None = None, *, watches: tuple[Watch, ...] = (), **options: Any) -> None:
        self.informers = FakeInformers()
        self.cluster = FakeCluster(self.informers)
        self.recorder = FakeRecorder()
        self.metrics = Metrics()
        self.script = Script(body)
        self.controller = Controller(
            "owner", OWNER, self.script, watches=watches, options=ControllerOptions(**{"max_concurrent": 1, **options})
        )
        self.controller.bind(Host(self.informers, self.metrics, self.recorder))  # type: ignore[arg-type]

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        async with asyncio.TaskGroup() as group:
            group.create_task(self.controller.run())
            await asyncio.sleep(0)
            yield
            self.controller.stop()

    def put(self, name: str = "a", **spec: Any) -> None:
        before = self.cluster.objects.get((OWNER.resource, Key("ns", name)), {"metadata": {}})
        meta = {**before["metadata"], "name": name, "namespace": "ns"}
        self.cluster.put(OWNER, {"metadata": meta, "spec": spec, "status": {}})

    def child(self, name: str = "c", owner: str = "a", **more: Any) -> None:
        ref = {"apiVersion": "example.com/v1", "kind": "Owner", "name": owner, "uid": owner, "controller": True}
        meta = {"name": name, "namespace": "ns", "ownerReferences": [ref]}
        self.cluster.put(CHILD, {"metadata": meta, **more})

    def counted(self, name: str, **labels: str) -> float:
        return self.metrics.registry.get_sample_value(name, {"controller": "owner", **labels}) or 0.0

    def results(self) -> dict[str, float]:
        names = ("success", "error", "requeue", "requeue_after")
        told = {name: self.counted("controller_runtime_reconcile_total", result=name) for name in names}
        return {name: count for name, count in told.items() if count}


class Using(msgspec.Struct):
    """What an owner's status says of the child it uses."""

    status: dict[str, str] = {}


USERS = Index("users", Using, lambda _meta, view: (view.status["uses"],) if "uses" in view.status else ())


@pytest.mark.looptime
@pytest.mark.parametrize("written", [{"uses": "c"}, {"seen": "c"}], ids=["by which it is found", "of no account"])
async def test_a_change_before_ones_status_says_on_what_one_stands_is_not_missed(written: dict[str, str]) -> None:
    ready: list[bool] = []

    def users(change: Change) -> list[Key]:
        return world.informers.informer(OWNER).lister.keys_by_index(USERS.name, change.key.name)

    async def body(_request: Request) -> None:
        ready.append("ready" in world.cluster.objects[CHILD.resource, Key("ns", "c")])
        if len(ready) == 1:
            world.child(ready=True)  # maps to nobody: the status does not say yet that the owner stands on it
            owner = world.cluster.objects[OWNER.resource, A]
            world.cluster.put(OWNER, {**owner, "status": written})

    world = World(body, watches=(Watch(CHILD, users),))
    world.informers.informer(OWNER).add_index(USERS)
    world.child()
    world.put()
    async with world.running():
        await asyncio.sleep(1)
    assert ready == ([False, True] if "uses" in written else [False])


@pytest.mark.looptime
async def test_a_new_object_is_reconciled() -> None:
    world = World()
    async with world.running():
        world.put()
        await asyncio.sleep(1)
    [request] = world.script.requests
    assert (request.key, request.reasons, request.failures) == (A, ("Owner changed",), 0)
    assert request.now.utcoffset() is not None
    assert world.results() == {"success": 1}


@pytest.mark.looptime
async def test_changes_before_the_start_are_not_lost() -> None:
    world = World()
    world.put()
    async with world.running():
        await asyncio.sleep(1)
    assert len(world.script.requests) == 1


@pytest.mark.looptime
async def test_a_change_of_status_alone_is_not_looked_at() -> None:
    world = World()
    async with world.running():
        world.put()
        await asyncio.sleep(1)
        await world.cluster.patch(OWNER, A, {"status": {"x": 1}}, subresource="status")
        await asyncio.sleep(1)
        world.put(x=1)
        await asyncio.sleep(1)
    assert len(world.script.requests) == 2


@pytest.mark.looptime
async def test_a_childs_change_makes_its_owner_be_looked_at() -> None:
    world = World(watches=(owns(CHILD, OWNER),))
    async with world.running():
        world.child(owner="a")
        await asyncio.sleep(1)
    assert [(r.key, r.reasons) for r in world.script.requests] == [(A, ("Child owned",))]
    assert world.informers.informer(CHILD).keep_managed_fields


@pytest.mark.looptime
async def test_a_watch_maps_and_drops_changes() -> None:
    watch = Watch(CHILD, to(lambda meta: [Key(meta.namespace, f"of-{meta.name}")]), lambda c: c.key.name != "no")
    world = World(watches=(watch,))
    async with world.running():
        world.child("yes")
        world.child("no")
        await asyncio.sleep(1)
    assert [r.key.name for r in world.script.requests] == ["of-yes"]


@pytest.mark.looptime
async def test_a_kind_that_comes_or_goes_makes_every_object_be_looked_at() -> None:
    world = World(watches=(owns(CHILD, OWNER),))
    async with world.running():
        for name in ("a", "b"):
            world.put(name)
        await asyncio.sleep(1)
        world.script.requests.clear()
        for handler in world.informers.informer(CHILD).served_handlers:
            handler()
        await asyncio.sleep(1)
    assert [(r.key.name, r.reasons) for r in world.script.requests] == [
        ("a", ("Child came or went",)),
        ("b", ("Child came or went",)),
    ]


@pytest.mark.looptime
async def test_a_users_change_goes_before_the_initial_list_and_that_before_resyncs() -> None:
    world = World()
    informer = world.informers.informer(OWNER)
    for number, name in enumerate(("first", "second")):
        meta = {"name": name, "namespace": "ns", "uid": name, "generation": 1}
        informer.see(Key("ns", name), {"metadata": meta}, number + 1, initial=True)
    world.controller.enqueue(Key("ns", "resynced"), reason="resync", priority=Priority.RESYNC)
    world.put("edited")
    async with world.running():
        await asyncio.sleep(1)
    assert [r.key.name for r in world.script.requests] == ["edited", "first", "second", "resynced"]
    assert world.script.requests[1].reasons == ("initial list",)


@pytest.mark.looptime
async def test_a_program_may_ask_for_a_look_itself() -> None:
    world = World()
    async with world.running():
        world.controller.enqueue(A, reason="GPU came", after=30)
        await asyncio.sleep(31)
    assert [r.reasons for r in world.script.requests] == [("GPU came",)]


@pytest.mark.looptime
async def test_an_object_is_looked_at_again_when_it_asked_to_be() -> None:
    async def body(request: Request) -> Result:
        return Result(60.0 if "requeue" not in request.reasons else None)

    world = World(body)
    async with world.running():
        world.put()
        await asyncio.sleep(100)
    first, second = world.script.times
    assert second - first == pytest.approx(60, abs=0.1)
    assert world.results() == {"success": 1, "requeue_after": 1}


@pytest.mark.looptime
async def test_a_deadline_that_has_just_passed_does_not_spin() -> None:
    async def body(request: Request) -> Result:
        return Result(-0.1 if request.failures < 3 else None)

    world = World(body)
    async with world.running():
        world.put()
        await asyncio.sleep(100)
    assert len(world.script.requests) == 4
    assert world.script.times[-1] - world.script.times[0] > 0.5
    assert world.results() == {"success": 1, "requeue": 3}


@pytest.mark.parametrize(
    ("error", "soonest", "latest"),
    [
        pytest.param(refused(ServerError, 500), 0.1, 0.2, id="transient"),
        pytest.param(ValueError("unforeseen"), 0.1, 0.2, id="unforeseen"),
        pytest.param(ExceptionGroup("several", [MendableError(), TransientError()]), 0.1, 0.2, id="group"),
        pytest.param(asyncio.CancelledError(), 0.1, 0.2, id="stray-cancellation"),
        pytest.param(TimeoutError(), 0.1, 0.2, id="a-timeout-of-its-own"),
        pytest.param(refused(ForbiddenError, 403), 7.5, 15, id="mendable"),
        pytest.param(ThrottledError(Answer(429, retry_after=40.0)), 40, 40, id="as-the-server-says"),
    ],
)
@pytest.mark.looptime
async def test_a_failure_is_tried_again(error: BaseException, soonest: float, latest: float) -> None:
    world = World(failing(error))
    with capture_logs() as logs:
        async with world.running():
            world.put()
            await asyncio.sleep(60)
    assert [r.failures for r in world.script.requests] == [0, 1]
    first, second = world.script.times
    assert soonest - 0.01 <= second - first <= latest + 0.01
    assert world.results() == {"success": 1, "error": 1}
    assert len([entry for entry in logs if entry["log_level"] in {"warning", "error"}]) == 1
    assert world.controller.queue.failures(A) == 0


@pytest.mark.parametrize(
    "error",
    [
        TerminalError("no"),
        NotLeaderError("no"),
        UndecodableObjectError("Owner: spec.x"),
        ExceptionGroup("", [TerminalError()]),
    ],
    ids=lambda error: type(error).__name__,
)
@pytest.mark.looptime
async def test_a_terminal_failure_waits_for_a_change(error: Exception) -> None:
    world = World(failing(error))
    async with world.running():
        world.put()
        await asyncio.sleep(3600)
        assert len(world.script.requests) == 1
        world.put(mended=True)
        await asyncio.sleep(1)
    assert len(world.script.requests) == 2
    assert world.counted("controller_runtime_terminal_reconcile_errors_total") == 1


@pytest.mark.looptime
async def test_an_object_that_cannot_be_read_is_set_aside_and_told_of() -> None:
    world = World(failing(UndecodableObjectError("Owner: spec.x is no number")))
    async with world.running():
        world.put()
        world.put("b")
        await asyncio.sleep(1)
    assert [(key, note.type, note.message) for key, note in world.recorder.notes] == [
        ("ns/a", "Warning", "Owner: spec.x is no number")
    ]
    assert [r.key.name for r in world.script.requests] == ["a", "b"]
    assert world.counted("aimctrl_reconcile_set_aside_total") == 1


@pytest.mark.parametrize(
    ("error", "trace"), [(ValueError("x"), True), (TransientError("x"), False)], ids=["unforeseen", "transient"]
)
@pytest.mark.looptime
async def test_only_what_nobody_foresaw_is_logged_with_its_trace(error: Exception, trace: bool) -> None:
    world = World(failing(error))
    with capture_logs() as logs:
        async with world.running():
            world.put()
            await asyncio.sleep(1)
    [entry] = [entry for entry in logs if entry["log_level"] in {"warning", "error"}]
    assert ("exc_info" in entry) is trace
    assert world.counted("controller_runtime_reconcile_panics_total") == float(trace)


@pytest.mark.looptime
async def test_a_reconcile_that_takes_too_long_is_cancelled_and_tried_again() -> None:
    ended: list[str] = []

    async def body(request: Request) -> None:
        try:
            await asyncio.sleep(10_000 if not request.failures else 0)
        except asyncio.CancelledError:
            ended.append("cancelled")
            raise

    world = World(body, timeout=120.0)
    async with world.running():
        world.put()
        await asyncio.sleep(130)
    assert ended == ["cancelled"]
    assert world.script.times[1] - world.script.times[0] >= 120
    assert world.results() == {"success": 1, "error": 1}
    assert world.counted("controller_runtime_reconcile_timeouts_total") == 1


@pytest.mark.looptime
async def test_every_log_line_of_a_reconcile_says_what_it_is_about_and_none_after_it() -> None:
    seen: list[dict[str, Any]] = []

    async def body(_request: Request) -> None:
        seen.append(structlog.contextvars.get_contextvars())

    world = World(body)
    async with world.running():
        world.put()
        await asyncio.sleep(1)
    assert seen[0].pop("reconcileID")
    assert seen == [{"controller": "owner", "namespace": "ns", "name": "a", "reasons": ("Owner changed",)}]
    assert structlog.contextvars.get_contextvars() == {}


@pytest.mark.looptime
async def test_no_more_reconciles_run_at_once_than_allowed_and_none_twice_for_one_key() -> None:
    running: list[Key] = []
    most = 0

    async def body(request: Request) -> None:
        nonlocal most
        assert request.key not in running
        running.append(request.key)
        most = max(most, len(running))
        await asyncio.sleep(1)
        running.remove(request.key)

    world = World(body, max_concurrent=3)
    async with world.running():
        for round_ in range(2):
            for number in range(10):
                world.put(str(number), round=round_)
            await asyncio.sleep(0.5)
        await asyncio.sleep(20)
    assert most == 3
    assert len(world.script.requests) == 20 - 7  # those that waited saw both rounds at once


@pytest.mark.looptime
async def test_a_stop_lets_what_runs_end_and_begins_nothing_new() -> None:
    ended: list[str] = []

    async def body(request: Request) -> None:
        await asyncio.sleep(5)
        ended.append(request.name)

    world = World(body)
    async with asyncio.TaskGroup() as group:
        run = group.create_task(world.controller.run())
        world.put("a")
        world.put("b")
        await asyncio.sleep(1)
        world.controller.stop()
        await run
    assert ended == ["a"]


@pytest.mark.looptime
async def test_cancelling_ends_what_runs_and_is_not_taken_for_a_failure() -> None:
    async def body(_request: Request) -> None:
        await asyncio.sleep(1000)

    world = World(body)
    async with asyncio.TaskGroup() as group:
        run = group.create_task(world.controller.run())
        world.put("a")
        await asyncio.sleep(1)
        run.cancel()
    assert run.cancelled()
    assert world.controller.queue.failures(A) == 0
    assert world.controller.queue.depth == 1  # not lost


@pytest.mark.looptime
async def test_a_controller_waits_for_its_watches_and_says_so() -> None:
    world = World(watches=(owns(CHILD, OWNER),), settle_warning=60.0)
    settled = world.informers.informer(CHILD).settled
    settled.clear()
    world.put()
    with capture_logs() as logs:
        async with world.running():
            await asyncio.sleep(61)
            assert world.script.requests == []
            settled.set()
            await asyncio.sleep(1)
    assert len(world.script.requests) == 1
    waits = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [entry["kind"] for entry in waits] == [str(CHILD)]


@pytest.mark.looptime
async def test_reconciles_that_await_nothing_leave_the_event_loop_to_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("aimctrl.runtime.controller.SLICE", 0.0)
    world = World()
    for number in range(100):
        world.put(str(number))
    progress: list[int] = []

    async def other() -> None:
        while len(world.script.requests) < 100:
            progress.append(len(world.script.requests))
            await asyncio.sleep(0)

    async with world.running():
        await other()
    assert len(progress) > 50


def makes_a_child(world_of: list["World"]) -> Body:
    async def body(request: Request) -> None:
        manifest = {"metadata": {"name": f"child-{len(world_of[0].script.requests)}", "namespace": request.namespace}}
        await world_of[0].cluster.create(CHILD, manifest)

    return body


@pytest.mark.looptime
async def test_a_key_waits_until_the_cache_shows_what_it_wrote_and_holds_up_no_other() -> None:
    worlds: list[World] = []
    world = World(makes_a_child(worlds), watches=(owns(CHILD, OWNER),))
    worlds.append(world)
    async with world.running():
        world.put("a", x=1)
        await asyncio.sleep(1)
        world.cluster.lagging = True
        world.controller.enqueue(A, reason="again")
        await asyncio.sleep(1)
        world.controller.enqueue(A, reason="and again")
        world.controller.enqueue(Key("ns", "b"), reason="new")
        await asyncio.sleep(1)
        assert [r.name for r in world.script.requests] == ["a", "a", "b"]
        world.cluster.deliver()
        await asyncio.sleep(0.1)
        assert [r.name for r in world.script.requests] == ["a", "a", "b", "a"]
    assert world.counted("aimctrl_reconcile_stale_total") == 0


@pytest.mark.looptime
async def test_a_cache_that_never_shows_a_write_is_waited_for_only_so_long() -> None:
    worlds: list[World] = []
    world = World(makes_a_child(worlds), watches=(owns(CHILD, OWNER),))
    worlds.append(world)
    world.cluster.lagging = True
    async with world.running():
        for reason in ("first", "second"):
            world.controller.enqueue(A, reason=reason)
            await asyncio.sleep(0.1)
        await asyncio.sleep(PATIENCE + 1)
        assert world.script.times[1] - world.script.times[0] == pytest.approx(PATIENCE, abs=0.1)
        assert world.counted("aimctrl_reconcile_stale_total") == 1
        world.cluster.deliver()


@pytest.mark.looptime
async def test_a_child_whose_creation_was_never_answered_is_not_made_again() -> None:
    worlds: list[World] = []
    make = makes_a_child(worlds)

    async def body(request: Request) -> None:
        world = worlds[0]
        if not world.informers.informer(CHILD).lister.keys():
            with collect() as writes:
                await make(request)
            record(msgspec.structs.replace(writes[0], version=0, doubtful=True))
            raise ConnectionFailedError(Answer(message="connection reset"))

    world = World(body, watches=(owns(CHILD, OWNER),))
    worlds.append(world)
    world.cluster.lagging = True
    async with world.running():
        world.controller.enqueue(A, reason="new")
        await asyncio.sleep(5)
        assert len(world.script.requests) == 1
        world.cluster.deliver()
        await asyncio.sleep(1)
        assert len(world.script.requests) == 2
    assert [call for call in world.cluster.calls if "create" in call] == ["create Child ns/child-1"]


@pytest.mark.looptime
async def test_what_a_failed_reconcile_wrote_is_waited_for_too() -> None:
    worlds: list[World] = []
    make = makes_a_child(worlds)

    async def body(request: Request) -> None:
        await make(request)
        if not request.failures:
            raise TransientError("after the write")

    world = World(body, watches=(owns(CHILD, OWNER),))
    worlds.append(world)
    world.cluster.lagging = True
    async with world.running():
        world.controller.enqueue(A, reason="first")
        await asyncio.sleep(5)
        assert len(world.script.requests) == 1
        world.cluster.deliver()
        await asyncio.sleep(0.1)
        assert len(world.script.requests) == 2


@pytest.mark.looptime
async def test_a_deletion_is_waited_for() -> None:
    async def body(_request: Request) -> None:
        await world.cluster.delete(CHILD, Key("ns", "c"))

    world = World(body, watches=(owns(CHILD, OWNER),))
    world.child("c", owner="a")
    world.cluster.lagging = True
    async with world.running():
        await asyncio.sleep(1)
        world.controller.enqueue(A, reason="again")
        await asyncio.sleep(1)
        assert len(world.script.requests) == 1
        world.cluster.deliver()
        await asyncio.sleep(0.1)
        assert len(world.script.requests) == 2


@pytest.mark.parametrize("why", ["not-watched", "unavailable", "another-namespace"])
@pytest.mark.looptime
async def test_writes_no_cache_will_show_are_not_waited_for(why: str) -> None:
    worlds: list[World] = []
    world = World(makes_a_child(worlds), watches=() if why == "not-watched" else (owns(CHILD, OWNER),))
    worlds.append(world)
    if why == "unavailable":
        world.informers.informer(CHILD).availability = Unavailable("KindMissing", "no such kind")
    if why == "another-namespace":
        world.informers.namespaces = ("elsewhere",)
    world.cluster.lagging = True
    async with world.running():
        for reason in ("first", "second"):
            world.controller.enqueue(A, reason=reason)
            await asyncio.sleep(0.1)
    assert len(world.script.requests) == 2


@pytest.mark.parametrize(
    ("error", "found"),
    [
        pytest.param(
            ExceptionGroup("", [TerminalError(), MendableError()]), MendableError, id="mendable-before-terminal"
        ),
        pytest.param(ExceptionGroup("", [TransientError(), ValueError()]), Exception, id="unforeseen-first"),
        pytest.param(ExceptionGroup("", [ExceptionGroup("", [TransientError()])]), TransientError, id="nested"),
        pytest.param(refused(ServerError, 500), TransientError, id="subclass"),
        pytest.param(json.JSONDecodeError("", "", 0), Exception, id="anything-else"),
    ],
)
def test_a_group_of_errors_is_as_urgent_as_its_most_urgent(error: Exception, found: type[Exception]) -> None:
    assert policy(error) is found

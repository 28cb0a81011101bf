"""Cancelled at every await there is: no task is left behind, no key is lost, no lease, connection or watch is held."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from itertools import count
from typing import Any

import pytest
from aiohttp import web

from aimctrl.kube.core import CONFIGMAPS, EVENTS, LEASES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.answers import Call
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.controller import Controller, ControllerOptions, Host
from aimctrl.runtime.election import LeaderOptions
from aimctrl.runtime.errors import ConnectionFailedError
from aimctrl.runtime.events import AT_ONCE, EventRecorder
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.leader import LeaderElector
from aimctrl.runtime.manager import Manager
from aimctrl.runtime.metrics import Metrics
from aimctrl.runtime.plan import Child, Note, Plan, Removal, Target
from aimctrl.runtime.planning import PlanReconciler
from aimctrl.runtime.request import Request, Result
from aimctrl.runtime.transport import _CALLS_AT_ONCE as CALLS_AT_ONCE
from aimctrl.runtime.transport import NoRequestMetrics, Transport
from aimctrl.runtime.triggers import owns
from support.cutting import Scissors, stalled
from support.fake_api import FakeApi, no_answer
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder
from support.following import quiet

OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "Owner", "owners", dict)
CHILD: Kind[dict[str, Any]] = Kind("example.com", "v1", "Child", "children", dict)
PODS: Kind[dict[str, Any]] = Kind("", "v1", "Pod", "pods", dict)
LEASE = Key("ns", "op")


class Slow(FakeCluster):
    """A cluster that takes its time to answer too: a write may be carried out and its answer never heard."""

    async def create(self, kind: Kind[Any], manifest: Any, *, field_manager: str = "") -> Meta:
        return await _later(await super().create(kind, manifest, field_manager=field_manager))

    async def apply(self, kind: Kind[Any], manifest: Any, *, field_manager: str = "", force: bool = True) -> Meta:
        return await _later(await super().apply(kind, manifest, field_manager=field_manager, force=force))

    async def patch(self, kind: Kind[Any], key: Key, body: Any, *, subresource: str = "") -> Meta:
        return await _later(await super().patch(kind, key, body, subresource=subresource))


async def _later(meta: Meta) -> Meta:
    await asyncio.sleep(0)
    return meta


@pytest.mark.looptime
@pytest.mark.parametrize("streams", [True, False], ids=["streamed lists", "pages"])
async def test_informers_end_with_all_their_watches(*, streams: bool) -> None:
    for at in count(1):
        api = FakeApi(streams=streams, page_size=1)
        for name in "abc":
            api.put("pods", name, "x")
        informers = Informers(api, namespaces=("x", "y"), resync_seconds=30.0)
        informers.informer(PODS).add_handler(lambda _: None)
        scissors = Scissors(at)

        async def busy(api: FakeApi = api, informers: Informers = informers) -> None:
            await informers.wait_settled()
            api.put("pods", "d", "y")
            informers.informer(CONFIGMAPS)  # one more while they run
            await quiet()
            api.send(no_answer())
            await asyncio.sleep(3)
            api.version += 1
            api.forget()
            api.send(None)
            await asyncio.sleep(40)

        await scissors.run(informers.run(), busy)
        assert api.open_watches() == []
        if not scissors.cut:
            break
    assert at > 30


class Owners(PlanReconciler[Target]):
    """Keeps two children and a status for each owner, and removes a third child where it is found."""

    def __init__(self, applier: Applier, informers: FakeInformers) -> None:
        super().__init__(applier)
        self.informers = informers
        self.body: Callable[[Request], Awaitable[Result]] = super().reconcile

    async def observe(self, request: Request) -> Target | None:
        await asyncio.sleep(0)
        entry = self.informers.informer(OWNER).lister.entry(request.key)
        if entry is None:
            return None
        return Target(OWNER, entry.meta(), OWNER.decode(entry.raw).get("status", {}))

    def decide(self, observed: Target) -> Plan:
        refs = [observed.owner_reference()]

        def child(suffix: str) -> dict[str, Any]:
            name = f"{observed.meta.name}-{suffix}"
            return {"metadata": {"name": name, "namespace": "ns", "ownerReferences": refs}, "spec": {"a": 1}}

        old = Key("ns", f"{observed.meta.name}-old")
        meta = self.informers.informer(CHILD).lister.meta(old)
        return Plan(
            observed,
            status={"ready": True},
            children=(Child(CHILD, child("applied")), Child(CHILD, child("created"), "create")),
            removals=(Removal(CHILD, old, meta.uid),) if meta is not None else (),
            finalizers=("example.com/held",),
            notes=(Note("Ready", "it is"),),
        )

    async def reconcile(self, request: Request) -> Result:
        return await self.body(request)


class World:
    """Owners `a` and `b` with a child too many each, and a controller for them."""

    def __init__(self, **options: Any) -> None:
        self.informers = FakeInformers()
        self.cluster = Slow(self.informers)
        self.recorder = FakeRecorder()
        applier = Applier(self.cluster, self.informers, self.recorder, field_manager="us")  # type: ignore[arg-type]
        self.reconciler = Owners(applier, self.informers)
        more = ControllerOptions(**{"max_concurrent": 2, "timeout": 5.0, **options})
        self.controller = Controller("owner", OWNER, self.reconciler, watches=(owns(CHILD, OWNER),), options=more)
        self.controller.bind(Host(self.informers, Metrics(), self.recorder))  # type: ignore[arg-type]
        for name in "ab":
            self.cluster.put(OWNER, {"metadata": {"name": name, "namespace": "ns", "uid": name}, "spec": {}})
            self.cluster.put(CHILD, {"metadata": {"name": f"{name}-old", "namespace": "ns"}, "spec": {}})

    def state(self) -> dict[str, Any]:
        """What there is, but for versions."""
        return {
            f"{kind}/{key}": (live.get("spec"), live.get("status"), live["metadata"].get("finalizers"))
            for (kind, key), live in self.cluster.objects.items()
        }

    def assert_done(self) -> None:
        done = {
            **{f"owners.example.com/ns/{name}": ({}, {"ready": True}, ["example.com/held"]) for name in "ab"},
            **{
                f"children.example.com/ns/{n}-{s}": ({"a": 1}, None, None) for n in "ab" for s in ("applied", "created")
            },
        }
        assert self.state() == done
        assert self.controller.queue.running == 0
        assert vars(self.controller.queue)["_slots"] == {}


@pytest.mark.looptime
async def test_a_controller_cut_off_anywhere_has_lost_no_key_and_goes_on_where_it_was() -> None:
    for at in count(1):
        world = World()
        scissors = Scissors(at)
        await scissors.run(world.controller.run(), lambda: asyncio.sleep(60))
        assert world.controller.queue.running == 0
        await Scissors(-1).run(world.controller.run(), lambda: asyncio.sleep(60))
        world.assert_done()
        if not scissors.cut:
            break
    assert at > 20


@pytest.mark.looptime
async def test_a_reconcile_that_hangs_at_any_await_is_given_up_and_the_next_one_finishes_its_work() -> None:
    for at in count(1):
        world = World()
        hung: list[str] = []
        plain = world.reconciler.body

        async def first_hangs(request: Request, at: int = at, plain: Any = plain, hung: list[str] = hung) -> Result:
            if request.key.name == "a" and not hung:
                return await stalled(plain(request), at, lambda: hung.append("a"))
            return await plain(request)

        world.reconciler.body = first_hangs
        await Scissors(-1).run(world.controller.run(), lambda: asyncio.sleep(60))
        world.assert_done()
        if not hung:
            break
    assert at > 8


class Leases(Slow):
    """A cluster with nothing but a Lease, and electors for it."""

    def __init__(self) -> None:
        super().__init__(FakeInformers())

    def elector(self, identity: str) -> LeaderElector:
        loop = asyncio.get_running_loop()
        return LeaderElector(self, LeaderOptions("op", "ns", identity), clock=loop.time)  # type: ignore[arg-type]

    @property
    def holder(self) -> str:
        lease = self.objects.get((LEASES.resource, LEASE))
        return lease["spec"]["holderIdentity"] if lease is not None else ""


@asynccontextmanager
async def standing(elector: LeaderElector) -> AsyncIterator[None]:
    task = asyncio.create_task(elector.run())
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.mark.looptime
async def test_an_election_cut_off_anywhere_gives_the_lease_back() -> None:
    for at in count(1):
        leases = Leases()
        first, second = leases.elector("first"), leases.elector("second")
        scissors = Scissors(at)
        await scissors.run(first.run(), lambda: asyncio.sleep(20))
        await first.release()
        assert not first.is_leader()
        assert leases.holder == ""
        async with standing(second), asyncio.timeout(1.5):
            await second.elected.wait()
        if not scissors.cut:
            break
    assert at > 10


@pytest.mark.looptime
async def test_a_release_cut_off_anywhere_leaves_a_lease_that_runs_out_and_nobody_who_leads() -> None:
    for at in count(1):
        leases = Leases()
        first, second = leases.elector("first"), leases.elector("second")
        async with standing(first):
            await first.elected.wait()
        scissors = Scissors(at)
        await scissors.run(first.release(), lambda: asyncio.sleep(20))
        assert not first.is_leader()
        async with standing(second), asyncio.timeout(17.0):
            await second.elected.wait()
        if not scissors.cut:
            break
    assert at > 3


@pytest.mark.looptime
async def test_a_recorder_cut_off_anywhere_drops_at_most_the_events_it_was_writing() -> None:
    for at in count(1):
        cluster = Slow(FakeInformers())
        recorder = EventRecorder(cluster, component="operator", clock=_stamp)  # type: ignore[arg-type]
        for name in "abcdefghijkl":
            recorder.note(Target(OWNER, Meta(name=name, namespace="ns", uid=name)), Note("R", "m"))
        scissors = Scissors(at)
        await scissors.run(recorder.run(), lambda: asyncio.sleep(20))
        recorder.stop()
        await recorder.run()
        told = sorted(
            live["regarding"]["name"] for (kind, _), live in cluster.objects.items() if kind == EVENTS.resource
        )
        assert len(set(told)) == len(told) >= 12 - AT_ONCE
        if not scissors.cut:
            break
    assert at > 5


def _stamp() -> Any:
    from datetime import UTC, datetime

    return datetime(2026, 1, 1, tzinfo=UTC)


class Server(Slow):
    """What a manager's client does: reads from one fake, writes to the other."""

    field_manager = "us"
    fence: Callable[[], bool] | None = None

    def __init__(self, api: FakeApi) -> None:
        super().__init__(FakeInformers())
        self.list_page = api.list_page
        self.stream = api.stream


@pytest.mark.looptime
async def test_a_manager_cancelled_at_any_moment_ends_with_all_it_had_begun_and_gives_the_lease_back() -> None:
    for at in count(1):
        api = FakeApi()
        for name in "ab":
            api.put("owners", name, "ns")
        leases, diary = Leases(), []
        elector = leases.elector("me")
        manager = Manager(Server(api), leader=elector)  # type: ignore[arg-type]
        manager.add(Controller("owner", OWNER, _Noting(manager, diary)))
        manager.add_runnable(lambda: asyncio.sleep(1000), name="runnable")
        manager.on_elected(lambda: asyncio.sleep(0))
        scissors = Scissors(at)
        await scissors.run(manager.run(), lambda: asyncio.sleep(1.5))
        assert api.open_watches() == []
        assert leases.holder == ""
        assert not manager.is_leader
        if not scissors.cut:
            break
    assert {"a", "b"} <= set(diary)
    assert at > 30


class _Noting:
    def __init__(self, manager: Manager, diary: list[str]) -> None:
        self.manager, self.diary = manager, diary

    async def reconcile(self, request: Request) -> Result:
        meta = self.manager.informers.informer(OWNER).lister.meta(request.key)
        assert meta is not None
        self.manager.recorder.note(Target(OWNER, meta), Note("Seen", "once more"))
        await asyncio.sleep(0.1)
        self.diary.append(request.name)
        return Result(requeue_after=0.5)


class Credentials:
    """The token is refused until it was renewed, which takes a while."""

    def __init__(self) -> None:
        self.token = "old"

    async def authorization(self) -> str:
        await asyncio.sleep(0)
        return self.token

    async def renew(self) -> None:
        await asyncio.sleep(0)
        self.token = "new"


class Site:
    """A server that refuses the first token, is busy once where it is asked to be, and answers in three pieces."""

    def __init__(self) -> None:
        self.busy = True

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.headers["Authorization"] == "old":
            return web.json_response({"kind": "Status"}, status=401)
        if request.query.get("busy") and self.busy:
            self.busy = False
            return web.json_response({"kind": "Status"}, status=503, headers={"Retry-After": "0"})
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(3):
            await response.write(b"{}\n")
            await asyncio.sleep(0)
        return response


@asynccontextmanager
async def transport(answer: Any = None) -> AsyncIterator[Transport]:
    """A transport to a server that answers like that, or as Site does."""
    app = web.Application()
    app.router.add_route("*", "/{rest:.*}", answer or Site().answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=1.0)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    connection = Connection(f"http://127.0.0.1:{runner.addresses[0][1]}", credentials=Credentials())
    sender = Transport(connection, sender="t", metrics=NoRequestMetrics(), timeout=30.0, may_write=lambda: True)
    await sender.open()
    try:
        yield sender
    finally:
        await sender.close()
        await runner.cleanup()


async def _stream(sender: Transport, call: Call) -> None:
    async with sender.stream(call) as pieces:
        async for _ in pieces:
            await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("use", "call"),
    [
        pytest.param(Transport.send, Call("GET", "/a", {"busy": "1"}), id="a read that is repeated"),
        pytest.param(Transport.send, Call("POST", "/a", body=b"{}"), id="a write"),
        pytest.param(Transport.send, Call("GET", "/a", limit=2), id="a read cut short"),
        pytest.param(_stream, Call("GET", "/a"), id="a stream"),
    ],
)
async def test_a_request_cut_off_anywhere_gives_its_connection_back(use: Any, call: Call) -> None:
    for at in count(1):
        async with transport() as sender, asyncio.timeout(60):
            scissors = Scissors(at)
            done = asyncio.Event()

            async def ask(sender: Transport = sender, done: asyncio.Event = done) -> None:
                await use(sender, call)
                done.set()

            await scissors.run(ask(), done.wait)
            assert sender._pool is not None
            assert not sender._pool._out
            await use(sender, call)
        if not scissors.cut:
            break
    assert at > 4


async def test_a_request_that_waits_for_a_connection_as_the_pool_is_closed_fails_as_others_do() -> None:
    """Cancelled though nobody cancelled it, a task would end without a word, and a task group would go on without it."""
    arrived, held = asyncio.Event(), asyncio.Event()

    async def hold(_request: web.Request) -> web.Response:
        arrived.set()
        await held.wait()
        return web.Response()

    async with transport(hold) as sender, asyncio.timeout(60):
        calls = [asyncio.create_task(sender.send(Call("POST", f"/{n}", body=b"{}"))) for n in range(CALLS_AT_ONCE + 1)]
        await arrived.wait()
        await quiet()
        await sender.close()
        await asyncio.wait(calls)
        held.set()
    assert not any(call.cancelled() for call in calls)
    assert {type(call.exception()) for call in calls} == {ConnectionFailedError}

"""Several electors on one Lease, in virtual time, with links that can be slow, silent or cut."""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, tzinfo
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta
from aimctrl.runtime import leader
from aimctrl.runtime.election import LeaderOptions
from aimctrl.runtime.errors import (
    AlreadyExistsError,
    Answer,
    ConflictError,
    ConnectionFailedError,
    ForbiddenError,
    LeadershipLostError,
    NotFoundError,
)
from aimctrl.runtime.leader import LeaderElector, unique_identity

pytestmark = pytest.mark.looptime

KEY = Key("ns", "op")


class Leases:
    """The API server's one Lease, with optimistic locking and merge patches."""

    def __init__(self) -> None:
        self.lease: dict[str, Any] | None = None
        self.versions = itertools.count(1)
        self.history: list[str] = []

    def put(self, lease: dict[str, Any]) -> Meta:
        version = str(next(self.versions))
        lease["metadata"] = lease.get("metadata", {}) | {"resourceVersion": version}
        self.lease = lease
        holder = lease["spec"].get("holderIdentity", "")
        if not self.history or self.history[-1] != holder:
            self.history.append(holder)
        return Meta(name=KEY.name, namespace=KEY.namespace, resource_version=version)

    @property
    def spec(self) -> dict[str, Any]:
        assert self.lease is not None
        return self.lease["spec"]


class Link:
    """A client's way to the server: `delay` before and after it acts, `fault` raised instead, `deaf` never answers."""

    def __init__(self, server: Leases) -> None:
        self.server = server
        self.delay_there = 0.0
        self.delay_back = 0.0
        self.fault: Exception | None = None
        self.fault_back: Exception | None = None
        self.deaf = False
        self.calls = 0

    async def get(self, _: Any, key: Key) -> bytes:
        def act() -> bytes:
            if self.server.lease is None:
                raise NotFoundError(Answer(404, "NotFound", "no such lease"))
            return msgspec.json.encode(self.server.lease)

        assert key == KEY
        return await self._call(act)

    async def create(self, _: Any, manifest: dict[str, Any]) -> Meta:
        def act() -> Meta:
            if self.server.lease is not None:
                raise AlreadyExistsError(Answer(409, "AlreadyExists"))
            return self.server.put(manifest)

        return await self._call(act)

    async def patch(self, _: Any, key: Key, body: dict[str, Any]) -> Meta:
        def act() -> Meta:
            lease = self.server.lease
            if lease is None:
                raise NotFoundError(Answer(404, "NotFound", "no such lease"))
            if body["metadata"]["resourceVersion"] != lease["metadata"]["resourceVersion"]:
                raise ConflictError(Answer(409, "Conflict"))
            return self.server.put({**lease, "spec": lease["spec"] | body["spec"]})

        assert key == KEY
        return await self._call(act)

    async def _call(self, act: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.deaf:
            await asyncio.Event().wait()
        await asyncio.sleep(self.delay_there)
        if self.fault is not None:
            raise self.fault
        answer = act()
        await asyncio.sleep(self.delay_back)
        if self.fault_back is not None:
            raise self.fault_back
        return answer


CUT = ConnectionFailedError(Answer(message="connection refused"))


class Member:
    """An elector with its link and a clock that may be ahead of the loop's, as after a suspend."""

    def __init__(self, server: Leases, name: str, *, self_fencing: bool = False) -> None:
        self.link = Link(server)
        self.ahead = 0.0
        options = LeaderOptions("op", "ns", name)
        self.elector = LeaderElector(self.link, options, clock=self.clock, self_fencing=self_fencing)
        self.task: asyncio.Task[None] | None = None

    def clock(self) -> float:
        return asyncio.get_running_loop().time() + self.ahead

    def start(self) -> "Member":
        self.task = asyncio.create_task(self.elector.run())
        return self

    async def kill(self) -> None:
        assert self.task is not None
        self.task.cancel()
        await asyncio.wait({self.task})

    async def lost(self) -> str:
        assert self.task is not None
        with pytest.raises(LeadershipLostError) as caught:
            await self.task
        return str(caught.value)


@asynccontextmanager
async def members(*names: str, self_fencing: bool = False) -> AsyncIterator[tuple[Leases, list[Member]]]:
    """Electors that are watched all the time: never two of them lead."""
    server = Leases()
    all_of_them = [Member(server, name, self_fencing=self_fencing) for name in names]

    async def watch() -> None:
        while True:
            assert sum(member.elector.is_leader() for member in all_of_them) <= 1
            await asyncio.sleep(0.1)

    watching = asyncio.create_task(watch())
    try:
        yield server, all_of_them
        assert not watching.done(), "two led at once"
    finally:
        tasks = {watching} | {member.task for member in all_of_them if member.task}
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)


async def within(seconds: float, done: Awaitable[Any]) -> Any:
    return await asyncio.wait_for(done, seconds)


async def test_a_single_elector_leads_at_once_and_goes_on() -> None:
    async with members("a") as (server, [a]):
        a.start()
        await within(0.1, a.elector.elected.wait())
        first = server.spec["renewTime"]
        await asyncio.sleep(60)
        assert a.elector.is_leader()
        assert server.spec["renewTime"] > first
        assert server.spec["leaseTransitions"] == 0


async def test_a_standby_leads_once_a_dead_leaders_lease_has_run_out() -> None:
    async with members("a", "b") as (server, [a, b]):
        await within(0.1, a.start().elector.elected.wait())
        b.start()
        await asyncio.sleep(30)
        await a.kill()
        await asyncio.sleep(10)
        assert not b.elector.is_leader()
        await within(6.1, b.elector.elected.wait())
        assert server.history == ["a", "b"]
        assert server.spec["leaseTransitions"] == 1


async def test_a_standby_leads_within_a_second_of_a_release() -> None:
    async with members("a", "b") as (server, [a, b]):
        await within(0.1, a.start().elector.elected.wait())
        b.start()
        await asyncio.sleep(7.3)
        await a.kill()
        assert a.elector.is_leader(), "until it is released, the Lease is still its own"
        await a.elector.release()
        assert not a.elector.is_leader()
        await within(1.0, b.elector.elected.wait())
        assert server.history == ["a", "", "b"]


@pytest.mark.parametrize("fault", ["refused", "deaf"])
async def test_a_leader_cut_off_stops_before_another_starts(fault: str) -> None:
    async with members("a", "b") as (_, [a, b]):
        await within(0.1, a.start().elector.elected.wait())
        b.start()
        await asyncio.sleep(20)
        a.link.deaf, a.link.fault = fault == "deaf", CUT
        assert "could not be renewed within 10 s" in await within(10.0, a.lost())
        assert not b.elector.is_leader()
        await within(8.0, b.elector.elected.wait())


@pytest.fixture
def alarms(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """When the process would have been ended, each time that is said anew; 0 for not at all."""
    told: list[float] = []

    def tell(seconds: float) -> None:
        told.append(seconds and asyncio.get_running_loop().time() + seconds)

    monkeypatch.setattr(leader, "end_process_after", tell)
    return told


async def test_a_self_fencing_leader_that_stands_still_is_ended_after_its_own_time_and_before_anothers(
    alarms: list[float],
) -> None:
    async with members("a", "b", self_fencing=True) as (_, [a, b]):
        await within(0.1, a.start().elector.elected.wait())
        b.start()
        await asyncio.sleep(21)  # between two renewals
        assert len(alarms) > 9, "put off by each renewal"
        a.link.deaf = True
        ends = alarms[-1]
        await within(10.0, a.lost())
        assert asyncio.get_running_loop().time() < ends
        assert alarms[-1] == 0, "it gave up by itself, and goes on"
        await within(8.0, b.elector.elected.wait())
        assert asyncio.get_running_loop().time() > ends
        await b.elector.release()
        assert alarms[-1] == 0


async def test_without_self_fencing_no_process_is_ended(alarms: list[float]) -> None:
    async with members("a") as (_, [a]):
        await within(0.1, a.start().elector.elected.wait())
        await a.elector.release()
        assert alarms == []


async def test_a_fault_shorter_than_the_deadline_costs_nothing() -> None:
    async with members("a") as (server, [a]):
        await within(0.1, a.start().elector.elected.wait())
        a.link.fault = CUT
        with capture_logs() as logs:
            await asyncio.sleep(7)
            a.link.fault = None
            await asyncio.sleep(30)
        assert a.elector.is_leader()
        assert server.history == ["a"]
        assert [line["event"] for line in logs] == ["lease not written"], "told once, not at each try"


async def test_slow_answers_do_not_lengthen_leadership() -> None:
    async with members("a", "b") as (_, [a, b]):
        await within(0.1, a.start().elector.elected.wait())
        b.start()
        a.link.delay_back = 4.0
        await asyncio.sleep(60)
        assert a.elector.is_leader()
        a.link.deaf = True
        await within(10.0, a.lost())


async def test_a_candidate_leads_though_answers_are_slow() -> None:
    async with members("a", "b") as (server, [a, b]):
        server.put({"spec": {"holderIdentity": ""}})
        for member in (a, b):
            member.link.delay_back = 3.0
            member.start()
        await asyncio.sleep(60)
        assert a.elector.is_leader() != b.elector.is_leader()
        assert len(server.history) == 2


async def test_a_leader_reads_and_renews_though_answers_are_slow_after_one_was_lost() -> None:
    async with members("a") as (server, [a]):
        await within(0.1, a.start().elector.elected.wait())
        await asyncio.sleep(1)
        a.link.fault = CUT
        await asyncio.sleep(2)
        a.link.fault = None
        a.link.delay_back = 2.6
        await asyncio.sleep(60)
        assert a.elector.is_leader()
        assert server.history == ["a"]


async def test_a_process_that_was_suspended_does_not_lead_for_a_moment() -> None:
    async with members("a") as (server, [a]):
        await within(0.1, a.start().elector.elected.wait())
        await asyncio.sleep(5)
        calls = a.link.calls
        a.ahead = 20.0
        assert not a.elector.is_leader(), "the fence is shut before anything had a chance to run"
        assert "could not be renewed" in await within(2.1, a.lost())
        assert a.link.calls == calls, "and the Lease is not taken back behind everybody's back"
        assert server.history == ["a"]


async def test_wall_clocks_that_jump_hasten_and_hinder_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    class Jumping(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Jumping":
            return super().now(tz) + timedelta(hours=next(jumps))

    jumps = itertools.cycle((0, 30, -1, -30, 1))
    monkeypatch.setattr(leader, "datetime", Jumping)
    async with members("a", "b") as (server, [a, b]):
        await within(0.1, a.start().elector.elected.wait())
        b.start()
        await asyncio.sleep(300)
        assert server.history == ["a"]
        await a.kill()
        await within(16.1, b.elector.elected.wait())
        assert server.history == ["a", "b"]


async def test_a_write_whose_answer_was_lost_is_not_a_lost_lease() -> None:
    async with members("a") as (server, [a]):
        await within(0.1, a.start().elector.elected.wait())
        a.link.fault_back = CUT
        await asyncio.sleep(6)
        a.link.fault_back = None
        await asyncio.sleep(30)
        assert a.elector.is_leader()
        assert server.history == ["a"]


async def test_a_first_claim_whose_answer_was_lost_still_leads() -> None:
    async with members("a") as (server, [a]):
        a.link.fault_back = CUT
        a.start()
        await asyncio.sleep(0.1)
        a.link.fault_back = None
        await within(2.0, a.elector.elected.wait())
        assert server.history == ["a"]


async def test_of_many_that_race_for_a_free_lease_one_leads() -> None:
    async with members(*"abcdefgh") as (server, everybody):
        for number, member in enumerate(everybody):
            member.link.delay_there = 0.001 * number
            member.start()
        await asyncio.sleep(5)
        assert sum(member.elector.is_leader() for member in everybody) == 1
        assert len(server.history) == 1


async def test_a_lease_taken_by_hand_ends_leadership_at_the_next_renewal() -> None:
    async with members("a") as (server, [a]):
        await within(0.1, a.start().elector.elected.wait())
        server.put({"spec": server.spec | {"holderIdentity": "thief"}})
        assert "taken over by thief" in await within(4.1, a.lost())
        assert server.spec["holderIdentity"] == "thief"


async def test_a_deleted_lease_is_made_again() -> None:
    async with members("a") as (server, [a]):
        await within(0.1, a.start().elector.elected.wait())
        server.lease = None
        await asyncio.sleep(6)
        assert a.elector.is_leader()
        assert server.spec["holderIdentity"] == "a"


async def test_what_others_wrote_into_the_lease_stays() -> None:
    async with members("a") as (server, [a]):
        server.put({"metadata": {"labels": {"team": "x"}}, "spec": {"strategy": "OldestEmulationVersion"}})
        await within(0.1, a.start().elector.elected.wait())
        assert server.lease is not None
        assert server.lease["metadata"]["labels"] == {"team": "x"}
        assert server.spec["strategy"] == "OldestEmulationVersion"


async def test_a_candidate_without_rights_says_so_once_and_keeps_trying() -> None:
    async with members("a") as (_, [a]):
        a.link.fault = ForbiddenError(Answer(403, "Forbidden", "cannot get leases"))
        with capture_logs() as logs:
            a.start()
            await asyncio.sleep(20)
        assert [line["event"] for line in logs] == ["waiting to lead", "lease not written"]
        assert "cannot get leases" in logs[1]["error"]
        a.link.fault = None
        await within(1.0, a.elector.elected.wait())


async def test_one_that_never_claimed_releases_without_asking() -> None:
    async with members("a") as (_, [a]):
        a.start()
        a.link.deaf = True
        await a.kill()
        calls = a.link.calls
        await a.elector.release()
        assert a.link.calls == calls


async def test_a_release_that_fails_is_logged_and_bounded() -> None:
    async with members("a") as (_, [a]):
        await within(0.1, a.start().elector.elected.wait())
        await a.kill()
        a.link.deaf = True
        with capture_logs() as logs:
            await within(3.1, a.elector.release())
        assert logs[-1]["event"] == "the lease was not released and has to run out"
        assert not a.elector.is_leader()


async def test_a_lease_somebody_else_took_is_left_alone_by_a_release() -> None:
    async with members("a") as (server, [a]):
        await within(0.1, a.start().elector.elected.wait())
        await a.kill()
        server.put({"spec": server.spec | {"holderIdentity": "b"}})
        await a.elector.release()
        assert server.spec["holderIdentity"] == "b"


def test_identities_differ_within_one_process() -> None:
    assert unique_identity() != unique_identity()

"""Leaders that are killed, stopped and put out: whoever does not lead any more writes nothing, and somebody takes over.

The replicas are processes with users of their own, and write without pause while they lead (support/replica.py). What
the API server's audit log says counts: a user that wrote after another one had begun would be there twice.
"""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any
from uuid import uuid4

import msgspec
import pytest

from aimctrl.kube.core import CONFIGMAPS, LEASES
from controlplane import ControlPlane
from support import replica
from support.program import EVERYTHING, Program, account, command, user_of, writers, writes
from support.replica import LOST, PREFIX, Part
from support.world import World, eventually, world

LEASE_DURATION, RENEW_DEADLINE, RETRY_PERIOD = 6.0, 4.5, 2.0
SIGNED = 3
PATIENCE = 180.0

SIGNALS = (signal.SIGSTOP, signal.SIGKILL, signal.SIGTERM)
WITHIN = {signal.SIGKILL: LEASE_DURATION + 2.0, signal.SIGSTOP: LEASE_DURATION + 2.0, signal.SIGTERM: 1.0}
"""Seconds within which the next leader writes."""

GENEROSITY = 1.0
"""Seconds more, for a busy machine."""


@dataclass(frozen=True)
class Flap:
    """One leader that was put out, when, how, and who came after it."""

    before: str
    after: str
    number: signal.Signals
    at: datetime


@dataclass
class Troupe:
    """So many replicas at a time; one that has ended is replaced by one with another user."""

    plane: ControlPlane
    user: World
    namespace: str
    folder: Path
    stack: AsyncExitStack
    size: int
    alive: dict[str, Program] = field(default_factory=dict)
    names: list[str] = field(default_factory=list)
    flaps: list[Flap] = field(default_factory=list)
    _numbers: Callable[[], int] = field(default_factory=lambda: count().__next__)

    @property
    def users(self) -> list[str]:
        """All there ever were."""
        return [user_of(name) for name in self.names]

    async def fill(self) -> None:
        """Have as many as there should be, each ready to lead; the wall clock of every other one jumps."""
        for name, one in list(self.alive.items()):
            if one.process.returncode is not None:
                assert await one.ends() in {LOST, 0, -signal.SIGKILL, signal.SIGALRM}, one.output
                del self.alive[name]
        while len(self.alive) < self.size:
            number = self._numbers()
            await self.join(f"{self.namespace}-{number}", clock_jumps=number % 2 == 1)
        for one in self.alive.values():
            await one.says("waiting to lead", timeout=PATIENCE)
            await one.says("watch established", timeout=PATIENCE)

    async def join(self, name: str, **fate: bool) -> Program:
        """Start a replica of that name, which is a user of its own."""
        file = await account(self.user, self.plane, self.folder, name, EVERYTHING)
        part = Part(str(file), self.namespace, user_of(name), LEASE_DURATION, RENEW_DEADLINE, RETRY_PERIOD, **fate)
        words = (sys.executable, "-P", str(Path(replica.__file__)), msgspec.json.encode(part).decode())
        self.alive[name] = await self.stack.enter_async_context(command(*words))
        self.names.append(name)
        return self.alive[name]

    async def leader(self, *, but: str = "") -> str:
        """The replica that leads, and has written already; one that is not `but`."""

        async def found() -> str | None:
            await self.fill()
            lease = await self.user.get(LEASES, "replicas", self.namespace)
            signed = await self.user.json(CONFIGMAPS, f"{PREFIX}0", self.namespace)
            by = signed.get("data", {}).get("by", "")
            holder = lease.spec.holder_identity if lease is not None else ""
            return next((name for name in self.alive if name != but and user_of(name) == by == holder), None)

        return await eventually(found, timeout=PATIENCE)

    async def flap(self, number: signal.Signals) -> None:
        """Put the leader out with that signal, and wait for the next one; a stopped one is woken then, and ends."""
        name = await self.leader()
        one, at = self.alive[name], datetime.now(UTC)
        with suppress(ProcessLookupError):  # it may have lost the Lease on a busy machine just now
            one.process.send_signal(number)
        after = await self.leader(but=name)
        self.flaps.append(Flap(user_of(name), user_of(after), number, at))
        if number is signal.SIGSTOP:
            with suppress(ProcessLookupError):
                one.process.send_signal(signal.SIGCONT)
        await one.ends(timeout=PATIENCE)

    def took(self) -> list[tuple[signal.Signals, float]]:
        """By which signal, and the seconds from it to the first write of the next leader.

        A leader that stops in order has first to end what it does: there it is from when it gave up its Lease.
        """
        written = writes(self.plane, *self.users)
        first = {event["user"]["username"]: _time(event) for event in reversed(written)}
        last = {event["user"]["username"]: _time(event) for event in writes(self.plane, *self.users, leases=True)}
        return [
            (flap.number, (first[flap.after] - began).total_seconds())
            for flap in self.flaps
            for began in [last[flap.before] if flap.number is signal.SIGTERM else flap.at]
        ]


def _time(event: Any) -> datetime:
    return datetime.fromisoformat(event["requestReceivedTimestamp"])


@pytest.fixture
async def user(plane: ControlPlane) -> AsyncIterator[World]:
    async with world(plane) as user:
        yield user


async def test_no_former_leader_writes_and_the_next_one_takes_over(
    plane: ControlPlane, user: World, tmp_path: Path, full: bool, record_testsuite_property: Any
):
    async with asyncio.TaskGroup() as tasks:
        told = {size: tasks.create_task(flaps(plane, user, tmp_path, size, 50 if full else 3)) for size in (2, 3)}
    for size, telling in told.items():
        troupe, took = telling.result(), telling.result().took()
        record_testsuite_property(f"took, {size} replicas", [(number.name, seconds) for number, seconds in took])
        order = writers(plane, *troupe.users)
        assert sorted(order) == sorted(set(order)), "somebody wrote after another one had begun"
        assert {flap.before for flap in troupe.flaps} <= set(order)
        if full:
            assert [one for one in took if one[1] > WITHIN[one[0]] + GENEROSITY] == []


async def test_a_write_that_was_about_to_be_sent_when_the_leader_was_stopped_is_never_sent(
    plane: ControlPlane, user: World, tmp_path: Path
):
    namespace = f"gap-{uuid4().hex[:6]}"
    await user.have(CONFIGMAPS, f"{PREFIX}0", namespace)
    async with AsyncExitStack() as stack:
        troupe = Troupe(plane, user, namespace, tmp_path, stack, 2)
        first = await troupe.join(f"{namespace}-first", stops_in_the_gap=True)
        await eventually(first.stands_still, timeout=PATIENCE)
        await troupe.leader()
        first.process.send_signal(signal.SIGCONT)
        code = await first.ends(timeout=PATIENCE)
        assert (code, writes(plane, user_of(f"{namespace}-first"))) == (signal.SIGALRM, []), first.output
        await troupe.fill()


async def flaps(plane: ControlPlane, user: World, folder: Path, size: int, times: int) -> Troupe:
    """A troupe of that size after so many flaps, and its end."""
    namespace = f"flaps-{size}-{uuid4().hex[:6]}"
    for number in range(SIGNED):
        await user.have(CONFIGMAPS, f"{PREFIX}{number}", namespace)
    async with AsyncExitStack() as stack:
        troupe = Troupe(plane, user, namespace, folder, stack, size)
        for number in range(times):
            await troupe.flap(SIGNALS[number % len(SIGNALS)])
        await troupe.fill()
        for one in troupe.alive.values():
            assert await one.terminate() in {0, LOST}, one.output
    return troupe

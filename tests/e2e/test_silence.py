"""A converged cluster is silent: whatever the operator looks at again, it writes nothing, not even an event."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from prometheus_client.parser import text_string_to_metric_families

from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_SERVICE, AIM_SERVICE_TEMPLATE, ALL
from aimctrl.kube.core import NODES
from aimctrl.kube.kinds import Key
from controlplane.server import free_port
from e2e.conftest import AIM_CRDS, OPERATOR_NAMESPACE, Manned
from e2e.homes import storage_class
from support import identity
from support.crds import crds_of
from support.crowd import Member, crowd, script_the_crowd
from support.embedded import Plane
from support.program import Program, program, writes
from support.registry import FakeRegistry
from support.world import World, eventually, surroundings, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

TEAMS = tuple(f"team-{number}" for number in range(10))
CROWD = 1000
RESYNC, RESYNCS = 4.0, 2
"""Seconds between two rounds of resyncs, and how many rounds the silence has to last for."""

STRETCH = 1.1
"""How much later than told a round may come."""

HUSH = 5.0
"""Seconds without a write after which everything may be said to be done."""

PATIENCE = 600.0
HEARTBEAT = 1.0


@dataclass(frozen=True)
class City:
    """A cluster with a crowd in it, and whoever keeps it going but for the operator."""

    plane: Plane
    user: World
    members: tuple[Member, ...]

    def writes(self) -> list[str]:
        """What the operator wrote so far, or tried to, each as a line."""
        return [_told(event) for event in writes(self.plane, identity.user())]

    async def objects(self) -> dict[tuple[str, Key], Any]:
        """All AIM objects, by kind and key."""
        return {(kind.name, found.key): found for kind in ALL for found in await self.user.all(kind)}


@dataclass(frozen=True)
class Operator:
    """An operator at work, as its metrics tell of it."""

    program: Program
    port: int

    async def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            families = text_string_to_metric_families(await answer.text())
        return sum(one.value for family in families for one in family.samples if one.name == name)

    async def reconciles(self) -> int:
        """How many there have been."""
        return int(await self.metric("controller_runtime_reconcile_total"))


@pytest.fixture(scope="module")
def plane(new_plane: type[Plane], manned: Manned) -> Iterator[Plane]:
    """A control plane of the crowd's own: nobody else has to live with what it leaves."""
    with new_plane(crds=[AIM_CRDS, *crds_of()]) as plane, manned(plane):
        yield plane


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def city(plane: Plane) -> AsyncIterator[City]:
    async with world(plane) as user, surroundings(plane) as scripts, FakeRegistry().serving() as registry:
        script_the_crowd(scripts, registry)
        await user.namespace(OPERATOR_NAMESPACE)
        await user.put(storage_class("shared"))
        for number in range(3):
            await user.have(NODES, f"node-{number}", labels={"amd.com/gpu.device-id": "74a1"})
        yield City(plane, user, tuple(crowd(TEAMS, registry)))


@asynccontextmanager
async def operator(city: City, resync: float = 0.0) -> AsyncIterator[Operator]:
    """`aimctrl run`; it has to stop in order."""
    port = free_port()
    options = (f"--kubeconfig={identity.of(city.plane)}", f"--resync-seconds={resync}", "--log-format=json")
    addresses = (f"--metrics-bind-address=127.0.0.1:{port}", "--health-probe-bind-address=0")
    async with program("run", *options, *addresses, environment={"NO_PROXY": "127.0.0.1"}) as running:
        await running.says("controller started")
        yield Operator(running, port)
        assert await running.terminate() == 0, running.output


async def settle(city: City) -> None:
    """Apply the crowd and wait until nothing is left to do.

    Services come when what they choose from is settled: a service keeps the first template that it finds.
    """
    for namespace in TEAMS:
        await city.user.namespace(namespace)
    services = tuple(one for one in city.members if one.kind == AIM_SERVICE)
    for wave in (tuple(one for one in city.members if one.kind != AIM_SERVICE), services):
        await move_in(city, wave)
        await all_are_as_expected(city, wave)
    await pause_for_an_hour(city)
    await writes_end(city)


async def move_in(city: City, wave: Sequence[Member]) -> None:
    """Apply them, each namespace in its order and all at once."""
    places: dict[str, list[Member]] = {}
    for member in wave:
        places.setdefault(member.namespace, []).append(member)

    async def fill(members: Sequence[Member]) -> None:
        for one in members:
            await city.user.client.apply(one.kind, one.manifest, field_manager="user")

    async with asyncio.TaskGroup() as tasks:
        for members in places.values():
            tasks.create_task(fill(members))


async def all_are_as_expected(city: City, wave: Sequence[Member]) -> None:
    """Wait until each has come to its end; AssertionError with those that have not."""
    amiss: list[str] = []

    async def come_to_their_ends() -> bool:
        found = await city.objects()
        amiss[:] = [told for one in wave if (told := _amiss(one, found))]
        return not amiss

    try:
        await eventually(come_to_their_ends, timeout=PATIENCE, every=2.0)
    except TimeoutError:
        raise AssertionError(f"{len(amiss)} never got there:\n" + "\n".join(amiss)) from None


async def pause_for_an_hour(city: City) -> None:
    """What has failed will be tried again long after the test: as after many failures."""
    until = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    for kind, record in ((AIM_SERVICE_TEMPLATE, "discovery"), (AIM_MODEL_CACHE, "download")):
        for found in await city.user.all(kind):
            attempts = getattr(found.status, record)
            if attempts is not None and attempts.retry_at is not None:
                body = {"status": {record: {"retryAt": until, "failures": 7}}}
                await city.user.client.patch(kind, found.key, body, subresource="status")


async def writes_end(city: City) -> None:
    """Wait until the operator has written nothing for a while."""
    loop = asyncio.get_running_loop()
    count, since = -1, loop.time()

    async def hushed() -> bool:
        nonlocal count, since
        now = len(city.writes())
        if now != count:
            count, since = now, loop.time()
        return loop.time() - since >= HUSH

    await eventually(hushed, timeout=PATIENCE, every=1.0)


@asynccontextmanager
async def heartbeats(city: City) -> AsyncIterator[None]:
    """Nodes say that they are alive, as kubelets do, while the block runs."""
    async with asyncio.TaskGroup() as tasks:
        beating = tasks.create_task(_beat(city))
        yield
        beating.cancel()


async def _beat(city: City) -> None:
    while True:
        for node in await city.user.all(NODES):
            alive = {"type": "Ready", "lastHeartbeatTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
            await city.user.client.request(
                "PATCH",
                NODES.path("", node.metadata.name, "status"),
                body={"status": {"conditions": [alive]}},
                content_type="application/strategic-merge-patch+json",
            )
        await asyncio.sleep(HEARTBEAT)


async def look_at_everything_again(city: City, one: Operator) -> None:
    """Wait until an operator has looked at each object when it started, and in that many rounds of resyncs since."""
    began = asyncio.get_running_loop().time()
    reconciled = sum("RuntimeConfig" not in kind for kind, _ in await city.objects())

    async def looked() -> bool:
        over = asyncio.get_running_loop().time() - began > RESYNCS * RESYNC * STRETCH
        return over and await one.reconciles() >= (1 + RESYNCS) * reconciled

    await eventually(looked, timeout=PATIENCE, every=1.0)


async def test_a_converged_crowd_of_every_kind_is_left_alone_by_resyncs_heartbeats_and_a_restart(city: City):
    async with operator(city):
        await settle(city)
        objects = await city.objects()
        assert len(objects) >= CROWD
        assert {kind for kind, _ in objects} == {kind.name for kind in ALL}
        before = len(city.writes())
    async with operator(city, RESYNC) as again, heartbeats(city):
        await look_at_everything_again(city, again)
    assert city.writes()[before:] == []


def _amiss(one: Member, found: dict[tuple[str, Key], Any]) -> str:
    """What is not as expected, `""` where all is."""
    if not one.state:
        return ""
    here = found.get((one.kind.name, Key(one.namespace, one.name)))
    status = here.status if here is not None else None
    said = {c.type: f"{c.reason}: {c.message}" for c in status.conditions}.get("Ready", "") if status else ""
    if status and status.status == one.state and said.startswith(one.reason):
        return ""
    is_state = status.status if status else "absent"
    return f"{one.kind.name} {one.namespace}/{one.name} is {is_state} ({said}), not {one.state} {one.reason}"


def _told(event: Any) -> str:
    """A write in a line, with what was sent where the audit log holds it."""
    what = event.get("objectRef", {})
    name = "/".join(what[part] for part in ("namespace", "resource", "name", "subresource") if what.get(part))
    return f"{event['responseStatus']['code']} {event['verb']} {name} {event.get('requestObject', '')}".rstrip()

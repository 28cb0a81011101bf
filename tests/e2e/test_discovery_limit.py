"""Hundreds of templates at once: never more Jobs than allowed, and no Job twice, whatever becomes of the operator."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterable
from uuid import uuid4

import pytest
import pytest_asyncio

from aimctrl.aim.options import OperatorOptions
from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE_TEMPLATE
from aimctrl.sandbox.aim_image import AimImage
from controlplane import ControlPlane
from e2e.conftest import Stage
from support.job_log import JobLog, job_log
from support.program import run
from support.world import World, eventually, operator

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT, MANY = 10, 25
"""Unfinished Jobs at a time: where nothing else is said, and where hundreds are to be done in half a minute."""

BURST, SPACES, CLUSTER_WIDE = 500, 4, 20
SOME = 40


@pytest_asyncio.fixture(loop_scope="module")
async def user(unmanned: Stage) -> AsyncIterator[World]:
    user = World(unmanned.world.client)
    yield user
    await user.clean()


@pytest_asyncio.fixture(loop_scope="module")
async def jobs(control_plane: ControlPlane, unmanned: Stage) -> AsyncIterator[JobLog]:
    """The Jobs of one test."""
    async with job_log(control_plane) as jobs:
        yield jobs


@pytest.fixture
def batch() -> str:
    return f"batch-{uuid4().hex[:6]}"


async def create(user: World, model: str, places: Iterable[tuple[str, str]]) -> None:
    """Templates of those namespaces and names, `""` for the cluster's, as fast as the API server takes them."""
    spec = {"modelName": model, "gpuSelector": {"model": "MI300X", "count": 1}}
    async with asyncio.TaskGroup() as tasks:
        for namespace, name in places:
            kind = AIM_SERVICE_TEMPLATE if namespace else AIM_CLUSTER_SERVICE_TEMPLATE
            tasks.create_task(user.have(kind, name, namespace, **spec))


async def states(user: World, batch: str) -> list[str]:
    """The states of all templates of a batch."""
    found = [*await user.all(AIM_SERVICE_TEMPLATE), *await user.all(AIM_CLUSTER_SERVICE_TEMPLATE)]
    return [t.status.status.value for t in found if t.metadata.name.startswith(batch)]


async def all_become_ready(user: World, batch: str, count: int) -> None:
    async def ready() -> bool:
        return await states(user, batch) == ["Ready"] * count

    await eventually(ready, timeout=600.0, every=0.5)


async def test_500_templates_at_once_keep_to_the_limit_and_all_become_ready(
    control_plane: ControlPlane, user: World, jobs: JobLog, batch: str
):
    await user.have(AIM_CLUSTER_MODEL, batch, image=f"registry.test/{batch}:v1")
    places = [
        ("" if number < CLUSTER_WIDE else f"{batch}-{number % SPACES}", f"{batch}-{number:03}")
        for number in range(BURST)
    ]
    async with operator(control_plane, OperatorOptions(max_discovery_jobs=MANY)):
        await create(user, batch, places)
        await all_become_ready(user, batch, BURST)
    assert jobs.most == MANY, "the slots are all used, and no more"
    names = jobs.names(batch)
    assert len(names) == len(set(names)) == BURST


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL], ids=["stopped-in-order", "killed"])
async def test_an_operator_that_comes_back_runs_no_job_twice(
    control_plane: ControlPlane, user: World, jobs: JobLog, unmanned: Stage, batch: str, end: signal.Signals
):
    image = f"registry.test/{batch}:v1"
    unmanned.scripts.set(image, AimImage(run_seconds=1.0))
    await user.have(AIM_CLUSTER_MODEL, batch, image=image)
    places = [("" if number < 5 else batch, f"{batch}-{number:03}") for number in range(SOME)]

    async def under_way() -> bool:
        return (await states(user, batch)).count("Ready") >= SOME // 4

    async with run(control_plane) as first:
        await create(user, batch, places)
        await eventually(under_way)
        first.process.send_signal(end)
        assert await first.ends() == (0 if end is signal.SIGTERM else -signal.SIGKILL)
    left = await states(user, batch)
    assert left.count("Ready") < SOME, "it was stopped in the middle"

    async def all_finished() -> bool:
        return not jobs.unfinished

    await eventually(all_finished)
    async with run(control_plane) as second:
        await all_become_ready(user, batch, SOME)
        assert await second.terminate() == 0
    assert jobs.most <= LIMIT
    names = jobs.names(batch)
    assert len(names) == len(set(names)) == SOME

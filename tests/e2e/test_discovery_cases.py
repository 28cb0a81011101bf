"""What goes wrong around discovery, on a real API server: the line for slots, failed Jobs that go, changed inputs."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from aimctrl.aim.options import OperatorOptions
from aimctrl.aim.template.observed import Observed
from aimctrl.aim.template.reconciler import TemplateReconciler
from aimctrl.api.kinds import AIM_MODEL, AIM_SERVICE_TEMPLATE
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.core import JOBS
from aimctrl.runtime.request import Request
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript
from controlplane import ControlPlane
from e2e.conftest import Stage
from e2e.places import Place
from support.world import eventually, operator

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOTS = 2
FOREVER = AimImage(run_seconds=3600.0)
UNREADABLE = ImageScript(log="no profiles today\n")
AT_ONCE = 10.0
"""Seconds: shorter than any pause after which something would be looked at again unasked."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def looks(control_plane: ControlPlane, unmanned: Stage) -> AsyncIterator[list[str]]:
    """An operator with few slots: the names of the templates that it looks at, as often as it does."""
    names: list[str] = []
    observe = TemplateReconciler.observe

    async def observed(self: TemplateReconciler, request: Request) -> Observed | None:
        names.append(request.name)
        return await observe(self, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TemplateReconciler, "observe", observed)
        async with operator(control_plane, OperatorOptions(max_discovery_jobs=SLOTS)):
            yield names
            await unmanned.world.clean()


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def expired(unmanned: Stage, looks: list[str]) -> Place:
    """A template whose discovery failed, and whose Job is gone since: its pause is a minute, so it is begun first."""
    place = Place(unmanned.world, "expired", "expired", "expired")
    unmanned.scripts.set(place.image, UNREADABLE)
    await place.model()
    await place.template()
    await place.becomes("Failed", "DiscoveryFailed")
    await gone(place, unmanned.jobs.of(place.name)[0].metadata.name)
    return place


async def gone(place: Place, job: str) -> None:
    """Delete a Job, as its TTL does."""
    await place.world.delete(JOBS, job, place.jobs)

    async def is_gone() -> bool:
        return await place.world.get(JOBS, job, place.jobs) is None

    await eventually(is_gone)


@pytest.fixture
def here(unmanned: Stage, namespace: str) -> Place:
    return Place(unmanned.world, namespace, namespace, namespace)


async def test_a_freed_slot_wakes_exactly_the_oldest_in_the_line(unmanned: Stage, here: Place, looks: list[str]):
    world, space = here.world, here.namespace

    async def comes(name: str, status: str) -> None:
        """A template of its own image, whose Jobs last until a test ends them, created in a second of its own."""
        unmanned.scripts.set(f"registry.test/{space}/{name}:v1", FOREVER)
        await world.have(AIM_MODEL, name, space, image=f"registry.test/{space}/{name}:v1")
        await world.have(AIM_SERVICE_TEMPLATE, name, space, modelName=name)
        found = await world.reaches(AIM_SERVICE_TEMPLATE, name, space, status=status)

        async def later() -> bool:
            return datetime.now(UTC) >= found.metadata.creation_timestamp + timedelta(seconds=1)

        await eventually(later)

    async def ends(name: str) -> None:
        unmanned.scripts.remove(f"registry.test/{space}/{name}:v1")
        found = await world.reaches(AIM_SERVICE_TEMPLATE, name, space, status="Ready")
        job = found.status.discovery.job_name
        await world.until(JOBS, job, space, lambda j: j.spec.ttl_seconds_after_finished is not None)

    for name in ("first", "second"):
        await comes(name, "Progressing")
    for name in ("d", "c", "b", "a"):
        await comes(name, "Pending")
    looks.clear()
    await ends("first")
    await world.reaches(AIM_SERVICE_TEMPLATE, "d", space, status="Progressing")
    assert set(looks) == {"first", "d"}
    await ends("second")
    await world.reaches(AIM_SERVICE_TEMPLATE, "c", space, status="Progressing")
    assert set(looks) == {"first", "d", "second", "c"}
    await ends("d")
    await world.delete(AIM_SERVICE_TEMPLATE, "c", space)
    for name in ("b", "a"):
        await world.reaches(AIM_SERVICE_TEMPLATE, name, space, status="Progressing")
        await ends(name)


async def test_only_a_change_of_inputs_cuts_the_pause_short_and_starts_it_anew(unmanned: Stage, here: Place):
    unmanned.scripts.set(here.image, UNREADABLE)
    await here.model()
    await here.template(profileId="one")
    first = await here.becomes("Failed", "DiscoveryFailed")
    assert (first.status.discovery.failures, len(unmanned.jobs.of(here.name))) == (1, 1)

    async def changed(status: str, **spec: Any) -> AIMServiceTemplate:
        await here.template(profileId="two", **spec)

        def settled(t: AIMServiceTemplate) -> bool:
            return t.status.observed_generation == t.metadata.generation and t.status.status == status

        return await here.world.until(AIM_SERVICE_TEMPLATE, here.name, here.namespace, settled, timeout=AT_ONCE)

    second = await changed("Failed")
    assert second.status.discovery.job_name != first.status.discovery.job_name
    assert second.status.discovery.failures == 1
    unmanned.scripts.remove(here.image)
    same = await changed("Failed", resources={"requests": {"cpu": "1"}})
    assert same.status.discovery == second.status.discovery
    for key in ("token", "other-token"):
        source = {"secretKeyRef": {"name": "hf", "key": key, "optional": True}}
        await changed("Ready", env=[{"name": "HF_TOKEN", "valueFrom": source}])
    names = [job.metadata.name for job in unmanned.jobs.of(here.name)]
    assert len(names) == len(set(names)) == 4


async def test_a_failed_job_that_is_gone_is_made_again_after_the_pause_and_not_before(
    unmanned: Stage, expired: Place, looks: list[str]
):
    failed = await expired.world.get(AIM_SERVICE_TEMPLATE, expired.name, expired.namespace)
    due = failed.status.discovery.retry_at
    assert failed.status.discovery.failures == 1
    looks.clear()
    await expired.template(annotations={"look": "again"})

    async def looked_at() -> bool:
        return expired.name in looks

    await eventually(looked_at)
    again = await expired.world.until(
        AIM_SERVICE_TEMPLATE,
        expired.name,
        expired.namespace,
        lambda t: t.status.discovery.failures == 2,
        timeout=90.0,
    )
    first, second = sorted(job.metadata.creation_timestamp for job in unmanned.jobs.of(expired.name))
    assert first < due <= second
    assert again.status.discovery.retry_at >= second + timedelta(minutes=2)

"""What goes wrong around discovery, on a real API server: the line for slots, and inputs that change."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from aimctrl.aim.options import OperatorOptions
from aimctrl.api.kinds import AIM_MODEL, AIM_SERVICE_TEMPLATE
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.core import JOBS
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript
from controlplane import ControlPlane
from e2e.conftest import Stage
from e2e.places import Place
from support.looks import template_looks
from support.world import eventually, operator

pytestmark = pytest.mark.asyncio(loop_scope="module")

SLOTS = 2
FOREVER = AimImage(run_seconds=3600.0)
UNREADABLE = ImageScript(log="no profiles today\n")
AT_ONCE = 25.0
"""Seconds: shorter than any pause after which something would be looked at again unasked."""


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def looks(control_plane: ControlPlane, unmanned: Stage) -> AsyncIterator[list[str]]:
    """An operator with few slots: the names of the templates that it looks at, as often as it does."""
    with template_looks() as names:
        async with operator(control_plane, OperatorOptions(max_discovery_jobs=SLOTS)):
            yield names
            await unmanned.world.clean()


@pytest.fixture
def here(unmanned: Stage, namespace: str) -> Place:
    return Place(unmanned.world, namespace, namespace, namespace)


@dataclass(frozen=True)
class Line:
    """Templates of a namespace, each of its own image, whose Jobs last until the test ends them."""

    stage: Stage
    space: str

    def image(self, name: str) -> str:
        return f"registry.test/{self.space}/{name}:v1"

    async def comes(self, name: str, status: str) -> None:
        """Have the template, created in a second of its own."""
        self.stage.scripts.set(self.image(name), FOREVER)
        await self.stage.world.have(AIM_MODEL, name, self.space, image=self.image(name))
        await self.stage.world.have(AIM_SERVICE_TEMPLATE, name, self.space, modelName=name)
        found = await self.reaches(name, status)

        async def later() -> bool:
            return datetime.now(UTC) >= found.metadata.creation_timestamp + timedelta(seconds=1)

        await eventually(later)

    async def reaches(self, name: str, status: str) -> AIMServiceTemplate:
        return await self.stage.world.reaches(AIM_SERVICE_TEMPLATE, name, self.space, status=status)

    async def runs(self, name: str) -> None:
        """Wait until nothing more comes of its Job, which would have it looked at, too."""
        await self.reaches(name, "Progressing")
        [job] = self.stage.jobs.of(name, self.space)

        async def ready() -> bool:
            return (await self.stage.world.json(JOBS, job.metadata.name, self.space))["status"].get("ready") == 1

        await eventually(ready)

    async def ends(self, name: str) -> None:
        """Let its Job end, and wait until nothing is left to do about it."""
        self.stage.scripts.remove(self.image(name))
        found = await self.reaches(name, "Ready")
        assert found.status.discovery is not None
        job = found.status.discovery.job_name or ""
        await self.stage.world.until(JOBS, job, self.space, lambda j: j.spec.ttl_seconds_after_finished is not None)


async def test_a_freed_slot_wakes_exactly_the_oldest_in_the_line(unmanned: Stage, here: Place, looks: list[str]):
    line = Line(unmanned, here.namespace)
    for name in ("first", "second"):
        await line.comes(name, "Progressing")
        await line.runs(name)
    for name in ("d", "c", "b", "a"):
        await line.comes(name, "Pending")
    looks.clear()
    await line.ends("first")
    await line.runs("d")
    assert set(looks) == {"first", "d"}
    await line.ends("second")
    await line.runs("c")
    assert set(looks) == {"first", "d", "second", "c"}
    await line.ends("d")
    await here.world.delete(AIM_SERVICE_TEMPLATE, "c", here.namespace)
    for name in ("b", "a"):
        await line.runs(name)
        await line.ends(name)


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

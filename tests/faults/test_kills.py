"""An operator that is killed again and again while templates and services come: in the end nobody can tell."""

import asyncio
import random
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio

from aimctrl.api.kinds import (
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_SERVICE,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
from aimctrl.kube.core import NODES, PVCS
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES, SERVING_RUNTIMES
from aimctrl.sandbox.aim_image import AimImage
from controlplane import ControlPlane
from e2e.homes import GATEWAY, storage_class
from support.job_log import JobLog, job_log
from support.program import Program, run
from support.world import World, eventually, surroundings, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

LIMIT = 10
"""Discovery Jobs that may be unfinished at once."""

MODELS = 3
PRECISIONS = ("fp4", "fp8", "fp16", "fp32", "bf16", "int4", "int8")
IMAGE = "registry.test/killed:v1"
PATIENCE = 900.0

COMPARED = (
    AIM_MODEL,
    AIM_SERVICE_TEMPLATE,
    AIM_SERVICE,
    AIM_TEMPLATE_CACHE,
    AIM_MODEL_CACHE,
    INFERENCE_SERVICES,
    SERVING_RUNTIMES,
    HTTPROUTES,
    PVCS,
)

MOMENTARY = {
    "resourceVersion",
    "creationTimestamp",
    "managedFields",
    "jobName",  # it is made of uids
    "aim.silogen.ai/template-cache",  # whoever came first of those that share an artifact
}
"""What differs between any two objects; so does whatever is a time, or has a uid in it."""

UID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


@dataclass(frozen=True)
class Crowd:
    """So many templates, each of which is discovered, and services, in one namespace."""

    user: World
    namespace: str
    templates: int
    services: int

    @property
    def derived(self) -> int:
        """Templates that come with the services: every third one has overrides."""
        return len(range(1, self.services, 3))

    async def base(self) -> None:
        """What they rest on."""
        await self.user.namespace(self.namespace)
        for number in range(MODELS):
            await self.user.have(AIM_MODEL, f"model-{number}", self.namespace, image=IMAGE)

    async def arrive(self, part: int, parts: int) -> None:
        """One part of them come, all at once: services before their templates, too."""
        async with asyncio.TaskGroup() as tasks:
            for number in range(part, self.services, parts):
                tasks.create_task(self._service(number))
            for number in range(part, self.templates, parts):
                tasks.create_task(self._template(number))

    async def _template(self, number: int) -> None:
        await self.user.have(AIM_SERVICE_TEMPLATE, f"t-{number:03}", self.namespace, **_kind_of(number))

    async def _service(self, number: int) -> None:
        chosen = number % self.templates
        spec: dict[str, Any] = {"model": {"ref": _kind_of(chosen)["modelName"]}, "templateRef": f"t-{chosen:03}"}
        if number % 3 == 0:
            spec["routing"] = {"enabled": True, "gatewayRef": GATEWAY}
        if number % 3 == 1:
            spec["overrides"] = {"metric": "throughput"}
        if number % 5 == 0:
            spec["cacheModel"] = True
        await self.user.have(AIM_SERVICE, f"s-{number:03}", self.namespace, **spec)

    async def settles(self) -> None:
        """Wait until all are where they are to be."""

        async def settled() -> bool:
            templates = await self.user.all(AIM_SERVICE_TEMPLATE, self.namespace)
            services = await self.user.all(AIM_SERVICE, self.namespace)
            ready = Counter(one.status.status.value for one in templates) == {"Ready": self.templates + self.derived}
            return ready and Counter(one.status.status.value for one in services) == {"Running": self.services}

        patience = PATIENCE + 4.0 * self.templates  # discovery runs for ten of them at a time, on a busy machine
        await eventually(settled, timeout=patience, every=1.0)

    async def state(self) -> dict[str, Any]:
        """All there is, by kind and name, without what differs between any two runs."""
        found: dict[str, Any] = {}
        for kind in COMPARED:
            for one in await self.user.all(kind, self.namespace):
                live = await self.user.json(kind, one.metadata.name, self.namespace)
                text = UID.sub("uid", msgspec.json.encode(live).decode()).replace(self.namespace, "here")
                found[f"{kind.name} {one.metadata.name}"] = lasting(msgspec.json.decode(text))
        return found


def _kind_of(number: int) -> dict[str, Any]:
    """The spec of a template; no two with overrides are equal, since whose template such services share is chance."""
    turn = number // 3
    gpus = {"model": "MI300X", "count": 1 + turn % 8}
    return {"modelName": f"model-{turn % MODELS}", "gpuSelector": gpus, "precision": PRECISIONS[turn // 24 % 7]}


def lasting(value: Any) -> Any:
    """A JSON value without what is momentary."""
    if isinstance(value, dict):
        value |= {"ownerReferences": sorted(value["ownerReferences"], key=str)} if "ownerReferences" in value else {}
        return {
            name: lasting(inner)
            for name, inner in value.items()
            if name not in MOMENTARY and not name.endswith(("Time", "At"))
        }
    return [lasting(inner) for inner in value] if isinstance(value, list) else value


def differences(one: Any, other: Any, path: str = "") -> list[str]:
    """Where two JSON values differ."""
    if isinstance(one, dict) and isinstance(other, dict):
        names = sorted({*one, *other})
        return [told for name in names for told in differences(one.get(name), other.get(name), f"{path}/{name}")]
    return [] if one == other else [f"{path}: {one!r} is {other!r}"]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def user(plane: ControlPlane) -> AsyncIterator[World]:
    async with world(plane) as user, surroundings(plane) as scripts:
        scripts.set(IMAGE, AimImage(run_seconds=0.5))
        await user.have(NODES, "mi300x", labels={"amd.com/gpu.device-id": "74a1"})
        await user.put(storage_class("default-of-kills", default=True))
        yield user


async def test_an_operator_killed_again_and_again_leaves_what_an_undisturbed_one_does(
    plane: ControlPlane, user: World, full: bool
):
    size, kills = ((500, 200), 50) if full else ((30, 15), 5)
    storm, quiet = (Crowd(user, f"{name}-{uuid4().hex[:6]}", *size) for name in ("storm", "quiet"))
    async with job_log(plane) as jobs:
        await storm.base()
        for part in range(kills):
            async with run(plane) as running:
                await killed(running, storm, part, kills)
        async with run(plane) as running:
            await storm.settles()
            assert_no_job_too_many(jobs, storm)
            await quiet.base()
            for part in range(kills):
                await quiet.arrive(part, kills)
            await quiet.settles()
            assert await running.terminate() == 0, running.output
        assert_no_job_too_many(jobs, quiet)
    assert differences(await storm.state(), await quiet.state()) == []


async def killed(running: Program, crowd: Crowd, part: int, parts: int) -> None:
    """Have the program killed at any time from the first moments of its work on, while another part of them comes."""
    chance = random.Random(part)
    await running.says("controller started", timeout=PATIENCE)
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(crowd.arrive(part, parts))
        await asyncio.sleep(chance.uniform(0.0, 2.5))
        await running.kill()


def assert_no_job_too_many(jobs: JobLog, crowd: Crowd) -> None:
    """At most so many at once, and one for each template ever, those derived for services included."""
    assert jobs.most <= LIMIT
    ran = Counter(
        job.metadata.labels["aim.silogen.ai/template"]
        for job in jobs.jobs.values()
        if job.metadata.namespace == crowd.namespace
    )
    assert set(ran.values()) == {1}, ran.most_common(3)
    assert len(ran) == crowd.templates + crowd.derived

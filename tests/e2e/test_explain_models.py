"""`aimctrl explain model` on a real API server and a real registry: causes and remedies of models in trouble."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from aimctrl.api.kinds import AIM_CLUSTER_IMAGE, AIM_MODEL
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript
from controlplane import ControlPlane, ensure
from e2e.conftest import Stage
from e2e.explaining import Case, Scene, Scenes, complaints, each, play
from support.crane import Crane, Front, crane_registry

pytestmark = pytest.mark.asyncio(loop_scope="module")

PREFIX = "com.amd.aim.model."
NAMED = {f"{PREFIX}canonicalName": "org/llama"}
FAST = {"gpuModel": "MI300X", "gpuCount": 1, "precision": "fp8", "metric": "latency"}
WIDE = FAST | {"metric": "throughput"}
ABSENT = FAST | {"gpuModel": "H100"}
MODEL = (AIM_MODEL, "llama")

registry: dict[str, Crane | Front] = {}
"""Where images are pushed, and the front that wants credentials; there while the scenes are played."""


async def pushed(s: Scene, *deployments: dict[str, Any]) -> str:
    """An image that recommends these deployments."""
    crane = registry["crane"]
    assert isinstance(crane, Crane)
    labels = NAMED | {f"{PREFIX}recommendedDeployments": ", ".join(map(str, deployments))}
    return await crane.push(s.namespace, labels=labels)


async def read(s: Scene, image: str, **spec: Any) -> None:
    await s.model(image=image, discovery={"enabled": True}, **spec)


async def no_runtime_config(s: Scene) -> None:
    await s.model(runtimeConfigName="ours")


async def a_secret_that_is_missing(s: Scene) -> None:
    await read(s, "127.0.0.1:1/org/llama", imagePullSecrets=[{"name": "pull"}])


async def credentials_that_are_refused(s: Scene) -> None:
    front = registry["front"]
    assert isinstance(front, Front)
    front.password = "secret"
    await s.world.have(
        AIM_CLUSTER_IMAGE, s.cluster, image=front.of(await pushed(s)), discovery={"enabled": True}
    )  # fmt: skip


async def a_registry_that_is_down(s: Scene) -> None:
    await read(s, "127.0.0.1:1/org/llama")


async def an_image_that_is_not_there(s: Scene) -> None:
    crane = registry["crane"]
    assert isinstance(crane, Crane)
    await read(s, f"{crane.host}/nowhere/llama:v1")


async def labels_that_are_missing(s: Scene) -> None:
    crane = registry["crane"]
    assert isinstance(crane, Crane)
    await read(s, await crane.push(s.namespace, labels={}))


async def only_gpus_that_are_not_there(s: Scene) -> None:
    await read(s, await pushed(s, ABSENT))


async def templates_that_all_fail(s: Scene) -> None:
    image = await pushed(s, FAST)
    s.stage.scripts.set(image, ImageScript(log="no profile\n", exit_code=1, ended_ago=3600.0))
    await read(s, image)


async def a_template_that_cannot_be_pulled(s: Scene) -> None:
    image = await pushed(s, FAST, WIDE)
    s.stage.scripts.set(
        image,
        lambda launch: AimImage(pull_error="auth" if launch.env.get("AIM_METRIC") == "latency" else None)(launch),
    )
    await read(s, image)


async def templates_on_their_way(s: Scene) -> None:
    image = await pushed(s, FAST)
    s.stage.scripts.set(image, AimImage(run_seconds=3600.0))
    await read(s, image)


CASES = (
    Case(no_runtime_config, "Degraded", "RuntimeConfigMissing", ('AIMRuntimeConfig "ours"',), (), MODEL),
    Case(
        a_secret_that_is_missing, "Degraded", "ImagePullAuthFailure",
        ('there is no pull secret "pull" in namespace', "image: 127.0.0.1:1/org/llama", "failed once; it is tried"),
        (), MODEL,
    ),
    Case(
        credentials_that_are_refused, "Degraded", "ImagePullAuthFailure", ("AIMClusterImage", "127.0.0.1"),
        (), (AIM_CLUSTER_IMAGE, ""),
    ),
    Case(
        a_registry_that_is_down, "Progressing", "RegistryUnreachable", ("127.0.0.1:1: it cannot be reached",), (), MODEL,
    ),
    Case(an_image_that_is_not_there, "Failed", "ImageNotFound", ("nowhere/llama:v1",), (), MODEL),
    Case(
        labels_that_are_missing, "Failed", "MetadataExtractionFailed", ("the image has no label", "canonicalName"),
        (), MODEL,
    ),
    Case(
        only_gpus_that_are_not_there, "NotAvailable", "TemplatesNotAvailable",
        ("llama-1x-h100-lat-fp8-", "H100: no node has it", "→ aimctrl explain template "), ("GPUNotAvailable",), MODEL,
    ),
    Case(
        templates_that_all_fail, "Failed", "TemplatesFailed",
        ("llama-1x-mi300x-lat-fp8-", "DiscoveryFailed: no profile", "→ aimctrl explain template "),
        ("DiscoveryFailed",), MODEL,
    ),
    Case(
        a_template_that_cannot_be_pulled, "Degraded", "TemplatesDegraded",
        ("llama-1x-mi300x-lat-fp8-", "ImagePullAuthFailure: ", "→ aimctrl explain template "),
        ("ImagePullAuthFailure",), MODEL,
    ),
    Case(
        templates_on_their_way, "Progressing", "TemplatesProgressing",
        ("llama-1x-mi300x-lat-fp8-", "discovery is running"), ("AwaitingDiscovery",), MODEL,
    ),
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scenes(stage: Stage, control_plane: ControlPlane) -> AsyncIterator[Scenes]:
    async with crane_registry(ensure("crane")["crane"]) as crane, Front(crane).serving() as front:
        assert isinstance(front, Front)
        front.before = lambda _: web.Response(status=401)
        registry.update(crane=crane, front=front)
        yield await play(stage, control_plane, CASES)
        registry.clear()


@each(*CASES)
async def test_why_a_model_is_not_ready_is_told_with_what_can_be_done(case: Case, scenes: Scenes):
    told = scenes[case.name]
    assert complaints(case, told) == [], told.text

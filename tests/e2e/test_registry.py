"""Models whose images are inspected in a real registry, on a real API server (SPEC §2)."""

import base64
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from aiohttp import web

from aimctrl.aim.registry.client import RegistryClient
from aimctrl.aim.registry.docker_config import Credential
from aimctrl.aim.registry.outcomes import AuthFailure, ImageNotFound, Inspected, Malformed
from aimctrl.aim.registry.reference import parse_reference
from aimctrl.api.kinds import (
    AIM_CLUSTER_IMAGE,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.kube.core import SECRETS
from controlplane import ensure
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from support.crane import Crane, Front, crane_registry
from support.registry import OCI_INDEX, auth, config_blob, digest_of, entry, image_manifest, index_manifest, packed
from support.world import SERVICE_ACCOUNTS, World, eventually, reasons

pytestmark = pytest.mark.asyncio(loop_scope="module")

PREFIX = "com.amd.aim.model."
NAMED = {f"{PREFIX}canonicalName": "meta-llama/Llama-3.1-8B-Instruct"}
FAST = {"gpuModel": "MI300X", "gpuCount": 1, "precision": "fp8", "metric": "latency"}
WIDE = {"gpuModel": "MI300X", "gpuCount": 8, "precision": "fp16", "metric": "throughput"}
ABSENT = {"gpuModel": "H100", "gpuCount": 1, "precision": "fp8", "metric": "latency"}
ME = Credential("me", "secret")


def labels(*deployments: dict[str, Any]) -> dict[str, str]:
    """As AIM's own images have them: what Python makes of a list, without its brackets."""
    return NAMED | {
        f"{PREFIX}recommendedDeployments": ", ".join(map(str, deployments)),
        "org.opencontainers.image.version": "1.2.0",
    }


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crane() -> AsyncIterator[Crane]:
    async with crane_registry(ensure("crane")["crane"]) as crane:
        yield crane


@pytest_asyncio.fixture(loop_scope="module")
async def front(crane: Crane) -> AsyncIterator[Front]:
    async with Front(crane).serving() as front:
        assert isinstance(front, Front)
        yield front


@pytest_asyncio.fixture(loop_scope="module")
async def client() -> AsyncIterator[RegistryClient]:
    async with RegistryClient() as client:
        yield client


@pytest.fixture
def world(stage: Stage) -> World:
    return stage.world


# The client alone.


async def ask(client: RegistryClient, image: str, *credentials: Credential) -> Any:
    return await client.labels(parse_reference(image), credentials)


async def test_an_image_is_read_by_tag_and_by_digest(crane: Crane, client: RegistryClient):
    image = await crane.push("team/plain", labels=NAMED)
    assert await ask(client, image) == Inspected(NAMED)
    digest = digest_of(image_manifest(config_blob(NAMED)))
    assert await ask(client, f"{crane.host}/team/plain@{digest}") == Inspected(NAMED)


async def test_a_packed_config_is_unpacked(crane: Crane, client: RegistryClient):
    image = await crane.push("team/packed", config=packed(config_blob(NAMED)))
    assert await ask(client, image) == Inspected(NAMED)


async def test_of_nested_indexes_the_image_for_linux_is_read(crane: Crane, client: RegistryClient):
    repository = "team/platforms"
    for labelled, tag in (({"x": "arm"}, "arm"), (NAMED, "amd")):
        await crane.push(repository, tag, labelled)
    arm, amd = (image_manifest(config_blob(labelled)) for labelled in ({"x": "arm"}, NAMED))
    both = index_manifest(entry(arm, "linux/arm64"), entry(amd, "linux/amd64"))
    await crane.manifest(repository, both)
    outer = index_manifest(entry(both, media_type=OCI_INDEX))
    await crane.manifest(repository, outer, "v1")
    assert await ask(client, f"{crane.host}/{repository}:v1") == Inspected(NAMED)


async def test_what_is_not_there_is_not_found(crane: Crane, client: RegistryClient):
    await crane.push("team/there", labels=NAMED)
    assert isinstance(await ask(client, f"{crane.host}/team/there:v2"), ImageNotFound)
    assert isinstance(await ask(client, f"{crane.host}/team/nowhere"), ImageNotFound)


async def test_a_config_over_the_limit_is_refused(crane: Crane, client: RegistryClient):
    image = await crane.push("team/large", labels={"x": "y" * (4 * 2**20)})
    assert await ask(client, image) == Malformed("the image's config is larger than 4 MiB")


async def test_a_token_and_a_blob_storage_of_its_own_get_only_what_is_theirs(
    crane: Crane, front: Front, client: RegistryClient
):
    image = front.of(await crane.push("team/private", labels=NAMED))
    front.token, front.password = "t", "secret"
    async with Front(crane).serving() as storage:

        def redirect(request: web.Request) -> web.Response | None:
            target = f"{storage.origin}{request.path}"
            known = "/blobs/" in request.path and request.headers.get("Authorization") == "Bearer t"
            return web.Response(status=307, headers={"Location": target}) if known else None

        front.before = redirect
        assert await ask(client, image, ME) == Inspected(NAMED)
        assert isinstance(await ask(client, image, Credential("me", "wrong")), AuthFailure)
        assert storage.credentials() == [""]
    assert front.credentials("/token") == [f"Basic {auth('me', 'secret')}", f"Basic {auth('me', 'wrong')}"]


# Models on a cluster.


async def model(world: World, namespace: str, image: str, name: str = "llama", **spec: Any) -> None:
    discovery = spec.pop("discovery", {"enabled": True})
    await world.have(AIM_MODEL, name, namespace, image=image, discovery=discovery, **spec)


async def pull_secret(world: World, name: str, namespace: str, host: str, password: str = "secret") -> None:
    config = json.dumps({"auths": {host: {"auth": auth("me", password)}}}).encode()
    await world.put(
        {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": namespace},
            "type": "kubernetes.io/dockerconfigjson",
            "data": {".dockerconfigjson": base64.b64encode(config).decode()},
        }
    )


async def test_a_model_s_image_is_read_and_its_templates_become_ready(world: World, crane: Crane, namespace: str):
    image = await crane.push("team/llama", labels=labels(FAST, WIDE))
    await world.have(SERVICE_ACCOUNTS, "runner", namespace)
    await model(world, namespace, image, serviceAccountName="runner")
    found = await world.reaches(AIM_MODEL, "llama", namespace, status="Ready")
    assert reasons(found) == {
        "RuntimeResolved": ("True", "RuntimeResolved"),
        "MetadataExtracted": ("True", "MetadataExtracted"),
        "TemplatesAutoGenerated": ("True", "AutoTemplatesCreated"),
        "Ready": ("True", "TemplatesReady"),
        "Progressing": ("False", "TemplatesReady"),
        "Failure": ("False", "TemplatesReady"),
    }
    metadata = found.status.image_metadata
    assert metadata.model.canonical_name == NAMED[f"{PREFIX}canonicalName"]
    assert [one.wire() for one in metadata.model.recommended_deployments] == [FAST, WIDE]
    assert metadata.oci == {"version": "1.2.0"}
    assert metadata.original_labels == labels(FAST, WIDE)
    fast, wide = await world.all(AIM_SERVICE_TEMPLATE, namespace)
    assert fast.metadata.name.startswith("llama-1x-mi300x-lat-fp8-")
    assert wide.metadata.name.startswith("llama-8x-mi300x-thr-fp16-")
    assert fast.metadata.labels == {"aim.silogen.ai/auto-generated": "true", "aim.silogen.ai/aim-image": "llama"}
    assert fast.metadata.controller.uid == found.metadata.uid
    assert (fast.spec.model_name, fast.spec.service_account_name) == ("llama", "runner")


async def test_a_cluster_image_is_read_with_the_operator_s_secret(world: World, crane: Crane, front: Front):
    image = front.of(await crane.push("team/cluster", labels=labels(FAST)))
    front.token, front.password = "t", "secret"
    await pull_secret(world, "cluster-pull", OPERATOR_NAMESPACE, front.host)
    await world.have(
        AIM_CLUSTER_IMAGE,
        "from-cluster",
        image=image,
        discovery={"enabled": True},
        imagePullSecrets=[{"name": "cluster-pull"}],
    )
    await world.reaches(AIM_CLUSTER_IMAGE, "from-cluster", status="Ready")
    (template,) = [
        one
        for one in await world.all(AIM_CLUSTER_SERVICE_TEMPLATE)
        if one.metadata.labels.get("aim.silogen.ai/aim-image") == "from-cluster"
    ]
    assert template.spec.aim_image_name == "from-cluster"
    assert [secret.name for secret in template.spec.image_pull_secrets] == ["cluster-pull"]


async def test_the_secret_of_a_runtime_config_counts_too(world: World, crane: Crane, front: Front, namespace: str):
    image = front.of(await crane.push("team/config", labels=labels()))
    front.password = "secret"
    await pull_secret(world, "config-pull", namespace, front.host)
    await world.have(AIM_RUNTIME_CONFIG, "default", namespace, imagePullSecrets=[{"name": "config-pull"}])
    await model(world, namespace, image)
    found = await world.reaches(AIM_MODEL, "llama", namespace, status="Ready")
    assert reasons(found)["Ready"] == ("True", "NoRecommendedTemplates")
    assert reasons(found)["TemplatesAutoGenerated"] == ("False", "NoRecommendedTemplates")


async def test_a_secret_that_is_missing_is_named_and_a_change_of_the_spec_tries_again(
    world: World, crane: Crane, front: Front, namespace: str
):
    image = front.of(await crane.push("team/secretive", labels=labels()))
    front.password = "secret"
    await model(world, namespace, image, imagePullSecrets=[{"name": "pull"}])
    found = await world.reaches(AIM_MODEL, "llama", namespace, status="Degraded")
    assert reasons(found)["MetadataExtracted"] == ("False", "ImagePullAuthFailure")
    (told,) = {c.message for c in found.status.conditions if c.type in {"MetadataExtracted", "Failure"}}
    assert told == f'there is no pull secret "pull" in namespace {namespace}'
    assert found.status.inspection.failures == 1
    (failed_at,) = {c.last_transition_time for c in found.status.conditions if c.type == "MetadataExtracted"}
    assert 30 < (found.status.inspection.retry_at - failed_at).total_seconds() <= 61, "the API keeps whole seconds"
    await pull_secret(world, "pull", namespace, front.host, password="wrong")
    await model(world, namespace, image, imagePullSecrets=[{"name": "pull"}], serviceAccountName="a")
    refused = f"{front.host} refuses the credentials for team/secretive: UNAUTHORIZED: authentication required"
    await world.until(
        AIM_MODEL, "llama", namespace, lambda seen: refused in {c.message for c in seen.status.conditions}
    )
    await pull_secret(world, "pull", namespace, front.host)
    await model(world, namespace, image, imagePullSecrets=[{"name": "pull"}], serviceAccountName="b")
    await world.reaches(AIM_MODEL, "llama", namespace, status="Ready")


@pytest.mark.parametrize(
    ("found", "outcome"),
    [
        ({}, ("Failed", "MetadataExtractionFailed", "the image has no label")),
        (
            NAMED | {f"{PREFIX}recommendedDeployments": "[" * 10_000},
            ("Failed", "MetadataExtractionFailed", "not a list"),
        ),
        (labels(FAST | {"precision": "fp12"}), ("Failed", "MetadataExtractionFailed", 'precision is "fp12"')),
        (labels(ABSENT), ("NotAvailable", "TemplatesNotAvailable", "GPUs that are not in the cluster")),
        (labels(), ("Ready", "NoRecommendedTemplates", "recommends no deployments")),
    ],
    ids=["none", "hostile", "a value of nobody's", "an absent GPU", "nothing recommended"],
)
async def test_what_the_labels_say_decides_on_the_model(
    world: World, crane: Crane, namespace: str, found: dict[str, str], outcome: tuple[str, str, str]
):
    state, reason, told = outcome
    await model(world, namespace, await crane.push(f"team/{namespace}", labels=found))
    seen = await world.reaches(AIM_MODEL, "llama", namespace, status=state)
    (ready,) = (c for c in seen.status.conditions if c.type == "Ready")
    assert ready.reason == reason
    assert told in ready.message


async def test_an_image_that_is_pushed_later_is_found_at_the_next_change(world: World, crane: Crane, namespace: str):
    image = f"{crane.host}/late/llama:v1"
    await model(world, namespace, image)
    seen = await world.reaches(AIM_MODEL, "llama", namespace, status="Failed")
    assert reasons(seen)["MetadataExtracted"] == ("False", "ImageNotFound")
    await crane.push("late/llama", labels=labels())
    await model(world, namespace, image, serviceAccountName="x")
    await world.reaches(AIM_MODEL, "llama", namespace, status="Ready")


async def test_a_registry_that_is_down_or_throttles_keeps_the_model_in_progress(
    world: World, crane: Crane, front: Front, namespace: str
):
    image = front.of(await crane.push("team/throttled", labels=labels()))
    front.before = lambda _: web.Response(status=429, headers={"Retry-After": "600"})
    await model(world, namespace, image)
    await model(world, namespace, "127.0.0.1:1/x", name="down")
    for name in ("llama", "down"):
        seen = await world.until(
            AIM_MODEL, name, namespace, lambda seen: "RegistryUnreachable" in {c.reason for c in seen.status.conditions}
        )
        assert seen.status.status == "Progressing"
        assert reasons(seen)["Failure"][0] == "False"
    throttled = await world.get(AIM_MODEL, "llama", namespace)
    assert throttled is not None
    assert throttled.status.inspection is not None
    assert (throttled.status.inspection.retry_at - datetime.now(UTC)).total_seconds() > 500
    assert len(front.asked) == 1


async def test_a_registry_that_fails_for_a_moment_is_not_noticed(
    world: World, crane: Crane, front: Front, namespace: str
):
    image = front.of(await crane.push("team/flaky", labels=labels()))
    faults = [web.Response(status=503), web.Response(status=500)]
    front.before = lambda _: faults.pop() if faults else None
    await model(world, namespace, image)
    await world.reaches(AIM_MODEL, "llama", namespace, status="Ready")


async def test_any_number_of_models_share_one_inspection(world: World, crane: Crane, front: Front, namespace: str):
    image = front.of(await crane.push("team/shared", labels=labels()))
    for number in range(20):
        await model(world, namespace, image, name=f"m{number}")
    for number in range(20):
        await world.reaches(AIM_MODEL, f"m{number}", namespace, status="Ready")
    assert len(front.asked) == 2


async def test_another_image_is_read_again_and_discovery_that_is_off_leaves_the_templates(
    world: World, crane: Crane, namespace: str
):
    await model(world, namespace, await crane.push("team/moving", "v1", labels(FAST)))
    await world.reaches(AIM_MODEL, "llama", namespace, status="Ready")
    second = await crane.push("team/moving", "v2", labels(WIDE))
    await model(world, namespace, second)

    async def both() -> bool:
        return len(await world.all(AIM_SERVICE_TEMPLATE, namespace)) == 2

    await eventually(both)
    seen = await world.reaches(AIM_MODEL, "llama", namespace, status="Ready")
    assert [one.wire() for one in seen.status.image_metadata.model.recommended_deployments] == [WIDE]
    await model(world, namespace, second, discovery={"enabled": False})
    seen = await world.until(
        AIM_MODEL, "llama", namespace, lambda seen: reasons(seen)["MetadataExtracted"][1] == "DiscoveryDisabled"
    )
    assert reasons(seen)["TemplatesAutoGenerated"] == ("True", "AutoTemplatesCreated")
    assert len(await world.all(AIM_SERVICE_TEMPLATE, namespace)) == 2


async def test_nothing_secret_is_in_any_status_or_event(world: World, crane: Crane, front: Front, namespace: str):
    image = front.of(await crane.push("team/discreet", labels=labels()))
    front.token, front.password = "token-of-it", "other"
    await pull_secret(world, "pull", namespace, front.host, password="hunter2")
    await model(world, namespace, image, imagePullSecrets=[{"name": "pull"}])
    await world.reaches(AIM_MODEL, "llama", namespace, status="Degraded")
    shown = json.dumps(await world.json(AIM_MODEL, "llama", namespace))
    assert not any(word in shown for word in ("hunter2", auth("me", "hunter2"), "token-of-it"))
    assert await world.get(SECRETS, "pull", namespace) is not None

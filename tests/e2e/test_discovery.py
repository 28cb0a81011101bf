"""Discovery on a real API server: the Job, what is made of its log, and when it is run again (SPEC §3)."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest
import pytest_asyncio

from aimctrl.api.common import DiscoveredSource
from aimctrl.api.kinds import AIM_SERVICE_TEMPLATE
from aimctrl.kube.core import JOBS, NAMESPACES, PODS
from aimctrl.kube.kinds import Key
from aimctrl.runtime.errors import ForbiddenError
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript, PullError
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from e2e.places import Place
from support.looks import template_looks
from support.world import SERVICE_ACCOUNTS, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

FOREVER = AimImage(run_seconds=3600.0)
GPUS = {"count": 2, "model": "Instinct MI300X"}
LAST_WORDS = "RuntimeError: no profile for this GPU"


@pytest.fixture
def here(stage: Stage, namespace: str) -> Place:
    return Place(stage.world, namespace, namespace, namespace)


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def failing(stage: Stage) -> list[Place]:
    """Templates whose Jobs fail all four times; they are tried again a minute later."""
    places = [
        Place(stage.world, "failing", "failing", "failing"),
        Place(stage.world, "failing-everywhere", "", OPERATOR_NAMESPACE),
    ]
    for place in places:
        log = f"loading\n\x1b[31m{LAST_WORDS}\x1b[0m\n\n"
        stage.scripts.set(place.image, ImageScript(log=log, exit_code=1, ended_ago=3600.0))
        await place.model()
        await place.template()
    return places


@pytest.fixture(scope="module", autouse=True)
def looks() -> Iterator[list[str]]:
    """The names of the templates that the operator looks at, as often as it does."""
    with template_looks() as names:
        yield names


@dataclass(frozen=True)
class Expired:
    """A template whose discovery failed, and whose Job is gone since; it is tried again when that is `due`."""

    place: Place
    due: datetime


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def expired(stage: Stage, failing: list[Place]) -> Expired:
    """Its pause is a minute: begun first, looked at last."""
    place = Place(stage.world, "expired", "expired", "expired")
    stage.scripts.set(place.image, ImageScript(log="no profiles today\n"))
    await place.model()
    await place.template()
    discovery = (await place.becomes("Failed", "DiscoveryFailed")).status.discovery
    assert discovery is not None
    assert (discovery.failures, discovery.retry_at is not None) == (1, True)
    await place.world.delete(JOBS, discovery.job_name, place.jobs)
    await gone(place, discovery.job_name)
    return Expired(place, discovery.retry_at)


async def gone(place: Place, job: str) -> None:
    """Wait until the Job is gone."""

    async def is_gone() -> bool:
        return await place.world.get(JOBS, job, place.jobs) is None

    await eventually(is_gone)


async def test_a_failed_job_is_told_by_the_last_line_of_its_log(stage: Stage, failing: list[Place]):
    for place in failing:
        template = await place.becomes("Failed", "DiscoveryFailed")
        said = {c.type: c for c in template.status.conditions}["Discovered"]
        assert (said.status, said.reason, said.message) == ("False", "DiscoveryFailed", LAST_WORDS)
        assert template.status.discovery.failures == 1
        assert len(stage.jobs.of(place.name)) == 1


@pytest.mark.parametrize("scope", ["namespace", "cluster"])
async def test_the_job_is_what_the_image_and_the_cluster_expect(stage: Stage, namespace: str, scope: str):
    name = f"{namespace}-{'x' * 63}"[:63]
    inside = scope == "namespace"
    place = Place(stage.world, name, namespace if inside else "", namespace if inside else OPERATOR_NAMESPACE)
    await place.model()
    await place.template(metric="latency", precision="fp16", gpuSelector=GPUS, profileId="vllm-mi300x-fp16-tp2-latency")
    template = await place.becomes("Ready", "ProfilesDiscovered")
    job = await place.job(template)
    meta, spec = job["metadata"], job["spec"]
    assert re.fullmatch(r"discover-[a-z0-9-]+-[0-9a-f]{8}", meta["name"])
    assert len(meta["name"]) <= 63
    assert {
        "aim.silogen.ai/template": name,
        "app.kubernetes.io/managed-by": "aim",
        "app.kubernetes.io/component": "discovery",
    }.items() <= meta["labels"].items()
    assert [owner["uid"] for owner in meta["ownerReferences"]] == [template.metadata.uid]
    assert spec["backoffLimit"] == 3
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    [container] = spec["template"]["spec"]["containers"]
    assert (container["name"], container["args"]) == ("discovery", ["dry-run", "--format=json"])
    assert {entry["name"]: entry["value"] for entry in container["env"]} == {
        "AIM_LOG_LEVEL": "CRITICAL",
        "AIM_LOG_LEVEL_ROOT": "CRITICAL",
        "AIM_METRIC": "latency",
        "AIM_PRECISION": "fp16",
        "AIM_GPU_MODEL": "MI300X",
        "AIM_GPU_COUNT": "2",
        "AIM_PROFILE_ID": "vllm-mi300x-fp16-tp2-latency",
    }


async def test_secrets_of_all_levels_are_used_and_the_first_service_account(here: Place):
    for account in ("of-model", "of-config"):
        await here.world.have(SERVICE_ACCOUNTS, account, here.namespace)
    shared = {"name": "shared"}
    await here.config(imagePullSecrets=[{"name": "of-config"}, shared], serviceAccountName="of-config")
    await here.model(imagePullSecrets=[{"name": "of-model"}, shared], serviceAccountName="of-model")
    await here.template(imagePullSecrets=[{"name": "of-template"}, shared], runtimeConfigName=here.name)
    pod = (await here.job(await here.becomes("Ready", "ProfilesDiscovered")))["spec"]["template"]["spec"]
    assert sorted(ref["name"] for ref in pod["imagePullSecrets"]) == ["of-config", "of-model", "of-template", "shared"]
    assert pod["serviceAccountName"] == "of-model"


async def test_the_job_runs_where_only_restricted_pods_may(here: Place):
    await here.world.namespace(here.namespace)
    label = {"metadata": {"labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}
    await here.world.client.patch(NAMESPACES, Key("", here.namespace), label)
    careless = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "careless", "namespace": here.namespace},
        "spec": {"containers": [{"name": "shell", "image": "registry.test/shell:v1"}]},
    }
    with pytest.raises(ForbiddenError, match="PodSecurity"):
        await here.world.client.create(PODS, careless)
    await here.model()
    await here.template(metric="latency")
    await here.becomes("Ready", "ProfilesDiscovered")


async def test_a_job_may_expire_once_its_result_is_in_status_and_not_before(stage: Stage, here: Place):
    stage.scripts.set(here.image, FOREVER)
    await here.model()
    await here.template()
    await here.becomes("Progressing", "AwaitingDiscovery")
    [job] = await eventually(lambda: here.world.all(JOBS, here.namespace))
    assert job.spec.ttl_seconds_after_finished is None
    stage.scripts.remove(here.image)
    await here.becomes("Ready", "ProfilesDiscovered")
    await here.world.until(JOBS, job.metadata.name, here.namespace, lambda j: j.spec.ttl_seconds_after_finished == 60)


@pytest.mark.parametrize(
    ("error", "reason"),
    [("not-found", "ImageNotFound"), ("auth", "ImagePullAuthFailure"), ("rate-limit", "ImagePullBackOff")],
)
async def test_an_image_that_cannot_be_pulled_says_why_until_it_can(
    stage: Stage, here: Place, error: PullError, reason: str
):
    stage.scripts.set(here.image, ImageScript(pull_error=error))
    await here.model()
    await here.template()
    template = await here.becomes("Degraded", reason)
    assert "ErrImagePull" in {c.type: c.message for c in template.status.conditions}["Failure"]
    stage.scripts.set(here.image, FOREVER)
    await here.becomes("Progressing", "AwaitingDiscovery")
    stage.scripts.set(here.image, AimImage())
    await here.becomes("Ready", "ProfilesDiscovered")
    assert len(stage.jobs.of(here.name)) == 1


def entry(metric: str, size: float = 1.5) -> dict[str, Any]:
    metadata = {"engine": "vllm", "gpu": "MI300X", "gpu_count": 1, "metric": metric, "precision": "fp8"}
    profile = {"model": f"org/{metric}", "metadata": metadata, "engine_args": {"weights": [1, {"a": None}]}}
    return {
        "filename": f"{metric}.yaml",
        "profile": profile,
        "models": [{"name": metric, "source": f"hf://org/{metric}", "size_gb": size}],
    }


OUTPUT = json.dumps([entry("latency"), entry("throughput")])


@pytest.mark.parametrize(
    "log",
    [
        pytest.param(OUTPUT, id="alone"),
        pytest.param(f"INFO [aim] 2 profiles [a, b]\n{OUTPUT}\n[done] bye ]\n", id="among-brackets"),
        pytest.param(f"{json.dumps([entry('latency', 99.0)])}\n[1, 2]\n{OUTPUT}\n", id="the-last-array-counts"),
    ],
)
async def test_the_entry_that_fits_the_template_is_recorded_word_for_word(stage: Stage, here: Place, log: str):
    stage.scripts.set(here.image, ImageScript(log=log))
    await here.model()
    await here.template(metric="throughput")
    template = await here.becomes("Ready", "ProfilesDiscovered")
    source = DiscoveredSource(name="throughput", source="hf://org/throughput", size_bytes=3 * 2**29)
    assert template.status.model_sources == (source,)
    live = await here.world.json(AIM_SERVICE_TEMPLATE, here.name, here.namespace)
    wanted = entry("throughput")["profile"]
    wanted["engine_args"]["weights"][1] = live["status"]["profile"]["engine_args"]["weights"][1]
    assert live["status"]["profile"] == wanted


@pytest.mark.parametrize(
    "log",
    [
        pytest.param("", id="empty"),
        pytest.param("all went well\n", id="no-array"),
        pytest.param(OUTPUT[:-20], id="truncated"),
        pytest.param(bytes(range(256)) * 64, id="binary-junk"),
        pytest.param("[" * 200_000, id="deep-nesting"),
        pytest.param(OUTPUT.replace("1.5", "1" + "0" * 400), id="huge-number"),
        pytest.param(f"{'x' * 99}\n" * 90_000 + OUTPUT, id="over-8-MiB"),
    ],
)
async def test_a_log_without_a_result_is_a_failed_discovery(stage: Stage, here: Place, log: str | bytes):
    stage.scripts.set(here.image, ImageScript(log=log))
    await here.model()
    await here.template()
    template = await here.becomes("Failed", "DiscoveryFailed")
    discovery = template.status.discovery
    assert discovery.failures == 1
    assert discovery.retry_at is not None
    assert {c.type: c.message for c in template.status.conditions}["Discovered"].startswith("the output of discovery")


Change = Callable[[Place], Any]

RELEVANT: dict[str, Change] = {
    "image": lambda place: place.model(image=f"{place.image}.1"),
    "pull-secrets-of-the-model": lambda place: place.model(imagePullSecrets=[{"name": "another"}]),
    "pull-secrets-of-the-config": lambda place: place.config(imagePullSecrets=[{"name": "another"}]),
    "env": lambda place: place.template(
        env=[{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "a", "key": "b"}}}]
    ),
    "profile-id": lambda place: place.template(profileId="vllm-mi300x-fp16-tp1-latency"),
    "service-account": lambda place: place.template(serviceAccountName="default"),
}


@pytest.mark.parametrize("change", RELEVANT.values(), ids=RELEVANT)
async def test_changed_inputs_are_discovered_again(stage: Stage, here: Place, change: Change):
    await here.config()
    await here.model()
    await here.template(runtimeConfigName=here.name)
    before = await here.becomes("Ready", "ProfilesDiscovered")
    await change(here)
    # A template is applied whole: what the change leaves out (the config's name) goes, which alone would change nothing.
    after = await here.world.until(
        AIM_SERVICE_TEMPLATE,
        here.name,
        here.namespace,
        lambda t: t.status.status == "Ready" and t.status.discovery.inputs_hash != before.status.discovery.inputs_hash,
    )
    assert after.status.discovery.job_name != before.status.discovery.job_name
    assert len(stage.jobs.of(here.name)) == 2


async def test_nothing_else_is(stage: Stage, here: Place):
    await here.config()
    await here.model()
    template = {"runtimeConfigName": here.name, "metric": "latency"}
    await here.template(**template)
    before = await here.becomes("Ready", "ProfilesDiscovered")
    resources = {"requests": {"cpu": "2"}}
    await here.model(resources=resources, defaultServiceTemplate="another")
    await here.template(**template, resources=resources, labels={"team": "research"})
    await here.config(pvcHeadroomPercent=25, env=[{"name": "A", "value": "b"}])
    after = await here.world.until(
        AIM_SERVICE_TEMPLATE,
        here.name,
        here.namespace,
        lambda t: (
            t.status.observed_generation > before.status.observed_generation
            and t.status.resolved_runtime_config.hash != before.status.resolved_runtime_config.hash
        ),
    )
    assert (after.status.status, after.status.discovery) == ("Ready", before.status.discovery)
    assert len(stage.jobs.of(here.name)) == 1


async def test_a_job_of_former_inputs_is_given_up(stage: Stage, here: Place):
    stage.scripts.set(here.image, FOREVER)
    await here.model()
    await here.template()
    await here.becomes("Progressing", "AwaitingDiscovery")
    [former] = await eventually(lambda: here.world.all(JOBS, here.namespace))
    await here.model(image=f"{here.image}.1")
    template = await here.becomes("Ready", "ProfilesDiscovered")
    assert template.status.discovery.job_name != former.metadata.name
    await gone(here, former.metadata.name)


async def test_a_failed_job_that_is_gone_is_made_again_after_the_pause_and_not_before(
    stage: Stage, expired: Expired, looks: list[str]
):
    place = expired.place
    looks.clear()
    await place.template(annotations={"look": "again"})

    async def looked_at() -> bool:
        return place.name in looks

    await eventually(looked_at)
    again = await place.world.until(
        AIM_SERVICE_TEMPLATE, place.name, place.namespace, lambda t: t.status.discovery.failures == 2, timeout=120.0
    )
    first, second = sorted(job.metadata.creation_timestamp for job in stage.jobs.of(place.name))
    assert first < expired.due <= second
    assert again.status.discovery.retry_at >= second + timedelta(minutes=2)

"""`aimctrl explain template` on a real API server: each way not to be Ready is told with its cause and its remedy."""

from typing import Any

import pytest
import pytest_asyncio

from aimctrl.aim.remedies import REMEDIES
from aimctrl.api.kinds import AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE_TEMPLATE
from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES
from aimctrl.runtime.errors import InvalidError
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript
from controlplane import ControlPlane
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from e2e.explaining import Case, Scene, Scenes, complaints, each, parts, play
from e2e.homes import SOURCES
from e2e.places import Place
from support.world import Json, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMESPACED = (AIM_SERVICE_TEMPLATE, "fast")
CLUSTER = (AIM_CLUSTER_SERVICE_TEMPLATE, "")
ADMISSION = "/apis/admissionregistration.k8s.io/v1"


def everywhere(s: Scene) -> Place:
    """The scene's part of the cluster's scope."""
    return Place(s.world, s.cluster, "", OPERATOR_NAMESPACE)


async def no_model_in_the_cluster(s: Scene) -> None:
    await s.model(s.cluster)
    await everywhere(s).template()


async def no_model_in_the_namespace(s: Scene) -> None:
    await s.template()


async def no_runtime_config(s: Scene) -> None:
    await s.model()
    await s.template(runtimeConfigName="ours")


async def no_gpu(s: Scene) -> None:
    await s.model()
    await s.template(gpuSelector={"count": 8, "model": "MI355X"})


async def a_strangers_runtime(s: Scene) -> None:
    place = everywhere(s)
    await place.model()
    spec = {"containers": [{"name": "kserve-container", "image": "theirs"}]}
    await s.world.have(CLUSTER_SERVING_RUNTIMES, s.cluster, **spec)
    await place.template(modelSources=SOURCES)


async def a_runtime_that_is_refused(s: Scene) -> None:
    await refuse(s, "servingruntimes", "no runtimes on Sundays")
    await s.model()
    await s.template()


async def a_discovery_job_that_is_refused(s: Scene) -> None:
    await refuse(s, "jobs", "no jobs on Sundays")
    await s.model()
    await s.discovered()


async def refuse(s: Scene, resource: str, why: str) -> None:
    """Have the API server refuse objects of a kind in the scene's namespace, and wait until it does."""
    name = {"metadata": {"name": f"{s.cluster}.example"}}
    rule = {"apiGroups": ["*"], "apiVersions": ["*"], "operations": ["CREATE"], "resources": [resource]}
    here = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": s.namespace}}}
    policy = {
        "failurePolicy": "Fail",
        "matchConstraints": here | {"resourceRules": [rule]},
        "validations": [{"expression": "false", "message": why}],
    }
    binding = {"policyName": f"{s.cluster}.example", "validationActions": ["Deny"]}
    for plural, spec in (("validatingadmissionpolicies", policy), ("validatingadmissionpolicybindings", binding)):
        await s.world.client.request("POST", f"{ADMISSION}/{plural}", body=name | {"spec": spec})
    await eventually(lambda: is_refused(s, resource))


async def is_refused(s: Scene, resource: str) -> bool:
    group = "batch/v1" if resource == "jobs" else "serving.kserve.io/v1alpha1"
    pod = {"restartPolicy": "Never", "containers": [{"name": "a", "image": "a"}]}
    spec: Json = {"template": {"spec": pod}} if resource == "jobs" else {"containers": pod["containers"]}
    kind = {"jobs": "Job", "servingruntimes": "ServingRuntime"}[resource]
    body = {"apiVersion": group, "kind": kind, "metadata": {"name": "trial"}, "spec": spec}
    path = f"/apis/{group}/namespaces/{s.namespace}/{resource}"
    try:
        await s.world.client.request("POST", path, body=body, query={"dryRun": "All"})
    except InvalidError:
        return True
    return False


def failing(error: Any) -> Any:
    """A discovery whose image cannot be pulled."""

    async def arrange(s: Scene) -> None:
        s.stage.scripts.set(s.image, AimImage(pull_error=error))
        await s.model()
        await s.discovered()

    return arrange


async def credentials_that_are_refused(s: Scene) -> None:
    await failing("auth")(s)


async def an_image_that_is_not_there(s: Scene) -> None:
    await failing("not-found")(s)


async def a_registry_that_is_down(s: Scene) -> None:
    await failing("unreachable")(s)


async def a_discovery_that_fails(s: Scene) -> None:
    s.stage.scripts.set(s.image, ImageScript(log="no profile \x1b[31mfits\n", exit_code=1, ended_ago=3600.0))
    await s.model()
    await s.discovered()


async def a_discovery_that_says_nothing_of_use(s: Scene) -> None:
    s.stage.scripts.set(s.image, ImageScript(log="no profile here\n"))
    await s.model()
    await s.discovered()


async def a_discovery_that_runs(s: Scene) -> None:
    s.stage.scripts.set(s.image, AimImage(run_seconds=3600.0))
    await s.model()
    await s.discovered()


PULLS = ('discovery: Job "', "/discover-fast-", "registry.test/")

CASES = (
    Case(no_model_in_the_cluster, "Degraded", "ModelNotFound", ("there is no AIMClusterModel", "model: none"), (), CLUSTER),
    Case(
        no_model_in_the_namespace, "Degraded", "ModelNotFound", ('AIMModel "llama"', 'AIMClusterModel "llama"'),
        (), NAMESPACED,
    ),
    Case(no_runtime_config, "Degraded", "RuntimeConfigMissing", ('AIMRuntimeConfig "ours"',), (), NAMESPACED),
    Case(
        no_gpu, "NotAvailable", "GPUNotAvailable", ("GPU: 8 MI355X (no node has it)", "MI300X: 8 on 1 node"),
        (), NAMESPACED,
    ),
    Case(a_strangers_runtime, "Degraded", "NameConflict", ("ClusterServingRuntime",), (), CLUSTER),
    Case(credentials_that_are_refused, "Degraded", "ImagePullAuthFailure", PULLS, (), NAMESPACED),
    Case(an_image_that_is_not_there, "Degraded", "ImageNotFound", PULLS, (), NAMESPACED),
    Case(a_registry_that_is_down, "Degraded", "ImagePullBackOff", PULLS, (), NAMESPACED),
    Case(
        a_discovery_that_fails, "Failed", "DiscoveryFailed",
        ("no profile", "discovery: failed once (it is tried again at "), (), NAMESPACED,
    ),
    Case(
        a_discovery_that_says_nothing_of_use, "Failed", "DiscoveryFailed",
        ("the output of discovery cannot be read", "discovery: failed once"), (), NAMESPACED,
    ),
    Case(a_discovery_that_runs, "Progressing", "AwaitingDiscovery", ("discovery is running", "/discover-fast-"), (), NAMESPACED),
)  # fmt: skip

REFUSED = (
    Case(
        a_runtime_that_is_refused, "Degraded", "ServingRuntimeRefused", ("no runtimes on Sundays",), (), NAMESPACED, only_told=True
    ),
    Case(
        a_discovery_job_that_is_refused, "Degraded", "DiscoveryFailed", ("no jobs on Sundays",), (), NAMESPACED, only_told=True
    ),
)  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scenes(stage: Stage, control_plane: ControlPlane) -> Scenes:
    return await play(stage, control_plane, (*CASES, *REFUSED))


@each(*CASES)
async def test_why_a_template_is_not_ready_is_told_with_what_can_be_done(case: Case, scenes: Scenes):
    told = scenes[case.name]
    assert complaints(case, told) == [], told.text


@each(*REFUSED)
async def test_what_only_a_write_can_show_is_told_from_the_status(case: Case, scenes: Scenes):
    """`explain` writes nothing, so it cannot know what an admission policy says; the status does."""
    told = scenes[case.name]
    assert told.explanation.recorded is not None, told.text
    assert told.explanation.recorded.status == case.status
    first, second, *_ = told.text.partition("├─ Mind\n")[2].splitlines()
    assert f"in the cluster: {case.status} ({case.reason})" in first
    assert case.cause[0] in second
    assert REMEDIES[case.reason].text in told.text


async def test_a_discovery_that_cannot_pull_is_looked_at_again(scenes: Scenes):
    told = scenes["an image that is not there"].explanation
    assert told.next.seconds is not None
    assert parts(told, "discovery").why.partition(":")[0] in {"ErrImagePull", "ImagePullBackOff"}

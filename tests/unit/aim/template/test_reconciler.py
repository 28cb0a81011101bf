"""What is read for a template's decision, when, and what makes a template look again."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from aimctrl.aim.template.reconciler import LOG_ATTEMPTS
from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
from aimctrl.kube.core import JOBS, NODES, PODS
from aimctrl.kube.external import SERVING_RUNTIMES
from aimctrl.kube.kinds import Key
from aimctrl.runtime.errors import (
    ApiError,
    ConnectionFailedError,
    ForbiddenError,
    InvalidError,
    NotFoundError,
    ServerError,
    ThrottledError,
    TransientError,
    UnauthorizedError,
)
from aimctrl.runtime.lister import Unavailable
from support.fake_cluster import refused
from unit.aim.template.cluster import OUTPUT, World

INLINE = [{"name": "llama", "sourceURI": "hf://x/llama", "size": "16Gi"}]
BLIND = Unavailable("Unreachable", "no answer")


@pytest.fixture
def world() -> World:
    return World()


async def started(world: World, name: str = "t", **spec: Any) -> None:
    """A template whose discovery Job runs."""
    world.template(name, **spec)
    await world.look(name)


# The way of a template, end to end.


@pytest.mark.parametrize("kind", [AIM_SERVICE_TEMPLATE, AIM_CLUSTER_SERVICE_TEMPLATE], ids=["namespace", "cluster"])
async def test_a_template_is_discovered_once(kind: Any) -> None:
    world = World(kind)
    world.template()
    assert (await world.look())["status"] == "Progressing"
    assert world.job()["metadata"]["namespace"] == world.home
    world.end()
    status = await world.look()
    assert status["status"] == "Ready"
    assert status["modelSources"] == [{"name": "llama", "source": "hf://x/llama", "sizeBytes": 2**34}]
    assert "ttlSecondsAfterFinished" not in world.job()["spec"]
    assert await world.look() == status
    assert world.job()["spec"]["ttlSecondsAfterFinished"] == 60
    assert await world.look() == status
    assert world.cluster.read == [("t", None)]
    runtimes = [call for call in world.cluster.calls if call.startswith("apply")]
    assert runtimes == [f"apply {'ServingRuntime' if kind.namespaced else 'ClusterServingRuntime'} {world.key()}"]


async def test_a_failure_says_the_last_line_and_is_tried_again_after_its_pause(world: World) -> None:
    await started(world)
    world.end(outcome="Failed", pod="Failed", log=b"Traceback\nValueError: no such profile\n\n")
    status = await world.look()
    assert (status["status"], status["discovery"]["failures"]) == ("Failed", 1)
    assert status["conditions"][0]["message"] == "ValueError: no such profile"
    assert world.cluster.read == [("t", 20)]
    assert (await world.reconcile()).requeue_after == 60.0
    minute = timedelta(minutes=1)
    assert (await world.look(later=minute))["status"] == "Progressing"
    assert world.jobs() == []
    await world.look(later=minute)
    assert len(world.jobs()) == 1


async def test_a_template_that_is_gone_needs_nothing(world: World) -> None:
    assert (await world.reconcile()).requeue_after is None
    assert world.cluster.calls == []


async def test_a_job_that_is_gone_is_not_made_again_before_its_pause_is_over(world: World) -> None:
    await started(world)
    world.end(outcome="Failed", pod="Failed")
    await world.look()
    (name,) = world.jobs()
    world.cluster.drop(JOBS, Key("ns", name))
    for second in (0, 1, 30, 59):
        assert (await world.look(later=timedelta(seconds=second)))["status"] == "Failed"
        assert world.jobs() == []
    assert (await world.look(later=timedelta(seconds=60)))["status"] == "Progressing"
    assert world.jobs() == [name]


async def test_other_inputs_do_not_wait_for_the_pause(world: World) -> None:
    await started(world)
    world.end(outcome="Failed", pod="Failed")
    await world.look()
    world.template(profileId="p")
    assert (await world.look())["status"] == "Progressing"
    world.end(outcome="Failed", pod="Failed")
    assert (await world.look())["discovery"]["failures"] == 1


UNSCHEDULED = {"conditions": [{"type": "PodScheduled", "status": "False", "message": "0/3 nodes"}]}
BACKING_OFF = {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}}


@pytest.mark.parametrize(
    ("pod", "state", "reason"),
    [
        (None, "Failed", "DiscoveryFailed"),
        (UNSCHEDULED, "Failed", "DiscoveryFailed"),
        ({"containerStatuses": [{"name": "discovery"} | BACKING_OFF]}, "Degraded", "ImagePullBackOff"),
    ],
    ids=["no Pod", "not scheduled", "not pulled"],
)
async def test_a_stuck_job_goes_after_five_minutes_and_its_slot_with_it(
    pod: dict[str, Any] | None, state: str, reason: str
) -> None:
    world = World(limit=1)
    await started(world)
    await started(world, "next", age=10)
    if pod is not None:
        world.pod(phase="Pending", **pod)
    almost = await world.reconcile(later=timedelta(seconds=290))
    assert (almost.requeue_after, world.woken) == (10.0, [])
    assert len(world.jobs()) == 1
    status = await world.look(later=timedelta(seconds=300))
    assert world.jobs() == []
    assert world.woken == ["next"]
    assert (status["status"], status["discovery"]["failures"]) == (state, 1)
    assert await world.look(later=timedelta(seconds=301)) == status, "it is not made again at once"
    assert world.said("Discovered") == f"False {reason}"
    assert (await world.look("next", later=timedelta(seconds=301)))["status"] == "Progressing"


# Reading logs.


async def test_an_unfinished_jobs_log_is_not_read(world: World) -> None:
    await started(world)
    world.pod()
    await world.look()
    assert world.cluster.read == []


@pytest.mark.parametrize("hindrance", ["gpu", "model", "config", "inline", "deletion"])
async def test_a_log_that_decides_nothing_is_not_read(world: World, hindrance: str) -> None:
    await started(world)
    world.end(log=refused(ServerError, 500))
    match hindrance:
        case "gpu":
            world.cluster.drop(NODES, Key("", "mi300x"))
        case "model":
            world.cluster.drop(AIM_CLUSTER_MODEL, Key("", "llama"))
        case "config":
            world.template(runtimeConfigName="big")
        case "inline":
            world.template(modelSources=INLINE)
        case _:
            world.put(
                world.kind,
                "t",
                metadata={"deletionTimestamp": "2029-01-01T00:00:00Z"},
                spec={"modelName": "llama"},
                status=world.status(),
            )
    await world.look()
    assert world.cluster.read == []


async def test_a_log_that_cannot_be_had_now_is_read_again(world: World) -> None:
    await started(world)
    world.end(log=refused(ServerError, 500, "kubelet: connection refused"))
    before = world.status()
    for error in (ServerError, UnauthorizedError):
        world.cluster.logs["t"] = refused(error, 500)
        with pytest.raises(error):
            await world.look()
        assert world.status() == before
    world.cluster.logs["t"] = OUTPUT
    assert (await world.look())["status"] == "Ready"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (refused(NotFoundError, 404), "the Pod of the finished discovery Job is gone, and its log with it"),
        (refused(ForbiddenError, 403, "may not read"), "the output of discovery cannot be read: may not read"),
        (refused(InvalidError, 400, "no container"), "the output of discovery cannot be read: no container"),
    ],
    ids=["gone", "forbidden", "invalid"],
)
async def test_a_log_that_cannot_be_had_at_all_is_a_failure(world: World, error: Exception, message: str) -> None:
    await started(world)
    world.end(log=error)
    status = await world.look()
    assert (status["status"], status["discovery"]["failures"]) == ("Failed", 1)
    assert status["conditions"][0]["message"] == message


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (refused(NotFoundError, 404), "said the Job"),
        (refused(ForbiddenError, 403, "may not read"), "said the Job; its log cannot be read: may not read"),
    ],
    ids=["gone", "forbidden"],
)
async def test_a_failed_jobs_log_is_not_needed(world: World, error: Exception, message: str) -> None:
    await started(world)
    world.end(outcome="Failed", pod="Failed", log=error)
    assert (await world.look())["conditions"][0]["message"] == message


@pytest.mark.parametrize("error", [ServerError, ConnectionFailedError], ids=["refused", "no answer"])
@pytest.mark.parametrize(
    ("outcome", "pod", "message"),
    [
        ("Complete", "Succeeded", "the output of discovery cannot be read: no route to host"),
        ("Failed", "Failed", "said the Job; its log cannot be read: no route to host"),
    ],
    ids=["succeeded", "failed"],
)
async def test_a_log_on_a_node_that_never_answers_is_lost_in_the_end(
    world: World, outcome: str, pod: str, message: str, error: type[ApiError]
) -> None:
    await started(world)
    world.end(outcome=outcome, pod=pod, log=refused(error, 500, "no route to host"))
    before = world.status()
    for failures in range(LOG_ATTEMPTS):
        with pytest.raises(error):
            await world.look(failures=failures)
    assert world.status() == before
    status = await world.look(failures=LOG_ATTEMPTS)
    assert (status["status"], status["discovery"]["failures"]) == ("Failed", 1)
    assert status["conditions"][0]["message"] == message
    minute = timedelta(minutes=1)
    await world.look(later=minute)
    assert world.jobs() == [], "the Job of before makes room"
    assert (await world.look(later=minute))["status"] == "Progressing"
    assert len(world.jobs()) == 1


async def test_a_throttled_log_is_asked_for_as_long_as_it_takes(world: World) -> None:
    await started(world)
    world.end(log=refused(ThrottledError, 429))
    before = world.status()
    with pytest.raises(ThrottledError):
        await world.look(failures=1000)
    assert world.status() == before


async def test_a_log_over_the_limit_is_a_failure(world: World) -> None:
    await started(world)
    world.end(log=b" " * (8 * 2**20 + 1))
    assert "longer than 8 MiB" in (await world.look())["conditions"][0]["message"]


@pytest.mark.parametrize("phase", ["", "Running"], ids=["not in the cache", "still running in the cache"])
async def test_a_cache_of_pods_that_is_behind_loses_no_result(world: World, phase: str) -> None:
    await started(world)
    if phase:
        world.pod(phase=phase)
    world.pod(phase="Succeeded", behind=True)
    world.end(pod="")
    assert (await world.look())["status"] == "Ready"
    assert "list Pod ns" in world.cluster.calls


async def test_a_result_whose_pod_is_gone_is_lost(world: World) -> None:
    await started(world)
    world.end(pod="")
    assert (await world.look())["status"] == "Failed"
    assert world.cluster.read == []


async def test_a_namesakes_pod_is_not_taken_for_the_jobs(world: World) -> None:
    await started(world)
    world.pod(phase="Succeeded", behind=True)
    pod = world.cluster.live(PODS, "t")
    pod["metadata"]["ownerReferences"][0]["uid"] = "another"
    world.end(pod="")
    assert (await world.look())["status"] == "Failed"


# The inputs of discovery.


async def test_credentials_are_united_over_template_model_and_config(world: World) -> None:
    world.put(AIM_MODEL, "llama", spec={"image": "i:1", "imagePullSecrets": [{"name": "b"}], "serviceAccountName": "m"})
    world.put(
        AIM_RUNTIME_CONFIG,
        "default",
        spec={"imagePullSecrets": [{"name": "c"}, {"name": "a"}], "serviceAccountName": "c"},
    )
    token = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}
    await started(world, imagePullSecrets=[{"name": "a"}], env=[token])
    spec = world.job()["spec"]["template"]["spec"]
    assert spec["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}, {"name": "c"}]
    assert spec["serviceAccountName"] == "m"
    (container,) = spec["containers"]
    assert container["image"] == "i:1"
    assert token in container["env"]


async def test_a_cluster_template_uses_the_operator_namespaces_config() -> None:
    world = World(AIM_CLUSTER_SERVICE_TEMPLATE)
    for namespace in ("ns", "kaiwo-system"):
        world.put(AIM_RUNTIME_CONFIG, "default", namespace, spec={"serviceAccountName": namespace})
    await started(world)
    assert world.job()["spec"]["template"]["spec"]["serviceAccountName"] == "kaiwo-system"


@pytest.mark.parametrize(
    ("spec", "anew"),
    [
        ({"env": [{"name": "A", "value": "1"}]}, True),
        ({"profileId": "p"}, True),
        ({"imagePullSecrets": [{"name": "s"}]}, True),
        ({"serviceAccountName": "s"}, True),
        ({"resources": {"limits": {"cpu": "1"}}}, False),
        ({"caching": {"enabled": True}}, False),
    ],
    ids=["env", "profile", "pull secret", "service account", "resources", "caching"],
)
async def test_only_a_change_of_inputs_repeats_discovery(world: World, spec: dict[str, Any], *, anew: bool) -> None:
    await started(world)
    former = world.jobs()
    world.end()
    await world.look()
    world.template(**spec)
    await world.look()
    assert (world.jobs() != former) is anew


async def test_a_change_of_inputs_removes_the_job_of_before(world: World) -> None:
    await started(world)
    former = world.jobs()
    world.template(profileId="p")
    await world.look()
    assert len(world.jobs()) == 1
    assert world.jobs() != former


async def test_inline_sources_remove_the_job(world: World) -> None:
    await started(world)
    world.template(modelSources=INLINE)
    assert (await world.look())["status"] == "Ready"
    assert world.jobs() == []


async def test_a_job_that_ends_by_itself_is_left_to_it(world: World) -> None:
    await started(world)
    world.end()
    for _ in range(2):
        await world.look()
    world.template(profileId="p")
    await world.look()
    assert len(world.jobs()) == 2


@pytest.mark.parametrize("lost", ["model", "config", "unreadable"])
async def test_a_job_outlasts_what_its_inputs_come_from(world: World, lost: str) -> None:
    world.put(AIM_RUNTIME_CONFIG, "big", spec={"imagePullSecrets": [{"name": "s"}]})
    await started(world, runtimeConfigName="big")
    running = world.jobs()
    match lost:
        case "model":
            world.cluster.drop(AIM_CLUSTER_MODEL, Key("", "llama"))
        case "config":
            world.cluster.drop(AIM_RUNTIME_CONFIG, Key("ns", "big"))
        case _:
            world.cluster.drop(AIM_RUNTIME_CONFIG, Key("ns", "big"))
            world.informers.informer(AIM_RUNTIME_CONFIG).availability = BLIND
    await world.look()
    assert world.jobs() == running


async def test_somebody_elses_job_of_that_name_says_nothing(world: World) -> None:
    await started(world)
    world.end()
    world.cluster.drop(world.kind, world.key())
    world.template(uid="t-uid-2")
    with pytest.raises(TransientError, match="former owner"):
        await world.look()
    assert world.status() == {}


# What else is seen.


async def test_without_kserve_a_template_is_ready_and_makes_no_runtime(world: World) -> None:
    world.informers.informer(SERVING_RUNTIMES).availability = Unavailable("KindMissing", "no such kind")
    world.template(modelSources=INLINE)
    status = await world.look()
    assert status["status"] == "Ready"
    assert "servingruntimes.serving.kserve.io is installed" in status["conditions"][1]["message"]
    assert not any("ServingRuntime" in call for call in world.cluster.calls)


async def test_nodes_that_were_never_read_make_no_gpu_missing() -> None:
    world = World()
    world.cluster.drop(NODES, Key("", "mi300x"))
    world.informers.informer(NODES).availability = BLIND
    world.template()
    assert (await world.look())["status"] == "Pending"
    assert world.ledger.waiting == ()
    assert world.jobs() == []


@pytest.mark.parametrize(("owner", "state"), [("t-uid", "Ready"), ("other", "Degraded")], ids=["own", "another's"])
async def test_only_its_own_cache_warms_a_template(world: World, owner: str, state: str) -> None:
    world.put(
        AIM_TEMPLATE_CACHE,
        "t",
        metadata={"ownerReferences": [{"uid": owner, "kind": "X", "name": owner}]},
        spec={"templateRef": "t"},
        status={"status": "Available"},
    )
    world.template(modelSources=INLINE, caching={"enabled": True})
    assert (await world.look())["status"] == state


async def test_a_refused_job_is_told_and_tried_again_in_a_minute(world: World) -> None:
    world.cluster.refuse = lambda verb, kind, _key: (
        refused(ForbiddenError, 403, "quota exceeded") if (verb, kind) == ("create", JOBS) else None
    )
    world.template()
    assert (await world.reconcile()).requeue_after == 60.0
    assert world.said("Discovered") == "False DiscoveryFailed"
    assert "quota exceeded" in world.status()["conditions"][0]["message"]
    assert world.ledger.taken == 0


# Slots.


async def test_a_template_without_a_slot_waits_in_the_line_until_one_is_free() -> None:
    world = World(limit=1)
    await started(world, "a")
    await started(world, "b")
    assert world.status("b")["status"] == "Pending"
    assert world.said("Discovered", "b") == "False AwaitingDiscovery"
    assert [waiter.key.name for waiter in world.ledger.waiting] == ["b"]
    assert world.woken == []
    world.end("a")
    assert world.woken == ["b"]
    assert (await world.look("b"))["status"] == "Progressing"
    assert world.ledger.waiting == ()


async def test_the_oldest_template_goes_first() -> None:
    world = World(limit=1)
    await started(world, "first")
    await started(world, "young", age=10)
    await started(world, "old", age=20)
    world.end("first")
    assert world.woken == ["old"]
    assert (await world.look("young"))["status"] == "Pending"
    assert (await world.look("old"))["status"] == "Progressing"


async def test_a_burst_never_passes_the_limit() -> None:
    world = World(limit=3)
    names = [f"t{number}" for number in range(20)]
    for name in names:
        world.template(name)
    world.cluster.lagging = True
    await asyncio.gather(*(world.look(name) for name in names))
    assert len(world.jobs()) == 3
    world.cluster.deliver()
    await asyncio.gather(*(world.look(name) for name in names))
    assert len(world.jobs()) == 3
    assert world.ledger.taken == 3


async def test_a_job_that_could_not_be_created_now_keeps_its_slot() -> None:
    world = World(limit=1)
    world.template("a")
    world.cluster.refuse = lambda verb, _kind, _key: refused(ServerError, 500) if verb == "create" else None
    with pytest.raises(ServerError):
        await world.look("a")
    assert world.ledger.taken == 1
    world.cluster.refuse = lambda _verb, _kind, _key: None
    assert (await world.look("a"))["status"] == "Progressing"


@pytest.mark.parametrize("going", ["deleted", "gpu", "inline", "other inputs"])
async def test_a_job_that_no_watch_has_shown_yet_keeps_its_slot(going: str) -> None:
    world = World(limit=1)
    world.template()
    world.cluster.stalled = JOBS
    await world.look()
    match going:
        case "deleted":
            world.cluster.drop(world.kind, world.key())
        case "gpu":
            world.cluster.drop(NODES, Key("", "mi300x"))
        case "inline":
            world.template(modelSources=INLINE)
        case _:
            world.template(profileId="p")
    with pytest.raises(TransientError, match="does not show Job ns/discover-t-"):
        await world.reconcile()
    assert world.ledger.taken == 1
    world.template("other", gpuSelector={"count": 1})
    assert (await world.look("other"))["status"] == "Pending"
    assert len(world.jobs()) == 1
    world.cluster.stalled = None
    world.cluster.deliver()
    await world.reconcile()
    assert world.ledger.taken == len(world.jobs()) <= 1


async def test_a_job_that_came_and_went_unseen_gives_its_slot_back() -> None:
    world = World(limit=1)
    world.template()
    world.cluster.stalled = JOBS
    await world.look()
    world.cluster.objects.pop((JOBS.resource, Key("ns", *world.jobs())))
    world.cluster.drop(world.kind, world.key())
    await world.reconcile()
    assert world.ledger.taken == 0


@pytest.mark.parametrize("waits", [False, True], ids=["with a slot", "in the line"])
@pytest.mark.parametrize("going", ["deleted", "gpu", "inline"])
async def test_a_template_that_needs_no_slot_any_more_gives_it_up(going: str, *, waits: bool) -> None:
    world = World(limit=1)
    if waits:
        await started(world, "other", gpuSelector={"count": 1})
    world.template()
    world.cluster.refuse = lambda verb, _kind, _key: refused(ServerError, 500) if verb == "create" else None
    await asyncio.gather(world.look(), return_exceptions=True)
    assert (world.ledger.taken, len(world.ledger.waiting)) == (1, int(waits))
    match going:
        case "deleted":
            world.cluster.drop(world.kind, world.key())
        case "gpu":
            world.cluster.drop(NODES, Key("", "mi300x"))
        case _:
            world.template(modelSources=INLINE)
    await world.reconcile()
    assert (world.ledger.taken, world.ledger.waiting) == (int(waits), ())


# What makes a template look again.


async def test_a_jobs_pod_wakes_the_template_of_its_own_kind_only() -> None:
    for kind in (AIM_SERVICE_TEMPLATE, AIM_CLUSTER_SERVICE_TEMPLATE):
        world = World(kind)
        await started(world)
        assert world.queued(world.pod) == [str(world.key())]
        other = AIM_CLUSTER_SERVICE_TEMPLATE if kind is AIM_SERVICE_TEMPLATE else AIM_SERVICE_TEMPLATE
        job = world.job()
        job["metadata"]["ownerReferences"][0]["kind"] = other.name
        world.cluster.put(JOBS, job | {"spec": {**job["spec"], "suspend": True}})
        assert world.queued(lambda world=world: world.pod(phase="Failed")) == []


async def test_a_pod_without_a_job_wakes_nobody(world: World) -> None:
    assert world.queued(lambda: world.put(PODS, "stray", status={})) == []
    await started(world)
    job = world.job()
    world.pod()
    world.cluster.drop(JOBS, Key("ns", job["metadata"]["name"]))
    assert world.queued(lambda: world.cluster.drop(PODS, Key("ns", "t"))) == []


async def test_the_job_wakes_its_template(world: World) -> None:
    await started(world)
    assert world.queued(world.end) == ["ns/t"]


def test_a_model_that_comes_wakes_the_templates_that_name_it(world: World) -> None:
    world.template("a")
    world.template("b", modelName=None, aimImageName="llama")
    world.template("c", modelName="other")
    assert world.queued(lambda: world.put(AIM_MODEL, "llama", spec={"image": "i"})) == ["ns/a", "ns/b"]
    assert world.queued(lambda: world.put(AIM_MODEL, "llama", "elsewhere", spec={"image": "i"})) == []
    assert world.queued(lambda: world.cluster.drop(AIM_CLUSTER_MODEL, Key("", "llama"))) == ["ns/a", "ns/b"]


def test_a_models_status_wakes_no_template(world: World) -> None:
    world.template()
    assert (
        world.queued(lambda: world.put(AIM_CLUSTER_MODEL, "llama", spec={"image": "ghcr.io/x/llama:1"}, status={}))
        == []
    )


def test_a_config_wakes_the_templates_that_may_use_it(world: World) -> None:
    world.template("a")
    world.template("b", runtimeConfigName="big")
    assert world.queued(lambda: world.put(AIM_RUNTIME_CONFIG, "default", spec={})) == ["ns/a"]
    assert world.queued(lambda: world.put(AIM_RUNTIME_CONFIG, "big", spec={})) == ["ns/b"]
    assert world.queued(lambda: world.put(AIM_RUNTIME_CONFIG, "big", "elsewhere", spec={})) == []


async def test_gpus_that_come_and_go_wake_the_templates_that_ask_for_them(world: World) -> None:
    world.template("a", gpuSelector={"model": "Instinct MI250X"})
    world.template("b")
    world.template("c", gpuSelector={"count": 1})
    queue = world.controller.queue
    world.node("other", device="740c")
    assert queue.depth == 1
    item = await queue.get()
    assert item is not None
    assert str(item.key) == "ns/a"
    world.node("another", device="740c")
    assert queue.depth == 0
    world.cluster.drop(NODES, Key("", "mi300x"))
    item = await queue.get()
    assert item is not None
    assert str(item.key) == "ns/b"

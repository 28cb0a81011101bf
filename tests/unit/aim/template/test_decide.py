"""A template's decision: every step of SPEC §3 in its order, and what holds of the status whatever the case."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from aimctrl.aim.discovery.log import Unparsable
from aimctrl.aim.discovery.state import CannotPull, JobFailed, JobSucceeded, Stuck, Working
from aimctrl.aim.resolution import LOOK_AGAIN, DefaultNotFound
from aimctrl.aim.template.decide import decide, wants_log
from aimctrl.aim.template.observed import Observed
from aimctrl.api.common import Scope
from aimctrl.api.kinds import AIM_TEMPLATE_CACHE
from aimctrl.api.reasons import EventReason, TemplateReason
from aimctrl.kube.core import JOBS
from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES, SERVING_RUNTIMES
from aimctrl.kube.kinds import Key
from aimctrl.kube.lookup import Unreachable
from aimctrl.kube.meta import OwnerReference
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.plan import Plan
from unit.aim.template.samples import (
    INPUTS,
    MODEL,
    NO_CONFIG,
    NO_MODEL,
    NOW,
    OTHER_INPUTS,
    PROFILE,
    RESULT,
    SOURCE,
    after,
    ago,
    cache,
    config,
    discovered,
    failed,
    job,
    refusal,
    seen,
    view,
)

INLINE = {"modelSources": [{"name": "llama", "sourceURI": "hf://x/llama", "size": "16Gi"}]}
CACHING = {"caching": {"enabled": True}}
ANY_GPU = {"gpuSelector": None}
FORBIDDEN = Unreachable("AIMModel cannot be read: may not list")
BLIND = Unavailable("Unreachable", "no answer")
BACK_OFF, NOT_FOUND = TemplateReason.IMAGE_PULL_BACK_OFF, TemplateReason.IMAGE_NOT_FOUND
SUCCEEDED, FAILED = JobSucceeded(Key("ns", "p")), JobFailed("BackoffLimitExceeded", Key("ns", "p"))
DONE = view(SUCCEEDED, "Complete", result=RESULT)


def refused(kind: Any, reason: str, **parts: Any) -> Observed:
    return seen(**({"refusals": (refusal(kind, reason),)} | parts))


def cached(state: str, **parts: Any) -> Observed:
    return seen(discovered(), spec=CACHING, cache=cache(state, **parts))


Case = tuple[Observed, str, str, str]

CASES: dict[str, Case] = {
    # The template, its state, the deciding reason, and the condition Discovered.
    "1: config missing": (seen(config=NO_CONFIG, inputs=None), "Degraded", "RuntimeConfigMissing", "Unknown AwaitingDiscovery"),
    "1: config cannot be read": (seen(config=FORBIDDEN, inputs=None), "Pending", "RuntimeConfigMissing", "Unknown AwaitingDiscovery"),
    "2: model missing": (seen(model=NO_MODEL, inputs=None), "Degraded", "ModelNotFound", "Unknown AwaitingDiscovery"),
    "2: model missing, after discovery": (seen(discovered(), model=NO_MODEL, inputs=None), "Degraded", "ModelNotFound", "True ProfilesDiscovered"),
    "2: model cannot be read": (seen(model=FORBIDDEN, inputs=None), "Pending", "ModelNotFound", "Unknown AwaitingDiscovery"),
    "3: gpu missing": (seen(gpus=()), "NotAvailable", "GPUNotAvailable", "Unknown AwaitingDiscovery"),
    "3: another gpu": (seen(gpus=("MI250X", "H100")), "NotAvailable", "GPUNotAvailable", "Unknown AwaitingDiscovery"),
    "3: gpu missing, after discovery": (seen(discovered(), gpus=()), "NotAvailable", "GPUNotAvailable", "True ProfilesDiscovered"),
    "3: gpu missing, while discovery runs": (seen(gpus=(), job=view(Working("on"))), "NotAvailable", "GPUNotAvailable", "Unknown AwaitingDiscovery"),
    "3: gpu missing, sources inline": (seen(gpus=(), spec=INLINE), "NotAvailable", "GPUNotAvailable", "Unknown AwaitingDiscovery"),
    "3: nodes cannot be read": (seen(gpus=(), nodes=BLIND), "Pending", "GPUNotAvailable", "Unknown AwaitingDiscovery"),
    "3: gpu in another spelling": (seen(discovered(), gpus=("AMD Instinct MI300X OAM",)), "Ready", "ProfilesDiscovered", "True ProfilesDiscovered"),
    "3: gpu known though nodes cannot be read": (seen(discovered(), nodes=BLIND), "Ready", "ProfilesDiscovered", "True ProfilesDiscovered"),
    "3: no gpu asked for, none there": (seen(discovered(), gpus=(), spec=ANY_GPU), "Ready", "ProfilesDiscovered", "True ProfilesDiscovered"),
    "4: sources inline": (seen(spec=INLINE), "Ready", "InlineModelSources", "True InlineModelSources"),
    "4: sources inline, in the cluster": (seen(spec=INLINE, scope=Scope.CLUSTER), "Ready", "InlineModelSources", "True InlineModelSources"),
    "5: recorded": (seen(discovered()), "Ready", "ProfilesDiscovered", "True ProfilesDiscovered"),
    "5: recorded, the job still there": (seen(discovered(), job=DONE), "Ready", "ProfilesDiscovered", "True ProfilesDiscovered"),
    "5: recorded, in the cluster": (seen(discovered(), scope=Scope.CLUSTER), "Ready", "ProfilesDiscovered", "True ProfilesDiscovered"),
    "5: recorded for other inputs": (seen(discovered(inputs=OTHER_INPUTS)), "Progressing", "AwaitingDiscovery", "False AwaitingDiscovery"),
    "5b: failed, pausing": (seen(failed("DiscoveryFailed")), "Failed", "DiscoveryFailed", "False DiscoveryFailed"),
    "5b: pull failed, pausing": (seen(failed("ImageNotFound")), "Degraded", "ImageNotFound", "False ImageNotFound"),
    "5b: pausing, the job still there": (seen(failed("DiscoveryFailed"), job=view(FAILED, "Failed")), "Failed", "DiscoveryFailed", "False DiscoveryFailed"),
    "5b: pausing after a word of another version": (seen(failed("Curious")), "Failed", "DiscoveryFailed", "False DiscoveryFailed"),
    "5b: pause over": (seen(failed("DiscoveryFailed", retry_in=0)), "Progressing", "AwaitingDiscovery", "False AwaitingDiscovery"),
    "5b: pause over, the job still there": (seen(failed("DiscoveryFailed", retry_in=0), job=view(FAILED, "Failed", ttl=60)), "Progressing", "AwaitingDiscovery", "False AwaitingDiscovery"),
    "6: job at work": (seen(job=view(Working("on"))), "Progressing", "AwaitingDiscovery", "False AwaitingDiscovery"),
    "6: job being deleted": (seen(job=view(SUCCEEDED, "Complete", deleting=True)), "Progressing", "AwaitingDiscovery", "False AwaitingDiscovery"),
    "6: image not found": (seen(job=view(CannotPull(NOT_FOUND, "404", 9.0))), "Degraded", "ImageNotFound", "False ImageNotFound"),
    "6: pull refused": (seen(job=view(CannotPull(TemplateReason.IMAGE_PULL_AUTH_FAILURE, "401", 9.0))), "Degraded", "ImagePullAuthFailure", "False ImagePullAuthFailure"),
    "6: pull backs off": (seen(job=view(CannotPull(BACK_OFF, "", 9.0))), "Degraded", "ImagePullBackOff", "False ImagePullBackOff"),
    "6: it pulls again": (seen(failed("ImageNotFound", 0) | {"discovery": None}, job=view(Working("on"))), "Progressing", "AwaitingDiscovery", "False AwaitingDiscovery"),
    "6: never pulled": (seen(job=view(Stuck(BACK_OFF, "no"))), "Degraded", "ImagePullBackOff", "False ImagePullBackOff"),
    "6: never scheduled": (seen(job=view(Stuck(TemplateReason.DISCOVERY_FAILED, "no node"))), "Failed", "DiscoveryFailed", "False DiscoveryFailed"),
    "6: job failed": (seen(job=view(FAILED, "Failed")), "Failed", "DiscoveryFailed", "False DiscoveryFailed"),
    "6: unparsable": (seen(job=view(SUCCEEDED, "Complete", result=Unparsable("junk"))), "Failed", "DiscoveryFailed", "False DiscoveryFailed"),
    "6: log lost": (seen(job=view(JobSucceeded(None), "Complete")), "Failed", "DiscoveryFailed", "False DiscoveryFailed"),
    "6: succeeded": (seen(job=DONE), "Ready", "ProfilesDiscovered", "True ProfilesDiscovered"),
    "6: succeeded, in the cluster": (seen(job=DONE, scope=Scope.CLUSTER), "Ready", "ProfilesDiscovered", "True ProfilesDiscovered"),
    "7: no slot": (seen(slot_free=False), "Pending", "AwaitingDiscovery", "False AwaitingDiscovery"),
    "7: job created": (seen(), "Progressing", "AwaitingDiscovery", "False AwaitingDiscovery"),
    "7: namespace terminating": (refused(JOBS, "NamespaceTerminating"), "Pending", "AwaitingDiscovery", "False AwaitingDiscovery"),
    "7: no such namespace": (refused(JOBS, "NamespaceMissing", scope=Scope.CLUSTER), "Degraded", "DiscoveryFailed", "False DiscoveryFailed"),
    "7: job forbidden": (refused(JOBS, "Forbidden"), "Degraded", "DiscoveryFailed", "False DiscoveryFailed"),
    "7: job invalid": (refused(JOBS, "Invalid"), "Degraded", "DiscoveryFailed", "False DiscoveryFailed"),
    "7: name taken": (refused(JOBS, "NameConflict"), "Degraded", "DiscoveryFailed", "False DiscoveryFailed"),
    "8: cache requested": (seen(discovered(), spec=CACHING), "Progressing", "WarmRequested", "True ProfilesDiscovered"),
    "8: cache begun": (cached("Pending"), "Progressing", "WarmRequested", "True ProfilesDiscovered"),
    "8: cache warming": (cached("Progressing"), "Progressing", "Warming", "True ProfilesDiscovered"),
    "8: cache warm": (cached("Available"), "Ready", "ProfilesDiscovered", "True ProfilesDiscovered"),
    "8: cache failed": (cached("Failed", message="no space"), "Degraded", "WarmFailed", "True ProfilesDiscovered"),
    "8: cache refused": (refused(AIM_TEMPLATE_CACHE, "NameConflict", spec=CACHING | INLINE), "Degraded", "WarmFailed", "True InlineModelSources"),
    "8: cache warm, sources inline": (seen(spec=CACHING | INLINE, cache=cache("Available")), "Ready", "InlineModelSources", "True InlineModelSources"),
    "runtime: name taken": (refused(SERVING_RUNTIMES, "NameConflict", spec=INLINE), "Degraded", "NameConflict", "True InlineModelSources"),
    "runtime: forbidden": (refused(SERVING_RUNTIMES, "Forbidden", spec=INLINE), "Degraded", "ServingRuntimeRefused", "True InlineModelSources"),
    "runtime: forbidden, in the cluster": (refused(CLUSTER_SERVING_RUNTIMES, "Forbidden", spec=INLINE, scope=Scope.CLUSTER), "Degraded", "ServingRuntimeRefused", "True InlineModelSources"),
    "runtime: KServe missing": (seen(spec=INLINE, runtime_missing_kind="servingruntimes.serving.kserve.io"), "Ready", "InlineModelSources", "True InlineModelSources"),
    "runtime: KServe gone just now": (refused(SERVING_RUNTIMES, "KindMissing", spec=INLINE), "Ready", "InlineModelSources", "True InlineModelSources"),
}  # fmt: skip

ALL = pytest.mark.parametrize("case", [case[0] for case in CASES.values()], ids=CASES)


def conditions(plan: Plan) -> dict[str, dict[str, Any]]:
    assert plan.status is not None
    return {said["type"]: said for said in plan.status["conditions"]}


def status(plan: Plan) -> Any:
    assert plan.status is not None
    return plan.status


@pytest.mark.parametrize(("case", "state", "reason", "discovered_"), CASES.values(), ids=CASES)
def test_every_step_has_its_state_and_reasons(case: Observed, state: str, reason: str, discovered_: str) -> None:
    plan = decide(case)
    said = conditions(plan)
    assert status(plan)["status"] == state
    assert {said[kind]["reason"] for kind in ("Ready", "Progressing", "Failure")} == {reason}
    assert f"{said['Discovered']['status']} {said['Discovered']['reason']}" == discovered_


@ALL
def test_the_summary_says_what_the_state_says(case: Observed) -> None:
    plan = decide(case)
    state, said = status(plan)["status"], {kind: each["status"] for kind, each in conditions(plan).items()}
    assert said["Ready"] == str(state == "Ready")
    assert said["Progressing"] == str(state in {"Pending", "Progressing"})
    assert said["Failure"] == str(state in {"Degraded", "Failed"})


@ALL
def test_all_conditions_are_always_there(case: Observed) -> None:
    own = {"CacheWarm"} if case.scope is Scope.NAMESPACE else set()
    assert set(conditions(decide(case))) == {"Discovered", "Ready", "Progressing", "Failure"} | own


@ALL
def test_the_generation_is_the_one_that_was_looked_at(case: Observed) -> None:
    plan = decide(case)
    assert status(plan)["observedGeneration"] == 7
    assert {said["observedGeneration"] for said in conditions(plan).values()} == {7}


@ALL
def test_deciding_again_changes_nothing(case: Observed) -> None:
    before = decide(case)
    again = decide(replace(after(case, before), now=NOW + timedelta(seconds=1)))
    assert again.status is None or again.status == before.status
    assert again.notes == ()


@ALL
def test_a_status_is_json(case: Observed) -> None:
    plan = decide(case)
    assert msgspec.json.decode(msgspec.json.encode(plan.status)) == plan.status


@ALL
def test_nothing_is_done_about_a_template_that_is_being_deleted(case: Observed) -> None:
    meta = msgspec.structs.replace(case.target.meta, deletion_timestamp=NOW)
    leaving = replace(case, target=replace(case.target, meta=meta))
    assert decide(leaving) == Plan(leaving.target)
    assert not wants_log(leaving)


@pytest.mark.parametrize("kind", [SERVING_RUNTIMES, AIM_TEMPLATE_CACHE], ids=["runtime", "cache"])
def test_a_template_says_nothing_new_while_its_namespace_goes(kind: Any) -> None:
    case = refused(kind, "NamespaceTerminating", spec=CACHING | INLINE)
    assert decide(case) == Plan(case.target)


STEPS: dict[str, tuple[dict[str, Any], str, str]] = {
    "config": ({"config": NO_CONFIG}, "Degraded", "RuntimeConfigMissing"),
    "model": ({"model": NO_MODEL}, "Degraded", "ModelNotFound"),
    "gpu": ({"gpus": ()}, "NotAvailable", "GPUNotAvailable"),
    "inline sources": ({"spec": INLINE}, "Ready", "InlineModelSources"),
    "the record": ({"status": discovered()}, "Ready", "ProfilesDiscovered"),
    "the job": ({"job": view(Stuck(BACK_OFF, "no"))}, "Degraded", "ImagePullBackOff"),
    "the slots": ({"slot_free": False}, "Pending", "AwaitingDiscovery"),
}


@pytest.mark.parametrize("first", range(len(STEPS)), ids=STEPS)
@pytest.mark.parametrize("record", [discovered(), failed("DiscoveryFailed")], ids=["result", "failure"])
def test_an_earlier_step_outranks_all_that_follow(first: int, record: dict[str, Any]) -> None:
    steps = list(STEPS.values())[first:]
    parts = {name: value for found, _, _ in steps for name, value in found.items()}
    if "status" in parts:
        parts["status"] = record
    _, state, reason = steps[0]
    if list(STEPS)[first] == "the record" and record["discovery"]["failures"]:
        state, reason = "Failed", "DiscoveryFailed"
    plan = decide(seen(**parts))
    assert (status(plan)["status"], conditions(plan)["Ready"]["reason"]) == (state, reason)


# Steps 1 to 3.


@pytest.mark.parametrize(
    "unread",
    [{"config": FORBIDDEN, "inputs": None}, {"model": FORBIDDEN, "inputs": None}, {"gpus": (), "nodes": BLIND}],
    ids=["config", "model", "nodes"],
)
def test_what_cannot_be_read_changes_nothing_that_was_decided(unread: dict[str, Any]) -> None:
    ready = seen(discovered(), **unread)
    assert decide(ready) == Plan(ready.target, requeue_after=LOOK_AGAIN)
    assert decide(seen(**unread)).requeue_after == LOOK_AGAIN


@pytest.mark.parametrize(
    "missing",
    [{"config": NO_CONFIG, "inputs": None}, {"model": NO_MODEL, "inputs": None}, {"gpus": ()}],
    ids=["config", "model", "gpu"],
)
def test_what_was_discovered_outlasts_what_goes_missing(missing: dict[str, Any]) -> None:
    ready = seen(discovered())
    lost = decide(seen(discovered(), **missing))
    assert {status(lost)[part] == status(decide(ready))[part] for part in ("modelSources", "profile", "discovery")} == {
        True
    }
    back = decide(after(ready, lost))
    assert status(back)["status"] == "Ready"
    assert not any(child.kind is JOBS for child in back.children)


@pytest.mark.parametrize(
    "missing",
    [
        {"config": NO_CONFIG, "inputs": None},
        {"model": NO_MODEL, "inputs": None},
        {"gpus": ()},
        {"gpus": (), "spec": INLINE},
    ],
    ids=["config", "model", "gpu", "gpu of inline sources"],
)
def test_nothing_is_made_for_a_template_that_cannot_run(missing: dict[str, Any]) -> None:
    plan = decide(seen(**missing))
    assert plan.children == ()
    assert plan.removals == ()
    assert plan.requeue_after is None


def test_the_message_names_what_is_missing() -> None:
    told = [conditions(decide(case))["Ready"]["message"] for case in (CASES["1: config missing"][0], seen(gpus=()))]
    assert told == ['there is no AIMRuntimeConfig "big"', "no node has the GPU model MI300X"]


def test_what_was_resolved_is_in_the_status() -> None:
    plan = status(decide(seen(config=config())))
    assert plan["resolvedRuntimeConfig"]["uid"] == "config-uid"
    assert plan["resolvedImage"] == {
        "name": "llama",
        "namespace": "ns",
        "scope": "Namespace",
        "kind": "AIMModel",
        "uid": "model-uid",
    }
    missing = status(decide(seen(config=NO_CONFIG, model=NO_MODEL, inputs=None)))
    assert {"resolvedRuntimeConfig", "resolvedImage"} & set(missing) == set()


def test_the_cache_is_told_of_while_the_template_cannot_run() -> None:
    said = conditions(decide(replace(cached("Failed"), model=NO_MODEL, inputs=None)))
    assert said["CacheWarm"]["reason"] == "WarmFailed"


# Steps 4 to 7: what goes to status. What is done is in test_discover.


def test_inline_sources_go_to_status() -> None:
    plan = status(decide(seen(discovered(), spec=INLINE)))
    assert plan["modelSources"] == [SOURCE]
    assert "discovery" not in plan
    assert "profile" not in plan


def test_a_result_goes_to_status_as_it_was_printed() -> None:
    plan = status(decide(seen(job=DONE)))
    assert plan["modelSources"] == [SOURCE]
    assert plan["profile"] == PROFILE
    assert plan["discovery"]["inputsHash"] == INPUTS.digest


def test_the_last_result_stays_until_there_is_another() -> None:
    waiting = status(decide(seen(discovered(inputs=OTHER_INPUTS))))
    assert waiting["modelSources"] == [SOURCE]
    assert waiting["discovery"]["inputsHash"] == OTHER_INPUTS.digest
    failed_ = status(decide(seen(discovered(inputs=OTHER_INPUTS), job=view(FAILED, "Failed"))))
    assert failed_["modelSources"] == []
    assert "profile" not in failed_
    assert failed_["discovery"]["inputsHash"] == INPUTS.digest


def test_inputs_that_change_and_change_back_cost_no_result() -> None:
    ready = seen(discovered())
    moved = decide(seen(discovered(), inputs=OTHER_INPUTS))
    back = decide(after(ready, moved))
    assert status(back)["status"] == "Ready"
    assert status(back)["modelSources"] == [SOURCE]


def test_former_jobs_are_removed_whatever_is_decided() -> None:
    former = job()
    for case in (seen(), seen(discovered()), seen(gpus=()), seen(spec=INLINE), seen(slot_free=False)):
        removed = decide(replace(case, outdated_jobs=(former,))).removals
        assert [(removal.key, removal.uid) for removal in removed] == [(former.key, "job-uid")]


# Step 8 and the runtime.


def made(case: Observed) -> list[str]:
    return [child.kind.name for child in decide(case).children]


@pytest.mark.parametrize(
    ("case", "children"),
    [
        (seen(discovered()), ["ServingRuntime"]),
        (seen(discovered(), scope=Scope.CLUSTER), ["ClusterServingRuntime"]),
        (seen(discovered(), spec=CACHING), ["AIMTemplateCache"]),
        (cached("Progressing"), ["AIMTemplateCache"]),
        (cached("Failed"), ["AIMTemplateCache"]),
        (cached("Available"), ["AIMTemplateCache", "ServingRuntime"]),
        (seen(discovered(), runtime_missing_kind="servingruntimes.serving.kserve.io"), []),
        (seen(spec=INLINE), ["ServingRuntime"]),
        (seen(job=DONE), ["ServingRuntime"]),
        (seen(job=view(Working("on"))), []),
        (seen(discovered(inputs=OTHER_INPUTS), job=view(Working("on"))), []),
    ],
    ids=[
        "ready", "ready in the cluster", "to be cached", "being cached", "cache failed", "cached", "no KServe", "inline",
        "just discovered", "not discovered", "discovered anew",
    ],
)  # fmt: skip
def test_a_template_has_a_runtime_once_it_is_ready(case: Observed, children: list[str]) -> None:
    assert made(case) == children


def gpus(case: Observed) -> dict[str, str]:
    (runtime,) = (child for child in decide(case).children if child.kind is SERVING_RUNTIMES)
    (container,) = runtime.manifest["spec"]["containers"]
    return container.get("resources", {}).get("limits", {})


def profile(**metadata: Any) -> dict[str, Any]:
    return {"metadata": metadata}


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        (seen(discovered()), {"amd.com/gpu": "4"}),
        (seen(discovered(profile={})), {"amd.com/gpu": "2"}),
        (seen(spec=INLINE), {"amd.com/gpu": "2"}),
        (seen(discovered(profile=profile(gpu_count="8"))), {"amd.com/gpu": "8"}),
        (seen(discovered(profile=profile(gpu_count=0))), {}),
        (seen(discovered(profile=profile(gpu_count=True))), {"amd.com/gpu": "2"}),
        (seen(discovered(profile=profile(gpu_count=-1))), {"amd.com/gpu": "2"}),
        (seen(discovered(profile={"metadata": "junk"})), {"amd.com/gpu": "2"}),
        (seen(spec=INLINE | {"gpuSelector": {"model": "MI300X"}}), {}),
        (seen(spec=INLINE | ANY_GPU), {}),
        (seen(spec=INLINE | {"gpuSelector": {"count": 3}}), {"amd.com/gpu": "3"}),
        (seen(spec=INLINE | {"gpuSelector": {"count": 1, "model": "H100"}}, gpus=("H100",)), {"nvidia.com/gpu": "1"}),
        (seen(discovered(profile=profile(gpu="H100", gpu_count=1)), spec=ANY_GPU), {"nvidia.com/gpu": "1"}),
        (seen(spec=INLINE | {"gpuSelector": {"count": 1, "resourceName": "x.io/gpu"}}), {"x.io/gpu": "1"}),
    ],
    ids=[
        "discovered count", "profile without a count", "inline: the selector's", "count as text", "discovered none",
        "no count but true", "negative count", "metadata no object", "selector without a count", "no selector",
        "no model", "NVIDIA asked for", "NVIDIA discovered", "resource named",
    ],
)  # fmt: skip
def test_the_runtime_asks_for_the_gpus_that_were_discovered(case: Observed, wanted: dict[str, str]) -> None:
    assert gpus(case) == wanted


def test_the_runtime_runs_what_discovery_looked_at() -> None:
    (runtime,) = decide(seen(discovered())).children
    (container,) = runtime.manifest["spec"]["containers"]
    assert container["image"] == INPUTS.image
    assert [entry for entry in container["env"] if entry in INPUTS.profile_env] == list(INPUTS.profile_env)
    assert runtime.manifest["spec"]["imagePullSecrets"] == [{"name": "regcred"}]


def test_a_ready_template_says_that_kserve_is_missing() -> None:
    for name in ("runtime: KServe missing", "runtime: KServe gone just now"):
        said = conditions(decide(CASES[name][0]))
        assert "once KServe's servingruntimes.serving.kserve.io is installed" in said["Ready"]["message"]


# The event about the runtime config.


def told(case: Observed) -> list[tuple[str, str]]:
    return [(note.reason, note.type) for note in decide(case).notes]


NOT_FOUND_NOTE = [(EventReason.DEFAULT_RUNTIME_CONFIG_NOT_FOUND, "Warning")]


def test_a_default_config_that_is_missing_is_told_once() -> None:
    fresh = seen(config=DefaultNotFound())
    assert told(fresh) == NOT_FOUND_NOTE
    assert told(after(fresh, decide(fresh))) == []


def test_a_default_config_that_goes_is_told_again() -> None:
    had = seen(config=config())
    assert told(had) == []
    lost = replace(after(had, decide(had)), config=DefaultNotFound())
    assert told(lost) == NOT_FOUND_NOTE


def test_a_missing_default_is_told_after_a_missing_config_was_named() -> None:
    named = seen(config=NO_CONFIG, inputs=None)
    assert told(named) == []
    unnamed = replace(after(named, decide(named)), config=DefaultNotFound(), inputs=INPUTS)
    assert told(unnamed) == NOT_FOUND_NOTE


# What the log is read for.


@pytest.mark.parametrize(
    ("case", "wanted"),
    [
        (seen(job=DONE), True),
        (seen(discovered(inputs=OTHER_INPUTS), job=DONE), True),
        (seen(failed("DiscoveryFailed", retry_in=-1), job=view(FAILED, "Failed", age=1)), True),
        (seen(), False),
        (seen(job=DONE, config=NO_CONFIG), False),
        (seen(job=DONE, model=NO_MODEL, inputs=None), False),
        (seen(job=DONE, gpus=()), False),
        (seen(job=DONE, spec=INLINE), False),
        (seen(discovered(), job=DONE), False),
        (seen(failed("DiscoveryFailed"), job=view(FAILED, "Failed")), False),
        (seen(failed("DiscoveryFailed", retry_in=-1), job=view(FAILED, "Failed")), False),
    ],
    ids=[
        "a new job", "other inputs", "the next try", "no job", "no config", "no model", "no gpu", "inline", "recorded",
        "pausing", "counted",
    ],
)  # fmt: skip
def test_the_log_matters_only_to_a_step_that_asks_the_job(case: Observed, *, wanted: bool) -> None:
    assert wants_log(case) is wanted


def test_a_template_without_inputs_is_a_mistake_of_whoever_looked() -> None:
    with pytest.raises(ValueError, match="inputs"):
        decide(seen(model=MODEL, inputs=None))


def derived(*, age: float, owners: tuple[OwnerReference, ...] = (), made_by: str = "aim") -> Observed:
    before = seen()
    labels, annotations = {"app.kubernetes.io/managed-by": made_by}, {"aim.silogen.ai/overrides": "{}"}
    meta = msgspec.structs.replace(
        before.target.meta,
        labels=labels,
        annotations=annotations,
        owner_references=owners,
        creation_timestamp=ago(age),
        resource_version="7",
    )
    return replace(before, target=replace(before.target, meta=meta))


@pytest.mark.parametrize(
    ("template", "goes"),
    [
        pytest.param(derived(age=301), True, id="no service has joined it"),
        pytest.param(derived(age=299), False, id="one may yet"),
        pytest.param(derived(age=9999, owners=(OwnerReference(uid="s"),)), False, id="a service uses it"),
        pytest.param(derived(age=9999, made_by="me"), False, id="somebody wrote it"),
    ],
)
def test_a_derived_template_that_no_service_ever_joined_goes(template: Observed, goes: bool) -> None:
    removals = [removal for removal in decide(template).removals if removal.kind == template.target.kind]
    assert [(one.uid, one.version) for one in removals] == ([("t-uid", "7")] if goes else [])


def test_a_derived_template_that_may_still_be_joined_is_looked_at_again_in_time() -> None:
    assert decide(derived(age=299)).requeue_after == 1.0


def test_a_cache_that_cannot_be_read_leaves_a_template_as_it_is() -> None:
    ready = cached("Available")
    assert decide(ready).status is not None
    plan = decide(replace(ready, cache=None, unread_caches="AIMTemplateCache cannot be read"))
    assert (plan.status, plan.children, plan.requeue_after) == (None, (), LOOK_AGAIN)
    new = decide(seen(spec=CACHING, unread_caches="AIMTemplateCache cannot be read")).status
    assert new is not None
    said = {c["message"] for c in new["conditions"] if c["type"] == "Ready"}
    assert (new["status"], said) == ("Pending", {"AIMTemplateCache cannot be read"})
    other = decide(seen(discovered(), unread_caches="AIMTemplateCache cannot be read")).status
    assert other is not None
    assert other["status"] == "Ready"

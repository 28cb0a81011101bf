"""The cache of a service: asked for, waited for, mounted, kept while it runs, and let go of."""

from typing import Any

import msgspec
import pytest

from aimctrl.aim.service.decide import decide
from aimctrl.api.cache import AIMTemplateCache
from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_SERVICE, AIM_TEMPLATE_CACHE
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.kube.kinds import Key
from aimctrl.kube.lookup import Missing
from aimctrl.runtime.plan import Plan, Refusal
from unit.aim.service.cluster import World
from unit.aim.service.samples import (
    after,
    cluster_template,
    config,
    isvc,
    kinds,
    manifest,
    said,
    seen,
    service,
    template,
    told,
)

FINALIZER = "aim.silogen.ai/service-cache"
DYING = {"deletionTimestamp": "2030-01-01T11:59:00Z"}
CACHE = "create AIMTemplateCache fast"
RUN = "apply InferenceService chat"
FOR_SERVICE = {"aim.silogen.ai/requested-by": "service"}


def entry(name: str = "weights", claim: str | None = "weights-cache") -> dict[str, Any]:
    return {"name": name, "persistentVolumeClaim": claim, "mountPoint": f"/workspace/model-cache/{name}"}


def cache(name: str = "fast", state: str = "Available", **parts: Any) -> AIMTemplateCache:
    """A template cache of `fast`, with one artifact, made for services."""
    meta = {"name": name, "namespace": "ml", "uid": f"{name}-cache-uid", "resourceVersion": "7"}
    meta |= {"labels": parts.pop("labels", FOR_SERVICE)}
    meta |= {key: parts.pop(key) for key in ("deletionTimestamp",) if key in parts}
    artifacts = parts.pop("artifacts", (entry(),))
    ready = {"type": "Ready", "status": "False", "reason": "R", "message": parts.pop("message", "")}
    status = {"status": state, "modelCaches": {each["name"]: each for each in artifacts}, "conditions": [ready]}
    return AIMTemplateCache.model_validate(
        {"metadata": meta, "spec": {"templateRef": parts.pop("ref", "fast")}, "status": status}
    )


def asking(name: str = "", *, finalizers: tuple[str, ...] = (FINALIZER,), **parts: Any) -> Any:
    """A service with `cacheModel`; `name` is the template cache it asked for so far."""
    status = {"resolvedTemplateCache": {"name": name, "namespace": "ml"}} if name else {}
    found = service(status=status, **({"cacheModel": True} | parts))
    meta = msgspec.structs.replace(found.metadata, finalizers=finalizers)
    return found.model_copy(update={"metadata": meta})


def only(plan: Plan) -> tuple[str, tuple[str, str], str]:
    """The state, CacheReady, and its message."""
    assert plan.status is not None
    return plan.status["status"], said(plan, "CacheReady"), told(plan, "CacheReady")


@pytest.mark.parametrize(
    ("caches", "state", "reason", "message"),
    [
        pytest.param((), "Starting", "WaitingForCache", 'AIMTemplateCache "fast" is being made', id="none"),
        pytest.param(
            (cache(state="Pending", message="no disk"),), "Starting", "WaitingForCache",
            'AIMTemplateCache "fast" is Pending: no disk', id="pending",
        ),
        pytest.param(
            (cache(state=""),), "Starting", "WaitingForCache", 'AIMTemplateCache "fast" is Pending', id="silent",
        ),
        pytest.param(
            (cache(state="Progressing"),), "Starting", "CacheWarming", 'AIMTemplateCache "fast" is Progressing',
            id="warming",
        ),
        pytest.param(
            (cache(state="Failed", message="401"),), "Failed", "CacheFailed", 'AIMTemplateCache "fast" failed: 401',
            id="failed",
        ),
        pytest.param(
            (cache(artifacts=(entry(claim=None),)),), "Starting", "CacheWarming",
            'AIMTemplateCache "fast" is Available', id="available-but-somewhere-unknown",
        ),
        pytest.param(
            (cache(**DYING),), "Starting", "WaitingForCache", 'AIMTemplateCache "fast" is being deleted', id="going",
        ),
    ],
)  # fmt: skip
def test_a_service_waits_for_its_cache(caches: Any, state: str, reason: str, message: str) -> None:
    plan = decide(seen(asking(), template(), caches=caches))
    assert only(plan) == (state, ("False", reason), message)
    assert RUN not in kinds(plan)


def test_and_starts_when_that_is_available() -> None:
    plan = decide(seen(asking(), template(), caches=(cache(),)))
    assert said(plan, "CacheReady") == ("True", "CacheWarm")
    assert RUN in kinds(plan)
    assert plan.status is not None
    assert plan.status["resolvedTemplateCache"] == {
        "name": "fast", "namespace": "ml", "scope": "Namespace", "kind": "AIMTemplateCache", "uid": "fast-cache-uid",
    }  # fmt: skip


def test_artifacts_are_mounted_read_only_each_volume_once() -> None:
    artifacts = (entry("b", "one-cache"), entry("a", "two.cache"), entry("c", "one-cache"))
    predictor = manifest(decide(seen(asking(), template(), caches=(cache(artifacts=artifacts),))), "InferenceService")
    spec = predictor["spec"]["predictor"]
    volumes = {each["persistentVolumeClaim"]["claimName"]: each["name"] for each in spec["volumes"]}
    assert sorted(volumes) == ["one-cache", "two.cache"]
    assert spec["model"]["volumeMounts"] == [
        {"name": volumes["two.cache"], "mountPath": "/workspace/model-cache/a", "readOnly": True},
        {"name": volumes["one-cache"], "mountPath": "/workspace/model-cache/b", "readOnly": True},
        {"name": volumes["one-cache"], "mountPath": "/workspace/model-cache/c", "readOnly": True},
    ]


def test_without_a_cache_nothing_is_mounted() -> None:
    predictor = manifest(decide(seen(service(), template(), caches=(cache(),))), "InferenceService")["spec"][
        "predictor"
    ]
    assert "volumes" not in predictor
    assert "volumeMounts" not in predictor["model"]


@pytest.mark.parametrize(
    ("caches", "current", "expected"),
    [
        pytest.param((cache("a", "Pending"), cache("b")), "", "b", id="an-available-one"),
        pytest.param((cache("a", "Pending"), cache("b", "Pending")), "b", "b", id="the-one-it-has"),
        pytest.param((cache("a", "Pending"), cache(state="Pending")), "", "fast", id="the-template's"),
        pytest.param((cache("a"), cache("b", ref="other")), "", "a", id="only-the-template's"),
    ],
)
def test_somebody_s_cache_of_the_template_is_used(caches: Any, current: str, expected: str) -> None:
    plan = decide(seen(asking(current), template(), caches=caches))
    assert plan.status is not None
    assert plan.status["resolvedTemplateCache"]["name"] == expected
    assert CACHE not in kinds(plan)


@pytest.mark.parametrize("base", [template(), cluster_template()], ids=["namespace", "cluster"])
def test_the_cache_it_makes_is_the_template_s_with_its_secrets_or_the_service_s(base: Any) -> None:
    rules = config(labelPropagation={"enabled": True, "match": ["team"]})
    token, pull = {"name": "HF_TOKEN", "value": "x"}, {"name": "pull"}
    asker = asking(env=[token], imagePullSecrets=[pull], runtimeConfigName="big", labels={"team": "a", "b": "c"})
    plan = decide(seen(asker, base, config=rules))
    child = plan.children[0]
    assert (child.mode, plan.requeue_after) == ("create", 1.0)
    found = manifest(plan, "AIMTemplateCache")
    asked_by = {"app.kubernetes.io/managed-by": "aim", "aim.silogen.ai/service-name": "chat"}
    assert found["metadata"]["labels"] == {"team": "a"} | asked_by | FOR_SERVICE
    (owner,) = found["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["uid"]) == (base.kind, base.uid)
    assert found["spec"] == {
        "templateRef": "fast", "env": [token], "imagePullSecrets": [pull], "runtimeConfigName": "big",
    }  # fmt: skip


def test_the_template_s_own_secrets_come_first() -> None:
    token = {"name": "HF_TOKEN", "value": "its"}
    base = template(env=[token], imagePullSecrets=[{"name": "its"}], runtimeConfigName="its")
    plan = decide(seen(asking(env=[{"name": "HF_TOKEN", "value": "x"}], imagePullSecrets=[{"name": "x"}]), base))
    spec = manifest(plan, "AIMTemplateCache")["spec"]
    assert (spec["env"], spec["imagePullSecrets"], spec["runtimeConfigName"]) == ([token], [{"name": "its"}], "its")


@pytest.mark.parametrize(
    ("asker", "labels", "state", "updated"),
    [
        pytest.param("chat", FOR_SERVICE, "Failed", True, id="its-own"),
        pytest.param("chat", FOR_SERVICE, "Available", False, id="its-own-but-done"),
        pytest.param("other", FOR_SERVICE, "Failed", False, id="made-for-another-service"),
        pytest.param("chat", {"aim.silogen.ai/requested-by": "template"}, "Failed", False, id="the-template's"),
        pytest.param("chat", {}, "Failed", False, id="made-by-hand"),
    ],
)
def test_a_mended_secret_reaches_the_cache_that_was_made_for_it(
    asker: str, labels: dict[str, str], state: str, updated: bool
) -> None:
    live = cache(state=state, labels=labels | {"aim.silogen.ai/service-name": asker})
    plan = decide(seen(asking("fast", env=[{"name": "HF_TOKEN", "value": "new"}]), template(), caches=(live,)))
    patches = [(each.uid, each.manifest["spec"]) for each in plan.children if each.mode == "patch"]
    spec = {"env": [{"name": "HF_TOKEN", "value": "new"}], "imagePullSecrets": None, "runtimeConfigName": None}
    assert patches == ([("fast-cache-uid", spec)] if updated else [])
    assert plan.requeue_after is None


def test_a_template_with_caching_makes_its_cache_itself() -> None:
    plan = decide(seen(asking(finalizers=()), template(caching={"enabled": True})))
    assert only(plan) == (
        "Starting", ("False", "WaitingForCache"), 'waits for AIMTemplateCache "fast", which its template makes',
    )  # fmt: skip
    assert CACHE not in kinds(plan)
    assert plan.finalizers == ()


@pytest.mark.parametrize("reason", ["NameConflict", "Forbidden"])
def test_a_cache_that_cannot_be_made_fails_the_service(reason: str) -> None:
    observed = seen(asking(), template())
    child = next(child for child in decide(observed).children if child.kind == AIM_TEMPLATE_CACHE)
    plan = decide(seen(asking(), template(), refusals=(Refusal(child, reason, "exceeded quota"),)))
    assert only(plan) == (
        "Failed", ("False", "CacheFailed"), 'AIMTemplateCache "fast" cannot be made: exceeded quota',
    )  # fmt: skip


@pytest.mark.parametrize(
    "caches",
    [(), (cache(state="Pending"),), (cache(state="Failed"),), (cache(**DYING),)],
    ids=["gone", "pending", "failed", "going"],
)
def test_a_cache_that_is_gone_for_a_moment_changes_nothing_of_what_runs(caches: Any) -> None:
    plan = decide(seen(asking("fast"), template(), runtime=isvc(ready=True), caches=caches))
    assert plan.status is not None
    assert plan.status["status"] == "Degraded"
    assert said(plan, "RuntimeReady") == ("True", "RuntimeReady")
    assert not [each for each in kinds(plan) if "InferenceService" in each]
    assert 'InferenceService "chat" is kept as it is' in told(plan, "Ready")


def test_before_there_is_a_template_to_run_nothing_is_asked_for_and_nothing_let_go() -> None:
    for unresolved in ({"model": Missing("AIMModel")}, {}):
        base = template(state="Progressing")
        plan = decide(seen(asking("fast"), base, caches=(cache(state="Pending"),), **unresolved))
        assert said(plan, "CacheReady")[0] == "Unknown"
        assert plan.status is not None
        assert plan.status["resolvedTemplateCache"]["name"] == "fast"
        assert [each for each in kinds(plan) if "AIMTemplateCache" in each] == []
        assert plan.finalizers == (FINALIZER,)


@pytest.mark.parametrize(
    ("caches", "finalizers"),
    [
        pytest.param((), ("other/one", FINALIZER), id="one-it-makes"),
        pytest.param((cache(),), ("other/one", FINALIZER), id="one-made-for-services"),
        pytest.param((cache(labels={}),), ("other/one",), id="one-made-by-hand"),
    ],
)
def test_a_service_has_a_finalizer_while_there_is_something_to_let_go_of(caches: Any, finalizers: Any) -> None:
    assert decide(seen(asking(finalizers=("other/one",)), template(), caches=caches)).finalizers == finalizers


LEFT = [
    pytest.param(cache(state="Progressing"), frozenset(), True, id="not-available"),
    pytest.param(cache(state="Failed"), frozenset(), True, id="failed"),
    pytest.param(cache(), frozenset(), False, id="available"),
    pytest.param(cache(state="Progressing"), frozenset({"fast"}), False, id="shared"),
    pytest.param(cache(state="Progressing", labels={}), frozenset(), False, id="made-by-hand"),
    pytest.param(
        cache(state="Progressing", labels={"aim.silogen.ai/requested-by": "template"}), frozenset(), False,
        id="the-template's",
    ),
    pytest.param(cache(state="Progressing", **DYING), frozenset(), False, id="going-already"),
]  # fmt: skip


@pytest.mark.parametrize(("left", "shared", "removed"), LEFT)
def test_a_service_that_goes_takes_along_what_it_asked_for_in_vain(left: Any, shared: Any, removed: bool) -> None:
    leaving = asking("fast", finalizers=("other/one", FINALIZER), **DYING)
    plan = decide(seen(leaving, template(), caches=(left,), shared_caches=shared))
    assert kinds(plan) == (["remove AIMTemplateCache fast"] if removed else [])
    assert [(each.uid, each.version) for each in plan.removals] == ([("fast-cache-uid", "7")] if removed else [])
    assert (plan.status, plan.finalizers) == (None, ("other/one",))


@pytest.mark.parametrize(("left", "shared", "removed"), LEFT)
def test_so_does_one_that_no_longer_asks(left: Any, shared: Any, removed: bool) -> None:
    plan = decide(seen(asking("fast", cacheModel=False), template(), caches=(left,), shared_caches=shared))
    assert ("remove AIMTemplateCache fast" in kinds(plan)) is removed
    assert plan.finalizers == ()
    assert plan.status is not None
    assert "resolvedTemplateCache" not in plan.status


def test_and_one_that_runs_another_template() -> None:
    former = cache(state="Progressing")
    plan = decide(seen(asking("fast", templateRef="slow"), template("slow"), caches=(former,)))
    assert kinds(plan) == ["create AIMTemplateCache slow", "remove AIMTemplateCache fast"]
    assert plan.finalizers == (FINALIZER,)


def test_without_its_finalizer_a_service_goes_as_it_is() -> None:
    plan = decide(seen(asking("fast", finalizers=(), **DYING), template(), caches=(cache(state="Failed"),)))
    assert (kinds(plan), plan.finalizers) == ([], None)


def test_the_same_state_is_the_same_status() -> None:
    observed = seen(asking(), template(), caches=(cache(state="Progressing"),))
    first = decide(observed)
    assert decide(after(first, observed)).status == first.status


async def test_a_service_with_a_cache_comes_up_step_by_step() -> None:
    world = World()
    world.model(AIM_CLUSTER_MODEL)
    world.template()
    world.service(cacheModel=True)
    assert (await world.look())["status"] == "Starting"
    assert world.live(AIM_SERVICE)["metadata"]["finalizers"] == [FINALIZER]
    made = world.live(AIM_TEMPLATE_CACHE, "fast")
    done = {"status": "Available", "modelCaches": {"weights": entry()}}
    world.cluster.put(AIM_TEMPLATE_CACHE, {**made, "status": done})
    status = await world.look()
    assert status["resolvedTemplateCache"]["uid"] == made["metadata"]["uid"]
    assert world.live(INFERENCE_SERVICES)["spec"]["predictor"]["volumes"]
    status = await world.look()
    world.cluster.calls.clear()
    assert await world.look() == status
    assert world.cluster.calls == []


async def test_the_last_service_that_goes_takes_the_cache_along() -> None:
    world = World()
    world.model(AIM_CLUSTER_MODEL)
    world.template()
    for name in ("chat", "other"):
        world.service(name, cacheModel=True)
        await world.look(Key("ml", name))
    for name in ("chat", "other"):
        assert world.live(AIM_TEMPLATE_CACHE, "fast")
        live = world.live(AIM_SERVICE, name)
        world.cluster.put(AIM_SERVICE, {**live, "metadata": {**live["metadata"], **DYING}})
        await world.look(Key("ml", name))
        assert world.live(AIM_SERVICE, name)["metadata"]["finalizers"] == []
    with pytest.raises(KeyError):
        world.live(AIM_TEMPLATE_CACHE, "fast")


def test_a_service_hears_of_its_cache_and_of_those_of_its_template() -> None:
    world = World()
    for name, asked_for, ref in (("chat", "mine", None), ("other", "", "fast"), ("stranger", "", "slow")):
        status = {"resolvedTemplateCache": {"name": asked_for}} if asked_for else {}
        spec = {"model": {"ref": "llama"}} | ({"templateRef": ref} if ref else {})
        world.put(AIM_SERVICE, name, spec=spec, status=status)
    assert world.woken(lambda: world.put(AIM_TEMPLATE_CACHE, "mine", spec={"templateRef": "gone"})) == ["ml/chat"]
    assert world.woken(lambda: world.put(AIM_TEMPLATE_CACHE, "fast", spec={"templateRef": "fast"})) == ["ml/other"]

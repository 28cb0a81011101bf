"""Every row of SPEC's table of outcomes, and which row counts where several do."""

from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from aimctrl.aim.service.decide import decide
from aimctrl.aim.service.observed import Observed, RouteView, RuntimeView, Several
from aimctrl.api.reasons import ModelState
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.lookup import Found, Missing
from aimctrl.kube.meta import Meta
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.plan import Child, Refusal
from unit.aim.service.samples import (
    cluster_template,
    http_route,
    isvc,
    kinds,
    model,
    said,
    seen,
    service,
    template,
    told,
)

ROUTED: dict[str, Any] = {"enabled": True, "gatewayRef": {"name": "gw"}}
NO_ISVC_CRD = RuntimeView(Unavailable("KindMissing", "no such kind"))
NO_ROUTE_CRD = RouteView(Unavailable("KindMissing", "no such kind"))


def refused(seen_: Observed, kind: Any, reason: str, message: str = "denied") -> Observed:
    child = Child(kind, {"metadata": {"name": "chat", "namespace": "ml"}})
    return replace(seen_, refusals=(Refusal(child, reason, message),))


@dataclass
class Row:
    world: Observed
    state: str
    resolved: str
    others: dict[str, str] = field(default_factory=dict)
    says: str = ""
    does: list[str] = field(default_factory=list)


OLDER = Meta(name="older", namespace="other", uid="o", creation_timestamp=None)
RUN = ["apply InferenceService chat"]
ROUTE = [*RUN, "apply HTTPRoute chat"]

ROWS = {
    "runtime config missing": Row(
        seen(service(runtimeConfigName="x"), template(), config=Missing('AIMRuntimeConfig "x"')),
        "Degraded", "False/RuntimeConfigMissing", says='AIMRuntimeConfig "x" not found',
    ),
    "model missing": Row(
        seen(service(), template(), model=Missing('AIMModel "llama"')),
        "Degraded", "False/ModelNotFound", says='AIMModel "llama" not found',
    ),
    "templateRef missing": Row(
        seen(service(templateRef="gone"), template()),
        "Degraded", "False/TemplateNotFound", says='AIMServiceTemplate "gone"',
    ),
    "templateRef of another model": Row(
        seen(service(templateRef="fast"), template(model_uid="other", modelName="mistral")),
        "Degraded", "False/TemplateModelMismatch", says='is for model "mistral"',
    ),
    "several models with that image": Row(
        seen(service(model={"image": "i:1"}), model=Several((replace(model(), name="b"), replace(model(), name="a")))),
        "Failed", "False/MultipleModelsFound", says='AIMClusterModel "a", AIMClusterModel "b"',
    ),
    "several templates": Row(
        seen(service(), template("b"), cluster_template("a", precision="fp8")),
        "Failed", "False/TemplateSelectionAmbiguous", says='AIMClusterServiceTemplate "a", AIMServiceTemplate "b"',
    ),
    "model Pending, no Ready candidate": Row(
        seen(service(), model=Found(model(ModelState.PENDING))), "Starting", "False/ModelNotReady", says="is Pending",
    ),
    "model Progressing, no Ready candidate": Row(
        seen(service(), template(state="Progressing"), model=Found(model(ModelState.PROGRESSING))),
        "Starting", "False/ModelNotReady",
    ),
    "model Degraded, no Ready candidate": Row(
        seen(service(), template(state="Degraded"), model=Found(model(ModelState.DEGRADED))),
        "Degraded", "False/ModelNotReady",
    ),
    "model Failed, no Ready candidate": Row(
        seen(service(), model=Found(model(ModelState.FAILED))), "Failed", "False/ModelNotReady",
    ),
    "model Failed, but a Ready candidate": Row(
        seen(service(), template(), model=Found(model(ModelState.FAILED))),
        "Starting", "True/Resolved", {"RuntimeReady": "False/CreatingRuntime"}, does=RUN,
    ),
    "image without a model": Row(
        seen(service(model={"image": "ghcr.io/x/llama:1"}), model=Missing("a model")),
        "Starting", "False/ModelNotReady", says="is being created", does=["create AIMModel llama-1-f11df037"],
    ),
    "no candidate": Row(seen(service()), "Degraded", "False/TemplateNotFound", says="has no template"),
    "none passes": Row(
        seen(
            service(template={"allowUnoptimized": False}),
            template("a", state="Failed"), template("b", profile={"type": "preview"}),
            template("c", profile={"type": "unoptimized"}),
        ),
        "Degraded", "False/TemplateNotFound", says="1 TemplateFailed, 2 Unoptimized dropped",
    ),
    "some lack but readiness": Row(
        seen(service(), template("b", state="Progressing"), template("a", state="Pending"), template("c", state="Failed")),
        "Starting", "False/TemplateNotReady", says='AIMServiceTemplate "a", AIMServiceTemplate "b"',
    ),
    "only NotAvailable ones are left": Row(
        seen(service(), template(state="NotAvailable"), template("d", state="Failed")),
        "Starting", "False/TemplateNotAvailable", says="MI300X",
    ),
    "Ready, but its GPU has just gone": Row(
        seen(service(), template(gpu_here=False)), "Starting", "False/TemplateNotAvailable", says="MI300X",
    ),
    "chosen, Progressing": Row(
        seen(service(templateRef="fast"), template(state="Progressing", message="discovery runs")),
        "Starting", "True/Resolved", {"RuntimeReady": "False/TemplateNotReady"}, says="Progressing: discovery runs",
    ),
    "chosen, Pending": Row(
        seen(service(templateRef="fast"), template(state="Pending")),
        "Starting", "True/Resolved", {"RuntimeReady": "False/TemplateNotReady"},
    ),
    "chosen, NotAvailable": Row(
        seen(service(templateRef="fast"), template(state="NotAvailable")),
        "Starting", "True/Resolved", {"RuntimeReady": "False/TemplateNotAvailable"}, says="no node has the GPU MI300X",
    ),
    "chosen, Degraded": Row(
        seen(service(templateRef="fast"), template(state="Degraded")),
        "Degraded", "True/Resolved", {"RuntimeReady": "False/TemplateNotReady"},
    ),
    "chosen, Failed": Row(
        seen(service(templateRef="fast"), template(state="Failed")),
        "Degraded", "True/Resolved", {"RuntimeReady": "False/TemplateNotReady"},
    ),
    "cache asked for and not there": Row(
        seen(service(cacheModel=True), template()),
        "Starting", "True/Resolved",
        {"CacheReady": "False/WaitingForCache", "RuntimeReady": "Unknown/WaitingForCache"},
        says='AIMTemplateCache "fast"', does=["create AIMTemplateCache fast"],
    ),
    "InferenceService being made": Row(
        seen(service(), template()),
        "Starting", "True/Resolved", {"RuntimeReady": "False/CreatingRuntime"}, says="is being created", does=RUN,
    ),
    "InferenceService not ready": Row(
        seen(
            service(), template(),
            runtime=isvc(conditions=[{"type": "PredictorReady", "status": "False", "reason": "Slow", "message": "m"}]),
        ),
        "Starting", "True/Resolved", {"RuntimeReady": "False/CreatingRuntime"},
        says='"chat" is not ready: Slow: m', does=RUN,
    ),
    "InferenceService failed to load": Row(
        seen(
            service(), template(),
            runtime=isvc(
                ready=False,
                modelStatus={
                    "transitionStatus": "BlockedByFailedLoad",
                    "lastFailureInfo": {"reason": "ModelLoadFailed", "message": "out of memory"},
                },
            ),
        ),
        "Failed", "True/Resolved", {"RuntimeReady": "False/RuntimeFailed"},
        says="ModelLoadFailed: out of memory", does=RUN,
    ),
    "InferenceService invalid": Row(
        seen(service(), template(), runtime=isvc(ready=False, modelStatus={"transitionStatus": "InvalidSpec"})),
        "Failed", "True/Resolved", {"RuntimeReady": "False/RuntimeFailed"}, says="InvalidSpec", does=RUN,
    ),
    "InferenceService refused": Row(
        refused(seen(service(), template()), INFERENCE_SERVICES, "Invalid", "maxReplicas"),
        "Failed", "True/Resolved", {"RuntimeReady": "False/RuntimeFailed"}, says="is refused: maxReplicas",
    ),
    "a change of a ready InferenceService refused": Row(
        refused(seen(service(), template(), runtime=isvc(ready=True)), INFERENCE_SERVICES, "Forbidden"),
        "Degraded", "True/Resolved", {"RuntimeReady": "False/RuntimeFailed"},
    ),
    "KServe not installed": Row(
        seen(service(), template(), runtime=NO_ISVC_CRD),
        "Starting", "True/Resolved", {"RuntimeReady": "False/CreatingRuntime"},
        says="the CRD inferenceservices.serving.kserve.io is not installed",
    ),
    "KServe gone when it was needed": Row(
        refused(seen(service(), template()), INFERENCE_SERVICES, "KindMissing"),
        "Starting", "True/Resolved", {"RuntimeReady": "False/CreatingRuntime"}, says="is not installed",
    ),
    "InferenceServices forbidden": Row(
        seen(service(), template(), runtime=RuntimeView(Unavailable("Forbidden", "cannot list them"))),
        "Starting", "True/Resolved", {"RuntimeReady": "False/CreatingRuntime"}, says="cannot list them",
    ),
    "a broken watch on InferenceServices is nobody's failure": Row(
        seen(service(), template(), runtime=replace(isvc(ready=True), availability=Unavailable("Unreachable", "eof"))),
        "Running", "True/Resolved", {"RuntimeReady": "True/RuntimeReady"}, does=RUN,
    ),
    "route template broken": Row(
        seen(service(routing=ROUTED | {"routeTemplate": "/{.nothing}"}), template(), runtime=isvc(ready=True)),
        "Degraded", "True/Resolved",
        {"RuntimeReady": "True/RuntimeReady", "RoutingReady": "False/RouteTemplateInvalid"}, does=RUN,
    ),
    "route template broken before the runtime is there": Row(
        seen(service(routing=ROUTED | {"routeTemplate": "/{.nothing}"}), template()),
        "Degraded", "True/Resolved",
        {"RuntimeReady": "False/CreatingRuntime", "RoutingReady": "False/RouteTemplateInvalid"}, does=RUN,
    ),
    "path taken": Row(
        seen(service(routing=ROUTED), template(), runtime=isvc(ready=True), route=RouteView(rivals=(OLDER,))),
        "Degraded", "True/Resolved", {"RoutingReady": "False/RoutePathConflict"},
        says='belongs to the older AIMService "other/older"', does=RUN,
    ),
    "no gateway": Row(
        seen(service(routing={"enabled": True}), template(), runtime=isvc(ready=True)),
        "Degraded", "True/Resolved", {"RoutingReady": "False/RouteFailed"}, says="there is no gateway", does=RUN,
    ),
    "gateway refuses": Row(
        seen(
            service(routing=ROUTED), template(), runtime=isvc(ready=True),
            route=http_route(accepted="False", reason="NotAllowedByListeners", message="no"),
        ),
        "Degraded", "True/Resolved", {"RoutingReady": "False/RouteFailed"},
        says="Gateway ml/gw refuses the route: NotAllowedByListeners: no", does=ROUTE,
    ),
    "gateway has said nothing": Row(
        seen(service(routing=ROUTED), template(), runtime=isvc(ready=True), route=http_route()),
        "Starting", "True/Resolved", {"RoutingReady": "False/ConfiguringRoute"}, says="waits for Gateway ml/gw", does=ROUTE,
    ),
    "Gateway API not installed": Row(
        seen(service(routing=ROUTED), template(), runtime=isvc(ready=True), route=NO_ROUTE_CRD),
        "Degraded", "True/Resolved", {"RoutingReady": "False/RouteFailed"},
        says="the CRD httproutes.gateway.networking.k8s.io is not installed", does=RUN,
    ),
    "HTTPRoute refused": Row(
        refused(seen(service(routing=ROUTED), template(), runtime=isvc(ready=True)), HTTPROUTES, "Invalid"),
        "Degraded", "True/Resolved", {"RoutingReady": "False/RouteFailed"}, says="is refused: denied", does=RUN,
    ),
    "somebody else's InferenceService": Row(
        seen(service(routing=ROUTED), template(), runtime=isvc(owner="", ready=True)),
        "Degraded", "True/Resolved", {"RuntimeReady": "False/NameConflict"}, says="belongs to somebody else",
    ),
    "somebody else's InferenceService, not seen before": Row(
        refused(seen(service(), template()), INFERENCE_SERVICES, "NameConflict"),
        "Degraded", "True/Resolved", {"RuntimeReady": "False/NameConflict"},
    ),
    "somebody else's HTTPRoute": Row(
        seen(service(routing=ROUTED), template(), runtime=isvc(ready=True), route=http_route(owner="")),
        "Degraded", "True/Resolved", {"RoutingReady": "False/NameConflict"}, says="belongs to somebody else", does=RUN,
    ),
    "somebody else's HTTPRoute, not seen before": Row(
        refused(seen(service(routing=ROUTED), template(), runtime=isvc(ready=True)), HTTPROUTES, "NameConflict"),
        "Degraded", "True/Resolved", {"RoutingReady": "False/NameConflict"}, does=RUN,
    ),
    "all there": Row(
        seen(service(), template(), runtime=isvc(ready=True)),
        "Running", "True/Resolved",
        {
            "CacheReady": "False/CacheNotRequested",
            "RuntimeReady": "True/RuntimeReady",
            "RoutingReady": "False/RoutingDisabled",
        },
        does=RUN,
    ),
    "all there, with a route": Row(
        seen(
            service(routing=ROUTED), template(), runtime=isvc(ready=True),
            route=http_route(accepted="True", reason="Accepted"),
        ),
        "Running", "True/Resolved", {"RoutingReady": "True/RouteReady"}, does=ROUTE,
    ),
}  # fmt: skip


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_the_outcome_is_the_tables(row: Row) -> None:
    plan = decide(row.world)
    assert plan.status is not None
    assert (plan.status["status"], "/".join(said(plan, "Resolved"))) == (row.state, row.resolved)
    assert {kind: "/".join(said(plan, kind)) for kind in row.others} == row.others
    assert row.says in told(plan, "Ready")
    assert kinds(plan) == row.does


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_the_summary_follows_the_state(row: Row) -> None:
    plan = decide(row.world)
    assert said(plan, "Ready")[0] == str(row.state == "Running")
    assert said(plan, "Progressing")[0] == str(row.state in {"Pending", "Starting"})
    assert said(plan, "Failure")[0] == str(row.state in {"Degraded", "Failed"})
    assert len({said(plan, kind)[1] for kind in ("Ready", "Progressing", "Failure")}) == 1


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_every_condition_is_there_once_with_its_generation(row: Row) -> None:
    plan = decide(row.world)
    assert plan.status is not None
    conditions = plan.status["conditions"]
    parts = ["Resolved", "CacheReady", "RuntimeReady", "RoutingReady", "Ready", "Progressing", "Failure"]
    assert [c["type"] for c in conditions] == parts
    needed = {"type", "status", "reason", "message", "lastTransitionTime", "observedGeneration"}
    assert all(c.keys() == needed and c["reason"] and c["observedGeneration"] == 3 for c in conditions)
    assert plan.status["observedGeneration"] == 3


@pytest.mark.parametrize("row", ROWS.values(), ids=list(ROWS))
def test_the_same_world_gives_the_same_plan(row: Row) -> None:
    assert decide(row.world) == decide(replace(row.world, templates=row.world.templates[::-1]))


BROKEN = {
    name: row for name, row in ROWS.items() if row.resolved != "True/Resolved" or "chosen" in name or "cache" in name
}


@pytest.mark.parametrize("row", BROKEN.values(), ids=list(BROKEN))
def test_an_inference_service_is_kept_when_its_inputs_break(row: Row) -> None:
    plan = decide(replace(row.world, runtime=isvc(ready=True)))
    assert plan.status is not None
    assert plan.status["status"] == "Degraded"
    assert '"chat" is kept as it is' in told(plan, "Ready")
    assert [child for child in plan.children if child.kind == INFERENCE_SERVICES] == []
    assert plan.removals == ()


def test_a_kept_inference_service_that_is_not_ready_changes_nothing() -> None:
    world = seen(service(templateRef="fast"), template(state="Progressing"), runtime=isvc(ready=False))
    plan = decide(world)
    assert plan.status is not None
    assert plan.status["status"] == "Starting"
    assert plan.children == ()

"""Models whose images have been inspected, for the tests of the model family."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from aimctrl.aim.model.decide import decide
from aimctrl.aim.model.inspection import Answer, InspectionFailure, InspectionInputs
from aimctrl.aim.model.observed import AutoTemplate, Observed
from aimctrl.aim.resolution import ConfigOutcome, DefaultNotFound
from aimctrl.api.kinds import AIM_MODEL
from aimctrl.api.model import ImageMetadata, ModelMetadata, RecommendedDeployment
from aimctrl.api.reasons import ModelReason, TemplateState
from aimctrl.kube.meta import Meta
from aimctrl.runtime.plan import Plan, Target

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)
IMAGE = "ghcr.io/x/llama:1"
INPUTS = InspectionInputs(IMAGE)

FAST = RecommendedDeployment(gpu_model="MI300X", gpu_count=1, metric="latency", precision="fp8")
WIDE = RecommendedDeployment(gpu_model="MI325X", gpu_count=8, metric="throughput", precision="bf16", profile_id="p-1")


def metadata(*deployments: RecommendedDeployment) -> ImageMetadata:
    return ImageMetadata(model=ModelMetadata(canonical_name="x/llama", recommended_deployments=deployments))


def read(*deployments: RecommendedDeployment) -> Answer:
    """The inspection found these deployments."""
    return Answer(metadata(*deployments), NOW + timedelta(minutes=10))


def failed(reason: ModelReason, message: str = "why", *, failures: int = 1, pause: float = 60) -> Answer:
    """The inspection failed, and is repeated after a pause in seconds."""
    return Answer(InspectionFailure(reason, message), NOW + timedelta(seconds=pause), failures)


def seen(
    answer: Answer | None = None,
    *,
    kind: Any = AIM_MODEL,
    name: str = "llama",
    config: ConfigOutcome = DefaultNotFound(),
    own: tuple[AutoTemplate, ...] = (),
    labels: dict[str, str] | None = None,
    status: dict[str, Any] | None = None,
    discovery: dict[str, Any] | None = None,
    **spec: Any,
) -> Observed:
    """A model with discovery; the templates of its own are taken names, too."""
    namespace = "ns" if kind.namespaced else ""
    meta = Meta(name=name, namespace=namespace, uid="u", generation=7, labels=labels or {})
    given = {"image": IMAGE, "discovery": {"enabled": True} | (discovery or {})} | spec
    model = kind.model.model_validate({"metadata": meta, "spec": given, "status": status or {}})
    target = Target(kind, meta, status or {})
    taken = frozenset(template.name for template in own)
    return Observed(NOW, target, model, config, own, taken, InspectionInputs(given["image"]), answer)


def own(**states: str) -> tuple[AutoTemplate, ...]:
    return tuple(AutoTemplate(name, TemplateState(state)) for name, state in sorted(states.items()))


def after(before: Observed, *, later: float = 1, **changes: Any) -> Observed:
    """The same once what was decided is written, and the inspection's memory is gone; `changes` are of Observed."""
    status = status_of(decide(before))
    model = before.model.model_validate({**before.model.model_dump(), "status": status})
    now = before.now + timedelta(seconds=later)
    written = replace(before, target=replace(before.target, status=status), model=model, now=now, answer=None)
    return replace(written, **changes)


def status_of(plan: Plan) -> dict[str, Any]:
    assert plan.status is not None
    return dict(plan.status)


def said(plan: Plan, kind: str) -> str:
    """Status and reason of a condition."""
    (found,) = (each for each in status_of(plan)["conditions"] if each["type"] == kind)
    return f"{found['status']} {found['reason']}"


def told(plan: Plan, kind: str) -> str:
    """The message of a condition."""
    (found,) = (each for each in status_of(plan)["conditions"] if each["type"] == kind)
    return str(found["message"])

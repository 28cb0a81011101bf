"""A model's decision (SPEC §2): its runtime config, what is known of its image, and the state that follows; pure."""

from dataclasses import dataclass
from datetime import datetime

from aimctrl.aim.conditions import summary
from aimctrl.aim.notes import config_notes
from aimctrl.aim.resolution import LOOK_AGAIN, ConfigOutcome, DefaultNotFound
from aimctrl.api.model import AIMModel, ModelStatus
from aimctrl.api.reasons import ConditionType, ModelReason, ModelState
from aimctrl.kube.conditions import Condition, condition, settle
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Plan, Target


@dataclass(frozen=True, slots=True)
class Observed:
    """One model or image and what matters to it; `auto_templates` are the names of those generated for it, sorted."""

    now: datetime
    target: Target
    model: AIMModel
    config: ConfigOutcome
    auto_templates: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Verdict:
    state: ModelState
    reason: ModelReason
    message: str


def decide(seen: Observed) -> Plan:
    """The status of a model as it was observed.

    Where its runtime config cannot be read, what was decided before stays.
    """
    if seen.target.meta.deletion_timestamp is not None:
        return Plan(seen.target)
    unknown = isinstance(seen.config, Unreachable)
    if unknown and seen.model.status.conditions:
        return Plan(seen.target, requeue_after=LOOK_AGAIN)
    verdict = _verdict(seen)
    conditions = (
        _runtime_resolved(seen.config),
        _metadata_extracted(seen),
        _templates_generated(seen),
        *summary(verdict.state, verdict.reason, verdict.message),
    )
    generation = seen.target.meta.generation
    status = ModelStatus(
        observed_generation=generation,
        status=verdict.state,
        conditions=settle(conditions, seen.model.status.conditions, generation=generation, now=seen.now),
        resolved_runtime_config=seen.config.value.reference if isinstance(seen.config, Found) else None,
        image_metadata=seen.model.status.image_metadata,
        inspection=seen.model.status.inspection,
    )
    return Plan(
        seen.target,
        status.wire(),
        notes=config_notes(seen.config, seen.model.status),
        requeue_after=LOOK_AGAIN if unknown else None,
    )


def _verdict(seen: Observed) -> _Verdict:
    match seen.config:
        case Missing(what):
            return _Verdict(ModelState.DEGRADED, ModelReason.RUNTIME_CONFIG_MISSING, f"there is no {what}")
        case Unreachable(why):
            return _Verdict(ModelState.PENDING, ModelReason.RUNTIME_CONFIG_MISSING, why)
        case Found() | DefaultNotFound():
            pass
    if not seen.model.spec.discovery.enabled:
        return _Verdict(ModelState.READY, ModelReason.DISCOVERY_DISABLED, "the model can be used; discovery is off")
    waits = "the image has not been inspected yet"
    return _Verdict(ModelState.PROGRESSING, ModelReason.METADATA_EXTRACTION_PENDING, waits)


def _runtime_resolved(config: ConfigOutcome) -> Condition:
    kind, resolved = ConditionType.RUNTIME_RESOLVED, ModelReason.RUNTIME_RESOLVED
    match config:
        case Found(value):
            told = f"{value.reference.kind} {value.reference.key} is in use"
            return condition(kind, True, resolved, told)
        case DefaultNotFound():
            return condition(kind, True, resolved, "there is no runtime config named default; the defaults apply")
        case Missing(what):
            return condition(kind, False, ModelReason.RUNTIME_CONFIG_MISSING, f"there is no {what}")
        case Unreachable(why):
            return condition(kind, "Unknown", ModelReason.RUNTIME_CONFIG_MISSING, why)


def _metadata_extracted(seen: Observed) -> Condition:
    kind = ConditionType.METADATA_EXTRACTED
    if not seen.model.spec.discovery.enabled:
        return condition(kind, False, ModelReason.DISCOVERY_DISABLED, "discovery is off")
    waits = "the image has not been inspected yet"
    return condition(kind, "Unknown", ModelReason.METADATA_EXTRACTION_PENDING, waits)


def _templates_generated(seen: Observed) -> Condition:
    kind, discovery = ConditionType.TEMPLATES_AUTO_GENERATED, seen.model.spec.discovery
    if seen.auto_templates:
        count = len(seen.auto_templates)
        told = f"{count} template{'' if count == 1 else 's'} generated: {', '.join(seen.auto_templates)}"
        return condition(kind, True, ModelReason.AUTO_TEMPLATES_CREATED, told)
    if not discovery.enabled:
        return condition(kind, False, ModelReason.DISCOVERY_DISABLED, "discovery is off")
    if not discovery.auto_create_templates:
        return condition(kind, False, ModelReason.AUTO_TEMPLATES_DISABLED, "autoCreateTemplates is off")
    waits = "the image has not been inspected yet"
    return condition(kind, False, ModelReason.AUTO_TEMPLATE_CREATION_PENDING, waits)

"""A model's decision (SPEC §2): its runtime config, what is known of its image, and the state that follows; pure."""

from aimctrl.aim.conditions import summary
from aimctrl.aim.model.look import Failing, Known, Look, Unlooked, look
from aimctrl.aim.model.observed import Observed
from aimctrl.aim.model.templates import missing_templates
from aimctrl.aim.model.verdict import WAITS, counted, told_refusal, verdict
from aimctrl.aim.notes import config_notes
from aimctrl.aim.resolution import LOOK_AGAIN, ConfigOutcome, DefaultNotFound
from aimctrl.api.model import ImageMetadata, Inspection, ModelStatus
from aimctrl.api.reasons import ConditionType, ModelReason
from aimctrl.kube.conditions import Condition, condition, find, settle
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Child, Plan


def decide(seen: Observed) -> Plan:
    """The status of a model as it was observed, and the templates it lacks.

    Where its runtime config cannot be read, what was decided before stays.
    """
    if seen.target.meta.deletion_timestamp is not None:
        return Plan(seen.target)
    unknown = isinstance(seen.config, Unreachable)
    if unknown and seen.model.status.conditions:
        return Plan(seen.target, requeue_after=LOOK_AGAIN)
    image = look(seen)
    missing = _missing(seen, image)
    return Plan(
        seen.target,
        _status(seen, image, missing).wire(),
        children=missing,
        notes=config_notes(seen.config, seen.model.status),
        requeue_after=LOOK_AGAIN if unknown else _pause(seen, image),
    )


def _is_open(seen: Observed) -> bool:
    """Whether the image matters: discovery is on, and the runtime config, which may name secrets, is known."""
    return seen.model.spec.discovery.enabled and seen.inputs is not None


def _missing(seen: Observed, image: Look) -> tuple[Child, ...]:
    if not _is_open(seen) or not isinstance(image, Known):
        return ()
    return missing_templates(seen, image.metadata.model)


def _pause(seen: Observed, image: Look) -> float | None:
    if not _is_open(seen) or not isinstance(image, Failing) or image.record.retry_at is None or image.due:
        return None
    return max((image.record.retry_at - seen.now).total_seconds(), 1.0)


def _status(seen: Observed, image: Look, missing: tuple[Child, ...]) -> ModelStatus:
    found = verdict(seen, image, missing)
    conditions = (
        _runtime_resolved(seen.config),
        _metadata_extracted(seen, image),
        _templates_generated(seen, image, missing),
        *summary(found.state, found.reason, found.message),
    )
    generation = seen.target.meta.generation
    metadata, record = _kept(seen, image)
    return ModelStatus(
        observed_generation=generation,
        status=found.state,
        conditions=settle(conditions, seen.model.status.conditions, generation=generation, now=seen.now),
        resolved_runtime_config=seen.config.value.reference if isinstance(seen.config, Found) else None,
        image_metadata=metadata,
        inspection=record,
    )


def _kept(seen: Observed, image: Look) -> tuple[ImageMetadata | None, Inspection | None]:
    """What goes to the status: nothing of an image that is not the one of the spec any more."""
    metadata, record = seen.model.status.image_metadata, seen.model.status.inspection
    if seen.inputs is None:
        return metadata, record
    if not seen.model.spec.discovery.enabled:
        same = record is not None and record.inputs_hash == seen.inputs.digest
        return (metadata, record) if same else (None, None)
    match image:
        case Known(metadata, record):
            return metadata, record
        case Failing():
            return None, image.record
        case Unlooked():
            return None, None


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


def _metadata_extracted(seen: Observed, image: Look) -> Condition:
    kind = ConditionType.METADATA_EXTRACTED
    if not seen.model.spec.discovery.enabled:
        return condition(kind, False, ModelReason.DISCOVERY_DISABLED, "discovery is off")
    waits = condition(kind, "Unknown", ModelReason.METADATA_EXTRACTION_PENDING, WAITS)
    if seen.inputs is None:
        before = find(seen.model.status.conditions, kind)
        return waits if before is None or before.reason == ModelReason.DISCOVERY_DISABLED else before
    match image:
        case Known(metadata):
            told = f"the labels of the image describe {metadata.model.canonical_name}"
            return condition(kind, True, ModelReason.METADATA_EXTRACTED, told)
        case Failing(reason, message):
            return condition(kind, False, reason, message)
        case Unlooked():
            return waits


def _templates_generated(seen: Observed, image: Look, missing: tuple[Child, ...]) -> Condition:
    kind, discovery = ConditionType.TEMPLATES_AUTO_GENERATED, seen.model.spec.discovery
    if seen.refusals:
        told = told_refusal(seen.refusals[0])
        return condition(kind, False, ModelReason.AUTO_TEMPLATE_CREATION_PENDING, told)
    if seen.auto_templates:
        told = counted((template.name for template in seen.auto_templates), "generated")
        return condition(kind, True, ModelReason.AUTO_TEMPLATES_CREATED, told)
    if not discovery.enabled:
        return condition(kind, False, ModelReason.DISCOVERY_DISABLED, "discovery is off")
    if not discovery.auto_create_templates:
        return condition(kind, False, ModelReason.AUTO_TEMPLATES_DISABLED, "autoCreateTemplates is off")
    return _templates_awaited(image, missing)


def _templates_awaited(image: Look, missing: tuple[Child, ...]) -> Condition:
    kind, pending = ConditionType.TEMPLATES_AUTO_GENERATED, ModelReason.AUTO_TEMPLATE_CREATION_PENDING
    if missing:
        return condition(kind, False, pending, counted((child.key.name for child in missing), "being made"))
    if not isinstance(image, Known):
        return condition(kind, False, pending, WAITS)
    if not image.metadata.model.recommended_deployments:
        return condition(kind, False, ModelReason.NO_RECOMMENDED_TEMPLATES, "the image recommends no deployments")
    told = "templates with the names of its own are there already, and are left as they are"
    return condition(kind, True, ModelReason.AUTO_TEMPLATES_CREATED, told)

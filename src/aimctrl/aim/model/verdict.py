"""The steps that give a model its state, in SPEC §2's order; pure."""

from collections.abc import Iterable
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from aimctrl.aim.model.look import Failing, Known, Look, Unlooked
from aimctrl.aim.model.observed import AutoTemplate, Observed
from aimctrl.aim.resolution import DefaultNotFound
from aimctrl.api.model import ModelMetadata
from aimctrl.api.reasons import ModelReason, ModelState, TemplateState
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Child, Refusal

WAITS = "the image has not been inspected yet"

_BY_FAILURE = {
    ModelReason.REGISTRY_UNREACHABLE: ModelState.PROGRESSING,
    ModelReason.IMAGE_PULL_AUTH_FAILURE: ModelState.DEGRADED,
}
_MOVING = frozenset({TemplateState.PENDING, TemplateState.PROGRESSING})
_BROKEN = frozenset({TemplateState.DEGRADED, TemplateState.FAILED})


@dataclass(frozen=True, slots=True)
class Verdict:
    """A state, the deciding reason, and why, for a person."""

    state: ModelState
    reason: ModelReason
    message: str


def verdict(seen: Observed, image: Look, missing: tuple[Child, ...]) -> Verdict:
    """The model's state; `missing` are the templates that are yet to be generated."""
    match seen.config:
        case Missing(what):
            return Verdict(ModelState.DEGRADED, ModelReason.RUNTIME_CONFIG_MISSING, f"there is no {what}")
        case Unreachable(why):
            return Verdict(ModelState.PENDING, ModelReason.RUNTIME_CONFIG_MISSING, why)
        case Found() | DefaultNotFound():
            pass
    if not seen.model.spec.discovery.enabled:
        return Verdict(ModelState.READY, ModelReason.DISCOVERY_DISABLED, "the model can be used; discovery is off")
    return _of_image(seen, image, missing)


def told_refusal(refusal: Refusal) -> str:
    """Why a template could not be made."""
    return f"{refusal.child.kind.name} {refusal.child.key} is refused: {refusal.message}"


def counted(templates: Iterable[str], what: str) -> str:
    """How many templates there are of a sort, and which."""
    names = sorted(templates)
    return f"{len(names)} template{'' if len(names) == 1 else 's'} {what}: {', '.join(names)}"


def _of_image(seen: Observed, image: Look, missing: tuple[Child, ...]) -> Verdict:
    match image:
        case Unlooked():
            return Verdict(ModelState.PROGRESSING, ModelReason.METADATA_EXTRACTION_PENDING, WAITS)
        case Failing(reason, message):
            return Verdict(_BY_FAILURE.get(reason, ModelState.FAILED), reason, message)
        case Known(metadata) if not missing and not seen.auto_templates:
            return _without_templates(seen, metadata.model)
        case Known():
            return _of_unmade(seen, missing) or _of_templates(seen.auto_templates)


def _without_templates(seen: Observed, metadata: ModelMetadata) -> Verdict:
    if not metadata.recommended_deployments:
        return Verdict(ModelState.READY, ModelReason.NO_RECOMMENDED_TEMPLATES, "the image recommends no deployments")
    if not seen.model.spec.discovery.auto_create_templates:
        return Verdict(ModelState.READY, ModelReason.AUTO_TEMPLATES_DISABLED, "autoCreateTemplates is off")
    return Verdict(ModelState.READY, ModelReason.TEMPLATES_READY, "other templates have the names of its own")


def _of_unmade(seen: Observed, missing: tuple[Child, ...]) -> Verdict | None:
    pending = ModelReason.AUTO_TEMPLATE_CREATION_PENDING
    if seen.refusals:
        return Verdict(ModelState.DEGRADED, pending, told_refusal(seen.refusals[0]))
    if missing:
        return Verdict(ModelState.PROGRESSING, pending, counted((child.key.name for child in missing), "being made"))
    return None


def _of_templates(own: tuple[AutoTemplate, ...]) -> Verdict:
    states = {template.state for template in own}
    if states & _MOVING:
        return _told(ModelState.PROGRESSING, ModelReason.TEMPLATES_PROGRESSING, own, _MOVING, "not ready yet")
    if states == {TemplateState.FAILED}:
        return _told(ModelState.FAILED, ModelReason.TEMPLATES_FAILED, own, states, "failed")
    if states & _BROKEN:
        return _told(ModelState.DEGRADED, ModelReason.TEMPLATES_DEGRADED, own, _BROKEN, "degraded or failed")
    if states == {TemplateState.NOT_AVAILABLE}:
        told = "for GPUs that are not in the cluster"
        return _told(ModelState.NOT_AVAILABLE, ModelReason.TEMPLATES_NOT_AVAILABLE, own, states, told)
    return _told(ModelState.READY, ModelReason.TEMPLATES_READY, own, {TemplateState.READY}, "ready")


def _told(
    state: ModelState,
    reason: ModelReason,
    own: tuple[AutoTemplate, ...],
    states: AbstractSet[TemplateState],
    what: str,
) -> Verdict:
    return Verdict(state, reason, counted((one.name for one in own if one.state in states), what))

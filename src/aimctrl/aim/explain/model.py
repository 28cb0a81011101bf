"""What is told about a model or image: its image, what is known of it, and its templates (SPEC §2)."""

from aimctrl.aim.explain.explanation import Fact, ModelTemplate
from aimctrl.aim.explain.kinds import command
from aimctrl.aim.explain.parts import NONE, Parts, config_fact, named, own_trouble, retried
from aimctrl.aim.explain.surroundings import Surroundings, TemplateSeen
from aimctrl.aim.model.observed import Observed
from aimctrl.api.model import ModelStatus
from aimctrl.runtime.plan import Json


def parts(seen: Observed, status: Json, around: Surroundings) -> Parts:
    """What a model stands on, given the status that was decided on."""
    decided, spec = ModelStatus.model_validate(status), seen.model.spec
    facts = (
        config_fact(seen.config, spec.runtime_config_name),
        Fact("image", spec.image, "its labels are read" if spec.discovery.enabled else "its labels are not read"),
        _metadata(decided),
        Fact("templates", str(len(around.templates)), "name this model"),
    )
    wanted: dict[str, list[str]] = {}
    for template in around.templates:
        wanted.setdefault(template.gpu, []).append(named(template.kind, template.key))
    return Parts(facts, wanted, templates=tuple(map(_template, around.templates)))


def _metadata(decided: ModelStatus) -> Fact:
    found = decided.image_metadata
    if found is None:
        return Fact("metadata", NONE, retried(decided.inspection))
    count = len(found.model.recommended_deployments)
    told = f"recommends {count} deployment{'' if count == 1 else 's'}"
    return Fact("metadata", found.model.canonical_name or found.model.title or "read", told)


def _template(seen: TemplateSeen) -> ModelTemplate:
    wrong = own_trouble((seen.ready,)) if seen.ready else None
    reason, message = (seen.ready.reason, seen.ready.message) if seen.ready else ("", "")
    remedy, see = (wrong.remedy, command(seen.kind, seen.key)) if wrong else ("", "")
    return ModelTemplate(seen.kind, seen.key.namespace, seen.key.name, seen.state, reason, message, remedy, see)

"""From what was observed and decided to what is told; pure."""

from typing import Any

from aimctrl.aim.explain import model, service, template
from aimctrl.aim.explain.explanation import Explanation
from aimctrl.aim.explain.parts import Parts, condition_lines, conditions_of, gpus, next_, state_warnings, trouble
from aimctrl.aim.explain.surroundings import Surroundings
from aimctrl.aim.model.observed import Observed as ModelObserved
from aimctrl.aim.service.observed import Observed as ServiceObserved
from aimctrl.aim.template.observed import Observed as TemplateObserved
from aimctrl.api.reasons import ConditionType
from aimctrl.kube.conditions import Condition, find
from aimctrl.runtime.foresight import Foresight
from aimctrl.runtime.plan import Json


def explain(foresight: Foresight[Any], around: Surroundings) -> Explanation:
    """The explanation of one service, template, model or image."""
    target, recorded = foresight.plan.target, foresight.plan.target.status
    # Of what is being deleted no status is decided on; the last one stays.
    status = recorded if foresight.plan.status is None else foresight.plan.status
    said = conditions_of(status)
    ready = find(said, ConditionType.READY) or Condition(ConditionType.READY)
    parts = _parts(foresight.observed, status, around)
    return Explanation(
        kind=target.kind.name,
        namespace=target.meta.namespace,
        name=target.meta.name,
        status=str(status.get("status", "")),
        trouble=trouble(ready.reason, ready.message),
        facts=parts.facts,
        conditions=condition_lines(said, conditions_of(recorded)),
        next=next_(foresight),
        gpus=gpus(around, parts.wanted),
        candidates=parts.candidates,
        templates=parts.templates,
        events=around.events,
        warnings=(*around.warnings, *state_warnings(foresight)),
    )


def _parts(observed: Any, status: Json, around: Surroundings) -> Parts:
    match observed:
        case ServiceObserved():
            return service.parts(observed, status, around)
        case TemplateObserved():
            return template.parts(observed, status, around)
        case ModelObserved():
            return model.parts(observed, status, around)
        case _:
            raise TypeError(f"no explanation of {type(observed)}")

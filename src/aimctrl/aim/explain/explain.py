"""From what was observed and decided to what is told; pure."""

from typing import Any

from aimctrl.aim.cache.model_cache_observed import Observed as ModelCacheObserved
from aimctrl.aim.cache.template_cache_observed import Observed as TemplateCacheObserved
from aimctrl.aim.explain import cache, model, service, template
from aimctrl.aim.explain.explanation import Explanation, Recorded
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
    # An object is Pending for one of these reasons only where it cannot be read whether it is so.
    pending = status.get("status") == "Pending"
    parts = _parts(foresight.observed, status, around)
    return Explanation(
        kind=target.kind.name,
        namespace=target.meta.namespace,
        name=target.meta.name,
        status=str(status.get("status", "")),
        trouble=trouble(ready.reason, ready.message, known=not pending),
        facts=parts.facts,
        conditions=condition_lines(said, conditions_of(recorded), pending=pending),
        next=next_(foresight),
        gpus=gpus(around, parts.wanted),
        candidates=parts.candidates,
        templates=parts.templates,
        events=around.events,
        warnings=(*around.warnings, *state_warnings(foresight)),
        recorded=_recorded(recorded, str(status.get("status", "")), ready),
    )


def _recorded(recorded: Json, state: str, ready: Condition) -> Recorded | None:
    """The state and deciding reason in the cluster, where they are others than these."""
    before = find(conditions_of(recorded), ConditionType.READY)
    there = str(recorded.get("status", ""))
    if before is None or (there, before.reason) == (state, ready.reason):
        return None
    return Recorded(there, trouble(before.reason, before.message))


def _parts(observed: Any, status: Json, around: Surroundings) -> Parts:
    match observed:
        case ServiceObserved():
            return service.parts(observed, status, around)
        case TemplateObserved():
            return template.parts(observed, status, around)
        case ModelObserved():
            return model.parts(observed, status, around)
        case TemplateCacheObserved():
            return cache.template_cache_parts(observed, status)
        case ModelCacheObserved():
            return cache.model_cache_parts(observed, status)
        case _:
            raise TypeError(f"no explanation of {type(observed)}")

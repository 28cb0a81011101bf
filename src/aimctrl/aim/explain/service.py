"""What is told about a service: what it stands on, and what became of each candidate (SPEC §5)."""

from collections.abc import Iterator

from aimctrl.aim.explain.cache import cache_fact
from aimctrl.aim.explain.candidate import lines
from aimctrl.aim.explain.explanation import Fact
from aimctrl.aim.explain.parts import (
    NONE,
    Parts,
    conditions_of,
    config_fact,
    model_fact,
    named,
    not_ready,
    own_trouble,
)
from aimctrl.aim.explain.pod import pod_fact
from aimctrl.aim.explain.surroundings import Surroundings
from aimctrl.aim.resolution import config_spec
from aimctrl.aim.service.candidates import Candidate
from aimctrl.aim.service.observed import Observed, Several
from aimctrl.aim.service.predictor import service_name
from aimctrl.aim.service.route import gateway_key, wanted
from aimctrl.api.common import ResolvedReference
from aimctrl.api.reasons import ConditionType
from aimctrl.api.service import ServiceStatus
from aimctrl.kube.conditions import find
from aimctrl.kube.kinds import Key
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Json


def parts(seen: Observed, status: Json, around: Surroundings) -> Parts:
    """What a service stands on, given the status that was decided on."""
    decided = ServiceStatus.model_validate(status)
    facts = (
        config_fact(seen.config, seen.service.spec.runtime_config_name),
        _model(seen, around),
        _template(seen, decided),
        *_cache(seen, decided, around),
        _runtime(seen, around),
        *_route(seen, decided, status),
    )
    return Parts(facts, _gpus(seen), lines(seen, decided.template_matching))


def _model(seen: Observed, around: Surroundings) -> Fact:
    spec = seen.service.spec
    asked = f"has the image {spec.image}" if spec.image else "named by the service"
    match seen.model:
        case Found(entry):
            return model_fact(entry, asked, around.ready(entry.kind, entry.key))
        case Missing() if spec.image:
            return Fact("model", NONE, f"no model has the image {spec.image}: one is created for it")
        case Missing(what):
            return Fact("model", NONE, f"there is no {what}")
        case Several(entries):
            told = ", ".join(sorted(named(entry.kind, entry.key) for entry in entries))
            return Fact("model", told, f"all of them have the image {spec.image}")
        case Unreachable(why):
            return Fact("model", "not known", why)


def _template(seen: Observed, decided: ServiceStatus) -> Fact:
    found = decided.resolved_template
    if found is None:
        return Fact("template", NONE, "none is decided on")
    candidate = _candidate(seen, found)
    why = _reason(seen, decided, found, candidate)
    if candidate is None:  # of a model that is missing no templates are looked for
        state = "not there" if isinstance(seen.model, Found) else ""
        return Fact("template", named(found.kind, found.key), why, state)
    wrong = own_trouble(candidate.template.status.conditions)
    fact = Fact("template", named(found.kind, found.key), why, candidate.state.value, wrong)
    return not_ready(fact, found.kind, found.key)


def _candidate(seen: Observed, found: ResolvedReference) -> Candidate | None:
    same = (c for c in seen.templates if (c.name, c.scope) == (found.name, found.scope))
    return next(same, None)


def _reason(seen: Observed, decided: ServiceStatus, found: ResolvedReference, candidate: Candidate | None) -> str:
    """Why this template: the first of the steps of SPEC §5 that leads to it."""
    chosen = next((line for line in lines(seen, decided.template_matching) or () if line.chosen), None)
    if found.name == seen.service.spec.template_ref:
        return "named in spec.templateRef"
    if chosen is not None and chosen.name == found.name:
        return f"selected: {chosen.why}"
    if isinstance(seen.model, Found) and found.name == seen.model.value.spec.default_service_template:
        return "the model's default template"
    if seen.service.spec.overrides is None:
        return "the InferenceService runs it"
    if candidate is None or candidate.derived:
        return "derived for spec.overrides"
    return "has the values of spec.overrides"


def _cache(seen: Observed, decided: ServiceStatus, around: Surroundings) -> Iterator[Fact]:
    found = decided.resolved_template_cache
    if found is None:
        return
    why = "asked for by spec.cacheModel"
    cache = next((cache for cache in seen.caches if cache.key == found.key), None)
    if cache is None:
        yield Fact("cache", named(found.kind, found.key), why, "not there")
    else:
        yield cache_fact(cache, why, around.model_cache)


def _runtime(seen: Observed, around: Surroundings) -> Fact:
    live, there = seen.inference_service, seen.runtime.live
    if live is None and there is not None and seen.is_strangers(there.metadata):
        return Fact("runtime", NONE, f"{named('InferenceService', there.key)} belongs to somebody else")
    if live is None:
        return Fact("runtime", NONE, "there is no InferenceService of the service")
    value = named("InferenceService", Key(live.metadata.namespace, service_name(seen.service)))
    said = find(live.status.conditions, "Ready")
    state, parts = ("Ready", ()) if live.ready else ("not Ready", tuple(map(pod_fact, around.pods)))
    return Fact("runtime", value, (said.message if said else "") or "", state, parts=parts)


def _route(seen: Observed, decided: ServiceStatus, status: Json) -> Iterator[Fact]:
    routing = wanted(seen.service.spec.routing, config_spec(seen.config).routing)
    if not routing.enabled:
        return
    where = f"on Gateway {gateway_key(routing.gateway, seen.target.meta.namespace)}" if routing.gateway else ""
    ready = find(conditions_of(status), ConditionType.ROUTING_READY)
    state = "Ready" if ready is not None and ready.is_true else "not Ready"
    path = decided.routing.path if decided.routing else None
    yield Fact("route", path or NONE, where or "there is no gateway", state)


def _gpus(seen: Observed) -> dict[str, set[str]]:
    """What asks for which GPU model: templates, and the overrides."""
    asking: dict[str, set[str]] = {}
    for candidate in seen.templates:
        model = candidate.spec.gpu.model or candidate.profile.gpu
        if model:
            asking.setdefault(model, set()).add(named(candidate.kind, candidate.template.key))
    overrides = seen.service.spec.overrides
    if overrides is not None and overrides.gpu_selector is not None and overrides.gpu_selector.model:
        asking.setdefault(overrides.gpu_selector.model, set()).add("spec.overrides")
    return asking

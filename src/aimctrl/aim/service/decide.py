"""The decision about a service: config, model, template, cache, InferenceService, route (SPEC §5).

Each step is a module of its own and says two things: what there should be, and a Finding. The finding that keeps the
service furthest from Running decides its state.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from aimctrl.aim.conditions import summary
from aimctrl.aim.resolution import LOOK_AGAIN, CatalogueEntry, config_spec
from aimctrl.aim.service import caching, derive, findings, predictor, serving
from aimctrl.aim.service.caching import Cached
from aimctrl.aim.service.candidates import Candidate, made_for
from aimctrl.aim.service.exposure import Exposure, expose, switched_off
from aimctrl.aim.service.findings import Finding
from aimctrl.aim.service.notes import notes
from aimctrl.aim.service.observed import Observed
from aimctrl.aim.service.resolve import Resolution, resolve
from aimctrl.aim.service.route import wanted
from aimctrl.aim.service.template_choice import Deriving, Settled
from aimctrl.api.reasons import ConditionType, ServiceState
from aimctrl.api.service import RoutingStatus, ServiceStatus
from aimctrl.kube.conditions import find, settle
from aimctrl.kube.lookup import Found
from aimctrl.runtime.plan import Child, Plan, Removal

JUST_MADE = 1.0
"""Seconds after which a template or cache just made is looked at, should an event of it come before our status."""


@dataclass(frozen=True, slots=True)
class Serving:
    """What comes of cache and runtime. `hold` is the finding that keeps the InferenceService as it is, if one does."""

    cache: Cached
    runtime: Finding
    hold: Finding | None = None
    children: tuple[Child, ...] = ()
    backend: str = ""


def decide(seen: Observed) -> Plan:
    """The status, children and removals of a service.

    One that is being deleted only lets go of its cache, since its children are collected; where its namespace goes,
    nothing is done.
    """
    if seen.target.meta.deletion_timestamp is not None:
        return caching.leave(seen)
    if any(refusal.reason in _NAMESPACE_GONE for refusal in seen.refusals):
        return Plan(seen.target)
    resolution = resolve(seen)
    if resolution.finding.state is ServiceState.PENDING and seen.service.status.conditions:
        return Plan(seen.target, requeue_after=LOOK_AGAIN)
    serving_ = _serve(seen, resolution)
    exposure = _expose(seen, resolution, serving_)
    status = _status(seen, resolution, serving_, exposure)
    left = tuple(_left(seen, resolution))
    return Plan(
        target=seen.target,
        status=status.wire(),
        children=(
            *resolution.children,
            *serving_.cache.children,
            *serving_.children,
            *exposure.children,
            *(child for child in left if isinstance(child, Child)),
        ),
        removals=(
            *exposure.removals,
            *caching.released(seen, serving_.cache.reference),
            *(removal for removal in left if isinstance(removal, Removal)),
        ),
        notes=notes(seen.config, seen.service.status, status),
        requeue_after=_requeue(resolution, serving_),
        finalizers=caching.finalizers(seen, kept=serving_.cache.kept),
    )


_NAMESPACE_GONE = frozenset({"NamespaceTerminating", "NamespaceMissing"})


def _requeue(resolution: Resolution, serving_: Serving) -> float | None:
    if resolution.finding.state is ServiceState.PENDING:
        return LOOK_AGAIN
    deriving = isinstance(resolution.choice, Deriving) and resolution.choice.child is not None
    return JUST_MADE if deriving or any(child.mode == "create" for child in serving_.cache.children) else None


def _serve(seen: Observed, resolution: Resolution) -> Serving:
    """The InferenceService, once there is a Ready template and what it waits for; until then it stays as it is."""
    hold = resolution.hold if resolution.finding.fine else resolution.finding
    if hold is not None or resolution.model is None or not isinstance(resolution.choice, Settled):
        because = hold or resolution.finding
        return _kept(seen, caching.untouched(seen, because), because)
    cache = caching.cached(seen, resolution.choice.template)
    if not cache.finding.fine:
        return _kept(seen, cache, cache.finding)
    return _run(seen, resolution.model, resolution.choice.template, cache)


def _kept(seen: Observed, cache: Cached, hold: Finding) -> Serving:
    """The InferenceService, if there is one, stays as it is."""
    if hold.type is ConditionType.RUNTIME_READY:
        runtime = hold
    elif seen.inference_service is not None:
        runtime = serving.runtime(seen, predictor.service_name(seen.service))
    else:
        runtime = findings.not_looked_at(ConditionType.RUNTIME_READY, hold)
    return Serving(cache, runtime, hold, backend=_backend(seen))


def _backend(seen: Observed) -> str:
    """The Service in front of the InferenceService there is, `""` where there is none."""
    own = seen.inference_service
    return f"{own.metadata.name}-predictor" if own is not None else ""


def _run(seen: Observed, model: CatalogueEntry, template: Candidate, cache: Cached) -> Serving:
    name = predictor.service_name(seen.service)
    hindrance = serving.hindrance(seen, name)
    if hindrance is not None:
        return Serving(cache, hindrance, backend=_backend(seen))
    parts = predictor.Ingredients(
        service=seen.service,
        template=template,
        model=model.spec,
        config=config_spec(seen.config),
        inventory=seen.inventory,
        live=seen.inference_service,
        mounts=cache.mounts,
    )
    child = predictor.inference_service(seen.target, parts)
    return Serving(cache, serving.runtime(seen, name), children=(child,), backend=f"{name}-predictor")


def _expose(seen: Observed, resolution: Resolution, serving_: Serving) -> Exposure:
    """The route, once config and model are known; until then it stays as it is, unless it is switched off."""
    routing = wanted(seen.service.spec.routing, config_spec(seen.config).routing)
    if resolution.model is not None:
        return expose(seen, routing, resolution.model.name, serving_.backend)
    off = switched_off(seen, routing)
    if off is not None:
        return off
    status = seen.service.status
    said = find(status.conditions, ConditionType.ROUTING_READY)
    path = status.routing.path if status.routing else None
    if said is None or said.status == "Unknown":
        return Exposure(findings.not_looked_at(ConditionType.ROUTING_READY, resolution.finding), path)
    return Exposure(Finding.of(said), path)


def _verdict(seen: Observed, resolution: Resolution, serving_: Serving, exposure: Exposure) -> Finding:
    """The finding that decides the state.

    What holds the service up outranks what only takes time; but one whose InferenceService, made before, still serves
    is no worse than Degraded for it, and no better.
    """
    hold, own = serving_.hold, seen.inference_service
    if hold is not None and own is not None and own.ready:
        hold = findings.kept_running(hold, own.metadata.name)
    if hold is not None and not resolution.finding.fine:
        return hold
    worst = findings.deciding((hold or serving_.cache.finding, serving_.runtime, exposure.finding))
    return serving_.runtime if worst.fine else worst


def _status(seen: Observed, resolution: Resolution, serving_: Serving, exposure: Exposure) -> ServiceStatus:
    old, generation = seen.service.status, seen.target.meta.generation
    verdict = _verdict(seen, resolution, serving_, exposure)
    parts = (resolution.finding, serving_.cache.finding, serving_.runtime, exposure.finding)
    conditions = (*(part.condition() for part in parts), *summary(verdict.state, verdict.reason, verdict.message))
    in_use = old if seen.inference_service is not None else ServiceStatus()
    return ServiceStatus(
        observed_generation=generation,
        status=verdict.state,
        conditions=settle(conditions, old.conditions, generation=generation, now=seen.now),
        resolved_runtime_config=seen.config.value.reference if isinstance(seen.config, Found) else None,
        resolved_image=resolution.model.reference if resolution.model else in_use.resolved_image,
        resolved_template=resolution.template or in_use.resolved_template,
        resolved_template_cache=serving_.cache.reference,
        routing=RoutingStatus(path=exposure.path) if exposure.path else None,
        template_matching=resolution.matching,
    )


def _left(seen: Observed, resolution: Resolution) -> Iterator[Child | Removal]:
    """The derived templates that the service no longer needs.

    One that its InferenceService still runs, or that was made for the overrides it has while nothing else is decided
    on, stays.
    """
    own, chosen = seen.inference_service, resolution.template
    running = predictor.runtime_of(own) if own is not None else ""
    for template in seen.joined:
        meta = template.metadata
        used = meta.name == running or (chosen is not None and chosen.uid == meta.uid)
        still_meant = chosen is None and made_for(template, seen.service.spec.overrides)
        if not used and not still_meant and meta.deletion_timestamp is None:
            yield derive.leave(seen.target, template)

"""Whether and where a service is reached from outside: path, conflicts, the HTTPRoute and what the gateway says."""

from dataclasses import dataclass

from aimctrl.aim.merging import propagated_labels
from aimctrl.aim.resolution import DefaultNotFound, config_spec
from aimctrl.aim.routing import InvalidRoute, Path, default_path, render
from aimctrl.aim.service import findings, route
from aimctrl.aim.service.findings import Finding
from aimctrl.aim.service.observed import Observed
from aimctrl.api.config import GatewayRef
from aimctrl.api.reasons import ConditionType, ServiceReason, ServiceState
from aimctrl.kube.external import HTTPROUTES
from aimctrl.kube.kinds import Key
from aimctrl.kube.lookup import Found
from aimctrl.runtime.plan import Child, Removal


@dataclass(frozen=True, slots=True)
class Site:
    """Where the route is wanted: gateway and path."""

    gateway: GatewayRef
    path: str

    def gateway_key(self, namespace: str) -> Key:
        """The gateway's name; without a namespace of its own it is in the route's."""
        return route.gateway_key(self.gateway, namespace)


@dataclass(frozen=True, slots=True)
class Exposure:
    """What comes of routing; `path` is set where it can be told and is the service's."""

    finding: Finding
    path: str | None = None
    children: tuple[Child, ...] = ()
    removals: tuple[Removal, ...] = ()


def site(seen: Observed, wanted: route.Wanted, model: str) -> Site | Finding:
    """The gateway and the path of a service with routing; the finding where one of them cannot be told."""
    if wanted.gateway is None:
        told = "there is no gateway: set spec.routing.gatewayRef here or in the runtime config"
        return findings.routing(ServiceState.DEGRADED, ServiceReason.ROUTE_FAILED, told)
    meta = seen.target.meta
    path = render(wanted.template, seen.document, model) if wanted.template else default_path(meta.namespace, meta.uid)
    match path:
        case Path(value):
            return Site(wanted.gateway, value)
        case InvalidRoute(message):
            return findings.routing(ServiceState.DEGRADED, ServiceReason.ROUTE_TEMPLATE_INVALID, message)


def expose(seen: Observed, wanted: route.Wanted, model: str, backend: str) -> Exposure:
    """The route of a service whose model is known; without a `backend` it is not made yet."""
    if not wanted.enabled:
        return _off(seen)
    where = site(seen, wanted, model)
    if isinstance(where, Finding):
        return Exposure(where, removals=_gone(seen))
    taken = _taken(seen, where)
    if taken is not None:
        return Exposure(taken, removals=_gone(seen))
    hindrance = _hindrance(seen)
    if hindrance is not None:
        return Exposure(hindrance)
    children = (_child(seen, wanted, where, backend),) if backend else ()
    return Exposure(_progress(seen, where), where.path, children)


def switched_off(seen: Observed, wanted: route.Wanted) -> Exposure | None:
    """The end of a route that there is, which takes no model; None where there is none, or it is wanted.

    A runtime config that cannot be found says nothing about it.
    """
    own = seen.service.spec.routing
    known = isinstance(seen.config, Found | DefaultNotFound) or (own is not None and own.enabled is False)
    return _off(seen) if known and not wanted.enabled and _gone(seen) else None


def _off(seen: Observed) -> Exposure:
    disabled = Finding(ConditionType.ROUTING_READY, "False", ServiceReason.ROUTING_DISABLED)
    return Exposure(disabled, removals=_gone(seen))


def _gone(seen: Observed) -> tuple[Removal, ...]:
    """The service's own route is to go."""
    live = seen.route.live
    if live is None or not seen.owns(live.metadata):
        return ()
    return (Removal(HTTPROUTES, live.key, live.metadata.uid),)


def _taken(seen: Observed, where: Site) -> Finding | None:
    keeper = route.conflict(seen.target.meta, seen.route.rivals)
    if keeper is None:
        return None
    gateway = where.gateway_key(seen.target.meta.namespace)
    told = f'path {where.path} on Gateway {gateway} belongs to the older AIMService "{keeper}"; choose another'
    return findings.routing(ServiceState.DEGRADED, ServiceReason.ROUTE_PATH_CONFLICT, told)


def _hindrance(seen: Observed) -> Finding | None:
    told = f'HTTPRoute "{seen.target.meta.name}"'
    live, refusal = seen.route.live, seen.refusal(HTTPROUTES)
    strangers = live is not None and seen.is_strangers(live.metadata)
    if strangers or (refusal is not None and refusal.reason == "NameConflict"):
        told = f"{told} exists and belongs to somebody else; rename the service or remove it"
        return findings.routing(ServiceState.DEGRADED, ServiceReason.NAME_CONFLICT, told)
    why = seen.out_of_reach(HTTPROUTES, seen.route.availability)
    if why:
        return findings.routing(ServiceState.DEGRADED, ServiceReason.ROUTE_FAILED, f"{told} cannot be made: {why}")
    if refusal is not None:
        told = f"{told} is refused: {refusal.message}"
        return findings.routing(ServiceState.DEGRADED, ServiceReason.ROUTE_FAILED, told)
    return None


def _child(seen: Observed, wanted: route.Wanted, where: Site, backend: str) -> Child:
    labels = propagated_labels(seen.target.meta.labels, config_spec(seen.config).label_propagation)
    return route.http_route(seen.target, route.RouteParts(wanted, where.gateway, where.path, backend, labels))


def _progress(seen: Observed, where: Site) -> Finding:
    """What the gateway says of the route, where there is one."""
    live = seen.route.live
    gateway = where.gateway_key(seen.target.meta.namespace)
    if live is None or not seen.owns(live.metadata):
        told = f'HTTPRoute "{seen.target.meta.name}" is not made yet'
        return findings.routing(ServiceState.STARTING, ServiceReason.CONFIGURING_ROUTE, told)
    word = route.gateway_word(live, gateway)
    why = f": {word.message}" if word.message else ""
    match word.verdict:
        case "ready":
            return Finding(ConditionType.ROUTING_READY, "True", ServiceReason.ROUTE_READY)
        case "refused":
            told = f"Gateway {gateway} refuses the route{why}"
            return findings.routing(ServiceState.DEGRADED, ServiceReason.ROUTE_FAILED, told)
        case "pending":
            told = f"waits for Gateway {gateway} to take up the route{why}"
            return findings.routing(ServiceState.STARTING, ServiceReason.CONFIGURING_ROUTE, told)

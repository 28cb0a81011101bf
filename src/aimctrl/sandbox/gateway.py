"""A gateway's controller as one reconciler: accepts HTTPRoutes, or does not, as scripted."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from aimctrl.runtime.applier import Applier
from aimctrl.runtime.lister import Lister
from aimctrl.runtime.plan import Plan
from aimctrl.runtime.planning import PlanReconciler
from aimctrl.runtime.request import Request
from aimctrl.sandbox import routes
from aimctrl.sandbox.external import Plain
from aimctrl.sandbox.script import RouteVerdict, Scripts


@dataclass(frozen=True, slots=True)
class Route:
    """One HTTPRoute, and what the gateways it names do with it."""

    route: Plain
    verdicts: Mapping[str, RouteVerdict]
    now: datetime


class GatewayController(PlanReconciler[Route]):
    """Reports on routes to whatever gateway they name; no Gateway object needs to exist."""

    def __init__(self, applier: Applier, scripts: Scripts, found: Lister[Plain]) -> None:
        super().__init__(applier)
        self._scripts = scripts
        self._routes = found

    async def observe(self, request: Request) -> Route | None:
        """The route and the verdicts on it."""
        route = self._routes.get(request.namespace, request.name)
        if route is None:
            return None
        names = sorted({ref["name"] for ref in route.spec.get("parentRefs") or ()})
        return Route(route, {name: self._scripts.find_gateway(name) for name in names}, request.now)

    def decide(self, observed: Route) -> Plan:
        """The status that the gateways' controller would write."""
        return routes.decide(observed.route, observed.verdicts, observed.now)

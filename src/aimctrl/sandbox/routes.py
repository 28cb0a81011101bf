"""What a gateway's controller says of an HTTPRoute; pure.

Source: https://gateway-api.sigs.k8s.io/reference/spec/#routeparentstatus.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec

from aimctrl.kube.conditions import Condition, condition, settle
from aimctrl.runtime.plan import Plan, Target
from aimctrl.sandbox.external import HTTPROUTES, Plain
from aimctrl.sandbox.script import RouteVerdict

Json = dict[str, Any]

CONTROLLER = "sandbox.aimctrl.dev/gateway"


def decide(route: Plain, verdicts: Mapping[str, RouteVerdict], now: datetime) -> Plan:
    """The route's status: what other controllers say stays, what this one says is made anew for each parent.

    `verdicts` are by name of the gateway; one that ignores the route has no entry.
    """
    target = Target(HTTPROUTES, route.metadata, route.status)
    before: list[Json] = route.status.get("parents", [])
    others = [entry for entry in before if entry.get("controllerName") != CONTROLLER]
    refs: list[Json] = route.spec.get("parentRefs") or []
    ours = [
        _entry(route, ref, verdicts[ref["name"]], now)
        for ref in refs
        if verdicts.get(ref["name"], "ignored") != "ignored"
    ]
    return Plan(target, {**route.status, "parents": [*others, *ours]} if ours or before else None)


def _entry(route: Plain, ref: Json, verdict: RouteVerdict, now: datetime) -> Json:
    entries: list[Json] = route.status.get("parents", [])
    known = (entry for entry in entries if entry.get("controllerName") == CONTROLLER)
    prior: Json = next((entry for entry in known if entry.get("parentRef") == ref), Json())
    before = msgspec.convert(prior.get("conditions", []), tuple[Condition, ...])
    accepted = condition("Accepted", "True", "Accepted", "Route is accepted")
    if verdict == "refused":
        accepted = condition("Accepted", "False", "NotAllowedByListeners", "No listener allows this route")
    resolved = condition("ResolvedRefs", "True", "ResolvedRefs", "Backend references are resolved")
    conditions = settle((accepted, resolved), before, generation=route.metadata.generation, now=now)
    return {"parentRef": ref, "controllerName": CONTROLLER, "conditions": [msgspec.to_builtins(c) for c in conditions]}

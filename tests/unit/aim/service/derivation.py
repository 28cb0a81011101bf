"""A derived template, and services that override, for the tests of the service family."""

from typing import Any

from aimctrl.aim.service.candidates import Candidate
from aimctrl.kube.names import canonical_json, short_hash
from aimctrl.runtime.plan import Plan
from unit.aim.service.samples import (
    service,
    template,
)

THROUGHPUT = {"metric": "throughput"}
DERIVED = f"fast-ovr-{short_hash(canonical_json(THROUGHPUT))}"


def resolved(plan: Plan) -> str:
    """Scope and name of the template the plan resolves to, `-` where to none."""
    assert plan.status is not None
    found = plan.status.get("resolvedTemplate")
    return f"{found['scope'][0]}/{found['name']}" if found else "-"


def derived(name: str = DERIVED, *, owners: tuple[str, ...] = ("chat-uid",), **parts: Any) -> Candidate:
    """What overriding the metric of `fast` gives."""
    return template(name, **{"made_for": THROUGHPUT, "metric": "throughput", "owners": owners, **parts})


def overriding(overrides: dict[str, Any] | None = None, **parts: Any) -> Any:
    return service(overrides=THROUGHPUT if overrides is None else overrides, **parts)

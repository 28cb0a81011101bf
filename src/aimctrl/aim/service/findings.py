"""What each part of a service comes to: its condition, and the best state it still allows (SPEC §5, Outcomes)."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Self, cast

from aimctrl.api.reasons import ConditionType, ServiceReason, ServiceState
from aimctrl.kube.conditions import Condition, Status, condition

_SEVERITY = (
    ServiceState.RUNNING,
    ServiceState.STARTING,
    ServiceState.PENDING,
    ServiceState.DEGRADED,
    ServiceState.FAILED,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One part of a service: the condition of that type, and the state the service is in because of it."""

    type: ConditionType
    status: Status
    reason: str
    message: str = ""
    state: ServiceState = ServiceState.RUNNING

    @property
    def fine(self) -> bool:
        """Whether nothing in it keeps the service from Running."""
        return self.state is ServiceState.RUNNING

    @classmethod
    def of(cls, said: Condition) -> Self:
        """What a condition said before, where nothing new is known of that part."""
        status = cast("Status", said.status)
        return cls(ConditionType(said.type), status, said.reason, said.message)

    def condition(self) -> Condition:
        """The condition, still without generation and time."""
        return condition(self.type, self.status, self.reason, self.message)


def resolved() -> Finding:
    """Config, model and template are decided on."""
    return Finding(ConditionType.RESOLVED, "True", ServiceReason.RESOLVED)


def unresolved(state: ServiceState, reason: ServiceReason, message: str) -> Finding:
    """Config, model or template are not decided on, which decides the service's state."""
    status: Status = "Unknown" if state is ServiceState.PENDING else "False"
    return Finding(ConditionType.RESOLVED, status, reason, message, state)


def runtime(state: ServiceState, reason: ServiceReason, message: str) -> Finding:
    """There is no runtime to serve with, or not yet."""
    return Finding(ConditionType.RUNTIME_READY, "False", reason, message, state)


def routing(state: ServiceState, reason: ServiceReason, message: str) -> Finding:
    """The service cannot be reached from outside, or not yet."""
    return Finding(ConditionType.ROUTING_READY, "False", reason, message, state)


def not_looked_at(type_: ConditionType, because: Finding) -> Finding:
    """A part that does not matter before `because` is mended."""
    return Finding(type_, "Unknown", because.reason)


def deciding(findings: Iterable[Finding]) -> Finding:
    """The one that keeps the service furthest from Running: what somebody has to mend outranks what takes time.

    Of equals the first: the parts are given in the order in which they build on each other.
    """
    return max(findings, key=lambda finding: _SEVERITY.index(finding.state))


def kept_running(finding: Finding, name: str) -> Finding:
    """The same where an InferenceService that was made before goes on serving: Degraded, and it says so."""
    told = f'{finding.message}; InferenceService "{name}" is kept as it is'.removeprefix("; ")
    return replace(finding, state=ServiceState.DEGRADED, message=told)

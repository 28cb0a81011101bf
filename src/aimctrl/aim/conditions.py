"""The three conditions every AIM status ends with, derived from its state in one place."""

from aimctrl.api.reasons import CacheState, ConditionType, ModelState, ServiceState, TemplateState
from aimctrl.kube.conditions import Condition, condition

State = ModelState | TemplateState | ServiceState | CacheState

_READY = frozenset({"Available", "Ready", "Running"})
_MOVING = frozenset({"Pending", "Progressing", "Starting"})
_BROKEN = frozenset({"Degraded", "Failed"})


def summary(state: State, reason: str, message: str) -> tuple[Condition, Condition, Condition]:
    """`Ready`, `Progressing` and `Failure`, all with the deciding reason (SPEC §§2, 3, 5, 6)."""
    return (
        condition(ConditionType.READY, state.value in _READY, reason, message),
        condition(ConditionType.PROGRESSING, state.value in _MOVING, reason, message),
        condition(ConditionType.FAILURE, state.value in _BROKEN, reason, message),
    )

"""Explaining a world as the tests of a family build it."""

from typing import Any

from aimctrl.aim.explain.explain import explain
from aimctrl.aim.explain.explanation import Explanation, Fact
from aimctrl.aim.explain.surroundings import Slots, Surroundings
from aimctrl.aim.gpu import Inventory
from aimctrl.kube.conditions import Condition
from aimctrl.runtime.foresight import Foresight, Step
from aimctrl.runtime.plan import Plan


def inventory(*gpus: str) -> Inventory:
    """One node with 8 of each."""
    found = Inventory()
    for number, gpu in enumerate(gpus):
        found.update_node(f"n{number}", {"amd.com/gpu.family": gpu}, {"amd.com/gpu": "8"})
    return found


def explained(
    observed: Any, plan: Plan, *steps: Step, gpus: tuple[str, ...] = ("MI300X",), **parts: Any
) -> Explanation:
    """The explanation of a decision; `ready` is what every model says of itself, `parts` are of Surroundings."""
    ready: Condition | None = parts.pop("ready", None)
    parts.setdefault("slots", Slots(3, 10, 0))
    around = Surroundings(inventory=inventory(*gpus), ready=lambda _kind, _key: ready, **parts)
    return explain(Foresight(observed, plan, steps, plan.requeue_after), around)


def fact(told: Explanation, name: str) -> Fact:
    """The one fact of that name."""
    (found,) = [fact for fact in told.facts if fact.name == name]
    return found


def words(told: Explanation, name: str) -> tuple[str, str, str]:
    """Value, reason and state of a fact."""
    found = fact(told, name)
    return found.value, found.why, found.state

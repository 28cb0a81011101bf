"""The parts of an explanation that are the same for all families; pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from aimctrl.aim.explain.explanation import (
    GPU,
    Candidate,
    ConditionLine,
    Fact,
    ModelTemplate,
    Next,
    NextStep,
    Recorded,
    Trouble,
)
from aimctrl.aim.explain.surroundings import Surroundings
from aimctrl.aim.gpu_names import normalise
from aimctrl.aim.remedies import remedy
from aimctrl.aim.resolution import CatalogueEntry, ConfigOutcome, DefaultNotFound
from aimctrl.api.common import DEFAULT_CONFIG
from aimctrl.api.reasons import ConditionType
from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.kinds import Key
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.foresight import Foresight
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.plan import Json

NONE = "none"
"""The value of a fact where there is nothing."""

_OTHER_STATUS = (
    "The status in the cluster is another one: the operator is behind or does not run, or knows of something that only "
    "a write can show."
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a family has to say; `wanted` are GPU models and the names of what asks for each."""

    facts: tuple[Fact, ...]
    wanted: Mapping[str, Iterable[str]]
    candidates: tuple[Candidate, ...] | None = None
    templates: tuple[ModelTemplate, ...] = ()


def trouble(reason: str, message: str) -> Trouble:
    """A reason and its message, with what can be done."""
    found = remedy(reason)
    return Trouble(reason, message, found.care, found.text)


def named(kind: str, key: Key) -> str:
    """An object as a person names it."""
    return f'{kind} "{key}"'


def conditions_of(status: Json) -> tuple[Condition, ...]:
    """The conditions in a status as JSON."""
    return msgspec.convert(status.get("conditions", ()), tuple[Condition, ...])


def config_fact(outcome: ConfigOutcome, asked: str | None) -> Fact:
    """The runtime config that an object uses; `asked` is its `spec.runtimeConfigName`."""
    match outcome:
        case Found(config):
            why = "named in spec.runtimeConfigName" if asked else f'the one named "{DEFAULT_CONFIG}"'
            return Fact("runtime config", named(config.reference.kind, config.reference.key), why)
        case DefaultNotFound():
            why = f'there is none named "{DEFAULT_CONFIG}", so the operator\'s defaults apply'
            return Fact("runtime config", NONE, why)
        case Missing(what):
            return Fact("runtime config", NONE, f"named in spec.runtimeConfigName, but there is no {what}")
        case Unreachable(why):
            return Fact("runtime config", "not known", why)


def model_fact(entry: CatalogueEntry, why: str, ready: Condition | None) -> Fact:
    """The model that was found; where it is not Ready, what it says itself."""
    found = trouble(ready.reason, ready.message) if ready is not None and not ready.is_true else None
    return Fact("model", named(entry.kind, entry.key), f"{why}; image {entry.spec.image}", entry.state.value, found)


def condition_lines(wanted: Sequence[Condition], recorded: Sequence[Condition]) -> tuple[ConditionLine, ...]:
    """The conditions that would be written, with what is in the cluster where that is something else."""
    return tuple(_line(said, find(recorded, said.type)) for said in wanted)


def _line(said: Condition, before: Condition | None) -> ConditionLine:
    differs = before is not None and (before.status, before.reason) != (said.status, said.reason)
    return ConditionLine(
        type=said.type,
        status=said.status,
        holds=holds(said),
        trouble=trouble(said.reason, said.message),
        since=said.last_transition_time,
        recorded=Recorded(before.status, trouble(before.reason, before.message)) if differs and before else None,
    )


def holds(said: Condition) -> bool:
    """Whether a condition is as one would want it; that something is progressing is no fault."""
    if said.type == ConditionType.FAILURE:
        return said.status == "False"
    return said.is_true or said.type == ConditionType.PROGRESSING


def gpus(around: Surroundings, wanted: Mapping[str, Iterable[str]]) -> tuple[GPU, ...] | None:
    """The GPU models of the cluster, and those that are asked for, sorted; None where nodes cannot be read."""
    if isinstance(around.nodes, Unavailable):
        return None
    inventory = around.inventory
    asking: dict[str, set[str]] = {}
    for model, names in wanted.items():
        if model:
            asking.setdefault(normalise(model), set()).update(names)
    models = sorted({*inventory.models(), *asking})
    return tuple(
        GPU(model, len(inventory.nodes(model)), inventory.count(model), tuple(sorted(asking.get(model, ()))))
        for model in models
    )


def next_(foresight: Foresight[Any]) -> Next:
    """What the operator would do now."""
    steps = tuple(
        NextStep(step.action, step.kind.name, step.key.namespace, step.key.name, step.why) for step in foresight.steps
    )
    return Next(steps, foresight.writes_status, foresight.requeue_after)


def state_warnings(foresight: Foresight[Any]) -> tuple[str, ...]:
    """What the status in the cluster says about the operator itself."""
    target = foresight.plan.target
    if target.meta.deletion_timestamp is not None:
        kept = ", ".join(target.meta.finalizers) or NONE
        return (f"It is being deleted; finalizers that keep it: {kept}.",)
    if not target.status.get("conditions"):
        return ("The operator has written no status yet: is it running, and does it watch this namespace?",)
    if target.status.get("observedGeneration", 0) < target.meta.generation:
        return ("The operator has not looked at the latest change of the spec yet: is it running?",)
    if foresight.writes_status:
        return (_OTHER_STATUS,)
    return ()

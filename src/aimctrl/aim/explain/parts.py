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
from aimctrl.aim.explain.kinds import command
from aimctrl.aim.explain.surroundings import Surroundings
from aimctrl.aim.gpu_names import normalise
from aimctrl.aim.remedies import remedy
from aimctrl.aim.resolution import CatalogueEntry, ConfigOutcome, DefaultNotFound
from aimctrl.api.common import DEFAULT_CONFIG, Attempts
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
    "a write can show, such as a quota or an admission webhook that refuses it."
)


@dataclass(frozen=True, slots=True)
class Parts:
    """What a family has to say; `wanted` are GPU models and the names of what asks for each, None: of no interest."""

    facts: tuple[Fact, ...]
    wanted: Mapping[str, Iterable[str]] | None
    candidates: tuple[Candidate, ...] | None = None
    templates: tuple[ModelTemplate, ...] = ()


def trouble(reason: str, message: str, *, known: bool = True) -> Trouble:
    """A reason and its message, with what can be done; not `known` where it could not be read whether it is so."""
    found = remedy(reason, known=known)
    return Trouble(reason, message, found.care, found.text)


def own_trouble(conditions: Iterable[Condition]) -> Trouble | None:
    """What an object that is not Ready says itself; None where it is, or has said nothing."""
    ready = find(conditions, ConditionType.READY)
    return trouble(ready.reason, ready.message) if ready is not None and not ready.is_true else None


def not_ready(fact: Fact, kind: str, key: Key) -> Fact:
    """The fact, with the command that says more where something is wrong with the object it is about."""
    return msgspec.structs.replace(fact, see=command(kind, key)) if fact.trouble is not None else fact


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


def retried(record: Attempts | None) -> str:
    """How often something failed in a row, and when it is tried again; `""` where it did not."""
    if record is None or not record.failures:
        return ""
    times = "once" if record.failures == 1 else f"{record.failures} times"
    again = f"; it is tried again at {record.retry_at:%Y-%m-%d %H:%M:%S} UTC" if record.retry_at else ""
    return f"failed {times}{again}"


def model_fact(entry: CatalogueEntry, why: str, ready: Condition | None) -> Fact:
    """The model that was found; where it is not Ready, what it says itself."""
    found = own_trouble((ready,)) if ready is not None else None
    value, told = named(entry.kind, entry.key), f"{why}; image {entry.spec.image}"
    return not_ready(Fact("model", value, told, entry.state.value, found), entry.kind, entry.key)


def condition_lines(
    wanted: Sequence[Condition], recorded: Sequence[Condition], *, pending: bool = False
) -> tuple[ConditionLine, ...]:
    """The conditions that would be written, with what is in the cluster where that is something else."""
    return tuple(_line(said, find(recorded, said.type), pending=pending) for said in wanted)


def _line(said: Condition, before: Condition | None, *, pending: bool) -> ConditionLine:
    differs = before is not None and (before.status, before.reason) != (said.status, said.reason)
    unread = pending or (said.status == "Unknown" and bool(said.message))
    return ConditionLine(
        type=said.type,
        status=said.status,
        holds=holds(said),
        trouble=trouble(said.reason, said.message, known=not unread),
        since=said.last_transition_time,
        recorded=Recorded(before.status, trouble(before.reason, before.message)) if differs and before else None,
    )


def holds(said: Condition) -> bool:
    """Whether a condition is as one would want it; that something is progressing is no fault."""
    if said.type == ConditionType.FAILURE:
        return said.status == "False"
    return said.is_true or said.type == ConditionType.PROGRESSING


def gpus(around: Surroundings, wanted: Mapping[str, Iterable[str]] | None) -> tuple[GPU, ...] | None:
    """The GPU models of the cluster, and those that are asked for, sorted; None where nodes cannot be read."""
    if wanted is None or isinstance(around.nodes, Unavailable):
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

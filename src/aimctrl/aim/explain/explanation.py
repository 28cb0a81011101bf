"""What is told about one object, as values: the JSON of `aimctrl explain -o json`, and what the tree is drawn from.

Fields are only ever added; lists are sorted, or in the order in which the operator decides.
"""

from datetime import datetime

import msgspec

from aimctrl.aim.remedies import Care
from aimctrl.runtime.foresight import Action


class Trouble(msgspec.Struct, frozen=True, rename="camel"):
    """What is wrong with something: a reason as conditions give it, and what can be done."""

    reason: str
    message: str
    care: Care
    remedy: str


class Fact(msgspec.Struct, frozen=True, rename="camel"):
    """One thing the object stands on: what it came to, why, the state of that, and what is wrong with it.

    `see` is the command that says more of what is wrong, `parts` what it stands on itself.
    """

    name: str
    value: str
    why: str = ""
    state: str = ""
    trouble: Trouble | None = None
    see: str = ""
    parts: tuple["Fact", ...] = ()


class Candidate(msgspec.Struct, frozen=True, rename="camel"):
    """One template in a service's selection: whether it was chosen, and why (not).

    `trouble` is what it says itself where it is not Ready, `see` the command that says more of that.
    """

    kind: str
    namespace: str
    name: str
    state: str
    chosen: bool
    reason: str
    why: str
    trouble: Trouble | None = None
    see: str = ""


class ModelTemplate(msgspec.Struct, frozen=True, rename="camel"):
    """One template of a model, with the deciding reason of its state, and the command that says more of it."""

    kind: str
    namespace: str
    name: str
    state: str
    reason: str
    message: str
    remedy: str = ""
    see: str = ""


class GPU(msgspec.Struct, frozen=True, rename="camel"):
    """A GPU model: the nodes that carry it, how many GPUs there are, free or not, and what asks for it."""

    model: str
    nodes: int
    count: int
    wanted_by: tuple[str, ...]


class Recorded(msgspec.Struct, frozen=True, rename="camel"):
    """What the status in the cluster says, where that is something else: `status` of a condition, or of the object."""

    status: str
    trouble: Trouble


class ConditionLine(msgspec.Struct, frozen=True, rename="camel"):
    """One condition as it would be written now; `holds` says whether that is how one would want it."""

    type: str
    status: str
    holds: bool
    trouble: Trouble
    since: datetime | None = None
    recorded: Recorded | None = None


class NextStep(msgspec.Struct, frozen=True, rename="camel"):
    """What the operator would do about one object."""

    action: Action
    kind: str
    namespace: str
    name: str
    why: str = ""


class Next(msgspec.Struct, frozen=True, rename="camel"):
    """What the operator would do now; `seconds` until it looks again unasked, None: when something changes."""

    steps: tuple[NextStep, ...]
    writes_status: bool
    seconds: float | None


class EventLine(msgspec.Struct, frozen=True, rename="camel"):
    """One event about the object."""

    at: datetime | None
    type: str
    reason: str
    message: str
    count: int


class Explanation(msgspec.Struct, frozen=True, rename="camel"):
    """Everything that is told about one object.

    `gpus` is None where they do not matter or nodes cannot be read, `candidates` where no template had to be selected.
    `recorded` is the deciding reason in the cluster, where that is another one than the decision made just now.
    `warnings` say what the rest is to be taken with.
    """

    kind: str
    namespace: str
    name: str
    status: str
    trouble: Trouble
    facts: tuple[Fact, ...]
    conditions: tuple[ConditionLine, ...]
    next: Next
    gpus: tuple[GPU, ...] | None = ()
    candidates: tuple[Candidate, ...] | None = None
    templates: tuple[ModelTemplate, ...] = ()
    events: tuple[EventLine, ...] = ()
    warnings: tuple[str, ...] = ()
    recorded: Recorded | None = None

"""What a model's decision is made from: everything that was read, frozen."""

from dataclasses import dataclass
from datetime import datetime

from aimctrl.aim.model.inspection import Answer, InspectionInputs
from aimctrl.aim.resolution import ConfigOutcome
from aimctrl.api.model import AIMModel
from aimctrl.api.reasons import TemplateState
from aimctrl.runtime.plan import Refusal, Target


@dataclass(frozen=True, slots=True)
class AutoTemplate:
    """A template that was generated for the model, and its state."""

    name: str
    state: TemplateState


@dataclass(frozen=True, slots=True)
class Observed:
    """One model or image and what matters to it.

    `auto_templates` are those generated for it, sorted by name; `taken` are the names, of those it would generate, that
    templates have already. `inputs` are those of the inspection, None where they cannot be known; `answer` is what it
    found, None where nobody has looked yet.
    """

    now: datetime
    target: Target
    model: AIMModel
    config: ConfigOutcome
    auto_templates: tuple[AutoTemplate, ...] = ()
    taken: frozenset[str] = frozenset()
    inputs: InspectionInputs | None = None
    answer: Answer | None = None
    refusals: tuple[Refusal, ...] = ()

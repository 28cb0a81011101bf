"""What an explanation needs besides what was observed and decided; all of it as it was when the decision was made."""

from collections.abc import Callable
from dataclasses import dataclass, field

from aimctrl.aim.explain.explanation import EventLine
from aimctrl.aim.gpu import Inventory
from aimctrl.api.cache import AIMModelCache
from aimctrl.kube.conditions import Condition
from aimctrl.kube.core import Pod
from aimctrl.kube.kinds import Key
from aimctrl.runtime.lister import Availability, Available

_AVAILABLE = Available()


@dataclass(frozen=True, slots=True)
class Slots:
    """The discovery slots: how many are taken, how many there are, and how many templates are ahead in the line."""

    taken: int
    limit: int
    ahead: int


@dataclass(frozen=True, slots=True)
class TemplateSeen:
    """A template of a model: its kind and key, its state, the condition Ready, and the GPU model it asks for."""

    kind: str
    key: Key
    state: str
    ready: Condition | None
    gpu: str


@dataclass(frozen=True, slots=True)
class Surroundings:
    """`ready` gives the condition Ready of a model, by kind and key, where there is one.

    `model_cache` gives a model cache by its key, None where it is not there. `pods` are those of the InferenceService.
    `nodes` says whether what `inventory` lacks is not in the cluster. `templates` are those of the model that is
    explained, sorted. `warnings` come first in the explanation.
    """

    inventory: Inventory
    ready: Callable[[str, Key], Condition | None]
    model_cache: Callable[[Key], AIMModelCache | None] = lambda _key: None
    pods: tuple[Pod, ...] = ()
    nodes: Availability = _AVAILABLE
    slots: Slots = Slots(0, 0, 0)
    templates: tuple[TemplateSeen, ...] = ()
    events: tuple[EventLine, ...] = ()
    warnings: tuple[str, ...] = field(default=())

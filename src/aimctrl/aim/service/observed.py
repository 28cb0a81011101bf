"""What the decision about a service is made from: everything that was read, frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from aimctrl.aim.gpu import Inventory
from aimctrl.aim.resolution import CatalogueEntry, ConfigOutcome
from aimctrl.aim.service.candidates import Candidate
from aimctrl.api.cache import AIMTemplateCache
from aimctrl.api.config import TemplateSelection
from aimctrl.api.service import AIMService
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.external import HTTPRoute, InferenceService
from aimctrl.kube.kinds import Kind
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.kube.meta import Meta
from aimctrl.runtime.lister import Available, Unavailable
from aimctrl.runtime.plan import Refusal, Target

_AVAILABLE = Available()


@dataclass(frozen=True, slots=True)
class Several:
    """More than one model has the image that the service names."""

    entries: tuple[CatalogueEntry, ...]


ModelOutcome = Found[CatalogueEntry] | Missing | Several | Unreachable
"""`Missing` of a service that names an image: one has to be created."""


@dataclass(frozen=True, slots=True)
class RuntimeView:
    """The InferenceService of the service's name, and whether that kind can be seen at all."""

    availability: Available | Unavailable = _AVAILABLE
    live: InferenceService | None = None


@dataclass(frozen=True, slots=True)
class RouteView:
    """The HTTPRoute of the service's name, and whether that kind can be seen at all.

    `rivals`: the other services that have a route where this one's would be.
    """

    availability: Available | Unavailable = _AVAILABLE
    live: HTTPRoute | None = None
    rivals: tuple[Meta, ...] = ()


@dataclass(frozen=True, slots=True)
class Observed:
    """One service and what matters to it.

    `shadowed`: whether the service's model, found by its image, is not what its own name leads to from the service's
    namespace, where another one has that name. `namesake`: the model, of another image, that has the name of the one to
    create.
    `document`: the service as the API server shows it, for its route template.
    `templates`: the templates of both scopes whose model is the service's, and those that its `templateRef`, its
    model's default and its status name, whatever their model; none that is being deleted.
    `unreadable`: why templates, or the GPUs and caches they stand on, cannot be read now, `""` where they can.
    `taken`: the names of all templates in its namespace.
    `joined`: the derived templates that carry an owner reference of this service.
    `caches`: the template caches of those templates, and the one its status names; `shared_caches`: the names of those
    that other services ask for, too.
    """

    now: datetime
    target: Target
    service: AIMService
    document: Mapping[str, Any]
    config: ConfigOutcome
    model: ModelOutcome
    inventory: Inventory
    shadowed: bool = False
    namesake: CatalogueEntry | None = None
    templates: tuple[Candidate, ...] = ()
    unreadable: str = ""
    taken: frozenset[str] = frozenset()
    joined: tuple[AIMServiceTemplate, ...] = ()
    caches: tuple[AIMTemplateCache, ...] = ()
    shared_caches: frozenset[str] = frozenset()
    selection: TemplateSelection = TemplateSelection.STRICT
    runtime: RuntimeView = field(default_factory=RuntimeView)
    route: RouteView = field(default_factory=RouteView)
    refusals: tuple[Refusal, ...] = ()

    def refusal(self, *kinds: Kind[Any]) -> Refusal | None:
        """Why the API server would not take a child of one of these kinds."""
        return next((refusal for refusal in self.refusals if refusal.child.kind in kinds), None)

    def out_of_reach(self, kind: Kind[Any], availability: Available | Unavailable) -> str:
        """Why there can be no child of that kind, `""` where there can.

        A cache that is behind, or whose watch has broken off, is no reason: the API server is asked before a write.
        """
        refusal = self.refusal(kind)
        reason = availability.reason if isinstance(availability, Unavailable) else ""
        if reason == "KindMissing" or (refusal is not None and refusal.reason == "KindMissing"):
            return f"the CRD {kind.resource} is not installed"
        return availability.message if isinstance(availability, Unavailable) and reason == "Forbidden" else ""

    def owns(self, meta: Meta) -> bool:
        """Whether an object of a child's name is the service's child."""
        return meta.owned_by(self.target.meta.uid)

    def is_strangers(self, meta: Meta) -> bool:
        """Whether an object of a child's name is somebody else's.

        What a former service of this name has left behind is nobody's: it is about to be collected.
        """
        ours = (self.target.kind.name, self.target.meta.name)
        return not self.owns(meta) and all((ref.kind, ref.name) != ours for ref in meta.owner_references)

    @property
    def inference_service(self) -> InferenceService | None:
        """The service's own InferenceService."""
        live = self.runtime.live
        return live if live is not None and self.owns(live.metadata) else None

"""What a template cache's decision is made from: everything that was read, frozen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from aimctrl.aim.cache.artifacts import Artifact, listed
from aimctrl.aim.resolution import ConfigOutcome
from aimctrl.api.cache import AIMModelCache, AIMTemplateCache
from aimctrl.api.common import ResolvedReference
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Refusal, Target


@dataclass(frozen=True, slots=True)
class TemplateView:
    """The template and its artifacts; None where discovery has not found them, or not for what it is now."""

    reference: ResolvedReference
    artifacts: tuple[Artifact, ...] | None


@dataclass(frozen=True, slots=True)
class Observed:
    """One template cache and what matters to it.

    `held` are the model caches of its namespace with one of its sources, `taken` the names of all of them there,
    `created` those it made itself. `heirs`: by the name of a model cache, another template cache that has it, too, as
    the value of the label that says who made it. What is being deleted is not among them. `unreadable`: why model
    caches cannot be read now, `""` where they can.
    """

    now: datetime
    target: Target
    cache: AIMTemplateCache
    config: ConfigOutcome
    template: Found[TemplateView] | Missing | Unreachable
    unreadable: str = ""
    held: tuple[AIMModelCache, ...] = ()
    taken: frozenset[str] = frozenset()
    created: tuple[AIMModelCache, ...] = ()
    heirs: Mapping[str, str] = field(default_factory=dict[str, str])
    refusals: tuple[Refusal, ...] = ()

    @property
    def unknown(self) -> bool:
        """Whether something it stands on cannot be read now."""
        return isinstance(self.config, Unreachable) or isinstance(self.template, Unreachable) or bool(self.unreadable)

    @property
    def artifacts(self) -> tuple[Artifact, ...] | None:
        """What is to be cached, None where that is not known: what it lists itself, else the template's."""
        return artifacts_of(self.cache, self.template)

    def refusal(self, name: str) -> Refusal | None:
        """Why the API server would not take the model cache of that name."""
        return next((refusal for refusal in self.refusals if refusal.child.key.name == name), None)


def artifacts_of(
    cache: AIMTemplateCache, template: Found[TemplateView] | Missing | Unreachable
) -> tuple[Artifact, ...] | None:
    """What a template cache is to hold, None where that is not known."""
    if cache.spec.model_sources:
        return listed(cache.spec.model_sources)
    return template.value.artifacts if isinstance(template, Found) else None

"""Templates as one service sees them: their profile, whether they fit its overrides, and which two say the same."""

from dataclasses import dataclass
from typing import Any

from aimctrl.aim.gpu_names import normalise
from aimctrl.aim.naming import DERIVED, OVERRIDES
from aimctrl.aim.profile import Profile, json_object, profile_of
from aimctrl.api.common import GPUSelector, ResolvedReference, Scope
from aimctrl.api.reasons import TemplateState
from aimctrl.api.service import Overrides
from aimctrl.api.template import AIMServiceTemplate, TemplateSpec
from aimctrl.kube.names import canonical_json


@dataclass(frozen=True, slots=True)
class Candidate:
    """A template of either scope as one service sees it.

    `model_uid`: the uid of what its model id resolves to, `""` where that is nothing.
    `gpu_here`: whether a node carries the GPU model it asks for; true where it asks for none.
    `hidden`: a cluster template whose name a template of the service's namespace has.
    """

    template: AIMServiceTemplate
    scope: Scope
    model_uid: str
    gpu_here: bool = True
    hidden: bool = False

    @property
    def name(self) -> str:
        """The template's name."""
        return self.template.metadata.name

    @property
    def uid(self) -> str:
        """The template's uid."""
        return self.template.metadata.uid

    @property
    def spec(self) -> TemplateSpec:
        """The template's spec."""
        return self.template.spec

    @property
    def state(self) -> TemplateState:
        """What its own controller says of it."""
        return self.template.status.status

    @property
    def namespaced(self) -> bool:
        """Whether it is a template of the service's namespace."""
        return self.scope is Scope.NAMESPACE

    @property
    def kind(self) -> str:
        """The name of its kind."""
        return "AIMServiceTemplate" if self.namespaced else "AIMClusterServiceTemplate"

    @property
    def derived(self) -> bool:
        """Whether it was made for the overrides of services."""
        return self.namespaced and self.template.metadata.labels.get(DERIVED) == "true"

    @property
    def profile(self) -> Profile:
        """What discovery found."""
        return profile_of(self.template.status.profile)

    def reference(self) -> ResolvedReference:
        """The entry of a status that names it."""
        meta = self.template.metadata
        return ResolvedReference(
            name=meta.name, namespace=meta.namespace or None, scope=self.scope, kind=self.kind, uid=meta.uid
        )

    def __str__(self) -> str:
        return f'{self.kind} "{self.name}"'


def overrides_of(overrides: Overrides | None) -> dict[str, Any]:
    """The overrides as JSON, empty parts left out: `{}` where there are none."""
    return _pruned(overrides.wire()) if overrides else {}


def made_for(template: AIMServiceTemplate, overrides: Overrides | None) -> bool:
    """Whether a derived template was made for exactly these overrides."""
    said = template.metadata.annotations.get(OVERRIDES, "")
    return said.encode() == canonical_json(overrides_of(overrides))


def fits(spec: TemplateSpec, overrides: Overrides | None) -> bool:
    """Whether a template's own values are those of the overrides, wherever these say anything.

    Only the spec counts: it cannot change, whereas a profile is not known until discovery has run.
    """
    if overrides is None:
        return True
    same_metric = overrides.metric in {None, spec.metric}
    same_precision = overrides.precision in {None, spec.precision}
    return same_metric and same_precision and _gpu_fits(spec.gpu, overrides.gpu_selector)


def _gpu_fits(has: GPUSelector, wanted: GPUSelector | None) -> bool:
    if wanted is None:
        return True
    same_count = wanted.count in {None, has.count}
    same_resource = wanted.resource_name in {None, has.resource_name}
    return same_count and same_resource and (wanted.model is None or same_gpu(has.model, wanted.model))


def same_gpu(one: str | None, other: str | None) -> bool:
    """Whether two names mean one GPU model."""
    return normalise(one or "") == normalise(other or "")


def digest(spec: TemplateSpec) -> bytes:
    """Equal for specs that say the same: both names of the model are one, and what is empty is not there."""
    wire = spec.wire()
    wire.pop("modelName", None)
    wire.pop("aimImageName", None)
    if not spec.caching_enabled:
        wire.pop("caching", None)
    for name in ("env", "imagePullSecrets", "modelSources"):
        wire[name] = sorted(wire.get(name, []), key=lambda item: str(item.get("name", "")))
    return canonical_json(_pruned(wire) | {"model": spec.model_id})


def _pruned(value: Any) -> Any:
    match value:
        case dict():
            kept = {name: _pruned(item) for name, item in json_object(value).items()}
            return {name: item for name, item in kept.items() if item not in ({}, [], None)}
        case list():
            return [_pruned(item) for item in value]  # pyright: ignore[reportUnknownVariableType] - JSON
        case _:
            return value

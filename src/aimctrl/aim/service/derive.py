"""Derived templates: what overrides make of a base, how it is called, and who holds on to it (SPEC §5)."""

from collections.abc import Iterable
from typing import Any

from aimctrl.aim.naming import DERIVED, MANAGED_BY, MANAGER, OVERRIDES, derived_template_name
from aimctrl.aim.service.candidates import (
    Candidate,
    digest,
    overrides_of,
    same_gpu,
)
from aimctrl.api.common import GPUSelector
from aimctrl.api.kinds import AIM_SERVICE_TEMPLATE
from aimctrl.api.service import Overrides, ServiceSpec
from aimctrl.api.template import AIMServiceTemplate, TemplateSpec
from aimctrl.kube.kinds import Key
from aimctrl.kube.names import canonical_json
from aimctrl.runtime.plan import Child, Removal, Target


def derived_spec(base: TemplateSpec, service: ServiceSpec, overrides: Overrides) -> TemplateSpec:
    """The base's spec with the overrides, field by field, and without what belongs to the base's own profile."""
    return base.model_copy(
        update={
            "metric": overrides.metric or base.metric,
            "precision": overrides.precision or base.precision,
            "gpu_selector": _gpu(base.gpu, overrides.gpu_selector or GPUSelector()),
            "profile_id": None,
            "model_sources": (),
            "env": base.env or service.env,
            "image_pull_secrets": base.image_pull_secrets or service.image_pull_secrets,
        }
    )


def _gpu(base: GPUSelector, over: GPUSelector) -> GPUSelector | None:
    # Another spelling of the base's model is no change of it; the base's own is kept, so that equal specs are equal.
    model = base.model if over.model is None or same_gpu(base.model, over.model) else over.model
    merged = GPUSelector(
        count=over.count or base.count, model=model, resource_name=over.resource_name or base.resource_name
    )
    return None if merged == GPUSelector() else merged


def free_name(base: str, overrides: Overrides, spec: TemplateSpec, taken: frozenset[str]) -> str | None:
    """The name of a derived template that is to be made; None where templates of other specs have both names."""
    said = overrides_of(overrides)
    names = (derived_template_name(base, said), derived_template_name(base, said, digest(spec)))
    return next((name for name in names if name not in taken), None)


def find_equal(spec: TemplateSpec, candidates: Iterable[Candidate], current: str) -> Candidate | None:
    """The existing template that says what `spec` says.

    Of several: the one the service has (uid `current`), else one that somebody wrote here, else a derived one, else
    one of the cluster.
    """
    wanted = digest(spec)
    equal = [candidate for candidate in candidates if digest(candidate.spec) == wanted]
    return min(equal, key=lambda c: (c.uid != current, not c.namespaced, c.derived, c.name), default=None)


def creation(target: Target, name: str, spec: TemplateSpec, overrides: Overrides) -> Child:
    """The derived template, without owners: each service joins it with a reference of its own."""
    manifest = _manifest(name, target.meta.namespace)
    manifest["metadata"]["labels"] = {MANAGED_BY: MANAGER, DERIVED: "true"}
    manifest["metadata"]["annotations"] = {OVERRIDES: canonical_json(overrides_of(overrides)).decode()}
    manifest["spec"] = {field: value for field, value in spec.wire().items() if value not in ({}, [])}
    return Child(AIM_SERVICE_TEMPLATE, manifest, mode="create")


def join(target: Target, template: AIMServiceTemplate) -> Child:
    """Our owner reference on the template, beside those of other services."""
    meta = template.metadata
    manifest = _manifest(meta.name, meta.namespace)
    manifest["metadata"]["ownerReferences"] = [target.owner_reference(controller=False)]
    return Child(AIM_SERVICE_TEMPLATE, manifest, uid=meta.uid, manager=field_manager(target))


def leave(target: Target, template: AIMServiceTemplate) -> Child | Removal:
    """Take our owner reference off the template; where no other is on it, the template goes.

    The resourceVersion makes two that come or leave at once take turns: one of them sees that it is the last, and a
    template that somebody has joined meanwhile stays.
    """
    meta = template.metadata
    if all(reference.uid == target.meta.uid for reference in meta.owner_references):
        return Removal(AIM_SERVICE_TEMPLATE, Key(meta.namespace, meta.name), meta.uid, version=meta.resource_version)
    manifest = _manifest(meta.name, meta.namespace)
    manifest["metadata"]["resourceVersion"] = meta.resource_version
    return Child(AIM_SERVICE_TEMPLATE, manifest, uid=meta.uid, manager=field_manager(target))


def field_manager(target: Target) -> str:
    """The field manager that owns a service's references: one each, so that leaving takes away its own alone."""
    return f"aim-service-{target.meta.uid}"


def _manifest(name: str, namespace: str) -> dict[str, Any]:
    kind = AIM_SERVICE_TEMPLATE
    return {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": name, "namespace": namespace}}

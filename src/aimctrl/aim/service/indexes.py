"""How services and their routes are found by what they depend on."""

from collections.abc import Iterable
from typing import Any

import msgspec

from aimctrl.aim.naming import inference_service_name, model_name
from aimctrl.aim.service.route import places
from aimctrl.api.common import DEFAULT_CONFIG
from aimctrl.api.kinds import AIM_SERVICE
from aimctrl.api.reasons import ServiceReason
from aimctrl.kube.external import HTTPRoute
from aimctrl.kube.meta import Meta
from aimctrl.runtime.index import Index, NoView


class _Model(msgspec.Struct, gc=False):
    ref: str | None = None
    image: str | None = None


class _Spec(msgspec.Struct, rename="camel", gc=False):
    model: _Model | None = None
    aim_image_name: str | None = None
    template_ref: str | None = None
    overrides: dict[str, Any] | None = None
    runtime_config_name: str | None = None


class _Reference(msgspec.Struct, gc=False):
    name: str = ""


class _Condition(msgspec.Struct, gc=False):
    reason: str = ""


class _Status(msgspec.Struct, rename="camel"):
    resolved_image: _Reference | None = None
    resolved_template: _Reference | None = None
    resolved_template_cache: _Reference | None = None
    conditions: tuple[_Condition, ...] = ()


class ServiceView(msgspec.Struct):
    """What services are found by."""

    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


def _model(_meta: Meta, view: ServiceView) -> Iterable[str]:
    model, resolved = view.spec.model or _Model(), view.status.resolved_image
    named = view.spec.aim_image_name or model.ref
    created = model_name(model.image) if model.image else None
    return {name for name in (named, created, resolved.name if resolved else None) if name}


def _choice(meta: Meta, view: ServiceView) -> Iterable[str]:
    return _model(meta, view) if view.spec.overrides or not view.spec.template_ref else ()


def _image(_meta: Meta, view: ServiceView) -> Iterable[str]:
    model = view.spec.model
    return (model.image,) if model is not None and model.image else ()


def _template(_meta: Meta, view: ServiceView) -> Iterable[str]:
    resolved = view.status.resolved_template
    return {name for name in (view.spec.template_ref, resolved.name if resolved else None) if name}


def _cache(_meta: Meta, view: ServiceView) -> Iterable[str]:
    asked_for = view.status.resolved_template_cache
    return (asked_for.name,) if asked_for is not None and asked_for.name else ()


def _config(_meta: Meta, view: ServiceView) -> Iterable[str]:
    return (view.spec.runtime_config_name or DEFAULT_CONFIG,)


def _runtime(meta: Meta, _view: NoView) -> Iterable[str]:
    return (inference_service_name(meta.name, meta.namespace),)


def _displaced(_meta: Meta, view: ServiceView) -> Iterable[str]:
    reasons = {said.reason for said in view.status.conditions}
    return (DISPLACED,) if ServiceReason.ROUTE_PATH_CONFLICT in reasons else ()


def _place(meta: Meta, route: HTTPRoute) -> Iterable[str]:
    owner = meta.controller
    return places(meta, route) if owner is not None and owner.kind == AIM_SERVICE.name else ()


DISPLACED = "displaced"
"""The one value of `SERVICES_BY_CONFLICT`."""

SERVICES_BY_MODEL = Index("model", ServiceView, _model)
"""Services by the model id they name, by that of the model made for their image, and by the one they resolved to."""

SERVICES_BY_CHOICE = Index("choice", ServiceView, _choice)
"""The same, without those that name their template and change nothing about it: no other one is theirs."""

SERVICES_BY_IMAGE = Index("image", ServiceView, _image)
"""Services that name an image, by it."""

SERVICES_BY_TEMPLATE = Index("template", ServiceView, _template)
"""Services by the template they name, and by the one they have."""

SERVICES_BY_CONFIG = Index("runtime-config", ServiceView, _config)
"""Services by the name of their runtime config, `default` where they name none."""

SERVICES_BY_CACHE = Index("template-cache", ServiceView, _cache)
"""Services by the template cache they ask for."""

SERVICES_BY_RUNTIME = Index("inference-service", NoView, _runtime)
"""Services by the name of their InferenceService."""

SERVICES_BY_CONFLICT = Index("route-conflict", ServiceView, _displaced)
"""Services whose path belongs to another one."""

SERVICE_INDEXES = (
    SERVICES_BY_MODEL,
    SERVICES_BY_CHOICE,
    SERVICES_BY_IMAGE,
    SERVICES_BY_TEMPLATE,
    SERVICES_BY_CONFIG,
    SERVICES_BY_CACHE,
    SERVICES_BY_RUNTIME,
    SERVICES_BY_CONFLICT,
)

ROUTES_BY_PLACE = Index("place", HTTPRoute, _place)
"""Routes of services by gateway and path (`route.place`)."""

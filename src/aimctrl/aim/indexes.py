"""The indexes that more than one family asks: which objects name a model, a runtime config, a GPU, an image."""

from collections.abc import Iterable

import msgspec

from aimctrl.aim.gpu_names import normalise
from aimctrl.api.common import DEFAULT_CONFIG
from aimctrl.kube.meta import Meta
from aimctrl.runtime.index import Index


class _GPU(msgspec.Struct, gc=False):
    model: str | None = None


class _TemplateSpec(msgspec.Struct, rename="camel", gc=False):
    model_name: str | None = None
    aim_image_name: str | None = None
    runtime_config_name: str | None = None
    gpu_selector: _GPU | None = None


class TemplateView(msgspec.Struct, gc=False):
    """What templates are found by."""

    spec: _TemplateSpec = msgspec.field(default_factory=_TemplateSpec)


class _ModelSpec(msgspec.Struct, rename="camel", gc=False):
    image: str | None = None
    runtime_config_name: str | None = None


class ModelView(msgspec.Struct, gc=False):
    """What models and images are found by."""

    spec: _ModelSpec = msgspec.field(default_factory=_ModelSpec)


class _CacheSpec(msgspec.Struct, rename="camel", gc=False):
    template_ref: str = ""


class TemplateCacheView(msgspec.Struct, gc=False):
    """What template caches are found by."""

    spec: _CacheSpec = msgspec.field(default_factory=_CacheSpec)


def _model(_meta: Meta, view: TemplateView) -> Iterable[str]:
    name = view.spec.model_name or view.spec.aim_image_name
    return (name,) if name else ()


def _gpu(_meta: Meta, view: TemplateView) -> Iterable[str]:
    selector = view.spec.gpu_selector
    return (normalise(selector.model),) if selector is not None and selector.model else ()


def _template_config(_meta: Meta, view: TemplateView) -> Iterable[str]:
    return (view.spec.runtime_config_name or DEFAULT_CONFIG,)


def _image(_meta: Meta, view: ModelView) -> Iterable[str]:
    return (view.spec.image,) if view.spec.image else ()


def _model_config(_meta: Meta, view: ModelView) -> Iterable[str]:
    return (view.spec.runtime_config_name or DEFAULT_CONFIG,)


def _cached_template(_meta: Meta, view: TemplateCacheView) -> Iterable[str]:
    return (view.spec.template_ref,) if view.spec.template_ref else ()


TEMPLATES_BY_MODEL = Index("model", TemplateView, _model)
"""Templates by the model id they name."""

TEMPLATES_BY_GPU = Index("gpu", TemplateView, _gpu)
"""Templates by the normalised GPU model they select."""

TEMPLATES_BY_CONFIG = Index("runtime-config", TemplateView, _template_config)
"""Templates by the name of their runtime config, `default` where they name none."""

MODELS_BY_IMAGE = Index("image", ModelView, _image)
"""Models and images by their container image."""

MODELS_BY_CONFIG = Index("runtime-config", ModelView, _model_config)
"""Models and images by the name of their runtime config, `default` where they name none."""

CACHES_BY_TEMPLATE = Index("template", TemplateCacheView, _cached_template)
"""Template caches by the template they name."""

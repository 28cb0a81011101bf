"""The AIM kinds: where the API serves each and what its objects decode to (SPEC §1)."""

from typing import Any, Final, TypeVar

from aimctrl.api.cache import AIMModelCache, AIMTemplateCache
from aimctrl.api.config import AIMClusterRuntimeConfig, AIMRuntimeConfig
from aimctrl.api.model import AIMClusterImage, AIMClusterModel, AIMImage, AIMModel
from aimctrl.api.service import AIMService
from aimctrl.api.template import AIMClusterServiceTemplate, AIMServiceTemplate
from aimctrl.kube.kinds import Kind, Resource

GROUP: Final = "aim.silogen.ai"
VERSION: Final = "v1alpha1"

R = TypeVar("R", bound=Resource)


def _kind(model: type[R], *, namespaced: bool = True) -> Kind[R]:
    """The plural of each name is regular: lowercase and an s."""
    name = model.__name__
    return Kind(GROUP, VERSION, name, f"{name.lower()}s", model, namespaced)


AIM_MODEL: Final = _kind(AIMModel)
AIM_CLUSTER_MODEL: Final = _kind(AIMClusterModel, namespaced=False)
AIM_IMAGE: Final = _kind(AIMImage)
AIM_CLUSTER_IMAGE: Final = _kind(AIMClusterImage, namespaced=False)
AIM_SERVICE_TEMPLATE: Final = _kind(AIMServiceTemplate)
AIM_CLUSTER_SERVICE_TEMPLATE: Final = _kind(AIMClusterServiceTemplate, namespaced=False)
AIM_SERVICE: Final = _kind(AIMService)
AIM_RUNTIME_CONFIG: Final = _kind(AIMRuntimeConfig)
AIM_CLUSTER_RUNTIME_CONFIG: Final = _kind(AIMClusterRuntimeConfig, namespaced=False)
AIM_TEMPLATE_CACHE: Final = _kind(AIMTemplateCache)
AIM_MODEL_CACHE: Final = _kind(AIMModelCache)

ALL: Final[tuple[Kind[Any], ...]] = (
    AIM_MODEL,
    AIM_CLUSTER_MODEL,
    AIM_IMAGE,
    AIM_CLUSTER_IMAGE,
    AIM_SERVICE_TEMPLATE,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_SERVICE,
    AIM_RUNTIME_CONFIG,
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_TEMPLATE_CACHE,
    AIM_MODEL_CACHE,
)
"""All AIM kinds."""

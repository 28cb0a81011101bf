"""What the families share: the cached catalogue and runtime configs, the GPU inventory, and the options."""

from collections.abc import Iterable
from typing import Any

import msgspec

from aimctrl.aim.gpu import Inventory
from aimctrl.aim.indexes import (
    MODELS_BY_CONFIG,
    MODELS_BY_IMAGE,
    TEMPLATES_BY_CONFIG,
    TEMPLATES_BY_GPU,
    TEMPLATES_BY_MODEL,
)
from aimctrl.aim.options import OperatorOptions
from aimctrl.aim.resolution import CatalogueEntry, ConfigOutcome, find_model, resolve_config
from aimctrl.api.config import AIMRuntimeConfig
from aimctrl.api.kinds import (
    AIM_CLUSTER_IMAGE,
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_RUNTIME_CONFIG,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_IMAGE,
    AIM_MODEL,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE_TEMPLATE,
)
from aimctrl.api.model import AIMModel
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.core import NODES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.kube.meta import Meta
from aimctrl.runtime.lister import Lister
from aimctrl.runtime.manager import Manager
from aimctrl.runtime.plan import Target
from aimctrl.runtime.store import Change, Entry
from aimctrl.runtime.triggers import Mapper

MODEL_KINDS: tuple[Kind[AIMModel], ...] = (AIM_MODEL, AIM_IMAGE, AIM_CLUSTER_MODEL, AIM_CLUSTER_IMAGE)
"""In the order in which a model id is looked up (SPEC §1)."""

CONFIG_KINDS: tuple[Kind[AIMRuntimeConfig], ...] = (AIM_RUNTIME_CONFIG, AIM_CLUSTER_RUNTIME_CONFIG)
"""In the order in which a runtime config is looked up (SPEC §7)."""

TEMPLATE_KINDS: tuple[Kind[AIMServiceTemplate], ...] = (AIM_SERVICE_TEMPLATE, AIM_CLUSTER_SERVICE_TEMPLATE)


class Shared:
    """One operator's shared view of the cluster, fed by the manager's informers.

    Made once per manager, before its controllers; asking never waits.
    """

    def __init__(self, manager: Manager, options: OperatorOptions) -> None:
        self.manager = manager
        self.options = options
        self.inventory = Inventory()
        informers = manager.informers
        informers.informer(NODES).add_handler(self.inventory.on_change)
        self.nodes = informers.informer(NODES).lister
        for kind in MODEL_KINDS:
            informers.informer(kind).add_index(MODELS_BY_IMAGE)
            informers.informer(kind).add_index(MODELS_BY_CONFIG)
        for template in TEMPLATE_KINDS:
            for index in (TEMPLATES_BY_MODEL, TEMPLATES_BY_GPU, TEMPLATES_BY_CONFIG):
                informers.informer(template).add_index(index)
        self.models = tuple(informers.informer(kind).lister for kind in MODEL_KINDS)
        self.configs = tuple(informers.informer(kind).lister for kind in CONFIG_KINDS)
        self.templates = tuple(informers.informer(kind).lister for kind in TEMPLATE_KINDS)

    def find_model(self, name: str, namespace: str) -> Found[CatalogueEntry] | Missing | Unreachable:
        """The model of that id as a namespace sees it, `""` for a cluster-scoped object (SPEC §1)."""
        return find_model(name, namespace, self.models)

    def find_config(self, name: str | None, namespace: str) -> ConfigOutcome:
        """The runtime config of that name as a namespace sees it, `""` for a cluster-scoped object (SPEC §7)."""
        return resolve_config(name, namespace, self.options.operator_namespace, self.configs)

    def config_users(self, lister: Lister[Any], index: str = "runtime-config") -> Mapper:
        """Maps a runtime config of either kind to the objects in `lister` that may resolve to one of its name."""
        operator = self.options.operator_namespace

        def users(change: Change) -> Iterable[Key]:
            where = change.key.namespace
            for key in lister.keys_by_index(index, change.key.name):
                if not where or (key.namespace or operator) == where:
                    yield key

        return users

    def model_users(self, lister: Lister[Any], index: str = "model") -> Mapper:
        """Maps a model or image to the objects in `lister` that may resolve to one of its name."""

        def users(change: Change) -> Iterable[Key]:
            where = change.key.namespace
            for key in lister.keys_by_index(index, change.key.name):
                if not where or key.namespace == where:
                    yield key

        return users


class _Observed(msgspec.Struct):
    metadata: Meta
    status: dict[str, Any] = {}


_decode = msgspec.json.Decoder(_Observed).decode


def target_of(kind: Kind[Any], entry: Entry) -> Target:
    """The object as the target of a plan: its metadata, and its status as plain JSON."""
    seen = _decode(entry.raw)
    return Target(kind, seen.metadata, seen.status)

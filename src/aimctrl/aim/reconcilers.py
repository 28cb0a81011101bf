"""The reconciler of each AIM kind, made alike for the operator and for those who explain what it would do."""

from dataclasses import dataclass
from typing import Any

from aimctrl.aim.cache.model_cache_reconciler import ModelCacheReconciler
from aimctrl.aim.cache.template_cache_reconciler import TemplateCacheReconciler
from aimctrl.aim.discovery.slots import SlotLedger
from aimctrl.aim.model.inspect import Inspector
from aimctrl.aim.model.reconciler import ModelReconciler
from aimctrl.aim.service.reconciler import ServiceReconciler
from aimctrl.aim.shared import MODEL_KINDS, TEMPLATE_KINDS, Shared
from aimctrl.aim.template.reconciler import TemplateReconciler
from aimctrl.api.kinds import AIM_MODEL_CACHE, AIM_SERVICE, AIM_TEMPLATE_CACHE
from aimctrl.kube.kinds import Kind

AnyReconciler = (
    ModelReconciler | ServiceReconciler | TemplateReconciler | TemplateCacheReconciler | ModelCacheReconciler
)

RECONCILED: tuple[Kind[Any], ...] = (*TEMPLATE_KINDS, *MODEL_KINDS, AIM_SERVICE, AIM_TEMPLATE_CACHE, AIM_MODEL_CACHE)
"""The kinds that have a reconciler."""


@dataclass(frozen=True, slots=True)
class Basis:
    """What all reconcilers of one operator share."""

    shared: Shared
    ledger: SlotLedger
    inspector: Inspector


def reconciler(kind: Kind[Any], basis: Basis) -> AnyReconciler:
    """The reconciler of a kind; what it reads is watched from now on, and nothing else.

    Raises ValueError for a kind that has none.
    """
    if kind in TEMPLATE_KINDS:
        return TemplateReconciler(basis.shared, basis.ledger, kind)
    if kind in MODEL_KINDS:
        return ModelReconciler(basis.shared, basis.inspector, kind)
    if kind == AIM_SERVICE:
        return ServiceReconciler(basis.shared)
    if kind == AIM_TEMPLATE_CACHE:
        return TemplateCacheReconciler(basis.shared)
    if kind == AIM_MODEL_CACHE:
        return ModelCacheReconciler(basis.shared)
    raise ValueError(f"{kind} is not reconciled")

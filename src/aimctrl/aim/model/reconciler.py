"""Reading what a model's decision needs, and what makes it look again; one class for all four kinds."""

from aimctrl.aim.model.decide import Observed, decide
from aimctrl.aim.naming import AUTO_GENERATED
from aimctrl.aim.shared import CONFIG_KINDS, Shared, target_of
from aimctrl.api.kinds import AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE_TEMPLATE
from aimctrl.api.model import AIMModel
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.kinds import Kind
from aimctrl.runtime.controller import Controller, ControllerOptions
from aimctrl.runtime.index import BY_OWNER
from aimctrl.runtime.plan import Plan, Target
from aimctrl.runtime.planning import PlanReconciler
from aimctrl.runtime.request import Request
from aimctrl.runtime.triggers import Watch, owns, spec_changed


class ModelReconciler(PlanReconciler[Observed]):
    """Models, or images, of one kind (SPEC §2)."""

    def __init__(self, shared: Shared, kind: Kind[AIMModel]) -> None:
        super().__init__(shared.manager.applier)
        informers = shared.manager.informers
        self.kind = kind
        self.models = informers.informer(kind).lister
        self._shared = shared
        self._template_kind: Kind[AIMServiceTemplate] = (
            AIM_SERVICE_TEMPLATE if kind.namespaced else AIM_CLUSTER_SERVICE_TEMPLATE
        )
        templates = informers.informer(self._template_kind)
        templates.add_index(BY_OWNER)
        self._templates = templates.lister

    def controller(self) -> Controller:
        """The controller that runs this reconciler, with everything that makes a model look again."""
        users = self._shared.config_users(self.models)
        watches = [Watch(kind, users, spec_changed) for kind in CONFIG_KINDS]
        watches.append(owns(self._template_kind, self.kind))
        options = ControllerOptions(max_concurrent=self._shared.options.max_concurrent_reconciles)
        return Controller(self.kind.name.lower(), self.kind, self, watches=tuple(watches), options=options)

    async def observe(self, request: Request) -> Observed | None:
        """The model and what matters to it; None where it is gone."""
        entry = self.models.entry(request.key)
        model = self.models.get(request.namespace, request.name)
        if entry is None or model is None:
            return None
        target = target_of(self.kind, entry)
        config = self._shared.find_config(model.spec.runtime_config_name, request.namespace)
        return Observed(request.now, target, model, config, self._auto_templates(target))

    def decide(self, observed: Observed) -> Plan:
        """SPEC §2."""
        return decide(observed)

    def _auto_templates(self, target: Target) -> tuple[str, ...]:
        owned = (self._templates.meta(key) for key in self._templates.keys_by_index(BY_OWNER.name, target.meta.uid))
        return tuple(sorted(meta.name for meta in owned if meta and meta.labels.get(AUTO_GENERATED) == "true"))

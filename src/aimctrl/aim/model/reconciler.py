"""Reading what a model's decision needs, and what makes it look again; one class for all four kinds."""

from dataclasses import replace

from aimctrl.aim.merging import merge_pull_secrets
from aimctrl.aim.model.decide import decide
from aimctrl.aim.model.inspect import Asker, Inspector
from aimctrl.aim.model.inspection import InspectionInputs
from aimctrl.aim.model.look import Failing, Known, Unlooked, look, tries_again
from aimctrl.aim.model.observed import AutoTemplate, Observed
from aimctrl.aim.model.templates import template_names
from aimctrl.aim.naming import AUTO_GENERATED
from aimctrl.aim.resolution import ConfigOutcome, DefaultNotFound, config_spec
from aimctrl.aim.shared import CONFIG_KINDS, Shared, target_of
from aimctrl.api.kinds import AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE_TEMPLATE
from aimctrl.api.model import AIMModel
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.core import SECRETS
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.lookup import Found
from aimctrl.runtime.access import Access
from aimctrl.runtime.controller import Controller, ControllerOptions
from aimctrl.runtime.index import BY_OWNER
from aimctrl.runtime.plan import Plan, Refusal, Target
from aimctrl.runtime.planning import PlanReconciler
from aimctrl.runtime.request import Request
from aimctrl.runtime.triggers import Watch, owns, spec_changed


class ModelReconciler(PlanReconciler[Observed]):
    """Models, or images, of one kind (SPEC §2)."""

    def __init__(self, shared: Shared, inspector: Inspector, kind: Kind[AIMModel]) -> None:
        super().__init__(shared.manager.applier)
        informers = shared.manager.informers
        self.kind = kind
        self.models = informers.informer(kind).lister
        self._shared = shared
        self._inspector = inspector
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
        controller = Controller(self.kind.name.lower(), self.kind, self, watches=tuple(watches), options=options)
        return controller.needs(Access.owns(self.kind), Access.creates(self._template_kind), Access(SECRETS, ("get",)))

    async def observe(self, request: Request) -> Observed | None:
        """The model and what matters to it; None where it is gone, and does not wait for its inspection any more."""
        entry = self.models.entry(request.key)
        model = self.models.get(request.namespace, request.name)
        if entry is None or model is None:
            self._inspector.forget(Asker(self.kind.name, request.key))
            return None
        target = target_of(self.kind, entry)
        config = self._shared.find_config(model.spec.runtime_config_name, request.namespace)
        seen = Observed(
            now=request.now,
            target=target,
            model=model,
            config=config,
            auto_templates=self._auto_templates(target),
            inputs=self._inputs(model, target, config),
        )
        if seen.inputs is None or not model.spec.discovery.enabled:
            return seen
        if not tries_again(seen):
            seen = replace(seen, answer=self._inspector.answer(seen.inputs, request.now))
        return replace(seen, taken=self._taken(seen))

    def decide(self, observed: Observed) -> Plan:
        """SPEC §2."""
        return decide(observed)

    def refused(self, observed: Observed, refusals: tuple[Refusal, ...]) -> Observed:
        """The refusals become conditions; a name that somebody took meanwhile is none."""
        taken = {refusal.child.key.name for refusal in refusals if refusal.reason == "NameConflict"}
        others = tuple(refusal for refusal in refusals if refusal.child.key.name not in taken)
        return replace(observed, refusals=others, taken=observed.taken | taken)

    def decided(self, observed: Observed, plan: Plan) -> None:
        """Have the image inspected where that is what is missing."""
        asker = Asker(self.kind.name, observed.target.key)
        inputs = observed.inputs
        if inputs is None or plan.status is None or not observed.model.spec.discovery.enabled:
            self._inspector.forget(asker)
            return
        match look(observed):
            case Unlooked():
                self._inspector.request(inputs, asker)
            case Failing(due=True):
                self._inspector.request(inputs, asker, anew=tries_again(observed))
            case Failing():
                pass
            case Known():
                self._inspector.forget(asker)

    def _taken(self, seen: Observed) -> frozenset[str]:
        image = look(seen)
        names = template_names(seen.target.meta.name, image.metadata.model) if isinstance(image, Known) else ()
        return frozenset(name for name in names if self._templates.entry(Key(seen.target.meta.namespace, name)))

    def _inputs(self, model: AIMModel, target: Target, config: ConfigOutcome) -> InspectionInputs | None:
        """None where it is not known which secrets the runtime config names."""
        if not isinstance(config, Found | DefaultNotFound):
            return None
        levels = (model.spec, config_spec(config))
        secrets = merge_pull_secrets(*([ref.name for ref in level.image_pull_secrets] for level in levels))
        namespace = target.meta.namespace or self._shared.options.operator_namespace
        return InspectionInputs(model.spec.image, namespace if secrets else "", secrets)

    def _auto_templates(self, target: Target) -> tuple[AutoTemplate, ...]:
        owned = self._templates.by_index(BY_OWNER.name, target.meta.uid)
        return tuple(
            AutoTemplate(template.metadata.name, template.status.status)
            for template in owned
            if template.metadata.labels.get(AUTO_GENERATED) == "true"
        )

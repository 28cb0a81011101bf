"""What a service stands on: runtime config, model and template, one after the other (SPEC §5, Resolution)."""

from dataclasses import dataclass

from aimctrl.aim.naming import model_name
from aimctrl.aim.resolution import CatalogueEntry, DefaultNotFound
from aimctrl.aim.service import derive, findings, serving
from aimctrl.aim.service.findings import Finding
from aimctrl.aim.service.image_model import image_model
from aimctrl.aim.service.observed import Observed, Several
from aimctrl.aim.service.template_choice import Deriving, Settled, Undecided, choose
from aimctrl.api.common import ResolvedReference
from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_MODEL, AIM_SERVICE_TEMPLATE
from aimctrl.api.reasons import ServiceReason, ServiceState
from aimctrl.api.service import TemplateMatching
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.plan import Child


@dataclass(frozen=True, slots=True)
class Resolution:
    """How far resolution came: `finding` is the condition Resolved.

    `model` is unset where it, or the runtime config before it, is not there. `choice` is set once a template, be it
    one to derive, is decided on; `hold` says why it cannot be run yet. `children` are what resolution itself makes.
    """

    finding: Finding
    model: CatalogueEntry | None = None
    choice: Settled | Deriving | None = None
    hold: Finding | None = None
    matching: TemplateMatching | None = None
    children: tuple[Child, ...] = ()

    @property
    def template(self) -> ResolvedReference | None:
        """The value of `status.resolvedTemplate`."""
        match self.choice:
            case Settled(candidate):
                return candidate.reference()
            case Deriving(name=str(name), child=Child() as child):
                return ResolvedReference(name=name, namespace=child.key.namespace, kind=AIM_SERVICE_TEMPLATE.name)
            case _:
                return None


def resolve(seen: Observed) -> Resolution:
    """Decide on config, model and template, in this order; what is not there ends it."""
    missing = _config(seen)
    if missing is not None:
        return Resolution(missing)
    model = _model(seen)
    return model if isinstance(model, Resolution) else _template(seen, model)


def _config(seen: Observed) -> Finding | None:
    match seen.config:
        case Found() | DefaultNotFound():
            return None
        case Missing(what):
            told = f"{what} not found; create it or change spec.runtimeConfigName"
            return findings.unresolved(ServiceState.DEGRADED, ServiceReason.RUNTIME_CONFIG_MISSING, told)
        case Unreachable(why):
            return findings.unresolved(ServiceState.PENDING, ServiceReason.RUNTIME_CONFIG_MISSING, why)


def _model(seen: Observed) -> CatalogueEntry | Resolution:
    match seen.model:
        case Found(entry):
            return entry
        case Missing() if seen.service.spec.image:
            return _new_model(seen, seen.service.spec.image)
        case Missing(what):
            told = f"{what} not found; create it or change spec.model"
            return Resolution(findings.unresolved(ServiceState.DEGRADED, ServiceReason.MODEL_NOT_FOUND, told))
        case Several(entries):
            names = ", ".join(sorted(f'{entry.kind} "{entry.name}"' for entry in entries))
            told = f"several models have the image {seen.service.spec.image}: {names}; set spec.model.ref"
            return Resolution(findings.unresolved(ServiceState.FAILED, ServiceReason.MULTIPLE_MODELS_FOUND, told))
        case Unreachable(why):
            return Resolution(findings.unresolved(ServiceState.PENDING, ServiceReason.MODEL_NOT_FOUND, why))


def _new_model(seen: Observed, image: str) -> Resolution:
    child = image_model(seen.service, image, seen.config)
    told = f'{child.kind.name} "{model_name(image)}"'
    if seen.namesake is not None:
        told = f"no model has the image {image}, and {told}, which would, has the image {seen.namesake.spec.image}"
        told = f"{told}; set spec.model.ref, or give the model its image back"
        return Resolution(findings.unresolved(ServiceState.DEGRADED, ServiceReason.MODEL_NOT_FOUND, told))
    refusal = seen.refusal(AIM_MODEL, AIM_CLUSTER_MODEL)
    if refusal is not None:
        told = f"{told} cannot be created: {refusal.message}"
        finding = findings.unresolved(ServiceState.DEGRADED, ServiceReason.MODEL_NOT_READY, told)
    else:
        told = f"{told} is being created for the image {image}"
        finding = findings.unresolved(ServiceState.STARTING, ServiceReason.MODEL_NOT_READY, told)
    return Resolution(finding, children=(child,))


def _template(seen: Observed, model: CatalogueEntry) -> Resolution:
    if seen.unreadable:
        reason = ServiceReason.TEMPLATE_NOT_FOUND
        return Resolution(findings.unresolved(ServiceState.PENDING, reason, seen.unreadable))
    done = findings.resolved()
    choice = choose(seen, model)
    match choice:
        case Undecided(finding, matching):
            return Resolution(finding, model, matching=matching)
        case Deriving(name, child, matching):
            hold = serving.derivation_hold(seen, name)
            return Resolution(done, model, choice, hold, matching, (child,) if child else ())
        case Settled(candidate, matching):
            template = candidate.template
            joins = candidate.derived and not seen.owns(template.metadata)
            children = (derive.join(seen.target, template),) if joins else ()
            return Resolution(done, model, choice, serving.template_hold(candidate), matching, children)

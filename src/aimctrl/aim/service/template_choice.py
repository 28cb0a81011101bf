"""Which template a service runs: the one it names, its model's default, the one selected, or a derived one (SPEC §5).

The steps are SPEC's, in SPEC's order; each gives a decision or leaves it to the next.
"""

from dataclasses import dataclass, replace

from aimctrl.aim.resolution import CatalogueEntry, config_spec
from aimctrl.aim.service import derive, findings, selection
from aimctrl.aim.service.candidates import Candidate, fits, made_for, overrides_of
from aimctrl.aim.service.findings import Finding
from aimctrl.aim.service.observed import Observed
from aimctrl.aim.service.selection import Ambiguous, Chosen, NonePasses, Selection, Wish
from aimctrl.api.config import TemplateSelection
from aimctrl.api.reasons import ModelState, ServiceReason, ServiceState
from aimctrl.api.service import TemplateMatching
from aimctrl.runtime.plan import Child


@dataclass(frozen=True, slots=True)
class Settled:
    """It is this one, Ready or not."""

    template: Candidate
    matching: TemplateMatching | None = None


@dataclass(frozen=True, slots=True)
class Deriving:
    """It is a derived one that has to be made; `name` and `child` are unset where others have its names."""

    name: str | None
    child: Child | None
    matching: TemplateMatching | None = None


@dataclass(frozen=True, slots=True)
class Undecided:
    """It cannot be told."""

    finding: Finding
    matching: TemplateMatching | None = None


Choice = Settled | Deriving | Undecided


@dataclass(frozen=True, slots=True)
class _Question:
    """The service's question: everything the steps below ask of."""

    seen: Observed
    model: CatalogueEntry
    wish: Wish

    def named(self, name: str) -> Candidate | None:
        """The template of a name, whatever its model: the namespace's, else the cluster's."""
        found = [candidate for candidate in self.seen.templates if candidate.name == name]
        return min(found, key=lambda candidate: not candidate.namespaced, default=None)

    def own(self) -> list[Candidate]:
        """The templates of the service's model that can be run from its namespace."""
        return [c for c in self.seen.templates if c.model_uid == self.model.uid and not c.hidden]


def choose(seen: Observed, model: CatalogueEntry) -> Choice:
    """The template for a service of that model."""
    question = _Question(seen, model, _wish(seen, model))
    if seen.service.spec.template_ref:
        return _referenced(question, seen.service.spec.template_ref)
    hint = _hint(question)
    if hint is not None and fits(hint.spec, question.wish.overrides):
        return Settled(hint)
    return _selected(question, hint)


def _wish(seen: Observed, model: CatalogueEntry) -> Wish:
    spec, status = seen.service.spec, seen.service.status
    how = config_spec(seen.config).template_selection or seen.selection
    return Wish(
        model_uid=model.uid,
        overrides=spec.overrides if overrides_of(spec.overrides) else None,
        allow_unoptimized=spec.allow_unoptimized,
        preferred=how is TemplateSelection.PREFERRED,
        current=status.resolved_template.uid if status.resolved_template else "",
    )


def _referenced(question: _Question, name: str) -> Choice:
    base = question.named(name)
    if base is None:
        told = (
            f'neither AIMServiceTemplate "{name}" in namespace {question.seen.target.meta.namespace} nor '
            f'AIMClusterServiceTemplate "{name}" found; create one or change spec.templateRef'
        )
        return _undecided(ServiceState.DEGRADED, ServiceReason.TEMPLATE_NOT_FOUND, told)
    if base.model_uid != question.model.uid:
        told = (
            f'{base} is for model "{base.spec.model_id}", which is not {_told(question.model)}; change spec.templateRef'
        )
        return _undecided(ServiceState.DEGRADED, ServiceReason.TEMPLATE_MODEL_MISMATCH, told)
    return _with_overrides(question, base)


def _hint(question: _Question) -> Candidate | None:
    """The model's default template, where it is there, for this model, and allowed: no more than a hint."""
    name = question.model.spec.default_service_template
    found = question.named(name) if name else None
    if found is None or found.model_uid != question.model.uid:
        return None
    return None if selection.barred(found, allow_unoptimized=question.wish.allow_unoptimized) else found


def _selected(question: _Question, hint: Candidate | None) -> Choice:
    found = selection.select(question.seen.templates, question.wish)
    match found:
        case Chosen(candidate, matching):
            return Settled(candidate, matching)
        case Ambiguous(candidates) if not all(candidate.derived for candidate in candidates):
            return _ambiguous(question, found)
        case NonePasses() if question.wish.overrides is None or found.written_match:
            return _none_passes(question, found)
        case _:
            return _derived(question, hint, found)


def _derived(question: _Question, hint: Candidate | None, found: Ambiguous | NonePasses) -> Choice:
    """Nobody wrote a template with these overrides: derive one from what selection gives without them."""
    plain = selection.select(question.seen.templates, replace(question.wish, overrides=None))
    base = hint or _base(plain)
    if isinstance(base, Candidate):
        choice = _with_overrides(question, base, found.matching)
        if isinstance(found, NonePasses) and _is_barred(question, choice):
            return _none_passes(question, found)
        return choice
    current = _current_derived(question)
    if current is not None:
        return Settled(current, found.matching)
    failed = found if isinstance(found, Ambiguous) else base
    return _ambiguous(question, failed) if isinstance(failed, Ambiguous) else _none_passes(question, failed)


def _is_barred(question: _Question, choice: Choice) -> bool:
    """Whether discovery has shown that what the overrides make of the base is not allowed."""
    allowed = question.wish.allow_unoptimized
    return isinstance(choice, Settled) and selection.barred(choice.template, allow_unoptimized=allowed)


def _base(plain: Selection) -> Candidate | Ambiguous | NonePasses:
    """What selection gives without overrides; the base need not be Ready, if there is but one."""
    match plain:
        case Chosen(candidate):
            return candidate
        case NonePasses() if len(plain.lacking_state) == 1:
            return plain.lacking_state[0]
        case _:
            return plain


def _current_derived(question: _Question) -> Candidate | None:
    """The derived template the service has, where it was made for its overrides and is allowed."""
    wish = question.wish
    mine = (c for c in question.own() if c.uid == wish.current and c.derived and made_for(c.template, wish.overrides))
    return next((c for c in mine if not selection.barred(c, allow_unoptimized=wish.allow_unoptimized)), None)


def _with_overrides(question: _Question, base: Candidate, matching: TemplateMatching | None = None) -> Choice:
    """The base, where it has the values of the overrides; else the template that has, found or to be made."""
    overrides = question.wish.overrides
    if overrides is None or fits(base.spec, overrides):
        return Settled(base, matching)
    spec = derive.derived_spec(base.spec, question.seen.service.spec, overrides)
    equal = derive.find_equal(spec, question.own(), question.wish.current)
    if equal is not None:
        return Settled(equal, selection.marked(matching, equal) if matching else None)
    if question.seen.shadowed:
        told = (
            f'{_told(question.model)} is hidden by another model "{question.model.name}" in namespace '
            f"{question.seen.target.meta.namespace}, whose a template derived there would be; rename one of them"
        )
        return _undecided(ServiceState.DEGRADED, ServiceReason.TEMPLATE_MODEL_MISMATCH, told, matching)
    name = derive.free_name(base.name, overrides, spec, question.seen.taken)
    child = derive.creation(question.seen.target, name, spec, overrides) if name else None
    return Deriving(name, child, matching)


def _ambiguous(question: _Question, found: Ambiguous) -> Undecided:
    names = ", ".join(sorted(map(str, found.candidates)))
    told = f"several templates fit {_told(question.model)}: {names}; set spec.templateRef"
    finding = findings.unresolved(ServiceState.FAILED, ServiceReason.TEMPLATE_SELECTION_AMBIGUOUS, told)
    return Undecided(finding, found.matching)


_MODEL_HOLDS = {
    ModelState.PENDING: ServiceState.STARTING,
    ModelState.PROGRESSING: ServiceState.STARTING,
    ModelState.DEGRADED: ServiceState.DEGRADED,
    ModelState.FAILED: ServiceState.FAILED,
}
"""What a model that is not Ready makes of a service that has no Ready template."""


def _none_passes(question: _Question, found: NonePasses) -> Undecided:
    """Why not: the model itself, then templates that will do later, then none that will."""
    model = question.model
    held = _MODEL_HOLDS.get(model.state)
    if held is not None and not found.any_ready:
        told = f"{_told(model)} is {model.state.value} and has no Ready template"
        return _undecided(held, ServiceReason.MODEL_NOT_READY, told, found.matching)
    if found.pending:
        names = ", ".join(sorted(map(str, found.pending)))
        told = f"waits for {names} to be Ready"
        return _undecided(ServiceState.STARTING, ServiceReason.TEMPLATE_NOT_READY, told, found.matching)
    if found.unavailable:
        gpus = ", ".join(sorted({c.spec.gpu.model or c.profile.gpu or "unknown" for c in found.unavailable}))
        told = f"the templates of {_told(model)} need GPUs that no node has: {gpus}"
        return _undecided(ServiceState.STARTING, ServiceReason.TEMPLATE_NOT_AVAILABLE, told, found.matching)
    counts = found.counts()
    told = f"no template fits {_told(model)}: {counts} dropped" if counts else f"{_told(model)} has no template"
    told = f"{told}; create one or set spec.templateRef"
    return _undecided(ServiceState.DEGRADED, ServiceReason.TEMPLATE_NOT_FOUND, told, found.matching)


def _undecided(
    state: ServiceState, reason: ServiceReason, message: str, matching: TemplateMatching | None = None
) -> Undecided:
    return Undecided(findings.unresolved(state, reason, message), matching)


def _told(model: CatalogueEntry) -> str:
    return f'{model.kind} "{model.name}"'

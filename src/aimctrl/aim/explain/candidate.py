"""What became of each candidate of a service, in words (SPEC §5, Automatic selection)."""

from collections.abc import Iterator

from aimctrl.aim.explain.explanation import Candidate as Line
from aimctrl.aim.explain.kinds import command
from aimctrl.aim.explain.parts import own_trouble
from aimctrl.aim.service.candidates import Candidate, same_gpu
from aimctrl.aim.service.observed import Observed
from aimctrl.aim.service.selection import Verdict
from aimctrl.api.common import GPUSelector, Scope
from aimctrl.api.kinds import AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE_TEMPLATE
from aimctrl.api.reasons import ConditionType
from aimctrl.api.service import Candidate as Report
from aimctrl.api.service import CandidateStatus, Overrides, TemplateMatching
from aimctrl.api.template import TemplateSpec
from aimctrl.kube.conditions import find
from aimctrl.kube.kinds import Key

PLAIN = {
    Verdict.HIDDEN: "a template of the namespace has its name, or says the same",
    Verdict.OTHER_OVERRIDES: "it was derived for other overrides",
    Verdict.AMBIGUOUS: "it fits, and so do others",
    Verdict.NOT_PREFERRED: "it fits, but another one ranks before it",
    Verdict.NOT_CURRENT: "it fits, but the service keeps the one it has",
    Verdict.ONLY_ONE: "the only one that fits",
    Verdict.PREFERRED: "it ranks first of those that fit",
    Verdict.CURRENT: "the service has it already, and it still fits",
    Verdict.OVERRIDDEN: "it is the base with spec.overrides",
}
"""The verdicts that need no look at the candidate itself."""


def lines(seen: Observed, matching: TemplateMatching | None) -> tuple[Line, ...] | None:
    """The candidates as they were judged, in the report's order; None where there was nothing to select.

    A report of an earlier decision may speak of templates that are gone.
    """
    if matching is None:
        return None
    by_name = {(candidate.name, candidate.scope): candidate for candidate in seen.templates}
    namespace = seen.target.meta.namespace
    return tuple(
        _line(report, by_name.get((report.name, report.scope)), seen.service.spec.overrides, namespace)
        for report in matching.candidates
    )


def _line(report: Report, candidate: Candidate | None, overrides: Overrides | None, namespace: str) -> Line:
    here = report.scope is Scope.NAMESPACE
    kind = AIM_SERVICE_TEMPLATE if here else AIM_CLUSTER_SERVICE_TEMPLATE
    key = Key(namespace if here else "", report.name)
    why, trouble = "it was so earlier", None
    if candidate is not None and report.reason in _VERDICTS:
        why = told(Verdict(report.reason), candidate, overrides)
        trouble = own_trouble(candidate.template.status.conditions)
    return Line(
        kind=kind.name,
        namespace=key.namespace,
        name=key.name,
        state=candidate.state.value if candidate is not None else "",
        chosen=report.status is CandidateStatus.CHOSEN,
        reason=report.reason,
        why=why,
        trouble=trouble,
        see=command(kind.name, key) if trouble is not None else "",
    )


_VERDICTS = frozenset(verdict.value for verdict in Verdict)


def told(verdict: Verdict, candidate: Candidate, overrides: Overrides | None) -> str:
    """A verdict on a candidate as a sentence."""
    match verdict:
        case Verdict.OVERRIDES:
            return f"spec.overrides ask for {'; '.join(_differences(candidate.spec, overrides or Overrides()))}"
        case Verdict.UNOPTIMIZED:
            ruled_out = "which spec.template.allowUnoptimized: false rules out"
            return f"its profile is of type {candidate.profile.type}, {ruled_out}"
        case Verdict.NOT_AVAILABLE:
            return f"no node has the GPU {candidate.spec.gpu.model or candidate.profile.gpu or 'it needs'}"
        case Verdict.FAILED | Verdict.DEGRADED | Verdict.NOT_READY:
            return _own_words(candidate)
        case _:
            return PLAIN[verdict]


def _own_words(candidate: Candidate) -> str:
    ready = find(candidate.template.status.conditions, ConditionType.READY)
    if ready is None:
        return f"it is {candidate.state.value}"
    return f"{ready.reason}: {ready.message}" if ready.message else ready.reason


def _differences(spec: TemplateSpec, asked: Overrides) -> Iterator[str]:
    """The overrides that are not the template's own values."""
    wanted, has = asked.gpu_selector or GPUSelector(), spec.gpu
    same_model = wanted.model is not None and same_gpu(has.model, wanted.model)
    pairs: tuple[tuple[str, object, object], ...] = (
        ("metric", asked.metric, spec.metric),
        ("precision", asked.precision, spec.precision),
        ("GPU", wanted.model, wanted.model if same_model else has.model),
        ("GPU count", wanted.count, has.count),
        ("GPU resource", wanted.resource_name, has.resource_name),
    )
    for name, want, have in pairs:
        if want is not None and want != have:
            yield f"{name} {want}, it has {have or 'none'}"

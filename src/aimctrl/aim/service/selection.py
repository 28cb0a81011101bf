"""Automatic selection: which of a model's templates a service runs, and why not the others (SPEC §5)."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from aimctrl.aim.gpu_names import normalise
from aimctrl.aim.service.candidates import Candidate, digest, fits, made_for
from aimctrl.api.reasons import TemplateState
from aimctrl.api.service import Candidate as Report
from aimctrl.api.service import CandidateStatus, Overrides, TemplateMatching

REPORTED = 1024
"""Candidates listed in `status.templateMatching`, so that the object stays small enough to be stored."""

BARRED_TYPES = frozenset({"unoptimized", "preview"})
"""The profile types that `allowUnoptimized: false` bars."""


class Verdict(StrEnum):
    """What became of a candidate, as `status.templateMatching` tells it."""

    HIDDEN = "HiddenByNamespaceTemplate"
    OTHER_OVERRIDES = "DerivedForOtherOverrides"
    OVERRIDES = "OverridesMismatch"
    UNOPTIMIZED = "Unoptimized"
    FAILED = "TemplateFailed"
    DEGRADED = "TemplateDegraded"
    NOT_AVAILABLE = "GPUNotAvailable"
    NOT_READY = "TemplateNotReady"
    AMBIGUOUS = "Ambiguous"
    NOT_PREFERRED = "NotPreferred"
    NOT_CURRENT = "AnotherIsInUse"
    ONLY_ONE = "OnlyMatch"
    PREFERRED = "Preferred"
    CURRENT = "InUse"
    OVERRIDDEN = "BaseWithOverrides"


_LACKING_STATE = frozenset({Verdict.NOT_READY, Verdict.NOT_AVAILABLE, Verdict.DEGRADED, Verdict.FAILED})


@dataclass(frozen=True, slots=True)
class Wish:
    """What a service asks of a template; `current` is the uid of the one it has."""

    model_uid: str
    overrides: Overrides | None = None
    allow_unoptimized: bool = True
    preferred: bool = False
    current: str = ""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Exactly one is left."""

    candidate: Candidate
    matching: TemplateMatching


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several are left that nothing tells apart."""

    candidates: tuple[Candidate, ...]
    matching: TemplateMatching


@dataclass(frozen=True, slots=True)
class NonePasses:
    """None is left. `verdicts` says what dropped each; those in `pending` and `unavailable` lack but readiness."""

    verdicts: tuple[tuple[Candidate, Verdict], ...]
    matching: TemplateMatching

    @property
    def any_ready(self) -> bool:
        """Whether some candidate is Ready, though dropped for something else."""
        return any(candidate.state is TemplateState.READY for candidate, _ in self.verdicts)

    @property
    def pending(self) -> tuple[Candidate, ...]:
        """Those that will do once they are Ready."""
        return self.dropped_for(Verdict.NOT_READY)

    @property
    def unavailable(self) -> tuple[Candidate, ...]:
        """Those that will do once their GPU is there."""
        return self.dropped_for(Verdict.NOT_AVAILABLE)

    @property
    def lacking_state(self) -> tuple[Candidate, ...]:
        """Those that fit and lack but the right state, whether it will come by itself or not."""
        return tuple(candidate for candidate, verdict in self.verdicts if verdict in _LACKING_STATE)

    @property
    def written_match(self) -> bool:
        """Whether a template that somebody wrote, not a derived one, lacks but the right state."""
        return any(not candidate.derived for candidate in self.lacking_state)

    def dropped_for(self, reason: Verdict) -> tuple[Candidate, ...]:
        """The candidates dropped for that reason, sorted."""
        return tuple(candidate for candidate, verdict in self.verdicts if verdict is reason)

    def counts(self) -> str:
        """How many were dropped for each reason: `2 GPUNotAvailable, 1 TemplateFailed`."""
        counted = Counter(verdict.value for _, verdict in self.verdicts)
        return ", ".join(f"{number} {reason}" for reason, number in sorted(counted.items()))


Selection = Chosen | Ambiguous | NonePasses


def select(candidates: Iterable[Candidate], wish: Wish) -> Selection:
    """Select among the candidates; those of other models are no candidates."""
    pool = sorted((c for c in candidates if c.model_uid == wish.model_uid), key=_order)
    hidden = _hidden(pool)
    judged = {candidate.uid: _judge(candidate, wish, hidden) for candidate in pool}
    passing = [candidate for candidate in pool if judged[candidate.uid] is None]
    if not passing:
        verdicts = tuple((candidate, judged[candidate.uid] or Verdict.NOT_READY) for candidate in pool)
        return NonePasses(verdicts, _matching(verdicts))
    best, loser, winner = _narrow(passing, wish)
    told = Verdict.AMBIGUOUS if len(best) > 1 else winner
    uids = {candidate.uid for candidate in best}
    verdicts = tuple((c, judged[c.uid] or (told if c.uid in uids else loser)) for c in pool)
    if len(best) > 1:
        return Ambiguous(tuple(best), _matching(verdicts))
    return Chosen(best[0], _matching(verdicts, chosen=best[0].uid))


def _hidden(candidates: Iterable[Candidate]) -> frozenset[str]:
    """The cluster templates that a namespace template hides, by its name or by an equal spec.

    A derived template hides none by its spec: it is a candidate for few, and would take the other away from all.
    """
    pool = tuple(candidates)
    of_cluster = [candidate for candidate in pool if not candidate.namespaced]
    own = {digest(c.spec) for c in pool if c.namespaced and not c.derived} if of_cluster else set[bytes]()
    return frozenset(c.uid for c in of_cluster if c.hidden or digest(c.spec) in own)


def barred(candidate: Candidate, *, allow_unoptimized: bool) -> bool:
    """Whether its profile, as far as it is known, is of a type the service does not allow."""
    return not allow_unoptimized and candidate.profile.type in BARRED_TYPES


def _judge(candidate: Candidate, wish: Wish, hidden: frozenset[str]) -> Verdict | None:
    """Why a candidate is dropped; what cannot heal by itself comes first."""
    if candidate.uid in hidden:
        return Verdict.HIDDEN
    if candidate.derived and (wish.overrides is None or not made_for(candidate.template, wish.overrides)):
        return Verdict.OTHER_OVERRIDES
    if not fits(candidate.spec, wish.overrides):
        return Verdict.OVERRIDES
    if barred(candidate, allow_unoptimized=wish.allow_unoptimized):
        return Verdict.UNOPTIMIZED
    return _state(candidate)


def _state(candidate: Candidate) -> Verdict | None:
    match candidate.state:
        case TemplateState.FAILED:
            return Verdict.FAILED
        case TemplateState.DEGRADED:
            return Verdict.DEGRADED
        case TemplateState.NOT_AVAILABLE:
            return Verdict.NOT_AVAILABLE
        case _ if not candidate.gpu_here:
            return Verdict.NOT_AVAILABLE
        case TemplateState.READY:
            return None
        case _:
            return Verdict.NOT_READY


def _narrow(passing: list[Candidate], wish: Wish) -> tuple[list[Candidate], Verdict, Verdict]:
    """The one in use, else those that are left once ties are broken; and what is said of the losers and of a winner.

    Where the one in use is what a fresh look would give, that is said: the report stays the same from look to look.
    """
    best, loser, winner = _break_ties(passing, wish)
    current = [candidate for candidate in passing if candidate.uid == wish.current]
    if current and current != best:
        return current, Verdict.NOT_CURRENT, Verdict.CURRENT
    return best, loser, winner


def _break_ties(passing: list[Candidate], wish: Wish) -> tuple[list[Candidate], Verdict, Verdict]:
    # A derived template stands in for one that nobody wrote; where somebody did, it is not needed.
    written = [candidate for candidate in passing if not candidate.derived] or passing
    if not wish.preferred or len(written) == 1:
        return written, Verdict.NOT_PREFERRED, Verdict.ONLY_ONE
    best = min(map(_rank, written))
    return [c for c in written if _rank(c) == best], Verdict.NOT_PREFERRED, Verdict.PREFERRED


_TYPES = ("optimized", "preview", "unoptimized")
_GPUS = ("MI355X", "MI350X", "MI325X", "MI300X", "MI250X", "MI210", "H100", "A100")
_METRICS = ("latency", "throughput")
_PRECISIONS = ("fp8", "fp16", "bf16", "fp32")


def _rank(candidate: Candidate) -> tuple[int, ...]:
    """The lower the better, in SPEC's order of preference."""
    spec, profile = candidate.spec, candidate.profile
    return (
        0 if candidate.namespaced else 1,
        _place(_TYPES, profile.type),
        _place(_GPUS, normalise(spec.gpu.model or profile.gpu)),
        _place(_METRICS, spec.metric or profile.metric),
        _place(_PRECISIONS, spec.precision or profile.precision),
    )


def _place(ranking: tuple[str, ...], value: str) -> int:
    return ranking.index(value) if value in ranking else len(ranking)


def _order(candidate: Candidate) -> tuple[str, str]:
    return candidate.name, candidate.scope.value


def marked(matching: TemplateMatching, candidate: Candidate) -> TemplateMatching:
    """The report where that candidate is run, though it does not pass yet: it is the base with the overrides."""
    chosen = {"status": CandidateStatus.CHOSEN, "reason": Verdict.OVERRIDDEN.value}
    mine = (candidate.name, candidate.scope)
    return TemplateMatching(
        candidates=tuple(c.model_copy(update=chosen) if (c.name, c.scope) == mine else c for c in matching.candidates)
    )


def _matching(verdicts: tuple[tuple[Candidate, Verdict], ...], chosen: str = "") -> TemplateMatching:
    """The report; the chosen one is in it however many there are."""
    ordered = sorted(verdicts, key=lambda pair: pair[0].uid != chosen)[:REPORTED]
    return TemplateMatching(
        candidates=tuple(
            Report(
                name=candidate.name,
                scope=candidate.scope,
                status=CandidateStatus.CHOSEN if candidate.uid == chosen else CandidateStatus.DROPPED,
                reason=verdict.value,
            )
            for candidate, verdict in sorted(ordered, key=lambda pair: _order(pair[0]))
        )
    )

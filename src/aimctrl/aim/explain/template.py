"""What is told about a template: what it stands on, and how far its discovery is (SPEC §3)."""

from collections.abc import Iterator

from aimctrl.aim.discovery.state import CannotPull, JobFailed, JobState, JobSucceeded, Stuck, Working
from aimctrl.aim.explain.cache import cache_fact
from aimctrl.aim.explain.explanation import Fact
from aimctrl.aim.explain.parts import NONE, Parts, config_fact, model_fact, named, retried
from aimctrl.aim.explain.surroundings import Slots, Surroundings
from aimctrl.aim.profile import profile_of
from aimctrl.aim.template.observed import Observed
from aimctrl.api.common import DiscoveredSource, Scope
from aimctrl.api.template import DiscoveryRecord, TemplateStatus
from aimctrl.kube.lookup import Found, Missing, Unreachable
from aimctrl.runtime.lister import Unavailable
from aimctrl.runtime.plan import Json

_GIBIBYTE = 2**30


def parts(seen: Observed, status: Json, around: Surroundings) -> Parts:
    """What a template stands on, given the status that was decided on."""
    decided = TemplateStatus.model_validate(status)
    facts = (
        config_fact(seen.config, seen.template.spec.runtime_config_name),
        _model(seen, around),
        _gpu(seen, around),
        _discovery(seen, decided, around.slots),
        *_found(decided),
        *_cache(seen, around),
        *_runtime(seen),
    )
    gpu = seen.template.spec.gpu.model
    return Parts(facts, {gpu: [named(seen.target.kind.name, seen.target.key)]} if gpu else {})


def _model(seen: Observed, around: Surroundings) -> Fact:
    match seen.model:
        case Found(entry):
            return model_fact(entry, "named by the template", around.ready(entry.kind, entry.key))
        case Missing(what):
            return Fact("model", NONE, f"there is no {what}")
        case Unreachable(why):
            return Fact("model", "not known", why)


def _gpu(seen: Observed, around: Surroundings) -> Fact:
    selector = seen.template.spec.gpu
    if not selector.model:
        return Fact("GPU", "any", "spec.gpuSelector names no model")
    if isinstance(around.nodes, Unavailable):
        return Fact("GPU", f"{selector.count or 'any number of'} {selector.model}", "nodes cannot be read")
    count = len(around.inventory.nodes(selector.model))
    where = f"on {count} node{'' if count == 1 else 's'}" if count else "no node has it"
    return Fact("GPU", f"{selector.count or 'any number of'} {selector.model}", where)


def _discovery(seen: Observed, decided: TemplateStatus, slots: Slots) -> Fact:
    if seen.template.spec.model_sources:
        return Fact("discovery", "not needed", "spec.modelSources lists the artifacts")
    if seen.inputs is None:
        return Fact("discovery", "not yet", "it needs the runtime config and the model")
    record = decided.discovery
    if record is not None and record.inputs_hash == seen.inputs.digest:
        return _recorded(record)
    if seen.job is not None:
        return Fact("discovery", named("Job", seen.job.job.key), _job(seen.job.state))
    line = f"{slots.taken} of {slots.limit} slots are taken, {slots.ahead} older templates wait too"
    return Fact("discovery", "about to begin" if seen.slot_free else "waits for a slot", line)


def _recorded(record: DiscoveryRecord) -> Fact:
    if not record.failures:
        return Fact("discovery", "done", f"by Job {record.job_name}" if record.job_name else "")
    failed, _, again = retried(record).partition("; ")
    return Fact("discovery", failed, again)


def _job(state: JobState) -> str:
    match state:
        case Working(message) | CannotPull(_, message) | Stuck(_, message):
            return message
        case JobFailed(message):
            return message or "it failed"
        case JobSucceeded():
            return "it succeeded"


def _cache(seen: Observed, around: Surroundings) -> Iterator[Fact]:
    if not seen.template.spec.caching_enabled or seen.scope is Scope.CLUSTER:
        return
    why = "asked for by spec.caching"
    if seen.cache is None:
        yield Fact("cache", NONE, why)
    else:
        yield cache_fact(seen.cache, why, around.model_cache)


def _found(decided: TemplateStatus) -> Iterator[Fact]:
    if decided.model_sources:
        yield Fact("artifacts", str(len(decided.model_sources)), "; ".join(map(_source, decided.model_sources)))
    profile = profile_of(decided.profile)
    told = (profile.type, profile.metric, profile.precision)
    gpus = f"{profile.gpu_count or 'any number of'} {profile.gpu}" if profile.gpu else ""
    if decided.profile is not None:
        yield Fact("profile", ", ".join(word for word in (*told, gpus) if word) or "says nothing of itself")


def _source(source: DiscoveredSource) -> str:
    size = f" ({source.size_bytes / _GIBIBYTE:.3g} Gi)" if source.size_bytes else ""
    return f"{source.name} from {source.source}{size}"


def _runtime(seen: Observed) -> Iterator[Fact]:
    if seen.runtime_missing_kind:
        yield Fact("runtime", NONE, f"KServe's {seen.runtime_missing_kind} is not installed")

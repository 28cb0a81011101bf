"""Steps 4 to 7 of a template's decision: what is known of its artifacts, or what to do to know (SPEC §3)."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from aimctrl.aim.discovery.inputs import DiscoveryInputs
from aimctrl.aim.discovery.job import TTL_SECONDS, discovery_job, job_name
from aimctrl.aim.discovery.log import DiscoveryResult, Entry, Unparsable, choose_entry
from aimctrl.aim.discovery.state import CannotPull, JobFailed, JobSucceeded, Stuck, Working
from aimctrl.aim.jobs import RECORDED_PAUSE, expiry, pause_after
from aimctrl.aim.template.observed import JobView, Observed
from aimctrl.api.common import DiscoveredSource, ModelSource
from aimctrl.api.reasons import ConditionType, TemplateReason, TemplateState
from aimctrl.api.template import DiscoveryRecord
from aimctrl.kube import quantity
from aimctrl.kube.conditions import find
from aimctrl.kube.core import JOBS, Job
from aimctrl.runtime.plan import Child, Refusal, Removal

CLOCKS_APART = timedelta(seconds=30)
"""By how much our clock and the API server's may differ; less than the shortest pause."""


PULL_REASONS = frozenset(
    {TemplateReason.IMAGE_NOT_FOUND, TemplateReason.IMAGE_PULL_AUTH_FAILURE, TemplateReason.IMAGE_PULL_BACK_OFF}
)


@dataclass(frozen=True, slots=True)
class Discovered:
    """The artifacts are known: what goes to status, and what is done about the Job."""

    reason: TemplateReason
    message: str
    sources: tuple[DiscoveredSource, ...]
    profile: dict[str, Any] | None = None
    record: DiscoveryRecord | None = None
    children: tuple[Child, ...] = ()
    requeue_after: float | None = None


@dataclass(frozen=True, slots=True)
class Undiscovered:
    """They are not: why, and what is done about it."""

    state: TemplateState
    reason: TemplateReason
    message: str
    record: DiscoveryRecord | None = None
    children: tuple[Child, ...] = ()
    removals: tuple[Removal, ...] = field(default=())
    requeue_after: float | None = None


def discover(seen: Observed, inputs: DiscoveryInputs) -> Discovered | Undiscovered:
    """What is known, or the next step towards it."""
    if seen.template.spec.model_sources:
        return _inline(seen.template.spec.model_sources)
    record = _record(seen, inputs)
    if record is None:
        return _from_job(seen, inputs, DiscoveryRecord(inputs_hash=inputs.digest))
    if not record.failures:
        return _recorded(seen, record)
    if record.retry_at is not None and seen.now < record.retry_at:
        return _pausing(seen, record, record.retry_at)
    return _from_job(seen, inputs, record)


def log_decides(seen: Observed, inputs: DiscoveryInputs) -> bool:
    """Whether the next step depends on what the log of the Job holds, should it have ended."""
    if seen.job is None or seen.template.spec.model_sources:
        return False
    record = _record(seen, inputs)
    if record is None:
        return True
    return record.retry_at is not None and seen.now >= record.retry_at and not _is_counted(record, seen.job.job)


def _record(seen: Observed, inputs: DiscoveryInputs) -> DiscoveryRecord | None:
    """The record in status, where it is of these inputs."""
    record = seen.template.status.discovery
    return record if record is not None and record.inputs_hash == inputs.digest else None


def _is_counted(record: DiscoveryRecord, job: Job) -> bool:
    """Whether the last failure in the record is this Job's.

    It was there before the pause that followed; the next one is created when that is over.
    """
    created = job.metadata.creation_timestamp
    return record.retry_at is not None and created is not None and created < record.retry_at - CLOCKS_APART


def _inline(sources: tuple[ModelSource, ...]) -> Discovered:
    listed = tuple(
        DiscoveredSource(name=source.name, source=source.source_uri, size_bytes=_bytes(source.size))
        for source in sources
    )
    return Discovered(TemplateReason.INLINE_MODEL_SOURCES, "the template lists its model sources itself", listed)


def _bytes(size: str | int | None) -> int | None:
    return None if size is None else int(quantity.parse(size))


def _recorded(seen: Observed, record: DiscoveryRecord) -> Discovered:
    status = seen.template.status
    return Discovered(
        TemplateReason.PROFILES_DISCOVERED,
        _counted(len(status.model_sources)),
        status.model_sources,
        status.profile,
        record,
        _expiry(seen.job),
    )


def _counted(sources: int) -> str:
    return f"discovery found {sources} model source{'' if sources == 1 else 's'}"


def _pausing(seen: Observed, record: DiscoveryRecord, until: datetime) -> Undiscovered:
    """Step 5b: the failure is known and its pause is not over; what was said of it stays."""
    before = find(seen.template.status.conditions, ConditionType.DISCOVERED)
    reason = TemplateReason.DISCOVERY_FAILED
    message = "discovery failed"
    if before is not None and before.reason in {TemplateReason.DISCOVERY_FAILED, *PULL_REASONS}:
        reason, message = TemplateReason(before.reason), before.message
    return Undiscovered(
        TemplateState.DEGRADED if reason in PULL_REASONS else TemplateState.FAILED,
        reason,
        message,
        record,
        _expiry(seen.job),
        requeue_after=max((until - seen.now).total_seconds(), 0.0),
    )


def _expiry(view: JobView | None) -> tuple[Child, ...]:
    """Once what a Job had to say is in status, it may expire."""
    return () if view is None else expiry(view.job, TTL_SECONDS)


def _from_job(seen: Observed, inputs: DiscoveryInputs, record: DiscoveryRecord) -> Discovered | Undiscovered:
    """Step 6, or 7 where there is no Job; `record` counts the failures for these inputs so far."""
    kept = record if record.failures else _last_result(seen)
    if seen.job is None:
        return _next_job(seen, inputs, kept)
    job = seen.job.job
    if job.metadata.deletion_timestamp is not None:
        return _waiting("the former discovery Job is being deleted", kept)
    if _is_counted(record, job):
        gone = Removal(JOBS, job.key, job.metadata.uid)
        return _waiting("the former discovery Job makes room for the next", kept, removals=(gone,))
    return _outcome(seen, seen.job, inputs, record, kept)


def _last_result(seen: Observed) -> DiscoveryRecord | None:
    """The result for former inputs: it stays until there is another, and is good again if they come back."""
    record = seen.template.status.discovery
    return record if record is not None and not record.failures else None


def _outcome(
    seen: Observed, view: JobView, inputs: DiscoveryInputs, record: DiscoveryRecord, kept: DiscoveryRecord | None
) -> Discovered | Undiscovered:
    job = view.job
    match view.state:
        case Working(message, check_in):
            return _waiting(message, kept, requeue_after=check_in)
        case CannotPull(reason, message, check_in):
            return Undiscovered(TemplateState.DEGRADED, reason, message, kept, requeue_after=check_in)
        case Stuck(reason, message):
            gone = Removal(JOBS, job.key, job.metadata.uid)
            return _failure(seen, record, job, reason, message, removals=(gone,))
        case JobFailed(message):
            told = view.last_line or message or "the discovery Job failed"
            if isinstance(view.result, Unparsable):
                told = f"{told}; its log cannot be read: {view.result.reason}"
            return _failure(seen, record, job, TemplateReason.DISCOVERY_FAILED, told)
        case JobSucceeded():
            return _result(seen, view, inputs, record)


def _result(
    seen: Observed, view: JobView, inputs: DiscoveryInputs, record: DiscoveryRecord
) -> Discovered | Undiscovered:
    match view.result:
        case DiscoveryResult(entries):
            return _found(choose_entry(entries, inputs), record, view.job)
        case Unparsable(reason):
            told = f"the output of discovery cannot be read: {reason}"
            return _failure(seen, record, view.job, TemplateReason.DISCOVERY_FAILED, told)
        case None:
            told = "the Pod of the finished discovery Job is gone, and its log with it"
            return _failure(seen, record, view.job, TemplateReason.DISCOVERY_FAILED, told)


def _found(entry: Entry, record: DiscoveryRecord, job: Job) -> Discovered:
    sources = tuple(
        DiscoveredSource(name=artifact.name, source=artifact.source, size_bytes=artifact.size_bytes)
        for artifact in entry.models
    )
    return Discovered(
        TemplateReason.PROFILES_DISCOVERED,
        _counted(len(sources)),
        sources,
        entry.profile,
        DiscoveryRecord(inputs_hash=record.inputs_hash, job_name=job.metadata.name),
        requeue_after=RECORDED_PAUSE,
    )


def _failure(
    seen: Observed,
    record: DiscoveryRecord,
    job: Job,
    reason: TemplateReason,
    message: str,
    *,
    removals: tuple[Removal, ...] = (),
) -> Undiscovered:
    failures = record.failures + 1
    pause = pause_after(failures)
    counted = DiscoveryRecord(
        inputs_hash=record.inputs_hash,
        job_name=job.metadata.name,
        failures=failures,
        retry_at=(seen.now + pause).replace(microsecond=0),
    )
    state = TemplateState.DEGRADED if reason in PULL_REASONS else TemplateState.FAILED
    return Undiscovered(state, reason, message, counted, removals=removals, requeue_after=RECORDED_PAUSE)


def _next_job(seen: Observed, inputs: DiscoveryInputs, kept: DiscoveryRecord | None) -> Undiscovered:
    """Step 7: a Job where a slot is free, else a place in the line."""
    refusal = next((refusal for refusal in seen.refusals if refusal.child.kind == JOBS), None)
    if refusal is not None:
        return _refused(seen, refusal, kept)
    if not seen.slot_free:
        told = "as many discovery Jobs as allowed are running; this template is in the line"
        return Undiscovered(TemplateState.PENDING, TemplateReason.AWAITING_DISCOVERY, told, kept)
    name = job_name(seen.target, inputs)
    manifest = discovery_job(seen.target, inputs, seen.job_namespace)
    return _waiting(f"discovery Job {name} runs the image", kept, children=(Child(JOBS, manifest, mode="create"),))


def _refused(seen: Observed, refusal: Refusal, kept: DiscoveryRecord | None) -> Undiscovered:
    if refusal.reason == "NamespaceTerminating":
        told = f"namespace {seen.job_namespace} is being deleted"
        return Undiscovered(TemplateState.PENDING, TemplateReason.AWAITING_DISCOVERY, told, kept)
    told = f"the discovery Job cannot be created in namespace {seen.job_namespace}: {refusal.message}"
    return Undiscovered(TemplateState.DEGRADED, TemplateReason.DISCOVERY_FAILED, told, kept)


def _waiting(
    message: str,
    kept: DiscoveryRecord | None,
    *,
    children: tuple[Child, ...] = (),
    removals: tuple[Removal, ...] = (),
    requeue_after: float | None = None,
) -> Undiscovered:
    progress, awaiting = TemplateState.PROGRESSING, TemplateReason.AWAITING_DISCOVERY
    return Undiscovered(progress, awaiting, message, kept, children, removals, requeue_after)

"""The second step of a model cache's decision: the download onto a volume that is there (SPEC §6).

A Job's end counts once, however often it is seen: its uid is kept along with the failures, in status, where both
outlive the Job. Whatever the download depends on starts it anew when it changes, and takes the failures back to none.
Definitions of before there was a hash and a uid drop both: then the failures alone count, and when the Job was made.
"""

from dataclasses import dataclass
from datetime import timedelta

from aimctrl.aim.cache.download import DownloadInputs, DownloadView, download_job, expiry, hindrance
from aimctrl.aim.cache.model_cache_observed import Observed
from aimctrl.aim.cache.names import download_name
from aimctrl.aim.jobs import RECORDED_PAUSE, pause_after
from aimctrl.api.cache import DownloadRecord
from aimctrl.api.reasons import CacheReason, CacheState, ConditionType
from aimctrl.kube.conditions import find
from aimctrl.kube.core import JOBS, Job, PersistentVolumeClaim
from aimctrl.runtime.plan import Child, Removal


@dataclass(frozen=True, slots=True)
class Filling:
    """How far the download is, and what is done about it."""

    state: CacheState
    reason: CacheReason
    message: str
    record: DownloadRecord | None = None
    children: tuple[Child, ...] = ()
    removals: tuple[Removal, ...] = ()
    requeue_after: float | None = None


def fill(seen: Observed, claim: PersistentVolumeClaim) -> Filling:
    """How far the download onto that claim is, or the next step towards it."""
    inputs = seen.inputs(claim)
    record = seen.cache.status.download
    if record is None or record.inputs_hash not in {"", inputs.digest}:
        record = DownloadRecord(inputs_hash=inputs.digest)
    refusal = seen.refusal(JOBS)
    if refusal is not None:
        conflict = refusal.reason == "NameConflict"
        reason = CacheReason.NAME_CONFLICT if conflict else CacheReason.DOWNLOAD_FAILED
        return Filling(CacheState.FAILED, reason, f"{_told(seen)} is refused: {refusal.message}", record)
    if seen.download is None:
        return _pausing(seen, record) or _start(seen, inputs, record)
    return _from_job(seen, seen.download, inputs, record, claim)


def _from_job(
    seen: Observed, view: DownloadView, inputs: DownloadInputs, record: DownloadRecord, claim: PersistentVolumeClaim
) -> Filling:
    job = view.job
    if job.metadata.deletion_timestamp is not None:
        return _downloading("the former download Job is being deleted", record)
    if not view.is_for(inputs):
        return _make_room(view, record)
    if job.succeeded:
        return _done(claim, record)
    if job.failed:
        return _failed(seen, view, record)
    return _at_work(view, record)


def _start(seen: Observed, inputs: DownloadInputs, record: DownloadRecord) -> Filling:
    return _downloading(f"{_told(seen)} is being made", record, (download_job(seen.target, inputs, seen.labels),))


def _make_room(view: DownloadView, record: DownloadRecord) -> Filling:
    job = view.job
    gone = Removal(JOBS, job.key, job.metadata.uid)
    return _downloading("the former download Job makes room for the next", record, removals=(gone,))


def _done(claim: PersistentVolumeClaim, record: DownloadRecord) -> Filling:
    if claim.status.phase != "Bound":
        return _downloading("the download is done; its volume is not bound yet", record)
    available, downloaded = CacheState.AVAILABLE, CacheReason.DOWNLOADED
    return Filling(available, downloaded, DONE, requeue_after=RECORDED_PAUSE)


DONE = "the artifact is on its volume"


def _failed(seen: Observed, view: DownloadView, record: DownloadRecord) -> Filling:
    """A failure is counted, then paused after, then its Job makes room for the next attempt."""
    if _is_counted(record, view.job):
        return _pausing(seen, record) or _make_room(view, record)
    failures = record.failures + 1
    pause = pause_after(failures)
    counted = DownloadRecord(
        inputs_hash=record.inputs_hash,
        job_uid=view.job.metadata.uid,
        failures=failures,
        retry_at=(seen.now + pause).replace(microsecond=0),
    )
    ended = find(view.job.status.conditions, "Failed")
    why = view.last_line or (ended.message if ended else "") or "it ended with an error"
    told = f"the download failed: {why}"
    return Filling(CacheState.FAILED, CacheReason.DOWNLOAD_FAILED, told, counted, requeue_after=RECORDED_PAUSE)


def _is_counted(record: DownloadRecord, job: Job) -> bool:
    """Whether the failure of that Job is in the record; of one without a uid, that of a Job made before its pause."""
    if record.job_uid is not None or record.retry_at is None:
        return record.job_uid == job.metadata.uid
    created = job.metadata.creation_timestamp
    return created is not None and created < record.retry_at


def _pausing(seen: Observed, record: DownloadRecord) -> Filling | None:
    """The latest failure stands until its pause is over; what was said of it stays."""
    if not record.failures or record.retry_at is None or seen.now >= record.retry_at:
        return None
    before = find(seen.cache.status.conditions, ConditionType.FAILURE)
    failed = before is not None and before.is_true and before.reason == CacheReason.DOWNLOAD_FAILED
    told = before.message if before is not None and failed else "the download failed"
    return Filling(
        CacheState.FAILED,
        CacheReason.DOWNLOAD_FAILED,
        told,
        record,
        expiry(seen.download),
        requeue_after=_seconds(record.retry_at - seen.now),
    )


def _seconds(left: timedelta) -> float:
    return max(left.total_seconds(), 0.0)


def _at_work(view: DownloadView, record: DownloadRecord) -> Filling:
    stop = hindrance(view.pods)
    if stop is None:
        return _downloading("the artifact is being downloaded", record)
    if stop.broken:
        return Filling(CacheState.FAILED, CacheReason.DOWNLOAD_FAILED, stop.message, record)
    return _downloading(f"the download waits: {stop.message}", record)


def _downloading(
    message: str,
    record: DownloadRecord,
    children: tuple[Child, ...] = (),
    removals: tuple[Removal, ...] = (),
) -> Filling:
    return Filling(CacheState.PROGRESSING, CacheReason.DOWNLOADING, message, record, children, removals)


def _told(seen: Observed) -> str:
    return f'Job "{download_name(seen.target.meta.name)}"'

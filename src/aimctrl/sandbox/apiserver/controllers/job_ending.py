"""Whether a Job is at its end, and the status to give it; nothing here has an effect.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/#job-termination-and-cleanup.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from aimctrl.sandbox.apiserver.controllers.job_tally import (
    COMPLETE,
    FAILED,
    FAILURE_TARGET,
    SUCCESS_CRITERIA_MET,
    SUSPENDED,
    Tally,
    condition,
    container_statuses,
    matched,
    phase,
    status_of,
    total,
)
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import copied, section, timestamp

_DEADLINE = ("DeadlineExceeded", "Job was active longer than specified deadline")
_BACKOFF = ("BackoffLimitExceeded", "Job has reached the specified backoff limit")
_REACHED = ("CompletionsReached", "Reached expected number of succeeded pods")
_DEFAULT_BACKOFF_LIMIT = 6


@dataclass(frozen=True, slots=True)
class End:
    """How a Job ends. The condition `interim` is there at once, the final one when no pod runs any more."""

    interim: str
    reason: str
    message: str

    @property
    def failed(self) -> bool:
        """Whether it fails."""
        return self.interim == FAILURE_TARGET

    @property
    def final(self) -> str:
        """The type of the condition that says that it has."""
        return FAILED if self.failed else COMPLETE


def failing(job: Object, tally: Tally, now: datetime) -> End | None:
    """How a Job fails, if it does."""
    said = condition(job, FAILURE_TARGET)
    if said is not None:
        return End(FAILURE_TARGET, said["reason"], said["message"])
    for pod in tally.failed:
        rule = matched(job, pod, "FailJob")
        if rule is not None:
            index, found = rule
            return End(FAILURE_TARGET, "PodFailurePolicy", f"{found} matching FailJob rule at index {index}")
    if total(job, tally, "failed") > _backoff_limit(job) or _restarted_too_often(job, tally):
        return End(FAILURE_TARGET, *_BACKOFF)
    left = seconds_left(job, now)
    return End(FAILURE_TARGET, *_DEADLINE) if left is not None and left <= 0 else None


def succeeding(job: Object, tally: Tally) -> End | None:
    """How a Job succeeds, if it does."""
    said = condition(job, SUCCESS_CRITERIA_MET)
    if said is not None:
        return End(SUCCESS_CRITERIA_MET, said["reason"], said["message"])
    wanted = job["spec"].get("completions")
    enough = total(job, tally, "succeeded") >= (1 if wanted is None else wanted)
    return End(SUCCESS_CRITERIA_MET, *_REACHED) if enough and not tally.active else None


def seconds_left(job: Object, now: datetime) -> float | None:
    """How long a Job may stay active; None where there is no end to that."""
    started, deadline = status_of(job).get("startTime"), job["spec"].get("activeDeadlineSeconds")
    if started is None or deadline is None or job["spec"].get("suspend"):
        return None
    return (moment(started) + timedelta(seconds=deadline) - now).total_seconds()


def moment(text: str) -> datetime:
    """A timestamp as a moment."""
    return datetime.fromisoformat(text)


def started(job: Object, now: datetime) -> Object:
    """The status with its start, and whether it is suspended; a Job that goes on after that starts anew."""
    status: Object = copied(status_of(job))
    if job["spec"].get("suspend"):
        status.pop("startTime", None)
        put(status, SUSPENDED, ("True", "JobSuspended", "Job suspended"), now)
        return status
    if condition(job, SUSPENDED) is not None:
        put(status, SUSPENDED, ("False", "JobResumed", "Job resumed"), now)
    status.setdefault("startTime", timestamp(now))
    return status


def pending(status: Object, tally: Tally) -> Object:
    """The status in which the pods that are over are noted and not counted yet."""
    noted = copied(status.get("uncountedTerminatedPods") or {})
    for kind, pods in (("succeeded", tally.succeeded), ("failed", tally.failed)):
        if pods:
            noted[kind] = [*noted.get(kind, ()), *(pod["metadata"]["uid"] for pod in pods)]
    return {**_running(status, tally), "uncountedTerminatedPods": noted}


def counted(status: Object, tally: Tally) -> Object:
    """The status in which those that were noted are counted."""
    result: Object = {**_running(status, tally), "uncountedTerminatedPods": {}}
    for kind, uids in section(status, "uncountedTerminatedPods").items():
        result[kind] = result.get(kind, 0) + len(uids)
    return result


def ended(status: Object, end: End, now: datetime) -> Object:
    """The status with the final condition."""
    result: Object = copied(status)
    put(result, end.final, ("True", end.reason, end.message), now)
    if not end.failed:
        result["completionTime"] = timestamp(now)
    return result


def put(status: Object, kind: str, said: tuple[str, str, str], now: datetime) -> None:
    """Sets a condition, with its status, reason and message, where it is another one than before."""
    holds, reason, message = said
    conditions: list[Object] = list(status.get("conditions") or ())
    head, tail = {"type": kind, "status": holds}, {"reason": reason, "message": message}
    before = next((place for place, c in enumerate(conditions) if c["type"] == kind), None)
    if before is not None and all(conditions[before].get(key) == value for key, value in (head | tail).items()):
        return
    times = dict.fromkeys(("lastProbeTime", "lastTransitionTime"), timestamp(now))
    new = {**head, **times, **tail}
    if before is None:
        conditions.append(new)
    else:
        conditions[before] = new
    status["conditions"] = conditions


def _running(status: Object, tally: Tally) -> Object:
    result = {**status, "ready": tally.ready, "terminating": tally.terminating}
    result.pop("active", None)
    if tally.active:
        result["active"] = len(tally.active)
    return result


def _backoff_limit(job: Object) -> int:
    limit: int = job["spec"].get("backoffLimit", _DEFAULT_BACKOFF_LIMIT)
    return limit


def _restarted_too_often(job: Object, tally: Tally) -> bool:
    """Whether containers that restart in their pods did so more often than the back-off limit."""
    if job["spec"]["template"]["spec"].get("restartPolicy") != "OnFailure":
        return False
    restarts = 0
    for pod in tally.active:
        if phase(pod) in {"Running", "Pending"}:
            restarts += sum(one.get("restartCount", 0) for one in container_statuses(pod))
    limit = _backoff_limit(job)
    return restarts > 0 if limit == 0 else restarts >= limit

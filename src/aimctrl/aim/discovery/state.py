"""What a discovery Job and its Pods say, as one value; pure (SPEC §3, step 6)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aimctrl.aim.discovery.job import CONTAINER
from aimctrl.aim.discovery.pull import pull_failure
from aimctrl.api.reasons import TemplateReason
from aimctrl.kube.conditions import find
from aimctrl.kube.core import Job, Pod, Waiting
from aimctrl.kube.kinds import Key

PATIENCE: Final = timedelta(minutes=5)
"""How long a Job may go without its Pod being scheduled, its image pulled and its container made."""

_ENDED = frozenset({"Succeeded", "Failed"})
_UNMAKEABLE = frozenset({"CreateContainerConfigError", "CreateContainerError", "RunContainerError"})


@dataclass(frozen=True, slots=True)
class Working:
    """It is on its way; `check_in` seconds from now it will be `Stuck` if nothing changes, None: no deadline."""

    message: str
    check_in: float | None = None


@dataclass(frozen=True, slots=True)
class CannotPull:
    """Its image cannot be pulled, and the kubelet tries on; `Stuck` after `check_in` seconds more of it."""

    reason: TemplateReason
    message: str
    check_in: float


@dataclass(frozen=True, slots=True)
class Stuck:
    """It has got nowhere for too long: delete it and count a failure."""

    reason: TemplateReason
    message: str


@dataclass(frozen=True, slots=True)
class JobFailed:
    """It ended badly; `pod` is the last one that failed, for its log, None where none is left."""

    message: str
    pod: Key | None


@dataclass(frozen=True, slots=True)
class JobSucceeded:
    """It ended well; `pod` is the one whose log holds the result, None where it is gone."""

    pod: Key | None


JobState = Working | CannotPull | Stuck | JobFailed | JobSucceeded


def job_state(job: Job, pods: Iterable[Pod], now: datetime, before: str = "") -> JobState:
    """The state of a discovery Job and the Pods it owns; `before` is the reason given last, for `pull_failure`."""
    ordered = sorted(pods, key=lambda pod: (pod.metadata.creation_timestamp or now, pod.metadata.name))
    if job.succeeded:
        return JobSucceeded(_last(ordered, "Succeeded"))
    if job.failed:
        ended = find(job.status.conditions, "Failed")
        return JobFailed(ended.message if ended else "", _last(ordered, "Failed"))
    alive = [pod for pod in ordered if pod.status.phase not in _ENDED and not pod.metadata.deletion_timestamp]
    if alive:
        return _pod_state(alive[-1], now, before)
    if ordered:
        return Working("the discovery Pod has ended; the Job goes on")
    return _limited(job.metadata.creation_timestamp, now, "the discovery Job has no Pod yet")


def _last(pods: Sequence[Pod], phase: str) -> Key | None:
    return next((pod.key for pod in reversed(pods) if pod.status.phase == phase), None)


def _pod_state(pod: Pod, now: datetime, before: str) -> JobState:
    scheduled = find(pod.status.conditions, "PodScheduled")
    if scheduled is not None and scheduled.status == "False":
        return _limited(
            pod.metadata.creation_timestamp, now, f"the discovery Pod is not scheduled: {scheduled.message}"
        )
    since = (scheduled.last_transition_time if scheduled else None) or pod.metadata.creation_timestamp
    waiting = _waiting(pod)
    if waiting is None:
        running = pod.status.phase == "Running"
        return Working("discovery is running" if running else "the discovery Pod is starting")
    reason = pull_failure(waiting, _image(pod), before)
    if reason is not None:
        return _pull_state(reason, waiting, since, now)
    if waiting.reason in _UNMAKEABLE:
        return _limited(since, now, f"the discovery container cannot be made: {waiting.reason}: {waiting.message}")
    return Working("the discovery Pod is starting")


def _pull_state(reason: TemplateReason, waiting: Waiting, since: datetime | None, now: datetime) -> JobState:
    message = f"{waiting.reason}: {waiting.message}" if waiting.message else waiting.reason
    left = _left(since, now)
    return CannotPull(reason, message, left) if left > 0 else Stuck(reason, message)


def _limited(since: datetime | None, now: datetime, message: str) -> JobState:
    left = _left(since, now)
    return Working(message, left) if left > 0 else Stuck(TemplateReason.DISCOVERY_FAILED, message)


def _left(since: datetime | None, now: datetime) -> float:
    return (PATIENCE - (now - since)).total_seconds() if since else PATIENCE.total_seconds()


def _waiting(pod: Pod) -> Waiting | None:
    statuses = [*pod.status.init_container_statuses, *pod.status.container_statuses]
    return next((status.state.waiting for status in statuses if status.state.waiting), None)


def _image(pod: Pod) -> str:
    return next((container.image for container in pod.spec.containers if container.name == CONTAINER), "")

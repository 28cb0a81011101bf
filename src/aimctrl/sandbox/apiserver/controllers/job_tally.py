"""The pods of a Job as its controller counts them, and the conditions in its status; nothing here has an effect.

Source: https://kubernetes.io/docs/concepts/workloads/controllers/job/.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from aimctrl.sandbox.apiserver.controllers.job_indexes import completed, indexed
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import deleting, entries, section

TRACKING = "batch.kubernetes.io/job-tracking"
"""The finalizer of pods that are not counted yet."""

COMPLETE, FAILED, SUSPENDED = "Complete", "Failed", "Suspended"
SUCCESS_CRITERIA_MET, FAILURE_TARGET = "SuccessCriteriaMet", "FailureTarget"


@dataclass(frozen=True, slots=True)
class Tally:
    """The pods of one Job.

    `succeeded` and `failed` are over and not in the status yet; `let_go` are not to be counted.
    """

    active: tuple[Object, ...] = ()
    ready: int = 0
    terminating: int = 0
    succeeded: tuple[Object, ...] = ()
    failed: tuple[Object, ...] = ()
    let_go: tuple[Object, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether no pod runs any more."""
        return not self.active and not self.terminating


def tallied(job: Object, pods: Iterable[Object], *, ended: bool = False) -> Tally:
    """Counts pods; with `ended`, as those of a Job that has failed: what is not over yet has failed, too."""
    found = tuple(pods)
    active = tuple(pod for pod in found if not is_over(pod) and not deleting(pod))
    uncounted = [pod for pod in found if tracked(pod) and pod["metadata"]["uid"] not in _flushed(job)]
    succeeded = tuple(pod for pod in uncounted if phase(pod) == "Succeeded")
    failed = tuple(pod for pod in uncounted if _has_failed(job, pod, ended=ended))
    ignored = tuple(pod for pod in failed if matched(job, pod, "Ignore") is not None)
    rest: tuple[Object, ...] = ()
    if deleting(job):
        rest = tuple(pod for pod in uncounted if pod not in succeeded and pod not in failed)
    return Tally(
        active,
        sum(1 for pod in active if _is_ready(pod)),
        sum(1 for pod in found if not is_over(pod) and deleting(pod)),
        succeeded,
        tuple(pod for pod in failed if pod not in ignored),
        (*ignored, *rest),
    )


def total(job: Object, tally: Tally, kind: str) -> int:
    """How many pods have succeeded or failed, all told; `kind` is `succeeded` or `failed`."""
    fresh = tally.succeeded if kind == "succeeded" else tally.failed
    status = status_of(job)
    if kind == "succeeded" and indexed(job):
        return len(completed(job, fresh))
    before: int = status.get(kind, 0)
    return before + len(_uncounted(status, kind)) + len(fresh)


def matched(job: Object, pod: Object, action: str) -> tuple[int, str] | None:
    """The first rule of the pod failure policy that holds for a failed pod, if its action is that one.

    Gives the index of the rule, and what it has found.
    """
    if phase(pod) != "Failed":
        return None
    for index, rule in enumerate(entries(job, "spec", "podFailurePolicy", "rules")):
        found = _found(rule, pod)
        if found:
            return (index, found) if rule.get("action") == action else None
    return None


def status_of(job: Object) -> Object:
    """The status of a Job, `{}` where it has none."""
    return section(job, "status")


def condition(thing: Object, kind: str) -> Object | None:
    """The condition of that type, where it holds."""
    conditions = entries(thing, "status", "conditions")
    return next((c for c in conditions if c["type"] == kind and c["status"] == "True"), None)


def is_finished(job: Object) -> bool:
    """Whether it has come to its end."""
    return condition(job, COMPLETE) is not None or condition(job, FAILED) is not None


def tracked(pod: Object) -> bool:
    """Whether it is kept until it is counted."""
    return TRACKING in pod["metadata"].get("finalizers", [])


def phase(pod: Object) -> str:
    """The phase of a pod."""
    said: str = section(pod, "status").get("phase", "")
    return said


def is_over(pod: Object) -> bool:
    """Whether nothing of it will run again."""
    return phase(pod) in {"Succeeded", "Failed"}


def container_statuses(pod: Object) -> list[Object]:
    """What is known of each container of a pod."""
    return [*entries(pod, "status", "containerStatuses"), *entries(pod, "status", "initContainerStatuses")]


def ended_at(pod: Object, now: datetime) -> datetime:
    """When the last of a pod's containers ended, as its kubelet says; `now` where not all of them have."""
    statuses = entries(pod, "status", "containerStatuses")
    ends: list[str] = [section(one, "state", "terminated").get("finishedAt", "") for one in statuses]
    return max(map(datetime.fromisoformat, ends)) if ends and all(ends) else now


def only_replaces_failed(job: Object) -> bool:
    """Whether a pod that is being deleted is replaced only once it is over."""
    default = "Failed" if job["spec"].get("podFailurePolicy") else "TerminatingOrFailed"
    return bool(job["spec"].get("podReplacementPolicy", default) == "Failed")


def _uncounted(status: Object, kind: str) -> list[str]:
    noted: list[str] = section(status, "uncountedTerminatedPods").get(kind) or []
    return noted


def _flushed(job: Object) -> set[str]:
    status = status_of(job)
    return {*_uncounted(status, "succeeded"), *_uncounted(status, "failed")}


def _has_failed(job: Object, pod: Object, *, ended: bool) -> bool:
    if phase(pod) == "Succeeded":
        return False
    gone = deleting(pod) and not only_replaces_failed(job)
    return phase(pod) == "Failed" or gone or ended


def _is_ready(pod: Object) -> bool:
    return condition(pod, "Ready") is not None


def _found(rule: Object, pod: Object) -> str:
    """What a rule finds in a failed pod; `""` for nothing."""
    if rule.get("onExitCodes"):
        return _exit_found(rule["onExitCodes"], pod)
    meta = pod["metadata"]
    for pattern in rule.get("onPodConditions") or ():
        wanted = pattern.get("status", "True")
        for said in entries(pod, "status", "conditions"):
            if (said["type"], said["status"]) == (pattern["type"], wanted):
                return f"Pod {meta['namespace']}/{meta['name']} has condition {pattern['type']}"
    return ""


def _exit_found(wanted: Object, pod: Object) -> str:
    meta = pod["metadata"]
    for one in container_statuses(pod):
        code: int = section(one, "state", "terminated").get("exitCode", 0)
        if not code or wanted.get("containerName") not in {None, "", one["name"]}:
            continue
        if (code in wanted["values"]) == (wanted["operator"] == "In"):
            return f"Container {one['name']} for pod {meta['namespace']}/{meta['name']} failed with exit code {code}"
    return ""

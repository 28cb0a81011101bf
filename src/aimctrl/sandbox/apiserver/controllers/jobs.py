"""Jobs: their pods are created, counted and replaced until the Job is at its end.

Unlike kube-controller-manager this one does not wait a second for further changes before it counts.
"""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.controllers import job_ending, job_indexes
from aimctrl.sandbox.apiserver.controllers.job_ending import End, failing, moment, put, succeeding
from aimctrl.sandbox.apiserver.controllers.job_tally import (
    COMPLETE,
    FAILED,
    SUSPENDED,
    TRACKING,
    Tally,
    condition,
    ended_at,
    is_finished,
    only_replaces_failed,
    phase,
    status_of,
    tallied,
    total,
    tracked,
)
from aimctrl.sandbox.apiserver.controllers.recording import Recorder
from aimctrl.sandbox.apiserver.deleting import DeleteOptions
from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.internal import Internal
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Collection, Event, EventType, Stored
from aimctrl.sandbox.apiserver.values import copied, deleting, key_of

JOBS, PODS = ("batch", "jobs"), ("", "pods")

BACKOFF_SECONDS = 10.0
"""How long a Job waits before it replaces its first pod that failed; twice as long for each further one."""
LONGEST_BACKOFF_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Target:
    """A Job, or a pod that may have none any more."""

    resource: tuple[str, str]
    key: str


@dataclass(frozen=True, slots=True)
class Failures:
    """How many pods failed since the last that succeeded, and when the last did."""

    count: int
    last: datetime

    def wait(self, now: datetime) -> float:
        """The seconds to wait before the next pod."""
        seconds = min(BACKOFF_SECONDS * 2 ** (min(self.count, 10) - 1), LONGEST_BACKOFF_SECONDS)
        return (self.last + timedelta(seconds=seconds) - now).total_seconds()


class Jobs:
    """The Job controller, and what deletes Jobs some time after their end."""

    def __init__(self, cluster: Cluster) -> None:
        self._cluster = cluster
        self._internal = Internal(cluster, "kube-controller-manager")
        self._recorder = Recorder(cluster, "job-controller")
        self._pods: dict[str, set[str]] = defaultdict(set)
        self._failures: dict[str, Failures] = {}
        self._refused: set[str] = set()

    def hear(self, collection: Collection, event: Event) -> list[Target]:
        """What to look at after an event."""
        resource = (collection.group, collection.plural)
        if resource == JOBS:
            return self._hear_job(event)
        return self._hear_pod(event) if resource == PODS else []

    def look(self, target: Target) -> float | None:
        """Looks at a Job, or at a pod that may have none."""
        stored = self._cluster.storage.collection(*target.resource).get(target.key)
        if stored is None:
            return None
        if target.resource == PODS:
            self._let_go_of_orphan(stored)
            return None
        return self._expire(stored) if is_finished(stored.object) else self._sync(stored)

    def _hear_job(self, event: Event) -> list[Target]:
        uid = event.now.object["metadata"]["uid"]
        if event.type is not EventType.DELETED:
            return [Target(JOBS, event.now.key)]
        self._failures.pop(uid, None)
        self._refused.discard(uid)
        return [Target(PODS, key) for key in sorted(self._pods.get(uid, ()))]

    def _hear_pod(self, event: Event) -> list[Target]:
        key = event.now.key
        owner, before = _job_of(event.now.object), _job_of(event.before.object) if event.before else None
        if before is not None and before != owner:
            self._pods[before["uid"]].discard(key)
        found = [Target(PODS, key)] if tracked(event.now.object) else []
        if owner is None:
            return found
        if event.type is EventType.DELETED:
            self._pods[owner["uid"]].discard(key)
        else:
            self._pods[owner["uid"]].add(key)
        return [*found, Target(JOBS, key_of(event.now.namespace, owner["name"]))]

    def _let_go_of_orphan(self, stored: Stored) -> None:
        """Takes the finalizer off a pod whose Job is gone or at its end."""
        if not tracked(stored.object):
            return
        owner = _job_of(stored.object)
        if owner is not None:
            job = self._cluster.storage.collection(*JOBS).get(key_of(stored.namespace, owner["name"]))
            if job is not None and job.object["metadata"]["uid"] == owner["uid"] and not is_finished(job.object):
                return
        self._untrack(stored.object)

    def _expire(self, stored: Stored) -> float | None:
        """Deletes a Job the seconds after its end that it says."""
        job = stored.object
        seconds = job["spec"].get("ttlSecondsAfterFinished")
        if seconds is None or deleting(job):
            return None
        end = condition(job, COMPLETE) or condition(job, FAILED)
        assert end is not None
        left = (moment(end["lastTransitionTime"]) + timedelta(seconds=seconds) - self._cluster.now()).total_seconds()
        if left > 0:
            return left
        self._internal.delete(self._type(JOBS), stored.key, DeleteOptions(policy="Foreground"))
        return None

    def _sync(self, stored: Stored) -> float | None:
        job, now = stored.object, self._cluster.now()
        tally = tallied(job, self._pods_of(job))
        self._note_failures(job, tally)
        end, again = failing(job, tally, now), job_ending.seconds_left(job, now)
        if end is not None:
            self._delete_pods(job, tally.active)
            tally = tallied(job, self._pods_of(job), ended=True)
        elif not deleting(job):
            wait = self._manage(job, tally)
            again = wait if again is None or (wait is not None and wait < again) else again
            tally = tallied(job, self._pods_of(job))
            end = succeeding(job, tally)
        self._conclude(stored, tally, end)
        return None if end is not None else again

    def _manage(self, job: Object, tally: Tally) -> float | None:
        """Has as many pods as there should be; gives the seconds after which to go on, where it has to wait."""
        wanted = _wanted(job, tally)
        surplus = len(tally.active) - wanted
        if surplus > 0:
            removed = sorted(tally.active, key=_worth)[:surplus]
            for pod in removed:
                self._untrack(pod)
            self._delete_pods(job, removed)
            return None
        missing = -surplus - (tally.terminating if only_replaces_failed(job) else 0)
        if missing <= 0:
            return None
        failures = self._failures.get(job["metadata"]["uid"])
        wait = failures.wait(self._cluster.now()) if failures else 0.0
        if wait > 0:
            return wait
        indexes: list[int | None] = [None] * missing
        if job_indexes.indexed(job):
            indexes = [*job_indexes.missing(job, (*tally.active, *tally.succeeded), missing)]
        for index in indexes:
            self._create_pod(job, index)
        return None

    def _conclude(self, stored: Stored, tally: Tally, end: End | None) -> None:
        """Counts the pods that are over, and says how the Job is; it is at its end once none runs."""
        job, now = stored.object, self._cluster.now()
        begun = status_of(job) if end is not None and job["spec"].get("suspend") else job_ending.started(job, now)
        status = job_ending.pending(begun, tally)
        if job_indexes.indexed(job):
            status["completedIndexes"] = job_indexes.text_of(job_indexes.completed(job, tally.succeeded))
        if end is not None:
            put(status, end.interim, ("True", end.reason, end.message), now)
        uncounted = (*tally.succeeded, *tally.failed)
        if uncounted or (end is not None and condition(job, end.interim) is None):
            self._write(stored, status)
        for pod in (*uncounted, *tally.let_go):
            self._untrack(pod)
        left = tallied(job, self._pods_of(job), ended=end is not None and end.failed)
        status = job_ending.counted(status, left)
        if job_indexes.indexed(job):
            status["succeeded"] = len(job_indexes.completed({"status": status}))
        if end is not None and left.idle:
            status = job_ending.ended(status, end, now)
        self._write(stored, status)
        self._say_changes(stored, end if left.idle else None)

    def _write(self, stored: Stored, status: Object) -> None:
        def change(thing: Object) -> None:
            thing["status"] = copied(status)

        self._internal.change(self._type(JOBS), stored.key, change, subresource="status")

    def _say_changes(self, stored: Stored, end: End | None) -> None:
        after = self._cluster.storage.collection(*JOBS).get(stored.key)
        if after is None:
            return
        was, now = condition(stored.object, SUSPENDED), condition(after.object, SUSPENDED)
        if was is None and now is not None:
            self._recorder.say(after.object, "Normal", "Suspended", "Job suspended")
        elif was is not None and now is None:
            self._recorder.say(after.object, "Normal", "Resumed", "Job resumed")
        if end is not None and end.failed:
            self._recorder.say(after.object, "Warning", end.reason, end.message)
        elif end is not None:
            self._recorder.say(after.object, "Normal", "Completed", "Job completed")

    def _note_failures(self, job: Object, tally: Tally) -> None:
        uid, now = job["metadata"]["uid"], self._cluster.now()
        before = self._failures.get(uid)
        if tally.succeeded:
            self._failures.pop(uid, None)
        elif tally.failed:
            last = max(ended_at(pod, now) for pod in tally.failed)
            self._failures[uid] = Failures((before.count if before else 0) + len(tally.failed), last)

    def _create_pod(self, job: Object, index: int | None) -> None:
        uid, thing = job["metadata"]["uid"], _pod(job)
        if index is not None:
            job_indexes.give_index(thing, job["metadata"]["name"], index)
        try:
            pod = self._internal.create(self._type(PODS), thing, namespace=job["metadata"]["namespace"])
        except StatusError as error:
            if uid not in self._refused and error.reason != "NotFound":
                self._refused.add(uid)
                self._recorder.say(job, "Warning", "FailedCreate", f"Error creating: {error.message}")
            raise
        self._refused.discard(uid)
        name = pod.object["metadata"]["name"]
        self._recorder.say(job, "Normal", "SuccessfulCreate", f"Created pod: {name}")

    def _delete_pods(self, job: Object, pods: tuple[Object, ...] | list[Object]) -> None:
        for pod in pods:
            meta = pod["metadata"]
            self._internal.delete(self._type(PODS), key_of(meta["namespace"], meta["name"]))
            self._recorder.say(job, "Normal", "SuccessfulDelete", f"Deleted pod: {meta['name']}")

    def _untrack(self, pod: Object) -> None:
        meta = pod["metadata"]
        self._internal.change(self._type(PODS), key_of(meta["namespace"], meta["name"]), _without_tracking)

    def _pods_of(self, job: Object) -> Iterator[Object]:
        collection = self._cluster.storage.collection(*PODS)
        for key in sorted(self._pods.get(job["metadata"]["uid"], ())):
            stored = collection.get(key)
            if stored is not None:
                yield stored.object

    def _type(self, resource: tuple[str, str]) -> ResourceType:
        found = self._cluster.registry.find(resource[0], "v1", resource[1])
        assert found is not None, resource
        return found


def _wanted(job: Object, tally: Tally) -> int:
    """How many pods should be active."""
    spec = job["spec"]
    if spec.get("suspend"):
        return 0
    parallelism: int = spec.get("parallelism", 1)
    completions: int | None = spec.get("completions")
    succeeded = total(job, tally, "succeeded")
    if completions is None:
        return len(tally.active) if succeeded else parallelism
    return max(0, min(parallelism, completions - succeeded))


def _worth(pod: Object) -> tuple[bool, bool, bool, str]:
    """Which pods to keep: those that are scheduled, run, are ready, and are older."""
    meta = pod["metadata"]
    ready = condition(pod, "Ready") is not None
    return bool(pod["spec"].get("nodeName")), phase(pod) == "Running", ready, meta["name"]


def _pod(job: Object) -> Object:
    meta, template = job["metadata"], copied(job["spec"]["template"])
    told = {key: value for key, value in template.get("metadata", {}).items() if key in {"labels", "annotations"}}
    owner = {"apiVersion": "batch/v1", "kind": "Job", "name": meta["name"], "uid": meta["uid"]}
    finalizers = [*template.get("metadata", {}).get("finalizers", ()), TRACKING]
    return {
        "metadata": {
            **told,
            "generateName": f"{meta['name']}-",
            "finalizers": finalizers,
            "ownerReferences": [{**owner, "controller": True, "blockOwnerDeletion": True}],
        },
        "spec": template["spec"],
    }


def _job_of(pod: Object) -> Object | None:
    """The reference to the Job that has made a pod."""
    owners: list[Object] = pod["metadata"].get("ownerReferences", [])
    return next((o for o in owners if o.get("controller") and o["kind"] == "Job"), None)


def _without_tracking(pod: Object) -> None:
    meta = pod["metadata"]
    finalizers = [name for name in meta.get("finalizers", []) if name != TRACKING]
    meta.pop("finalizers", None)
    if finalizers:
        meta["finalizers"] = finalizers

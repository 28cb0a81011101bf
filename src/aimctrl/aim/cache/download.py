"""The Job that downloads an artifact onto its volume: what it depends on, its manifest, and what its Pods say; pure.

Its Pod meets the restricted Pod Security Standard:
https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aimctrl.aim import jobs
from aimctrl.aim.cache.names import DOWNLOAD, claim_name, download_name, labels
from aimctrl.aim.discovery.pull import pull_failure
from aimctrl.aim.merging import merge_env
from aimctrl.kube.conditions import find
from aimctrl.kube.core import JOBS, Job, Pod, Waiting
from aimctrl.kube.names import canonical_json, short_hash
from aimctrl.runtime.plan import Child, Target

INPUTS: Final = "aim.silogen.ai/download-inputs"
"""On a download Job: the digest of the inputs it was made for."""

TTL_SECONDS: Final = 600
"""How long a Job stays once how it ended is in status, for people who want to see its log."""

CACHE_FOLDER: Final = "/cache"
TEMPORARY_FOLDER: Final = "/tmp"  # noqa: S108 - in the container, on a volume of its own

_UNLESS_DISRUPTED: Final = {"rules": [{"action": "Ignore", "onPodConditions": [{"type": "DisruptionTarget"}]}]}
"""A Pod that was evicted or preempted has not failed; one that has ends the Job, since pauses are the cache's own."""


@dataclass(frozen=True, slots=True)
class DownloadInputs:
    """What a download depends on; a change of it starts one that is not done yet again.

    `volume` is the uid of the claim that is filled, `size` that of the artifact as it was given. `env` are
    `{name, value | valueFrom}` as in a container; `pull_secrets` are names.
    """

    source: str
    volume: str
    image: str
    size: str = ""
    env: tuple[Mapping[str, Any], ...] = ()
    pull_secrets: tuple[str, ...] = ()
    service_account: str = ""

    @property
    def digest(self) -> str:
        """16 hex digits over all of them."""
        fields: dict[str, Any] = {
            "source": self.source,
            "volume": self.volume,
            "image": self.image,
            "size": self.size,
            "env": [dict(entry) for entry in self.env],
            "imagePullSecrets": sorted(self.pull_secrets),
            "serviceAccountName": self.service_account,
        }
        return short_hash(canonical_json(fields), 16)


@dataclass(frozen=True, slots=True)
class DownloadView:
    """The download Job, the Pods it owns, and the last line of its log where it failed."""

    job: Job
    pods: tuple[Pod, ...] = field(default=())
    last_line: str = ""

    def is_for(self, inputs: DownloadInputs) -> bool:
        """Whether it was made for these inputs."""
        return self.job.metadata.annotations.get(INPUTS) == inputs.digest


def download_job(cache: Target, inputs: DownloadInputs, propagated: Mapping[str, str]) -> Child:
    """The Job, owned by the model cache; without a TTL, so that its end is not missed while nobody looks."""
    name = cache.meta.name
    marks = {**propagated, **labels(name)}
    manifest = {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.name,
        "metadata": {
            "name": download_name(name),
            "namespace": cache.meta.namespace,
            "labels": marks,
            "annotations": {INPUTS: inputs.digest},
            "ownerReferences": [cache.owner_reference()],
        },
        "spec": {
            "backoffLimit": 0,
            "podFailurePolicy": _UNLESS_DISRUPTED,
            "template": {"metadata": {"labels": marks}, "spec": _pod(name, inputs)},
        },
    }
    return Child(JOBS, manifest, mode="create")


def expiry(view: DownloadView | None) -> tuple[Child, ...]:
    """Once how a Job ended is in status, it may expire."""
    return () if view is None else jobs.expiry(view.job, TTL_SECONDS)


@dataclass(frozen=True, slots=True)
class Hindrance:
    """What keeps the Pod of a download from running; `broken` where that is somebody's to mend."""

    message: str
    broken: bool


def hindrance(pods: Iterable[Pod]) -> Hindrance | None:
    """Why the newest Pod that is still to run does not; None where nothing is known to be in its way.

    The words stay the same while the kubelet goes to and fro between trying and backing off.
    """
    alive = [pod for pod in pods if pod.status.phase == "Pending" and pod.metadata.deletion_timestamp is None]
    if not alive:
        return None
    pod = max(alive, key=lambda pod: (str(pod.metadata.creation_timestamp), pod.metadata.name))
    scheduled = find(pod.status.conditions, "PodScheduled")
    if scheduled is not None and scheduled.status == "False":
        return Hindrance(f"its Pod is not scheduled: {scheduled.message}", broken=False)
    waiting = next((s.state.waiting for s in pod.status.container_statuses if s.state.waiting), None)
    return _image_trouble(pod, waiting) if waiting is not None else None


def _image_trouble(pod: Pod, waiting: Waiting) -> Hindrance | None:
    image = next((container.image for container in pod.spec.containers), "")
    if pull_failure(waiting, image) is None:
        return None
    return Hindrance(f"the image {image} cannot be pulled", broken=True)


def _pod(cache: str, inputs: DownloadInputs) -> dict[str, Any]:
    owned = {"fsGroup": jobs.USER, "fsGroupChangePolicy": "OnRootMismatch"}
    return {
        **jobs.restricted_pod(inputs.pull_secrets, inputs.service_account, **owned),
        "containers": [_container(inputs)],
        "volumes": [
            {"name": "cache", "persistentVolumeClaim": {"claimName": claim_name(cache)}},
            {"name": "tmp", "emptyDir": {}},
        ],
    }


def _container(inputs: DownloadInputs) -> dict[str, Any]:
    # The user has no home in the image, and downloaders keep their working state in it.
    home = {"name": "HOME", "value": TEMPORARY_FOLDER}
    return {
        "name": DOWNLOAD,
        "image": inputs.image,
        "args": [inputs.source, CACHE_FOLDER],
        "env": list(merge_env(inputs.env, [home])),
        "securityContext": jobs.CONTAINER_SECURITY,
        "volumeMounts": [
            {"name": "cache", "mountPath": CACHE_FOLDER},
            {"name": "tmp", "mountPath": TEMPORARY_FOLDER},
        ],
    }

"""What the operator's Jobs have in common: a restricted Pod, an end that is kept before they expire, growing pauses.

Source: https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted.
"""

from collections.abc import Iterable
from datetime import timedelta
from typing import Any, Final

from aimctrl.kube.core import JOBS, Job
from aimctrl.kube.kinds import Key
from aimctrl.runtime.plan import Child

USER: Final = 65532
"""The user and group that containers run as."""

RECORDED_PAUSE: Final = 1.0
"""Seconds until a Job whose end was just recorded is looked at again, to let it expire."""

_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)

CONTAINER_SECURITY: Final = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
"""The `securityContext` of a container."""


def restricted_pod(pull_secrets: Iterable[str], service_account: str, **security: Any) -> dict[str, Any]:
    """A Pod's spec that runs once, without its containers; `security` adds to its `securityContext`."""
    optional: dict[str, Any] = {
        "imagePullSecrets": [{"name": name} for name in pull_secrets],
        "serviceAccountName": service_account,
    }
    context = {
        "runAsNonRoot": True,
        "runAsUser": USER,
        "runAsGroup": USER,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    return {
        "restartPolicy": "Never",
        **{field: value for field, value in optional.items() if value},
        "securityContext": context | security,
    }


def expiry(job: Job, seconds: int) -> tuple[Child, ...]:
    """Let a Job expire that has ended; once only what it had to say is in status."""
    if not job.finished or job.spec.ttl_seconds_after_finished is not None:
        return ()
    return (Child(JOBS, expiry_patch(job.key, seconds), mode="patch", uid=job.metadata.uid),)


def expiry_patch(job: Key, seconds: int) -> dict[str, Any]:
    """The merge patch, as a manifest, that lets a Job expire whose result is kept elsewhere."""
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.name,
        "metadata": {"name": job.name, "namespace": job.namespace},
        "spec": {"ttlSecondsAfterFinished": seconds},
    }


def pause_after(failures: int) -> timedelta:
    """How long to wait after so many failures in a row, at least one: from a minute, doubled, to an hour."""
    doublings: int = 2 ** min(failures - 1, 10)
    return min(_FIRST_PAUSE * doublings, _LONGEST_PAUSE)

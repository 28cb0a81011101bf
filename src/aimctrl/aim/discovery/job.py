"""The discovery Job: its name, which its inputs determine, and its manifest (SPEC §3, Discovery job).

The Pod meets the restricted Pod Security Standard:
https://kubernetes.io/docs/concepts/security/pod-security-standards/#restricted.
"""

from collections.abc import Mapping
from typing import Any, Final

from aimctrl.aim.discovery.inputs import DiscoveryInputs
from aimctrl.aim.jobs import CONTAINER_SECURITY, restricted_pod
from aimctrl.aim.merging import merge_env
from aimctrl.aim.naming import COMPONENT, MANAGED_BY, MANAGER, TEMPLATE
from aimctrl.kube.core import JOBS
from aimctrl.kube.names import canonical_json, fit, label_value, short_hash
from aimctrl.runtime.plan import Target

CONTAINER: Final = "discovery"
"""The name of the Job's only container, whose log is the result."""

SELECTOR: Final = f"{MANAGED_BY}={MANAGER},{COMPONENT}={CONTAINER}"
"""The label selector of discovery Jobs and their Pods."""

TTL_SECONDS: Final = 60
"""How long a Job stays once its result is in the template's status."""

DEADLINE_SECONDS: Final = 3600
"""How long all attempts together may take, pulling a large image included; discovery itself takes seconds."""


def job_name(template: Target, inputs: DiscoveryInputs) -> str:
    """`discover-<template>-<8 hex>`; the hash is over kind, namespace, full name and inputs."""
    identity = [template.kind.name, template.meta.namespace, template.meta.name, inputs.digest]
    return fit(f"discover-{template.meta.name}", f"-{short_hash(canonical_json(identity))}")


def discovery_job(template: Target, inputs: DiscoveryInputs, namespace: str) -> dict[str, Any]:
    """The Job's manifest, owned by the template; without a TTL, so that no result is lost while nobody looks."""
    labels = {TEMPLATE: label_value(template.meta.name), MANAGED_BY: MANAGER, COMPONENT: CONTAINER}
    return {
        "apiVersion": JOBS.api_version,
        "kind": JOBS.name,
        "metadata": {
            "name": job_name(template, inputs),
            "namespace": namespace,
            "labels": labels,
            "ownerReferences": [template.owner_reference()],
        },
        "spec": {
            "backoffLimit": 3,
            "activeDeadlineSeconds": DEADLINE_SECONDS,
            "template": {"metadata": {"labels": labels}, "spec": _pod(inputs)},
        },
    }


def _pod(inputs: DiscoveryInputs) -> dict[str, Any]:
    container = {
        "name": CONTAINER,
        "image": inputs.image,
        "args": ["dry-run", "--format=json"],
        "env": _env(inputs),
        "securityContext": CONTAINER_SECURITY,
    }
    return {**restricted_pod(inputs.pull_secrets, inputs.service_account), "containers": [container]}


def _env(inputs: DiscoveryInputs) -> list[Mapping[str, Any]]:
    quiet = {"AIM_LOG_LEVEL": "CRITICAL", "AIM_LOG_LEVEL_ROOT": "CRITICAL"}
    return list(
        merge_env(inputs.profile_env, inputs.env, [{"name": name, "value": value} for name, value in quiet.items()])
    )

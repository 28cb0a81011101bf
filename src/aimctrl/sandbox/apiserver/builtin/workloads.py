"""Deployments, ReplicaSets, StatefulSets, DaemonSets and ReplicationControllers: defaults, and what they must be.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/.
"""

from collections.abc import Iterator
from typing import Any

from aimctrl.sandbox.apiserver.builtin.checks import immutable, invalid, not_negative, required, unsupported
from aimctrl.sandbox.apiserver.builtin.pod_defaults import default_template
from aimctrl.sandbox.apiserver.builtin.pod_validation import spec_errors
from aimctrl.sandbox.apiserver.builtin.resetting import Resetting
from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import copied

_QUARTER = "25%"

_SPECS: dict[str, Object] = {
    "Deployment": {"replicas": 1, "revisionHistoryLimit": 10, "progressDeadlineSeconds": 600},
    "ReplicaSet": {"replicas": 1},
    "ReplicationController": {"replicas": 1},
    "StatefulSet": {
        "replicas": 1,
        "revisionHistoryLimit": 10,
        "podManagementPolicy": "OrderedReady",
        "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
    },
    "DaemonSet": {"revisionHistoryLimit": 10},
}

_UPDATES: dict[str, tuple[str, Object]] = {
    "Deployment": ("strategy", {"maxUnavailable": _QUARTER, "maxSurge": _QUARTER}),
    "StatefulSet": ("updateStrategy", {"partition": 0}),
    "DaemonSet": ("updateStrategy", {"maxUnavailable": 1, "maxSurge": 0}),
}
"""Where a kind says how it is updated, and how it is where it says nothing."""

_EMPTY_SELECTOR = {"ReplicaSet": "deployment"}
"""What the message about an empty selector calls a kind, where that is not its name."""


class WorkloadStrategy(Resetting):
    """A kind that makes Pods of a template, and finds them with a selector of labels."""

    def default(self, thing: Object) -> None:
        """Replicas, history and how it is updated; those of the template."""
        kind, spec = thing["kind"], thing["spec"]
        for key, value in _SPECS[kind].items():
            spec.setdefault(key, copied(value))
        if kind in _UPDATES:
            key, rolling = _UPDATES[kind]
            how = spec.setdefault(key, {})
            if how.setdefault("type", "RollingUpdate") == "RollingUpdate":
                how["rollingUpdate"] = {**rolling, **how.get("rollingUpdate", {})}
        if kind == "ReplicationController":
            _default_controller(thing)
        if kind == "DaemonSet":
            annotations = thing["metadata"].setdefault("annotations", {})
            annotations.setdefault("deprecated.daemonset.template.generation", "1")
        if spec.get("template"):
            default_template(spec["template"])

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """The selector, the template, and the number of replicas."""
        if subresource:
            return []
        spec = thing["spec"]
        errors = [*not_negative("spec.replicas", spec.get("replicas")), *_selector_errors(thing)]
        errors += template_errors(spec, "Always")
        errors += _update_errors(thing["kind"], spec)
        if old is not None and thing["kind"] != "ReplicationController" and spec["selector"] != old["spec"]["selector"]:
            errors.append(immutable("spec.selector", spec["selector"]))
        return errors


def _default_controller(thing: Object) -> None:
    spec = thing["spec"]
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    if labels:
        spec.setdefault("selector", dict(labels))
        thing["metadata"].setdefault("labels", dict(labels))


def _selector_errors(thing: Object) -> Iterator[FieldError]:
    kind, spec = thing["kind"], thing["spec"]
    selector: Any = spec.get("selector")
    labels = spec.get("template", {}).get("metadata", {}).get("labels")
    if kind == "ReplicationController":
        wanted: Object = selector or {}
    elif selector is None:
        if kind != "DaemonSet":
            yield required("spec.selector")
        yield _mismatch(labels)
        return
    else:
        if not selector:
            word = _EMPTY_SELECTOR.get(kind, kind.lower())
            yield invalid("spec.selector", {}, f"empty selector is invalid for {word}")
        wanted = selector.get("matchLabels", {})
    if not wanted.items() <= (labels or {}).items():
        yield _mismatch(labels)


def _mismatch(labels: Object | None) -> FieldError:
    return invalid("spec.template.metadata.labels", labels, "`selector` does not match template `labels`")


def template_errors(spec: Object, *policies: str) -> Iterator[FieldError]:
    """What is wrong with the template of Pods in a spec; its restartPolicy has to be one of those."""
    if "template" not in spec:
        yield required("spec.template")
        return
    found: Object = spec["template"]["spec"]
    yield from spec_errors(found, "spec.template.spec")
    if found["restartPolicy"] not in policies:
        yield unsupported("spec.template.spec.restartPolicy", found["restartPolicy"], policies)


def _update_errors(kind: str, spec: Object) -> Iterator[FieldError]:
    if kind != "Deployment":
        return
    how = spec["strategy"]
    if how["type"] == "Recreate" and "rollingUpdate" in how:
        words = "may not be specified when strategy `type` is 'Recreate'"
        yield FieldError(Cause.FORBIDDEN, "spec.strategy.rollingUpdate", words)
    elif how["type"] not in {"Recreate", "RollingUpdate"}:
        yield unsupported("spec.strategy.type", how["type"], ("Recreate", "RollingUpdate"))

"""The columns of the built-in kinds, as the server that they come from has them; a kind that is not here has a name and
a time of creation. Compared with a real API server by tests/e2e/test_sandbox_kubectl.py.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from aimctrl.sandbox.apiserver.builtin.network_printers import NETWORK_PRINTERS
from aimctrl.sandbox.apiserver.builtin.pod_printer import PODS
from aimctrl.sandbox.apiserver.builtin.printed import at, labels, selector, template_columns, truthful, workload_columns
from aimctrl.sandbox.apiserver.builtin.storage_printers import STORAGE_PRINTERS
from aimctrl.sandbox.apiserver.printing import (
    AGE,
    NAME,
    NONE,
    UNKNOWN,
    UNSET,
    Printer,
    Shown,
    duration,
    named,
    number,
    since,
    text,
    truth,
    wide,
)
from aimctrl.sandbox.apiserver.resources import Column
from aimctrl.sandbox.apiserver.schema.node import Object

_RBAC = "rbac.authorization.k8s.io"


def _entries(thing: Object) -> int:
    return len(thing.get("data") or ()) + len(thing.get("binaryData") or ())


def _conditions(thing: Object) -> Mapping[str, str]:
    return {condition["type"]: condition["status"] for condition in at(thing, "status", "conditions") or ()}


_ROLE = "node-role.kubernetes.io/"


def _node_status(node: Object) -> str:
    ready = _conditions(node).get("Ready")
    word = {"True": "Ready", None: "Unknown"}.get(ready, "NotReady")
    return f"{word},SchedulingDisabled" if at(node, "spec", "unschedulable") else word


def _node_roles(node: Object) -> str:
    marks: Mapping[str, str] = node["metadata"].get("labels") or {}
    roles = {key.removeprefix(_ROLE) for key in marks if key.startswith(_ROLE) and key != _ROLE}
    roles |= {value for key, value in marks.items() if key == "kubernetes.io/role" and value}
    return ",".join(sorted(roles)) or NONE


def _node_address(kind: str) -> Shown:
    def address(node: Object) -> str:
        found: list[Object] = at(node, "status", "addresses") or []
        return next((one["address"] for one in found if one["type"] == kind), NONE)

    return wide(text("Internal-IP" if kind == "InternalIP" else "External-IP", address))


def _node_fact(name: str, key: str) -> Shown:
    return wide(text(name, lambda node: at(node, "status", "nodeInfo", key) or UNKNOWN))


def _ready_of(kind: str) -> Shown:
    def ready(thing: Object) -> str:
        return f"{at(thing, 'status', kind) or 0}/{at(thing, 'spec', 'replicas') or 0}"

    return text("Ready", ready)


def _counts(**paths: tuple[str, str]) -> tuple[Shown, ...]:
    return tuple(_count(name, path) for name, path in paths.items())


def _count(name: str, path: tuple[str, str]) -> Shown:
    return number(name, lambda thing: at(thing, *path))


_JOB_WORDS = ("Complete", "Failed", "", "Suspended", "FailureTarget", "SuccessCriteriaMet")
"""The conditions that name the state of a Job, the first that holds; `""` stands for being deleted."""


def _job_status(job: Object) -> str:
    conditions = _conditions(job)
    for word in _JOB_WORDS:
        if word and conditions.get(word) == "True":
            return word
        if not word and "deletionTimestamp" in job["metadata"]:
            return "Terminating"
    return "Running"


def _job_completions(job: Object) -> str:
    done, wanted = at(job, "status", "succeeded") or 0, at(job, "spec", "completions")
    if wanted is not None:
        return f"{done}/{wanted}"
    parallel = at(job, "spec", "parallelism") or 0
    return f"{done}/1 of {parallel}" if parallel > 1 else f"{done}/1"


def _job_duration(job: Object, now: datetime) -> str:
    start, end = at(job, "status", "startTime"), at(job, "status", "completionTime")
    if not start:
        return ""
    last = datetime.fromisoformat(end) if end else now
    return duration((last.astimezone(UTC) - datetime.fromisoformat(start)).total_seconds())


def _event_source(event: Object) -> str:
    source: Object = event.get("source") or event.get("deprecatedSource") or {}
    component = source.get("component") or event.get("reportingComponent") or event.get("reportingController") or ""
    instance = source.get("host") or event.get("reportingInstance") or ""
    return f"{component}, {instance}" if instance else component


def _event_object(event: Object) -> Object:
    return event.get("involvedObject") or event.get("regarding") or {}


def _event_target(event: Object) -> str:
    target = _event_object(event)
    kind = target.get("kind", "").lower()
    return f"{kind}/{target['name']}" if target.get("name") else kind


def _event_first(event: Object) -> Any:
    return event.get("firstTimestamp") or event.get("deprecatedFirstTimestamp") or event.get("eventTime")


def _event_last(event: Object) -> Any:
    last = at(event, "series", "lastObservedTime") or event.get("lastTimestamp") or event.get("deprecatedLastTimestamp")
    return last or _event_first(event)


def _event_count(event: Object) -> int:
    return at(event, "series", "count") or event.get("count") or event.get("deprecatedCount") or 1


_EVENTS = Printer(
    (
        since("Last Seen", _event_last),
        text("Type", lambda event: event.get("type", "")),
        text("Reason", lambda event: event.get("reason", "")),
        text("Object", _event_target),
        wide(text("Subobject", lambda event: _event_object(event).get("fieldPath", ""))),
        wide(text("Source", _event_source)),
        text("Message", lambda event: (event.get("message") or event.get("note") or "").strip()),
        wide(since("First Seen", _event_first)),
        wide(text("Count", _event_count)),
        wide(named(lambda event: event["metadata"]["name"])),
    )
)

_REPLICATED = Printer(
    (
        NAME,
        *_counts(Desired=("spec", "replicas"), Current=("status", "replicas"), Ready=("status", "readyReplicas")),
        AGE,
        *workload_columns(),
    )
)


def _subjects(name: str, kind: str) -> Shown:
    def names(binding: Object) -> str:
        subjects: list[Object] = [one for one in binding.get("subjects") or () if one["kind"] == kind]
        return ", ".join(f"{one['namespace']}/{one['name']}" if "namespace" in one else one["name"] for one in subjects)

    return wide(text(name, names))


_BINDINGS = Printer(
    (
        NAME,
        text("Role", lambda binding: f"{at(binding, 'roleRef', 'kind')}/{at(binding, 'roleRef', 'name')}"),
        AGE,
        _subjects("Users", "User"),
        _subjects("Groups", "Group"),
        _subjects("ServiceAccounts", "ServiceAccount"),
    )
)


def _quota(name: str, *, limits: bool) -> Shown:
    def used(quota: Object) -> str:
        hard: Mapping[str, str] = at(quota, "status", "hard") or {}
        spent: Mapping[str, str] = at(quota, "status", "used") or {}
        keys = [key for key in sorted(hard) if key.startswith("limits") == limits]
        return ", ".join(f"{key}: {spent.get(key, '0')}/{hard[key]}" for key in keys)

    return text(name, used)


def _controller(thing: Object) -> str:
    owners: list[Object] = thing["metadata"].get("ownerReferences") or []
    for owner in owners:
        if owner.get("controller"):
            group = owner["apiVersion"].rpartition("/")[0]
            kind = owner["kind"].lower()
            return f"{kind}.{group}/{owner['name']}" if group else f"{kind}/{owner['name']}"
    return NONE


def _scaler_targets(scaler: Object) -> str:
    wanted, seen = (
        at(scaler, "spec", "targetCPUUtilizationPercentage"),
        at(scaler, "status", "currentCPUUtilizationPercentage"),
    )
    return f"cpu: {UNKNOWN if seen is None else f'{seen}%'}/{wanted}%" if wanted is not None else NONE


PRINTERS: Mapping[tuple[str, str], Printer] = {
    ("", "configmaps"): Printer((NAME, text("Data", _entries), AGE)),
    ("", "events"): _EVENTS,
    ("", "namespaces"): Printer((NAME, text("Status", lambda thing: at(thing, "status", "phase") or ""), AGE)),
    ("", "nodes"): Printer(
        (
            NAME,
            text("Status", _node_status),
            text("Roles", _node_roles),
            AGE,
            text("Version", lambda node: at(node, "status", "nodeInfo", "kubeletVersion") or ""),
            _node_address("InternalIP"),
            _node_address("ExternalIP"),
            _node_fact("OS-Image", "osImage"),
            _node_fact("Kernel-Version", "kernelVersion"),
            _node_fact("Container-Runtime", "containerRuntimeVersion"),
        )
    ),
    ("", "pods"): PODS,
    ("", "podtemplates"): Printer(
        (
            NAME,
            *template_columns("template"),
            text("Pod Labels", lambda thing: labels(at(thing, "template", "metadata", "labels"))),
        )
    ),
    ("", "replicationcontrollers"): _REPLICATED,
    ("", "resourcequotas"): Printer((NAME, _quota("Request", limits=False), _quota("Limit", limits=True), AGE)),
    ("", "secrets"): Printer((NAME, text("Type", lambda thing: thing.get("type", "")), text("Data", _entries), AGE)),
    ("", "serviceaccounts"): Printer((NAME, AGE)),
    ("apps", "controllerrevisions"): Printer(
        (NAME, text("Controller", _controller), text("Revision", lambda thing: thing["revision"]), AGE)
    ),
    ("apps", "daemonsets"): Printer(
        (
            NAME,
            *_counts(
                **{
                    "Desired": ("status", "desiredNumberScheduled"),
                    "Current": ("status", "currentNumberScheduled"),
                    "Ready": ("status", "numberReady"),
                    "Up-to-date": ("status", "updatedNumberScheduled"),
                    "Available": ("status", "numberAvailable"),
                }
            ),
            text("Node Selector", lambda thing: labels(at(thing, "spec", "template", "spec", "nodeSelector"))),
            AGE,
            *workload_columns(),
        )
    ),
    ("apps", "deployments"): Printer(
        (
            NAME,
            _ready_of("readyReplicas"),
            text("Up-to-date", lambda thing: at(thing, "status", "updatedReplicas") or 0),
            text("Available", lambda thing: at(thing, "status", "availableReplicas") or 0),
            AGE,
            *workload_columns(),
        )
    ),
    ("apps", "replicasets"): _REPLICATED,
    ("apps", "statefulsets"): Printer((NAME, _ready_of("readyReplicas"), AGE, *workload_columns()[:2])),
    ("autoscaling", "horizontalpodautoscalers"): Printer(
        (
            NAME,
            text(
                "Reference",
                lambda thing: (
                    f"{at(thing, 'spec', 'scaleTargetRef', 'kind')}/{at(thing, 'spec', 'scaleTargetRef', 'name')}"
                ),
            ),
            text("Targets", _scaler_targets),
            text("MinPods", lambda thing: truthful(at(thing, "spec", "minReplicas"), UNSET)),
            text("MaxPods", lambda thing: at(thing, "spec", "maxReplicas")),
            text("Replicas", lambda thing: at(thing, "status", "currentReplicas") or 0),
            AGE,
        )
    ),
    ("batch", "cronjobs"): Printer(
        (
            NAME,
            text("Schedule", lambda thing: at(thing, "spec", "schedule")),
            text("Timezone", lambda thing: truthful(at(thing, "spec", "timeZone"), NONE)),
            Shown(Column("Suspend", "boolean", ""), lambda thing, _now: str(bool(at(thing, "spec", "suspend")))),
            number("Active", lambda thing: len(at(thing, "status", "active") or ())),
            since("Last Schedule", lambda thing: at(thing, "status", "lastScheduleTime"), NONE),
            AGE,
            *(wide(shown) for shown in template_columns("spec", "jobTemplate", "spec", "template")),
            wide(text("Selector", lambda thing: selector(at(thing, "spec", "jobTemplate", "spec", "selector")))),
        )
    ),
    ("batch", "jobs"): Printer(
        (
            NAME,
            text("Status", _job_status),
            text("Completions", _job_completions),
            Shown(Column("Duration", "string", ""), _job_duration),
            AGE,
            *workload_columns(),
        )
    ),
    ("coordination.k8s.io", "leases"): Printer(
        (NAME, text("Holder", lambda thing: at(thing, "spec", "holderIdentity") or ""), AGE)
    ),
    ("events.k8s.io", "events"): _EVENTS,
    ("policy", "poddisruptionbudgets"): Printer(
        (
            NAME,
            text("Min Available", lambda thing: truthful(at(thing, "spec", "minAvailable"), "N/A")),
            text("Max Unavailable", lambda thing: truthful(at(thing, "spec", "maxUnavailable"), "N/A")),
            number("Allowed Disruptions", lambda thing: at(thing, "status", "disruptionsAllowed")),
            AGE,
        )
    ),
    (_RBAC, "clusterrolebindings"): _BINDINGS,
    (_RBAC, "rolebindings"): _BINDINGS,
    ("scheduling.k8s.io", "priorityclasses"): Printer(
        (
            NAME,
            number("Value", lambda thing: thing.get("value")),
            truth("Global-Default", lambda thing: thing.get("globalDefault")),
            AGE,
            text("PreemptionPolicy", lambda thing: thing.get("preemptionPolicy", "")),
        )
    ),
    **NETWORK_PRINTERS,
    **STORAGE_PRINTERS,
}
"""By group and plural."""

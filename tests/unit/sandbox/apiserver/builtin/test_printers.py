"""What the built-in kinds show of themselves; the expectations are what a real API server of v1.36.3 answers."""

from datetime import UTC, datetime
from typing import Any

import pytest

from aimctrl.sandbox.apiserver.builtin.printers import PRINTERS

NOW = datetime(2026, 1, 2, tzinfo=UTC)
META = {"name": "x", "creationTimestamp": "2026-01-01T23:59:00Z"}
OLD = "2026-01-01T23:00:00Z"
TEMPLATE = {"spec": {"containers": [{"name": "c", "image": "nginx:1"}, {"name": "d", "image": "other"}]}}
ADDRESSES = [{"addresses": [f"10.1.0.{number}"]} for number in range(1, 5)]


def shown(group: str, plural: str, thing: dict[str, Any], **meta: Any) -> list[Any]:
    """The cells of an object, without its name and its age."""
    row = PRINTERS[group, plural].row({"kind": plural, **thing, "metadata": {**META, **meta}}, NOW)
    return [cell for cell in row["cells"] if cell not in {"x", "60s"}]


NODE = {
    "spec": {"unschedulable": True},
    "status": {
        "conditions": [{"type": "Ready", "status": "Unknown"}],
        "addresses": [{"type": "InternalIP", "address": "10.0.0.1"}],
        "nodeInfo": {"kubeletVersion": "v1"},
    },
}
SELECTOR = {
    "matchLabels": {"b": "c"},
    "matchExpressions": [
        {"key": "a", "operator": "In", "values": ["2", "1"]},
        {"key": "d", "operator": "DoesNotExist"},
        {"key": "e", "operator": "Exists"},
    ],
}

CASES: dict[str, tuple[str, str, dict[str, Any], list[Any]]] = {
    "a ConfigMap": ("", "configmaps", {"data": {"a": "1"}, "binaryData": {"b": ""}}, [2]),
    "a Secret": ("", "secrets", {"type": "Opaque"}, ["Opaque", 0]),
    "a Namespace": ("", "namespaces", {"status": {"phase": "Active"}}, ["Active"]),
    "a node": (
        "",
        "nodes",
        NODE,
        ["NotReady,SchedulingDisabled", "<none>", "v1", "10.0.0.1", "<none>", "<unknown>", "<unknown>", "<unknown>"],
    ),
    "an event": (
        "",
        "events",
        {
            "involvedObject": {"kind": "Pod", "name": "p", "fieldPath": "spec"},
            "reason": "Pulled",
            "type": "Normal",
            "message": "so ",
            "source": {"component": "kubelet", "host": "n"},
            "firstTimestamp": OLD,
            "lastTimestamp": "2026-01-01T23:58:00Z",
            "count": 3,
        },
        ["2m", "Normal", "Pulled", "pod/p", "spec", "kubelet, n", "so", "60m", 3],
    ),
    "an event of a series": (
        "events.k8s.io",
        "events",
        {
            "regarding": {"kind": "Pod"},
            "note": "so",
            "reportingController": "c",
            "eventTime": OLD,
            "series": {"count": 4, "lastObservedTime": "2026-01-01T23:58:00Z"},
        },
        ["2m", "", "", "pod", "", "c", "so", "60m", 4],
    ),
    "a quota": (
        "",
        "resourcequotas",
        {"status": {"hard": {"pods": "9", "limits.cpu": "8", "cpu": "1"}, "used": {"pods": "3"}}},
        ["cpu: 0/1, pods: 3/9", "limits.cpu: 0/8"],
    ),
    "a template": (
        "",
        "podtemplates",
        {"template": {**TEMPLATE, "metadata": {"labels": {"b": "c", "a": "d"}}}},
        ["c,d", "nginx:1,other", "a=d,b=c"],
    ),
    "a ReplicationController": (
        "",
        "replicationcontrollers",
        {
            "kind": "ReplicationController",
            "spec": {"replicas": 2, "selector": {"a": "b"}, "template": TEMPLATE},
            "status": {"replicas": 1},
        },
        [2, 1, 0, "c,d", "nginx:1,other", "a=b"],
    ),
    "a Deployment": (
        "apps",
        "deployments",
        {"spec": {"replicas": 2, "selector": SELECTOR, "template": TEMPLATE}, "status": {"readyReplicas": 1}},
        ["1/2", 0, 0, "c,d", "nginx:1,other", "a in (1,2),b=c,!d,e"],
    ),
    "a revision": ("apps", "controllerrevisions", {"revision": 3}, ["<none>", 3]),
    "a scaler": (
        "autoscaling",
        "horizontalpodautoscalers",
        {
            "spec": {
                "scaleTargetRef": {"kind": "Deployment", "name": "web"},
                "maxReplicas": 3,
                "targetCPUUtilizationPercentage": 80,
            }
        },
        ["Deployment/web", "cpu: <unknown>/80%", "<unset>", 3, 0],
    ),
    "a CronJob": (
        "batch",
        "cronjobs",
        {
            "spec": {"schedule": "* * * * *", "suspend": True, "jobTemplate": {"spec": {"template": TEMPLATE}}},
            "status": {"lastScheduleTime": OLD},
        },
        ["* * * * *", "<none>", "True", 0, "60m", "c,d", "nginx:1,other", "<none>"],
    ),
    "a budget": ("policy", "poddisruptionbudgets", {"spec": {"minAvailable": "50%"}}, ["50%", "N/A", 0]),
    "a binding": (
        "rbac.authorization.k8s.io",
        "rolebindings",
        {
            "roleRef": {"kind": "Role", "name": "r"},
            "subjects": [
                {"kind": "User", "name": "jane"},
                {"kind": "User", "name": "joe"},
                {"kind": "ServiceAccount", "namespace": "n", "name": "s"},
            ],
        },
        ["Role/r", "jane, joe", "", "n/s"],
    ),
    "a Service with a balancer": (
        "",
        "services",
        {"spec": {"type": "LoadBalancer", "clusterIPs": ["10.0.0.1"], "ports": [{"port": 80, "nodePort": 30000}]}},
        ["LoadBalancer", "10.0.0.1", "<pending>", "80:30000/TCP", "<none>"],
    ),
    "a Service of elsewhere": (
        "",
        "services",
        {"spec": {"type": "ExternalName", "externalName": "example.org", "selector": {"a": "b"}}},
        ["ExternalName", "<none>", "example.org", "<none>", "a=b"],
    ),
    "many endpoints": (
        "discovery.k8s.io",
        "endpointslices",
        {"addressType": "IPv4", "ports": [{"port": 80}, {"name": "any"}], "endpoints": ADDRESSES},
        ["IPv4", "80,*", "10.1.0.1,10.1.0.2,10.1.0.3 + 1 more..."],
    ),
    "no endpoints": ("discovery.k8s.io", "endpointslices", {}, ["", "<unset>", "<unset>"]),
    "old endpoints": (
        "",
        "endpoints",
        {"subsets": [{"addresses": [{"ip": "::1"}, {"ip": "10.0.0.1"}], "ports": [{"port": 1}]}]},
        ["[::1]:1,10.0.0.1:1"],
    ),
    "an Ingress": (
        "networking.k8s.io",
        "ingresses",
        {
            "spec": {"rules": [{"host": "a"}, {}], "tls": [{}]},
            "status": {"loadBalancer": {"ingress": [{"hostname": "h"}, {"ip": "10.0.0.1"}]}},
        },
        ["<none>", "a,*", "10.0.0.1,h", "80, 443"],
    ),
    "a class of Ingresses": (
        "networking.k8s.io",
        "ingressclasses",
        {"spec": {"controller": "c", "parameters": {"kind": "P", "apiGroup": "g", "name": "n"}}},
        ["c", "P.g/n"],
    ),
    "a claim without a volume": (
        "",
        "persistentvolumeclaims",
        {"spec": {"storageClassName": "fast", "accessModes": ["ReadWriteOnce"]}, "status": {"phase": "Pending"}},
        ["Pending", "", "", "", "fast", "<unset>", "<unset>"],
    ),
    "a claim with a volume": (
        "",
        "persistentvolumeclaims",
        {
            "spec": {"volumeName": "v", "volumeMode": "Filesystem"},
            "status": {
                "phase": "Bound",
                "capacity": {"storage": "1Gi"},
                "accessModes": ["ReadOnlyMany", "ReadWriteOnce"],
            },
        },
        ["Bound", "v", "1Gi", "RWO,ROX", "", "<unset>", "Filesystem"],
    ),
    "a volume": (
        "",
        "persistentvolumes",
        {"spec": {"capacity": {"storage": "2Gi"}, "claimRef": {"namespace": "n", "name": "c"}}},
        ["2Gi", "", "", "", "n/c", "", "<unset>", "", "<unset>"],
    ),
    "a class of storage": (
        "storage.k8s.io",
        "storageclasses",
        {"provisioner": "p", "allowVolumeExpansion": True},
        ["p", "Delete", "Immediate", True],
    ),
}


@pytest.mark.parametrize(("group", "plural", "thing", "expected"), CASES.values(), ids=CASES)
def test_a_kind_shows_what_matters(group: str, plural: str, thing: dict[str, Any], expected: list[Any]):
    assert shown(group, plural, thing) == expected


JOBS: dict[str, tuple[dict[str, Any], list[str]]] = {
    "running": ({"spec": {"completions": 1}, "status": {"startTime": OLD}}, ["Running", "0/1", "60m"]),
    "complete": (
        {
            "spec": {"completions": 2},
            "status": {
                "startTime": OLD,
                "completionTime": "2026-01-01T23:01:30Z",
                "succeeded": 2,
                "conditions": [
                    {"type": "SuccessCriteriaMet", "status": "True"},
                    {"type": "Complete", "status": "True"},
                ],
            },
        },
        ["Complete", "2/2", "90s"],
    ),
    "suspended": (
        {"spec": {"parallelism": 3}, "status": {"conditions": [{"type": "Suspended", "status": "True"}]}},
        ["Suspended", "0/1 of 3", ""],
    ),
    "one of one": ({"spec": {"parallelism": 1}}, ["Running", "0/1", ""]),
}


@pytest.mark.parametrize(("job", "expected"), JOBS.values(), ids=JOBS)
def test_a_job_shows_how_far_it_is(job: dict[str, Any], expected: list[str]):
    assert shown("batch", "jobs", job)[:3] == expected


def test_a_job_that_is_deleted_is_terminating():
    assert shown("batch", "jobs", {}, deletionTimestamp=OLD)[0] == "Terminating"


def test_a_node_shows_its_roles():
    labels = {"node-role.kubernetes.io/worker": "", "kubernetes.io/role": "gpu"}
    assert shown("", "nodes", {}, labels=labels)[:2] == ["Unknown", "gpu,worker"]


def test_a_default_class_is_marked():
    marked = {"storageclass.kubernetes.io/is-default-class": "true"}
    assert shown("storage.k8s.io", "storageclasses", {}, annotations=marked)[0] == "x (default)"


def test_a_revision_shows_whose_it_is():
    owners = [{"apiVersion": "apps/v1", "kind": "StatefulSet", "name": "db", "controller": True}]
    assert shown("apps", "controllerrevisions", {"revision": 1}, ownerReferences=owners)[0] == "statefulset.apps/db"

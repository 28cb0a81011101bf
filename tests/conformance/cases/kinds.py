"""Built-in kinds: what they default to, and what they refuse."""

from typing import Any

from conformance.script import CORE, JSON_PATCH, Case, case, delete, get, once, patch, post, put

JOBS = "/apis/batch/v1/namespaces/$(ns)/jobs"
CONTAINER = {"name": "x", "image": "i"}
POD: dict[str, Any] = {"metadata": {"name": "a"}, "spec": {"containers": [CONTAINER]}}
TEMPLATE = {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [CONTAINER]}}
JOB: dict[str, Any] = {
    "metadata": {"name": "a"},
    "spec": {"template": {"spec": {"containers": [CONTAINER], "restartPolicy": "Never"}}, "suspend": True},
}
IS_SUSPENDED = {"op": "test", "path": "/status/conditions/0/type", "value": "Suspended"}
PVC: dict[str, Any] = {
    "metadata": {"name": "a"},
    "spec": {"storageClassName": "c", "accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}},
}
SERVICE: dict[str, Any] = {"metadata": {"name": "a"}, "spec": {"selector": {"a": "b"}, "ports": [{"port": 80}]}}
LEASES = "/apis/coordination.k8s.io/v1/namespaces/$(ns)/leases"
LEASE: dict[str, Any] = {
    "metadata": {"name": "a"},
    "spec": {"holderIdentity": "me", "leaseDurationSeconds": 15, "renewTime": "2001-01-01T00:00:00.000000Z"},
}
EVENTS = "/apis/events.k8s.io/v1/namespaces/$(ns)/events"
EVENT: dict[str, Any] = {
    "metadata": {"name": "a"},
    "eventTime": "2001-01-01T00:00:00.000000Z",
    "reportingController": "example.com/c",
    "reportingInstance": "i",
    "action": "Do",
    "reason": "Because",
    "regarding": {"kind": "Pod", "namespace": "$(ns)", "name": "p"},
    "note": "It is.",
    "type": "Normal",
}


def pod(**spec: Any) -> dict[str, Any]:
    return POD | {"spec": {**POD["spec"], **spec}}


PODS: dict[str, Any] = {
    "the least": POD,
    "no containers": pod(containers=[]),
    "a container without an image": pod(containers=[{"name": "x"}]),
    "a container without a name": pod(containers=[{"image": "i"}]),
    "two containers of a name": pod(containers=[CONTAINER, CONTAINER]),
    "a bad name of a container": pod(containers=[{"name": "A_B", "image": "i"}]),
    "an unknown restart policy": pod(restartPolicy="Perhaps"),
    "bad resources": pod(containers=[CONTAINER | {"resources": {"requests": {"cpu": "much"}}}]),
    "requests above limits": pod(
        containers=[CONTAINER | {"resources": {"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}}]
    ),
    "limits alone": pod(containers=[CONTAINER | {"resources": {"limits": {"cpu": "1", "memory": "1Gi"}}}]),
    "a mount without a volume": pod(containers=[CONTAINER | {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}]),
    "a volume": pod(
        volumes=[{"name": "v", "emptyDir": {}}],
        containers=[CONTAINER | {"volumeMounts": [{"name": "v", "mountPath": "/v"}]}],
    ),
    "a volume twice": pod(volumes=[{"name": "v", "emptyDir": {}}, {"name": "v", "emptyDir": {}}]),
    "a volume of two sorts": pod(volumes=[{"name": "v", "emptyDir": {}, "configMap": {"name": "c"}}]),
    "ports and probes": pod(
        containers=[CONTAINER | {"ports": [{"containerPort": 80}], "livenessProbe": {"httpGet": {"port": 80}}}]
    ),
    "a bad port": pod(containers=[CONTAINER | {"ports": [{"containerPort": 99999}]}]),
    "an environment": pod(
        containers=[
            CONTAINER
            | {
                "env": [
                    {"name": "A", "value": "b"},
                    {"name": "B", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}},
                ]
            }
        ]
    ),
    "a bad environment": pod(containers=[CONTAINER | {"env": [{"name": "", "value": "b"}]}]),
    "an image's latest": pod(containers=[{"name": "x", "image": "i:latest"}]),
    "an image's tag": pod(containers=[{"name": "x", "image": "i:1"}]),
    "an unknown field": pod(nothing=1),
    "a wrong type": pod(containers="x"),
    "a secret for images": pod(
        imagePullSecrets=[{"name": "s"}], nodeSelector={"a": "b"}, tolerations=[{"key": "k", "operator": "Exists"}]
    ),
    "a negative grace period": pod(terminationGracePeriodSeconds=-1),
    "no such service account": pod(serviceAccountName="nobody"),
}


def of(plural: str, id_: str, body: Any) -> Case:
    return case(id_, post(plural, body))


PRIORITIES = "/apis/scheduling.k8s.io/v1/priorityclasses"
CSI = "/apis/storage.k8s.io/v1/csidrivers"
CRITICAL: dict[str, Any] = {
    "metadata": {"name": "a"},
    "spec": {"containers": [{"name": "m", "image": "i"}], "priorityClassName": "system-cluster-critical"},
}

CASES = (
    *(of(f"{CORE}/pods", f"a Pod with {words}", body) for words, body in PODS.items()),
    case(
        "a Pod's spec stays",
        post(f"{CORE}/pods", POD),
        patch(f"{CORE}/pods/a", {"spec": {"restartPolicy": "Never"}}),
        patch(f"{CORE}/pods/a", {"spec": {"containers": [CONTAINER | {"image": "j"}]}}),
        patch(f"{CORE}/pods/a", {"spec": {"nodeName": "n"}}),
    ),
    case("a Pod's deletion", post(f"{CORE}/pods", POD), delete(f"{CORE}/pods/a"), get(f"{CORE}/pods/a")),
    case("a Pod's status", post(f"{CORE}/pods", POD), patch(f"{CORE}/pods/a/status", {"status": {"phase": "Running"}})),
    case(
        "Pods are selected by fields",
        post(f"{CORE}/pods", POD),
        get(f"{CORE}/pods?fieldSelector=status.phase=Pending"),
        get(f"{CORE}/pods?fieldSelector=spec.nodeName=n"),
        get(f"{CORE}/pods?fieldSelector=spec.nothing=n"),
    ),
    of(JOBS, "a Job", JOB),
    of(
        JOBS,
        "a Job that restarts always",
        JOB | {"spec": JOB["spec"] | {"template": {"spec": {"containers": [CONTAINER]}}}},
    ),
    of(JOBS, "a Job with a negative limit", JOB | {"spec": JOB["spec"] | {"backoffLimit": -1}}),
    of(
        JOBS,
        "a Job with a time limit",
        JOB | {"spec": JOB["spec"] | {"activeDeadlineSeconds": 5, "ttlSecondsAfterFinished": 9, "backoffLimit": 0}},
    ),
    case(
        "a Job's template stays",
        post(JOBS, JOB),
        once(patch(f"{JOBS}/a?dryRun=All", [IS_SUSPENDED], JSON_PATCH), 200),
        patch(f"{JOBS}/a", {"spec": {"completions": 2}}),
        patch(f"{JOBS}/a", {"spec": {"parallelism": 3}}),
    ),
    of(f"{CORE}/persistentvolumeclaims", "a claim", PVC),
    of(f"{CORE}/persistentvolumeclaims", "a claim of nothing", PVC | {"spec": {}}),
    of(
        f"{CORE}/persistentvolumeclaims",
        "a claim of an unknown mode",
        PVC | {"spec": PVC["spec"] | {"accessModes": ["Sometimes"]}},
    ),
    of(
        f"{CORE}/persistentvolumeclaims",
        "a negative claim",
        PVC | {"spec": PVC["spec"] | {"resources": {"requests": {"storage": "-1"}}}},
    ),
    case(
        "a claim's spec stays",
        post(f"{CORE}/persistentvolumeclaims", PVC),
        patch(f"{CORE}/persistentvolumeclaims/a", {"spec": {"storageClassName": "x"}}),
    ),
    of(f"{CORE}/services", "a Service", SERVICE),
    of(f"{CORE}/services", "a Service without ports", SERVICE | {"spec": {"selector": {"a": "b"}}}),
    of(f"{CORE}/services", "a headless Service", SERVICE | {"spec": SERVICE["spec"] | {"clusterIP": "None"}}),
    of(f"{CORE}/services", "a Service of an unknown type", SERVICE | {"spec": SERVICE["spec"] | {"type": "Magic"}}),
    of(
        f"{CORE}/services",
        "a Service to another name",
        SERVICE | {"spec": {"type": "ExternalName", "externalName": "a.example.com"}},
    ),
    of(f"{CORE}/services", "two ports without names", SERVICE | {"spec": {"ports": [{"port": 80}, {"port": 81}]}}),
    of(
        f"{CORE}/secrets",
        "a Secret of a type",
        {"metadata": {"name": "a"}, "type": "kubernetes.io/dockerconfigjson", "data": {}},
    ),
    of(f"{CORE}/secrets", "a Secret with data that is no base64", {"metadata": {"name": "a"}, "data": {"k": "!"}}),
    case(
        "a Secret's type stays",
        post(f"{CORE}/secrets", {"metadata": {"name": "a"}}),
        patch(f"{CORE}/secrets/a", {"type": "other"}),
    ),
    of(f"{CORE}/serviceaccounts", "a ServiceAccount", {"metadata": {"name": "a"}, "imagePullSecrets": [{"name": "s"}]}),
    case(
        "a Lease",
        post(LEASES, LEASE),
        put(f"{LEASES}/a", LEASE | {"spec": LEASE["spec"] | {"holderIdentity": "you", "leaseTransitions": 1}}),
        put(f"{LEASES}/a", LEASE | {"metadata": {"name": "a", "resourceVersion": "1"}}),
    ),
    of(LEASES, "a Lease of a bad length", LEASE | {"spec": {"leaseDurationSeconds": 0}}),
    of(LEASES, "a Lease of a bad moment", LEASE | {"spec": {"renewTime": "soon"}}),
    case(
        "an Event",
        post(EVENTS, EVENT),
        get(f"{CORE}/events/a"),
        patch(f"{EVENTS}/a", {"series": {"count": 2, "lastObservedTime": "2001-01-01T00:00:01.000000Z"}}),
    ),
    of(EVENTS, "an Event without a reason", EVENT | {"reason": ""}),
    of(EVENTS, "an Event of an unknown type", EVENT | {"type": "Odd"}),
    of(
        EVENTS,
        "an Event of another namespace",
        EVENT | {"regarding": {"kind": "Pod", "namespace": "other", "name": "p"}},
    ),
    of(
        f"{CORE}/events",
        "an old Event",
        {
            "metadata": {"name": "a"},
            "involvedObject": {"kind": "Pod", "namespace": "$(ns)", "name": "p"},
            "reason": "R",
            "message": "m",
        },
    ),
    case(
        "Events are selected by fields",
        post(EVENTS, EVENT),
        get(f"{CORE}/events?fieldSelector=involvedObject.name=p,type=Normal"),
        get(f"{EVENTS}?fieldSelector=regarding.name=p"),
    ),
    of(
        "/apis/apps/v1/namespaces/$(ns)/deployments",
        "a Deployment",
        {"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "b"}}, "template": TEMPLATE}},
    ),
    of(
        "/apis/apps/v1/namespaces/$(ns)/deployments",
        "a Deployment that selects others",
        {"metadata": {"name": "a"}, "spec": {"selector": {"matchLabels": {"a": "c"}}, "template": TEMPLATE}},
    ),
    of("/api/v1/nodes", "a Node", {"metadata": {"name": "$(ns)"}, "spec": {}}),
    of(
        "/apis/storage.k8s.io/v1/storageclasses",
        "a StorageClass",
        {"metadata": {"name": "$(ns)"}, "provisioner": "example.com/p"},
    ),
    of("/apis/scheduling.k8s.io/v1/priorityclasses", "a PriorityClass", {"metadata": {"name": "$(ns)"}, "value": 5}),
    case(
        "the system's PriorityClasses",
        delete(PRIORITIES + "/system-node-critical"),
        post(PRIORITIES, {"metadata": {"name": "system-$(ns)"}, "value": 1}),
        post(PRIORITIES, {"metadata": {"name": "system-node-critical"}, "value": 1}),
        post(PRIORITIES, {"metadata": {"name": "$(ns)"}, "value": 10**9 + 1}),
        post(f"{CORE}/pods", CRITICAL),
        post(f"{CORE}/pods", CRITICAL | {"spec": CRITICAL["spec"] | {"priority": 5}}),
    ),
    of(CSI, "a CSIDriver", {"metadata": {"name": "$(ns)"}}),
    of(CSI, "a CSIDriver of its own kind", {"metadata": {"name": "$(ns)"}, "spec": {"fsGroupPolicy": "x"}}),
)

from typing import Any

import pytest

from support.requests import Reply, Server

PODS = "/api/v1/namespaces/here/pods"
CLASSES = "/apis/scheduling.k8s.io/v1/priorityclasses"
DRY = f"{PODS}?dryRun=All"
CONTAINER = {"name": "a", "image": "i"}

Json = dict[str, Any]


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture(scope="module")
def shared() -> Server:
    return Server()


def pod(name: str = "p", **spec: Any) -> Json:
    return {"metadata": {"name": name}, "spec": {"containers": [CONTAINER], **spec}}


def one(**fields: Any) -> Json:
    return {"containers": [{**CONTAINER, **fields}]}


def test_a_pod_is_given_what_a_real_server_gives(shared: Server) -> None:
    body = shared.post(DRY, pod(automountServiceAccountToken=False)).body
    assert body["status"] == {"phase": "Pending", "qosClass": "BestEffort"}
    assert body["metadata"]["generation"] == 1
    assert body["spec"] == {
        "automountServiceAccountToken": False,
        "containers": [
            {
                **CONTAINER,
                "imagePullPolicy": "Always",
                "resources": {},
                "terminationMessagePath": "/dev/termination-log",
                "terminationMessagePolicy": "File",
            }
        ],
        "dnsPolicy": "ClusterFirst",
        "enableServiceLinks": True,
        "preemptionPolicy": "PreemptLowerPriority",
        "priority": 0,
        "restartPolicy": "Always",
        "schedulerName": "default-scheduler",
        "securityContext": {},
        "serviceAccount": "default",
        "serviceAccountName": "default",
        "terminationGracePeriodSeconds": 30,
        "tolerations": [
            {"key": f"node.kubernetes.io/{key}", "operator": "Exists", "effect": "NoExecute", "tolerationSeconds": 300}
            for key in ("not-ready", "unreachable")
        ],
    }


DEFAULTS = [
    pytest.param(one(image="i:1"), ("containers", 0, "imagePullPolicy"), "IfNotPresent", id="tagged-image"),
    pytest.param(one(image="r:5000/i"), ("containers", 0, "imagePullPolicy"), "Always", id="port-is-no-tag"),
    pytest.param(one(ports=[{"containerPort": 80}]), ("containers", 0, "ports", 0, "protocol"), "TCP", id="port"),
    pytest.param(
        {**one(ports=[{"containerPort": 80}]), "hostNetwork": True},
        ("containers", 0, "ports", 0, "hostPort"),
        80,
        id="host-port",
    ),
    pytest.param(
        one(resources={"limits": {"cpu": 1}}), ("containers", 0, "resources", "requests"), {"cpu": "1"}, id="requests"
    ),
    pytest.param(
        one(env=[{"name": "X", "valueFrom": {"fieldRef": {"fieldPath": "metadata.name"}}}]),
        ("containers", 0, "env", 0, "valueFrom", "fieldRef", "apiVersion"),
        "v1",
        id="field",
    ),
    pytest.param(
        one(readinessProbe={"httpGet": {"port": 80}}),
        ("containers", 0, "readinessProbe"),
        {
            "httpGet": {"path": "/", "port": 80, "scheme": "HTTP"},
            "timeoutSeconds": 1,
            "periodSeconds": 10,
            "successThreshold": 1,
            "failureThreshold": 3,
        },
        id="probe",
    ),
    pytest.param({"volumes": [{"name": "v"}]}, ("volumes", 0), {"name": "v", "emptyDir": {}}, id="volume"),
    pytest.param(
        {"volumes": [{"name": "v", "secret": {"secretName": "x"}}]},
        ("volumes", 0, "secret", "defaultMode"),
        420,
        id="mode",
    ),
    pytest.param(
        {"volumes": [{"name": "v", "hostPath": {"path": "/"}}]}, ("volumes", 0, "hostPath", "type"), "", id="host-path"
    ),
    pytest.param({"terminationGracePeriodSeconds": -1}, ("terminationGracePeriodSeconds",), 1, id="negative-grace"),
]


@pytest.mark.parametrize(("spec", "path", "value"), DEFAULTS)
def test_what_is_left_open_is_filled_in(shared: Server, spec: Json, path: tuple[Any, ...], value: Any) -> None:
    found: Any = shared.post(DRY, pod(**spec)).body["spec"]
    for part in path:
        found = found[part]
    assert found == value


def test_a_token_of_the_service_account_is_mounted(shared: Server) -> None:
    spec = shared.post(DRY, pod()).body["spec"]
    (volume,) = spec["volumes"]
    assert volume["name"].startswith("kube-api-access-")
    assert [next(iter(source)) for source in volume["projected"]["sources"]] == [
        "serviceAccountToken",
        "configMap",
        "downwardAPI",
    ]
    path = "/var/run/secrets/kubernetes.io/serviceaccount"
    assert spec["containers"][0]["volumeMounts"] == [{"name": volume["name"], "readOnly": True, "mountPath": path}]


def test_no_pod_is_made_for_a_service_account_that_does_not_exist(shared: Server) -> None:
    reply = shared.post(DRY, pod(serviceAccountName="nope"))
    words = 'pods "p" is forbidden: error looking up service account here/nope: serviceaccount "nope" not found'
    assert (reply.code, reply.message) == (403, words)


def test_the_priority_is_that_of_the_class(server: Server) -> None:
    server.post(CLASSES, {"metadata": {"name": "high"}, "value": 5, "preemptionPolicy": "Never"})
    spec = server.post(DRY, pod(priorityClassName="high")).body["spec"]
    assert (spec["priority"], spec["preemptionPolicy"]) == (5, "Never")


def test_the_default_class_is_given_to_pods_without_one(server: Server) -> None:
    server.post(CLASSES, {"metadata": {"name": "usual"}, "value": 7, "globalDefault": True})
    spec = server.post(DRY, pod()).body["spec"]
    assert (spec["priority"], spec["priorityClassName"]) == (7, "usual")


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param({"priorityClassName": "x"}, "no PriorityClass with name x was found", id="unknown"),
        pytest.param(
            {"priority": 5},
            "the integer value of priority (5) must not be provided in pod spec; priority admission controller computed "
            "0 from the given PriorityClass name",
            id="number",
        ),
    ],
)
def test_a_priority_of_ones_own_is_forbidden(shared: Server, spec: Json, words: str) -> None:
    reply = shared.post(DRY, pod(**spec))
    assert (reply.code, reply.message) == (403, f'pods "p" is forbidden: {words}')


LABEL = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with "
    "an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
FIRST = "spec.containers[0]"

REFUSED = [
    pytest.param({"containers": []}, "spec.containers: Required value", id="no-containers"),
    pytest.param({"containers": [{"image": "i"}]}, f"{FIRST}.name: Required value", id="no-name"),
    pytest.param({"containers": [{"name": "a"}]}, f"{FIRST}.image: Required value", id="no-image"),
    pytest.param(
        {"containers": [{"name": "A_", "image": "i"}]}, f'{FIRST}.name: Invalid value: "A_": {LABEL}', id="name"
    ),
    pytest.param({"containers": [CONTAINER, CONTAINER]}, 'spec.containers[1].name: Duplicate value: "a"', id="twice"),
    pytest.param(
        {"initContainers": [CONTAINER]}, 'spec.initContainers[0].name: Duplicate value: "a"', id="twice-in-lists"
    ),
    pytest.param(
        {"restartPolicy": "X", "dnsPolicy": "Y"},
        '[spec.restartPolicy: Unsupported value: "X": supported values: "Always", "OnFailure", "Never", '
        'spec.dnsPolicy: Unsupported value: "Y": supported values: "ClusterFirstWithHostNet", "ClusterFirst", '
        '"Default", "None"]',
        id="policies",
    ),
    pytest.param(
        one(imagePullPolicy="X"),
        f'{FIRST}.imagePullPolicy: Unsupported value: "X": supported values: "Always", "IfNotPresent", "Never"',
        id="pull-policy",
    ),
    pytest.param(
        one(image=" x"), f'{FIRST}.image: Invalid value: " x": must not have leading or trailing whitespace', id="image"
    ),
    pytest.param(one(ports=[{"containerPort": 0}]), f"{FIRST}.ports[0].containerPort: Required value", id="port-0"),
    pytest.param(
        one(ports=[{"containerPort": 70000}]),
        f"{FIRST}.ports[0].containerPort: Invalid value: 70000: must be between 1 and 65535, inclusive",
        id="port",
    ),
    pytest.param(
        one(env=[{"name": "a=b"}]),
        f'{FIRST}.env[0].name: Invalid value: "a=b": a valid environment variable name must consist only of printable '
        "ASCII characters other than '='",
        id="variable",
    ),
    pytest.param(
        one(env=[{"name": "x", "valueFrom": {"fieldRef": {"fieldPath": "metadata.foo"}}}]),
        f'{FIRST}.env[0].valueFrom.fieldRef.fieldPath: Invalid value: "metadata.foo": error converting fieldPath: field '
        "label not supported: metadata.foo",
        id="field",
    ),
    pytest.param(
        one(envFrom=[{}]),
        f'{FIRST}.envFrom: Invalid value: "": must specify one of: `configMapRef` or `secretRef`',
        id="env-from",
    ),
    pytest.param(
        one(volumeMounts=[{"name": "v", "mountPath": "/x"}]),
        f'{FIRST}.volumeMounts[0].name: Not found: "v"',
        id="mount",
    ),
    pytest.param(
        one(resources={"requests": {"cpu": "2"}, "limits": {"cpu": "1"}}),
        f'{FIRST}.resources.requests: Invalid value: "2": must be less than or equal to cpu limit of 1',
        id="request-above-limit",
    ),
    pytest.param(
        one(resources={"requests": {"nvidia.com/gpu": "1"}}),
        f"{FIRST}.resources.limits: Required value: Limit must be set for non overcommitable resources",
        id="device-without-limit",
    ),
    pytest.param(
        one(livenessProbe={}), f"{FIRST}.livenessProbe: Required value: must specify a handler type", id="probe"
    ),
    pytest.param(
        one(securityContext={"runAsUser": -1}),
        f"{FIRST}.securityContext.runAsUser: Invalid value: -1: must be between 0 and 2147483647, inclusive",
        id="user",
    ),
    pytest.param(
        {"volumes": [{"name": "a", "emptyDir": {}, "configMap": {"name": "x"}}]},
        "spec.volumes[0].configMap: Forbidden: may not specify more than 1 volume type",
        id="two-sources",
    ),
    pytest.param(
        {"volumes": [{"name": "a", "persistentVolumeClaim": {"claimName": ""}}]},
        "spec.volumes[0].persistentVolumeClaim.claimName: Required value",
        id="claim",
    ),
    pytest.param(
        {"activeDeadlineSeconds": 0},
        "spec.activeDeadlineSeconds: Invalid value: 0: must be between 1 and 2147483647, inclusive",
        id="deadline",
    ),
    pytest.param(
        {"tolerations": [{"operator": "Exists", "value": "x"}]},
        "spec.tolerations[0].operator: Invalid value: \"x\": value must be empty when `operator` is 'Exists'",
        id="toleration",
    ),
    pytest.param(
        {"affinity": {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": []}}}},
        "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms: Required value: "
        "must have at least one node selector term",
        id="affinity",
    ),
]


@pytest.mark.parametrize(("spec", "words"), REFUSED)
def test_an_invalid_pod_is_refused_in_the_words_of_a_real_server(shared: Server, spec: Json, words: str) -> None:
    reply = shared.post(DRY, pod(**{"automountServiceAccountToken": False, **spec}))
    assert (reply.code, reply.message) == (422, f'Pod "p" is invalid: {words}')


@pytest.mark.parametrize(
    ("change", "accepted"),
    [
        pytest.param({"spec": {"containers": [{**CONTAINER, "image": "j"}]}}, True, id="image"),
        pytest.param({"spec": {"activeDeadlineSeconds": 5}}, True, id="deadline"),
        pytest.param({"spec": {"tolerations": []}}, True, id="no-tolerations"),
        pytest.param({"metadata": {"labels": {"a": "b"}}}, True, id="labels"),
        pytest.param({"spec": {"nodeName": "x"}}, False, id="node"),
        pytest.param({"spec": {"restartPolicy": "Never"}}, False, id="restart-policy"),
        pytest.param({"spec": {"containers": [CONTAINER, {"name": "b", "image": "i"}]}}, False, id="container"),
        pytest.param({"spec": {"containers": [{**CONTAINER, "env": [{"name": "A"}]}]}}, False, id="variable"),
    ],
)
def test_little_of_a_pod_may_change(server: Server, change: Json, *, accepted: bool) -> None:
    server.post(PODS, pod(automountServiceAccountToken=False))
    assert server.patch(f"{PODS}/p", change).code == (200 if accepted else 422)


def test_a_status_keeps_its_class_of_quality(server: Server) -> None:
    server.post(PODS, pod())
    reply = server.patch(f"{PODS}/p/status", {"status": {"phase": "Running", "qosClass": "Burstable"}})
    assert reply.message == 'Pod "p" is invalid: status.qosClass: Invalid value: "Burstable": field is immutable'
    assert server.patch(f"{PODS}/p/status", {"status": {"phase": "Running"}}).body["status"]["phase"] == "Running"


@pytest.mark.parametrize(
    ("resources", "quality"),
    [
        pytest.param([{}], "BestEffort", id="nothing"),
        pytest.param([{"limits": {"nvidia.com/gpu": "1"}}], "BestEffort", id="devices-only"),
        pytest.param([{"requests": {"cpu": "1"}}], "Burstable", id="requests"),
        pytest.param([{"limits": {"cpu": "1", "memory": "1Gi"}}], "Guaranteed", id="limits"),
        pytest.param([{"limits": {"cpu": "1", "memory": "1Gi"}}, {}], "Burstable", id="one-of-two"),
        pytest.param(
            [{"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "1000m"}}], "Guaranteed", id="equal-amounts"
        ),
    ],
)
def test_the_class_of_quality_follows_from_the_resources(shared: Server, resources: list[Json], quality: str) -> None:
    parts = [{"name": f"c{index}", "image": "i", "resources": part} for index, part in enumerate(resources)]
    assert shared.post(DRY, pod(containers=parts)).body["status"]["qosClass"] == quality


def seen(server: Server) -> list[tuple[str, int, int | None]]:
    """What a watch was told of the pod: events with generation and grace period."""
    events = server.cluster.storage.collection("", "pods").since(0)
    metas = [(event.type.value, event.now.object["metadata"]) for event in events]
    return [(kind, meta["generation"], meta.get("deletionGracePeriodSeconds")) for kind, meta in metas]


def left(reply: Reply) -> tuple[str, int]:
    return reply.body["kind"], reply.body["metadata"]["deletionGracePeriodSeconds"]


def test_a_pod_that_nobody_runs_goes_at_once(server: Server) -> None:
    server.post(PODS, pod())
    assert left(server.delete(f"{PODS}/p")) == ("Pod", 0)
    assert seen(server) == [("ADDED", 1, None), ("MODIFIED", 2, 0), ("DELETED", 2, 0)]
    assert server.get(f"{PODS}/p").code == 404


def test_a_running_pod_has_its_grace_period_until_it_is_cut_short(server: Server) -> None:
    server.post(PODS, pod(nodeName="n1"))
    assert left(server.delete(f"{PODS}/p")) == ("Pod", 30)
    assert left(server.delete(f"{PODS}/p?gracePeriodSeconds=10")) == ("Pod", 10)
    assert left(server.delete(f"{PODS}/p?gracePeriodSeconds=20")) == ("Pod", 10)
    assert left(server.delete(f"{PODS}/p?gracePeriodSeconds=0")) == ("Pod", 0)
    assert [kind for kind, _, _ in seen(server)] == ["ADDED", "MODIFIED", "MODIFIED", "MODIFIED", "DELETED"]


def test_a_pod_that_has_ended_goes_at_once(server: Server) -> None:
    server.post(PODS, pod(nodeName="n1"))
    server.patch(f"{PODS}/p/status", {"status": {"phase": "Succeeded"}})
    assert left(server.delete(f"{PODS}/p")) == ("Pod", 0)


@pytest.mark.parametrize(
    ("selector", "found"),
    [
        ("spec.nodeName=n1", ["bound"]),
        ("spec.nodeName=", ["free"]),
        ("spec.hostNetwork=false,metadata.name=free", ["free"]),
        ("status.phase!=Pending", []),
        ("spec.restartPolicy=Never", ["bound"]),
    ],
)
def test_pods_are_selected_by_their_fields(server: Server, selector: str, found: list[str]) -> None:
    server.post(PODS, pod("bound", nodeName="n1", restartPolicy="Never"))
    server.post(PODS, pod("free"))
    items = server.get(f"{PODS}?fieldSelector={selector}").body["items"]
    assert [item["metadata"]["name"] for item in items] == found


@pytest.mark.parametrize(
    ("path", "words"),
    [
        (f"{PODS}?fieldSelector=spec.foo=x", "field label not supported: spec.foo"),
        ("/api/v1/nodes?fieldSelector=x=y", "field label not supported: x"),
        (
            "/apis/batch/v1/namespaces/here/jobs?fieldSelector=status.foo=x",
            'field label "status.foo" not supported for Job',
        ),
        (
            "/api/v1/namespaces/here/configmaps?fieldSelector=x=y",
            '"x" is not a known field selector: only "metadata.name", "metadata.namespace"',
        ),
    ],
)
def test_a_field_that_is_not_selectable_is_refused(shared: Server, path: str, words: str) -> None:
    reply = shared.get(path)
    assert (reply.code, reply.message) == (400, words)

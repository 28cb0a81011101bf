from typing import Any

import pytest

from support.requests import Server

APPS = "/apis/apps/v1/namespaces/here"
TEMPLATE = {"metadata": {"labels": {"x": "y"}}, "spec": {"containers": [{"name": "a", "image": "i"}]}}
SPEC = {"selector": {"matchLabels": {"x": "y"}}, "template": TEMPLATE}

Json = dict[str, Any]


@pytest.fixture(scope="module")
def server() -> Server:
    return Server()


@pytest.mark.parametrize(
    ("path", "spec", "status"),
    [
        pytest.param(
            f"{APPS}/deployments",
            {
                "progressDeadlineSeconds": 600,
                "replicas": 1,
                "revisionHistoryLimit": 10,
                "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": "25%", "maxSurge": "25%"}},
            },
            {},
            id="deployment",
        ),
        pytest.param(f"{APPS}/replicasets", {"replicas": 1}, {"replicas": 0}, id="replica-set"),
        pytest.param(
            f"{APPS}/statefulsets",
            {
                "persistentVolumeClaimRetentionPolicy": {"whenDeleted": "Retain", "whenScaled": "Retain"},
                "podManagementPolicy": "OrderedReady",
                "replicas": 1,
                "revisionHistoryLimit": 10,
                "serviceName": "",
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"partition": 0}},
            },
            {"replicas": 0, "availableReplicas": 0},
            id="stateful-set",
        ),
        pytest.param(
            f"{APPS}/daemonsets",
            {
                "revisionHistoryLimit": 10,
                "updateStrategy": {"type": "RollingUpdate", "rollingUpdate": {"maxUnavailable": 1, "maxSurge": 0}},
            },
            {"currentNumberScheduled": 0, "desiredNumberScheduled": 0, "numberMisscheduled": 0, "numberReady": 0},
            id="daemon-set",
        ),
    ],
)
def test_defaults_are_those_of_a_real_server(server: Server, path: str, spec: Json, status: Json) -> None:
    body = server.post(f"{path}?dryRun=All", {"metadata": {"name": "w"}, "spec": SPEC, "status": {"replicas": 7}}).body
    template = body["spec"].pop("template")
    assert body["spec"] == {"selector": SPEC["selector"], **spec}
    assert body["status"] == status
    assert template["spec"]["terminationGracePeriodSeconds"] == 30
    assert "enableServiceLinks" not in template["spec"]


MISMATCH = 'spec.template.metadata.labels: Invalid value: {"x":"y"}: `selector` does not match template `labels`'


@pytest.mark.parametrize(
    ("kind", "path", "spec", "words"),
    [
        pytest.param(
            "Deployment",
            "deployments",
            {"template": TEMPLATE},
            f"[spec.selector: Required value, {MISMATCH}]",
            id="no-selector",
        ),
        pytest.param("DaemonSet", "daemonsets", {"template": TEMPLATE}, MISMATCH, id="no-selector-of-daemons"),
        pytest.param(
            "Deployment", "deployments", {**SPEC, "selector": {"matchLabels": {"x": "z"}}}, MISMATCH, id="other-labels"
        ),
        pytest.param(
            "ReplicaSet",
            "replicasets",
            {**SPEC, "selector": {}},
            "spec.selector: Invalid value: {}: empty selector is invalid for deployment",
            id="empty-selector",
        ),
        pytest.param(
            "StatefulSet",
            "statefulsets",
            {**SPEC, "replicas": -1},
            "spec.replicas: Invalid value: -1: must be greater than or equal to 0",
            id="replicas",
        ),
        pytest.param(
            "Deployment",
            "deployments",
            {**SPEC, "template": {**TEMPLATE, "spec": {**TEMPLATE["spec"], "restartPolicy": "Never"}}},
            'spec.template.spec.restartPolicy: Unsupported value: "Never": supported values: "Always"',
            id="restart-policy",
        ),
        pytest.param(
            "Deployment",
            "deployments",
            {**SPEC, "strategy": {"type": "Recreate", "rollingUpdate": {"maxSurge": 1}}},
            "spec.strategy.rollingUpdate: Forbidden: may not be specified when strategy `type` is 'Recreate'",
            id="strategy",
        ),
    ],
)
def test_an_invalid_workload_is_refused(server: Server, kind: str, path: str, spec: Json, words: str) -> None:
    reply = server.post(f"{APPS}/{path}?dryRun=All", {"metadata": {"name": "w"}, "spec": spec})
    assert (reply.code, reply.message) == (422, f'{kind}.apps "w" is invalid: {words}')


def test_the_selector_stays(server: Server) -> None:
    server.post(f"{APPS}/deployments", {"metadata": {"name": "kept"}, "spec": SPEC})
    reply = server.patch(f"{APPS}/deployments/kept", {"spec": {"selector": {"matchLabels": {"x": "z"}}}})
    fixed = 'spec.selector: Invalid value: {"matchLabels":{"x":"z"}}: field is immutable'
    assert reply.message == f'Deployment.apps "kept" is invalid: [{MISMATCH}, {fixed}]'


def test_a_replication_controller_selects_what_it_makes(server: Server) -> None:
    path = "/api/v1/namespaces/here/replicationcontrollers?dryRun=All"
    body = server.post(path, {"metadata": {"name": "w"}, "spec": {"template": TEMPLATE}}).body
    assert (body["spec"]["selector"], body["metadata"]["labels"], body["spec"]["replicas"]) == (
        {"x": "y"},
        {"x": "y"},
        1,
    )

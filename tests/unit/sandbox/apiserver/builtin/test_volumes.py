from typing import Any

import pytest

from support.requests import Server

CLAIMS = "/api/v1/namespaces/here/persistentvolumeclaims"
VOLUMES = "/api/v1/persistentvolumes"
CLASSES = "/apis/storage.k8s.io/v1/storageclasses"
DEFAULT = {"storageclass.kubernetes.io/is-default-class": "true"}
ONE_GIB = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
FIXED = "spec: Forbidden: spec is immutable after creation except resources.requests and volumeAttributesClassName for bound claims"

Json = dict[str, Any]


@pytest.fixture
def server() -> Server:
    return Server()


def test_a_claim_is_pending_and_protected(server: Server) -> None:
    body = server.post(CLAIMS, {"metadata": {"name": "c"}, "spec": ONE_GIB}).body
    assert body["spec"] == {**ONE_GIB, "volumeMode": "Filesystem"}
    assert body["status"] == {"phase": "Pending"}
    assert body["metadata"]["finalizers"] == ["kubernetes.io/pvc-protection"]


@pytest.mark.parametrize(
    ("spec", "given"),
    [
        pytest.param({}, "quick", id="none-named"),
        pytest.param({"storageClassName": "slow"}, "slow", id="named"),
        pytest.param({"storageClassName": ""}, "", id="none-wanted"),
    ],
)
def test_a_claim_is_given_the_default_class(server: Server, spec: Json, given: str) -> None:
    server.post(CLASSES, {"metadata": {"name": "quick", "annotations": DEFAULT}, "provisioner": "x"})
    body = server.post(CLAIMS, {"metadata": {"name": "c"}, "spec": {**ONE_GIB, **spec}}).body
    assert body["spec"]["storageClassName"] == given


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        pytest.param(
            {},
            "[spec.accessModes: Required value: at least 1 access mode is required, spec.resources[storage]: Required "
            "value]",
            id="empty",
        ),
        pytest.param(
            {"accessModes": ["X"], "resources": {"requests": {"storage": "-1Gi"}}},
            '[spec.accessModes: Unsupported value: "X": supported values: "ReadOnlyMany", "ReadWriteMany", '
            '"ReadWriteOnce", "ReadWriteOncePod", spec.resources[storage]: Invalid value: "-1Gi": must be greater than '
            "zero]",
            id="wrong",
        ),
    ],
)
def test_an_invalid_claim_is_refused(server: Server, spec: Json, words: str) -> None:
    reply = server.post(CLAIMS, {"metadata": {"name": "c"}, "spec": spec})
    assert (reply.code, reply.message) == (422, f'PersistentVolumeClaim "c" is invalid: {words}')


@pytest.mark.parametrize(
    ("phase", "spec", "words"),
    [
        pytest.param("Pending", {"volumeName": "v"}, "", id="binding"),
        pytest.param("Pending", {"accessModes": ["ReadWriteMany"]}, FIXED, id="modes"),
        pytest.param("Pending", {"resources": {"requests": {"storage": "2Gi"}}}, FIXED, id="growing-unbound"),
        pytest.param("Bound", {"resources": {"requests": {"storage": "2Gi"}}}, "", id="growing"),
        pytest.param("Bound", {"storageClassName": "z"}, FIXED, id="class"),
    ],
)
def test_a_claim_stays_as_it_is_but_for_its_size(server: Server, phase: str, spec: Json, words: str) -> None:
    server.post(CLAIMS, {"metadata": {"name": "c"}, "spec": ONE_GIB})
    server.patch(f"{CLAIMS}/c/status", {"status": {"phase": phase}})
    reply = server.patch(f"{CLAIMS}/c", {"spec": spec})
    assert reply.message == (f'PersistentVolumeClaim "c" is invalid: {words}' if words else "")


def test_a_volume_is_pending_and_protected(server: Server) -> None:
    spec = {"accessModes": ["ReadWriteOnce"], "capacity": {"storage": "1"}, "hostPath": {"path": "/x"}}
    body = server.post(VOLUMES, {"metadata": {"name": "v"}, "spec": spec}).body
    assert body["spec"]["persistentVolumeReclaimPolicy"] == "Retain"
    assert body["spec"]["hostPath"] == {"path": "/x", "type": ""}
    assert set(body["status"]) == {"phase", "lastPhaseTransitionTime"}
    assert body["metadata"]["finalizers"] == ["kubernetes.io/pv-protection"]
    reply = server.patch(f"{VOLUMES}/v", {"spec": {"hostPath": {"path": "/y"}}})
    fixed = "spec.persistentvolumesource: Forbidden: spec.persistentvolumesource is immutable after creation"
    assert reply.message == f'PersistentVolume "v" is invalid: {fixed}'


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"parameters": {"a": "c"}}, 'parameters: Invalid value: {"a":"c"}: field is immutable'),
        ({"provisioner": "y"}, 'provisioner: Invalid value: "y": field is immutable'),
        ({"reclaimPolicy": "Retain"}, 'reclaimPolicy: Invalid value: "Retain": field is immutable'),
        ({"allowVolumeExpansion": True}, ""),
    ],
)
def test_a_class_stays_as_it_is(server: Server, change: Json, words: str) -> None:
    made = server.post(CLASSES, {"metadata": {"name": "k"}, "provisioner": "x", "parameters": {"a": "b"}}).body
    assert (made["reclaimPolicy"], made["volumeBindingMode"]) == ("Delete", "Immediate")
    reply = server.patch(f"{CLASSES}/k", change)
    assert reply.message == (f'StorageClass.storage.k8s.io "k" is invalid: {words}' if words else "")

import msgspec
import pytest

from aimctrl.kube import core, external
from aimctrl.kube.core import CRDS, JOBS, LEASES, NODES, PODS, PVCS, SECRETS, SERVICES, STORAGE_CLASSES
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Kind, UndecodableObjectError

KINDS = [value for module in (core, external) for value in vars(module).values() if isinstance(value, Kind)]


def raw(**fields):
    return msgspec.json.encode(fields)


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_an_object_with_nothing_in_it_decodes(kind):
    value = kind.decode(b'{"apiVersion":"x","kind":"y","metadata":{"name":"a"},"unheardOf":{"b":[1]}}')
    assert value.key.name == "a"


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_field_of_another_shape_is_reported_with_its_place(kind):
    with pytest.raises(UndecodableObjectError, match=rf"{kind.name}.*\$\.metadata\.name"):
        kind.decode(b'{"metadata":{"name":1}}')


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (NODES, "/api/v1/nodes"),
        (JOBS, "/apis/batch/v1/namespaces/ns/jobs"),
        (LEASES, "/apis/coordination.k8s.io/v1/namespaces/ns/leases"),
        (HTTPROUTES, "/apis/gateway.networking.k8s.io/v1/namespaces/ns/httproutes"),
        (INFERENCE_SERVICES, "/apis/serving.kserve.io/v1beta1/namespaces/ns/inferenceservices"),
        (external.CLUSTER_SERVING_RUNTIMES, "/apis/serving.kserve.io/v1alpha1/clusterservingruntimes"),
    ],
    ids=str,
)
def test_kinds_are_served_where_the_api_documents_them(kind, path):
    assert kind.path("ns") == path


def test_a_pod_tells_why_its_container_waits():
    pod = PODS.decode(
        raw(
            metadata={"name": "p", "namespace": "n", "creationTimestamp": "2026-01-02T03:04:05Z"},
            spec={"nodeName": "node", "containers": [{"name": "c", "image": "i", "resources": {}}]},
            status={
                "phase": "Pending",
                "conditions": [{"type": "Ready", "status": "False", "lastProbeTime": None, "lastTransitionTime": None}],
                "containerStatuses": [{"name": "c", "state": {"waiting": {"reason": "ErrImagePull", "message": "m"}}}],
            },
        )
    )
    assert pod.status.container_statuses[0].state.waiting == core.Waiting("ErrImagePull", "m")
    assert pod.spec.node_name == "node"


@pytest.mark.parametrize(
    ("conditions", "succeeded", "failed"),
    [
        ([], False, False),
        ([{"type": "Complete", "status": "True"}], True, False),
        ([{"type": "Failed", "status": "True"}], False, True),
        ([{"type": "Failed", "status": "False"}], False, False),
        ([{"type": "FailureTarget", "status": "True"}], False, False),
        ([{"type": "SuccessCriteriaMet", "status": "True"}], False, False),
    ],
)
def test_a_job_has_ended_when_its_conditions_say_so(conditions, succeeded, failed):
    job = JOBS.decode(raw(status={"conditions": conditions}))
    assert (job.succeeded, job.failed, job.finished) == (succeeded, failed, succeeded or failed)


def test_a_secrets_data_is_decoded():
    assert SECRETS.decode(raw(data={"k": "aGk="})).data == {"k": b"hi"}


def test_an_unset_storage_class_is_not_an_empty_one():
    assert PVCS.decode(raw(spec={})).spec.storage_class_name is None
    assert PVCS.decode(raw(spec={"storageClassName": ""})).spec.storage_class_name == ""


def test_the_default_storage_class_is_marked_by_its_annotation():
    annotations = {"storageclass.kubernetes.io/is-default-class": "true"}
    assert STORAGE_CLASSES.decode(raw(metadata={"annotations": annotations})).is_default
    assert not STORAGE_CLASSES.decode(raw(metadata={})).is_default


def test_a_services_ports_may_point_at_names():
    service = SERVICES.decode(
        raw(spec={"clusterIP": "None", "ports": [{"port": 80, "targetPort": "http"}, {"targetPort": 8080}]})
    )
    assert [port.target_port for port in service.spec.ports] == ["http", 8080]
    assert service.spec.cluster_ip == "None"


def test_a_crd_is_established_when_its_condition_says_so():
    assert CRDS.decode(raw(status={"conditions": [{"type": "Established", "status": "True"}]})).established
    assert not CRDS.decode(raw(spec={"group": "g"})).established


def test_an_inference_service_keeps_its_spec_as_json():
    spec = {"predictor": {"model": {"runtime": "r"}}}
    service = INFERENCE_SERVICES.decode(
        raw(spec=spec, status={"conditions": [{"type": "Ready", "status": "True", "severity": "Info"}]})
    )
    assert service.spec == spec
    assert service.ready


def test_a_routes_paths_and_parents_are_read():
    route = HTTPROUTES.decode(
        raw(
            spec={"parentRefs": [{"name": "g"}], "rules": [{"matches": [{"path": {"value": "/a"}}]}]},
            status={"parents": [{"parentRef": {"name": "g"}, "conditions": [{"type": "Accepted", "status": "True"}]}]},
        )
    )
    assert route.spec.parent_refs[0].kind == "Gateway"
    assert route.spec.rules[0].matches[0].path.value == "/a"
    assert route.status.parents[0].conditions[0].is_true

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from aimctrl.api import kinds
from aimctrl.api.common import Metric, Precision, ResolvedReference, Scope
from aimctrl.api.config import Routing
from aimctrl.api.model import AIMImage
from aimctrl.api.reasons import CacheState, ModelState, ServiceState, TemplateState
from aimctrl.api.service import ModelReference, ServiceSpec, TemplateOptions
from aimctrl.api.template import TemplateSpec, TemplateStatus
from aimctrl.kube.kinds import Key, Kind
from support.shapes import contains


def decode(kind: Kind[Any], spec: dict[str, Any], status: dict[str, Any] | None = None) -> Any:
    whole = {"metadata": {"name": "x", "namespace": "team"}, "spec": spec, "status": status or {}}
    return kind.decode(json.dumps(whole).encode())


def test_a_template_reads_as_it_stands_in_the_api():
    template = decode(
        kinds.AIM_SERVICE_TEMPLATE,
        {
            "modelName": "meta-llama-3-8b-instruct",
            "runtimeConfigName": "ml-research",
            "metric": "throughput",
            "precision": "fp8",
            "gpuSelector": {"count": 2, "model": "MI300X"},
            "env": [{"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "creds", "key": "token"}}}],
            "imagePullSecrets": [{"name": "registry-credentials"}],
            "modelSources": [{"name": "tokenizer", "sourceURI": "hf://a/b", "size": "2Mi"}],
        },
    )
    spec = template.spec
    assert template.key == Key("team", "x")
    assert (spec.model_id, spec.metric, spec.precision) == (
        "meta-llama-3-8b-instruct",
        Metric.THROUGHPUT,
        Precision.FP8,
    )
    assert (spec.gpu.count, spec.gpu.model, spec.gpu.resource_name) == (2, "MI300X", None)
    assert spec.env[0].value_from == {"secretKeyRef": {"name": "creds", "key": "token"}}
    assert spec.image_pull_secrets[0].name == "registry-credentials"
    assert spec.model_sources[0].source_uri == "hf://a/b"
    assert template.status == TemplateStatus()


@pytest.mark.parametrize(
    ("kind", "spec"),
    [
        (kinds.AIM_MODEL_CACHE, {"sourceURI": "hf://a", "size": "1Gi"}),
        (kinds.AIM_SERVICE_TEMPLATE, {"modelName": "m", "modelSources": [{"name": "a", "sourceURI": "s3://a/b"}]}),
        (kinds.AIM_MODEL, {"image": "i:1", "resources": {"limits": {"cpu": 8, "memory": "64Gi"}}}),
        (kinds.AIM_SERVICE, {"model": {"ref": "m"}, "autoScaling": {"metrics": [{"type": "External", "x": {"y": 1.5}}]}}),
        (kinds.AIM_RUNTIME_CONFIG, {"routing": {"annotations": {"a.b/c": "d"}, "gatewayRef": {"name": "g", "sectionName": "s"}}}),
        (kinds.AIM_TEMPLATE_CACHE, {"templateRef": "t", "env": [{"name": "A", "value": ""}]}),
    ],
    ids=lambda value: getattr(value, "name", ""),
)  # fmt: skip
def test_what_is_read_is_written_back(kind: Kind[Any], spec: dict[str, Any]):
    value = decode(kind, spec)
    assert contains(value.wire()["spec"], spec)
    assert kind.decode(json.dumps(value.wire()).encode()) == value


def test_metadata_is_read_and_written_with_its_times():
    stamp = "2026-01-02T03:04:05Z"
    raw = {"metadata": {"name": "x", "creationTimestamp": stamp, "labels": {"a": "b"}}, "spec": {"image": "i"}}
    image = kinds.AIM_IMAGE.decode(json.dumps(raw).encode())
    assert isinstance(image, AIMImage)
    assert image.metadata.creation_timestamp == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert image.wire()["metadata"] == raw["metadata"]


def test_fields_of_later_versions_are_ignored():
    assert decode(kinds.AIM_MODEL, {"image": "i", "later": 1}, {"later": 1}).spec.image == "i"


@pytest.mark.parametrize(
    ("state", "first"),
    [
        (ModelState, "Pending"),
        (TemplateState, "Pending"),
        (ServiceState, "Pending"),
        (CacheState, "Pending"),
    ],
)
def test_a_state_of_another_version_reads_as_pending(state: Any, first: str):
    assert state("Whatever") == first


def test_a_template_that_an_older_operator_called_available_can_be_read():
    template = decode(kinds.AIM_SERVICE_TEMPLATE, {"aimImageName": "m"}, {"status": "Available"})
    assert template.status.status is TemplateState.PENDING


@pytest.mark.parametrize(
    ("spec", "model_id", "image"),
    [
        pytest.param(ServiceSpec(model=ModelReference(ref="a")), "a", None, id="by reference"),
        pytest.param(ServiceSpec(model=ModelReference(image="r/i:1")), None, "r/i:1", id="by image"),
        pytest.param(ServiceSpec(aim_image_name="b"), "b", None, id="by the older name"),
    ],
)
def test_a_service_names_its_model_in_either_vocabulary(spec: ServiceSpec, model_id: str | None, image: str | None):
    assert (spec.model_id, spec.image) == (model_id, image)


@pytest.mark.parametrize("spec", [TemplateSpec(model_name="m"), TemplateSpec(aim_image_name="m")])
def test_a_template_names_its_model_in_either_vocabulary(spec: TemplateSpec):
    assert spec.model_id == "m"


@pytest.mark.parametrize(
    ("routing", "text"),
    [
        (Routing(), None),
        (Routing(route_template="/a"), "/a"),
        (Routing(path_template="/b"), "/b"),
    ],
    ids=["unset", "routeTemplate", "pathTemplate"],
)
def test_a_route_template_has_two_names(routing: Routing, text: str | None):
    assert routing.route_template_text == text


def test_unoptimized_profiles_are_allowed_unless_they_are_not():
    assert ServiceSpec().allow_unoptimized
    assert not ServiceSpec(template=TemplateOptions(allow_unoptimized=False)).allow_unoptimized


def test_a_reference_to_a_cluster_object_has_no_namespace_on_the_wire():
    reference = ResolvedReference(name="m", scope=Scope.CLUSTER, kind="AIMClusterModel", uid="u")
    assert reference.key == Key("", "m")
    assert reference.wire() == {"name": "m", "scope": "Cluster", "kind": "AIMClusterModel", "uid": "u"}

"""The InferenceService that a service makes."""

from typing import Any

import pytest
import yaml

from aimctrl.aim.gpu import Inventory
from aimctrl.aim.service.decide import decide
from aimctrl.kube.lookup import Found
from controlplane import MissingError, crd_folder
from unit.aim.service.samples import cluster_template, config, inventory, isvc, manifest, model, seen, service, template

NVIDIA = {"nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB"}


def made(subject: Any = None, *templates: Any, **parts: Any) -> dict[str, Any]:
    """The manifest of the InferenceService."""
    return manifest(decide(seen(subject, *(templates or (template(),)), **parts)), "InferenceService")


def predictor(subject: Any = None, *templates: Any, **parts: Any) -> dict[str, Any]:
    found: dict[str, Any] = made(subject, *templates, **parts)["spec"]["predictor"]
    return found


def test_an_inference_service_is_kserves_raw_deployment_of_the_templates_runtime() -> None:
    found = made()
    terms = found["spec"]["predictor"].pop("affinity")
    assert found == {
        "apiVersion": "serving.kserve.io/v1beta1",
        "kind": "InferenceService",
        "metadata": {
            "name": "chat",
            "namespace": "ml",
            "labels": {
                "aim.silogen.ai/model-id": "llama",
                "aim.silogen.ai/service-name": "chat",
                "aim.silogen.ai/template": "fast",
                "aim.silogen.ai/template.metric": "latency",
                "aim.silogen.ai/template.precision": "fp16",
            },
            "annotations": {
                "aim.silogen.ai/gpu-model": "MI300X",
                "serving.kserve.io/autoscalerClass": "none",
                "serving.kserve.io/deploymentMode": "RawDeployment",
            },
            "ownerReferences": [
                {
                    "apiVersion": "aim.silogen.ai/v1alpha1",
                    "kind": "AIMService",
                    "name": "chat",
                    "uid": "chat-uid",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "predictor": {
                "minReplicas": 1,
                "maxReplicas": 1,
                "model": {
                    "modelFormat": {"name": "aim"},
                    "runtime": "fast",
                    "resources": {
                        "requests": {"amd.com/gpu": "1", "cpu": "4", "memory": "32Gi"},
                        "limits": {"amd.com/gpu": "1", "memory": "48Gi"},
                    },
                },
            }
        },
    }
    assert terms == affinity(*inventory().affinity_terms("MI300X"))


def affinity(*terms: Any) -> dict[str, Any]:
    required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": list(terms)}}
    return {"nodeAffinity": required}


def test_the_services_labels_and_annotations_are_its_inference_services() -> None:
    last_applied = {"kubectl.kubernetes.io/last-applied-configuration": "{}"}
    subject = service(
        labels={"team": "a", "aim.silogen.ai/template": "forged"},
        annotations={"note": "n", "serving.kserve.io/autoscalerClass": "hpa"} | last_applied,
    )
    metadata = made(subject)["metadata"]
    assert metadata["labels"]["team"] == "a"
    assert metadata["labels"]["aim.silogen.ai/template"] == "fast"
    assert metadata["annotations"]["note"] == "n"
    assert metadata["annotations"]["serving.kserve.io/autoscalerClass"] == "none"
    assert last_applied.keys().isdisjoint(metadata["annotations"])


def test_labels_hold_what_a_label_can_hold() -> None:
    labels = made(None, template(metric=None, precision=None, profile={"metric": "Laten cy!", "precision": "fp8"}))[
        "metadata"
    ]["labels"]
    assert labels["aim.silogen.ai/template.metric"] == "Laten-cy"
    assert labels["aim.silogen.ai/template.precision"] == "fp8"
    labels = made(None, template(metric=None, precision=None))["metadata"]["labels"]
    assert "aim.silogen.ai/template.metric" not in labels


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({}, (1, 1)),
        ({"replicas": 3}, (3, 3)),
        ({"replicas": 0}, (0, 0)),
        ({"minReplicas": 2}, (2, 2)),
        ({"minReplicas": 0, "maxReplicas": 5}, (0, 5)),
        ({"maxReplicas": 5}, (1, 5)),
        ({"replicas": 3, "minReplicas": 1}, (1, 3)),
        ({"replicas": 8, "maxReplicas": 4}, (4, 4)),
    ],
    ids=str,
)
def test_replicas_fill_what_min_and_max_leave_open(given: dict[str, int], expected: tuple[int, int]) -> None:
    found = predictor(service(**given))
    assert (found["minReplicas"], found["maxReplicas"]) == expected


def test_auto_scaling_is_handed_to_kserve_with_keda() -> None:
    scaling = {"metrics": [{"type": "PodMetric"}]}
    found = made(service(autoScaling=scaling, minReplicas=1, maxReplicas=3))
    assert found["spec"]["predictor"]["autoScaling"] == scaling
    annotations = found["metadata"]["annotations"]
    assert annotations["serving.kserve.io/autoscalerClass"] == "keda"
    assert annotations["sidecar.opentelemetry.io/inject"] == "chat-predictor"
    assert annotations["prometheus.kserve.io/port"] == "8000"


def names(*names_: str) -> list[dict[str, str]]:
    return [{"name": name} for name in names_]


def test_pull_secrets_are_the_union_and_the_service_account_the_first_set() -> None:
    levels = {
        "subject": service(imagePullSecrets=names("s")),
        "template": template(imagePullSecrets=names("t", "s"), serviceAccountName="t-sa"),
        "model": Found(model(imagePullSecrets=names("m"), serviceAccountName="m-sa")),
        "config": config(imagePullSecrets=names("c", "t"), serviceAccountName="c-sa"),
    }
    found = predictor(levels["subject"], levels["template"], model=levels["model"], config=levels["config"])
    assert found["imagePullSecrets"] == names("s", "t", "m", "c")
    assert found["serviceAccountName"] == "t-sa"


def test_env_is_merged_by_name_service_over_template_over_runtime_config() -> None:
    def env(**pairs: str) -> list[dict[str, str]]:
        return [{"name": name, "value": value} for name, value in pairs.items()]

    secret = {"name": "T", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    found = predictor(
        service(env=env(A="service")), template(env=[*env(A="template", B="template"), secret]),
        config=config(env=env(A="config", B="config", C="config")),
    )["model"]["env"]  # fmt: skip
    assert {entry["name"]: entry.get("value") for entry in found} == {
        "A": "service",
        "B": "template",
        "C": "config",
        "T": None,
    }
    assert secret in found
    assert [entry["name"] for entry in found] == ["A", "B", "C", "T"]


@pytest.mark.parametrize(
    ("profile", "selector", "expected"),
    [
        ({"gpu_count": 4}, {"count": 1, "model": "MI300X"}, {"amd.com/gpu": "4"}),
        ({}, {"count": 2, "model": "MI300X"}, {"amd.com/gpu": "2"}),
        ({"gpu_count": 2}, {"count": 2, "model": "H100"}, {"nvidia.com/gpu": "2"}),
        ({}, {"count": 2, "model": "MI300X", "resourceName": "amd.com/cpx"}, {"amd.com/cpx": "2"}),
        ({"gpu": "H100"}, {"count": 1}, {"nvidia.com/gpu": "1"}),
        ({}, {"count": 1}, {"amd.com/gpu": "1"}),
        ({}, None, {}),
    ],
    ids=["discovered", "selector", "NVIDIA", "named resource", "profile's vendor", "no model", "no GPU"],
)
def test_gpus_are_those_discovered_else_those_selected(
    profile: dict[str, Any], selector: dict[str, Any] | None, expected: dict[str, str]
) -> None:
    limits = predictor(None, template(profile=profile, gpuSelector=selector))["model"]["resources"]["limits"]
    assert {name: amount for name, amount in limits.items() if name != "memory"} == expected


def test_resources_come_from_service_template_and_model() -> None:
    found = predictor(
        service(resources={"requests": {"cpu": "1"}}),
        template(resources={"requests": {"cpu": "2", "memory": "2Gi"}}),
        model=Found(model(resources={"requests": {"cpu": "3", "memory": "3Gi", "x": "3"}})),
    )["model"]["resources"]["requests"]
    assert found == {"amd.com/gpu": "1", "cpu": "1", "memory": "2Gi", "x": "3"}


# Where it runs.


def test_a_template_without_a_gpu_model_runs_anywhere() -> None:
    assert "affinity" not in predictor(None, template(gpuSelector={"count": 1}))


def test_a_profiles_gpu_is_where_to_run_if_the_cluster_has_it() -> None:
    loose = template(gpuSelector={"count": 1}, profile={"gpu": "MI300X"})
    assert "affinity" in predictor(None, loose)
    assert "affinity" not in predictor(None, loose, inventory=Inventory())


def test_the_affinity_stays_while_the_template_does() -> None:
    on_a100 = template(gpuSelector={"count": 1, "model": "A100"})
    first = inventory(a=NVIDIA)
    before = predictor(None, on_a100, inventory=first)["affinity"]
    second = inventory(a={"nvidia.com/gpu.product": "NVIDIA-A100-PCIE-40GB"})
    assert predictor(None, on_a100, inventory=second)["affinity"] != before
    live = isvc(
        metadata={"annotations": {"aim.silogen.ai/gpu-model": "A100"}},
        spec={"predictor": {"model": {"runtime": "fast"}, "affinity": {**before, "podAffinity": {}}}},
    )
    assert predictor(None, on_a100, inventory=second, runtime=live)["affinity"] == before


@pytest.mark.parametrize(
    ("gpu", "runtime", "spec"),
    [
        ("A100", "other", {"nodeAffinity": {"x": 1}}),
        ("MI300X", "fast", {"nodeAffinity": {"x": 1}}),
        ("", "fast", {"nodeAffinity": {"x": 1}}),
        ("A100", "fast", {}),
    ],
    ids=["another template", "the template's GPU is another", "made by nobody knows", "it was taken away"],
)
def test_the_affinity_is_made_anew(gpu: str, runtime: str, spec: dict[str, Any]) -> None:
    live = isvc(
        metadata={"annotations": {"aim.silogen.ai/gpu-model": gpu}},
        spec={"predictor": {"model": {"runtime": runtime}, "affinity": spec}},
    )
    cluster = inventory(a=NVIDIA)
    found = predictor(None, template(gpuSelector={"count": 1, "model": "A100"}), inventory=cluster, runtime=live)
    assert found["affinity"] == affinity(*cluster.affinity_terms("A100"))


# What it is called.


def test_a_long_name_is_cut_to_what_kserve_can_take() -> None:
    found = made(service("c" * 60, namespace="ml"))
    name = found["metadata"]["name"]
    assert len(f"{name}-predictor-ml") <= 63
    assert found["metadata"]["labels"]["aim.silogen.ai/service-name"] == "c" * 60


def test_the_events_name_the_template() -> None:
    plan = decide(seen(service(), cluster_template()))
    child = plan.children[0]
    assert child.created is not None
    assert child.changed is not None
    assert (child.created.reason, child.changed.reason) == ("InferenceServiceCreated", "InferenceServiceUpdated")
    assert 'AIMClusterServiceTemplate "fast"' in child.created.message


def schema_of(crd: str) -> dict[str, Any]:
    """The schema of a CRD's first version, as the control plane for tests has it."""
    try:
        found = next(crd_folder().rglob(f"{crd}.yaml"))
    except MissingError as error:
        pytest.skip(str(error))
    return dict(yaml.safe_load(found.read_text())["spec"]["versions"][0]["schema"]["openAPIV3Schema"])


def test_kserves_schema_knows_every_field() -> None:
    schema = schema_of("serving.kserve.io_inferenceservices")
    metric = {"type": "PodMetric", "podmetric": {"metric": {"backend": "opentelemetry"}, "target": {"type": "Value"}}}
    subject = service(
        env=[{"name": "A", "value": "1"}],
        imagePullSecrets=names("s"),
        serviceAccountName="sa",
        autoScaling={"metrics": [metric]},
    )
    assert unknown(made(subject)["spec"], schema["properties"]["spec"], "spec") == []


def unknown(value: Any, schema: dict[str, Any], path: str) -> list[str]:
    """The paths in `value` that the structural schema would prune."""
    if isinstance(value, list):
        return [miss for item in value for miss in unknown(item, schema.get("items", {}), f"{path}[]")]
    if not isinstance(value, dict) or "additionalProperties" in schema:
        return []
    known = schema.get("properties", {})
    return [f"{path}.{name}" for name in value if name not in known] + [
        miss for name, item in value.items() if name in known for miss in unknown(item, known[name], f"{path}.{name}")
    ]


def test_a_label_of_the_operator_s_own_says_nothing_that_a_user_wrote() -> None:
    own = {"aim.silogen.ai/template": "mine", "aim.silogen.ai/template.metric": "mine", "team": "a"}
    labels = made(service(labels=own), template(metric=None))["metadata"]["labels"]
    assert labels["aim.silogen.ai/template"] == "fast"
    assert "aim.silogen.ai/template.metric" not in labels
    assert labels["team"] == "a"

"""The templates that a model generates."""

import re
from dataclasses import replace

import pytest

from aimctrl.aim.model.templates import missing_templates
from aimctrl.aim.naming import AUTO_GENERATED, IMAGE
from aimctrl.aim.resolution import RuntimeConfig
from aimctrl.api.common import ResolvedConfig
from aimctrl.api.config import LabelPropagation, RuntimeConfigSpec
from aimctrl.api.kinds import AIM_CLUSTER_IMAGE, AIM_CLUSTER_MODEL, AIM_IMAGE, AIM_MODEL
from aimctrl.api.model import RecommendedDeployment
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.kube.lookup import Found
from unit.aim.model.samples import FAST, WIDE, metadata, seen


def made(model, *deployments):
    return missing_templates(model, metadata(*deployments).model)


def spec(deployment, **model):
    (child,) = made(seen(**model), deployment)
    return child.manifest["spec"]


@pytest.mark.parametrize("kind", [AIM_MODEL, AIM_CLUSTER_MODEL, AIM_IMAGE, AIM_CLUSTER_IMAGE], ids=str)
def test_each_deployment_has_a_template_of_the_model_s_scope_that_it_owns(kind):
    children = made(seen(kind=kind), WIDE, FAST)
    assert [child.mode for child in children] == ["create", "create"]
    fast = children[0]
    assert fast.kind.name == ("AIMServiceTemplate" if kind.namespaced else "AIMClusterServiceTemplate")
    assert fast.key.namespace == ("ns" if kind.namespaced else "")
    assert re.fullmatch(r"llama-1x-mi300x-lat-fp8-[0-9a-f]{4}", fast.key.name)
    assert fast.manifest["metadata"]["labels"] == {AUTO_GENERATED: "true", IMAGE: "llama"}
    (owner,) = fast.manifest["metadata"]["ownerReferences"]
    assert (owner["kind"], owner["name"], owner["uid"], owner["controller"]) == (kind.name, "llama", "u", True)
    by = "aimImageName" if "Image" in kind.name else "modelName"
    assert fast.manifest["spec"] == {
        by: "llama",
        "metric": "latency",
        "precision": "fp8",
        "gpuSelector": {"model": "MI300X", "count": 1},
    }
    assert children[1].manifest["spec"]["profileId"] == "p-1"


def test_a_template_takes_what_the_model_pulls_its_image_with():
    found = spec(
        FAST,
        runtimeConfigName="big",
        imagePullSecrets=[{"name": "a"}, {"name": "b"}],
        serviceAccountName="runner",
        resources={"limits": {"cpu": "8"}},
    )
    assert found["runtimeConfigName"] == "big"
    assert found["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
    assert found["serviceAccountName"] == "runner"
    assert "resources" not in found  # those of the model count wherever its template is used


@pytest.mark.parametrize(
    ("deployment", "expected", "name"),
    [
        ({"gpu_model": "MI300X"}, {"gpuSelector": {"model": "MI300X", "count": 1}}, "llama-1x-mi300x-"),
        ({"gpu_model": "MI300X", "gpu_count": 4}, {"gpuSelector": {"model": "MI300X", "count": 4}}, "llama-4x-mi300x-"),
        ({"gpu_count": 2, "metric": "latency"}, {"gpuSelector": {"count": 2}, "metric": "latency"}, "llama-2x-lat-"),
        ({"precision": "fp8"}, {"precision": "fp8"}, "llama-1x-fp8-"),
        ({"profile_id": "p"}, {"profileId": "p"}, "llama-1x-"),
        ({"gpu_model": "NVIDIA A100/80 GB", "metric": "latency"}, {"gpuSelector": {"model": "NVIDIA A100/80 GB", "count": 1}, "metric": "latency"}, "llama-1x-nvidia-a100-80-gb-lat-"),
    ],
    ids=["a GPU", "a count", "no GPU model", "a precision", "a profile", "an odd name"],
)  # fmt: skip
def test_what_a_deployment_leaves_open_its_template_does_too(deployment, expected, name):
    (child,) = made(seen(), RecommendedDeployment(**deployment))
    assert child.manifest["spec"] == {"modelName": "llama", **expected}
    assert re.fullmatch(rf"{name}[0-9a-f]{{4}}", child.key.name)
    AIMServiceTemplate.model_validate({**child.manifest, "metadata": {"name": child.key.name}})


def test_names_are_at_most_63_characters():
    long = RecommendedDeployment(gpu_model="x" * 128, gpu_count=1024, metric="throughput", precision="bf16")
    for child in made(seen(name="m" * 63), FAST, WIDE, long):
        assert len(child.key.name) <= 63
        assert re.fullmatch(r"[a-z0-9]([-a-z0-9.]*[a-z0-9])?", child.key.name)


def test_names_that_are_taken_are_left_alone():
    names = [child.key.name for child in made(seen(), FAST, WIDE)]
    assert [child.key.name for child in made(replace(seen(), taken=frozenset(names[:1])), FAST, WIDE)] == names[1:]
    assert made(replace(seen(), taken=frozenset(names)), FAST, WIDE) == ()


def test_of_deployments_with_one_name_the_first_counts():
    other = FAST.model_copy(update={"profile_id": "other", "description": "x"})
    (child,) = made(seen(), FAST, other)
    assert "profileId" not in child.manifest["spec"]


def test_the_order_of_the_labels_does_not_matter():
    assert made(seen(), FAST, WIDE) == made(seen(), WIDE, FAST)


def test_none_is_made_where_none_is_wanted():
    assert made(seen(discovery={"autoCreateTemplates": False}), FAST) == ()
    assert made(seen()) == ()


def test_labels_that_the_config_propagates_come_along_but_do_not_replace_its_own():
    rules = LabelPropagation(enabled=True, match=("team", "cost/*", AUTO_GENERATED))
    reference = ResolvedConfig(name="default", kind="AIMRuntimeConfig")
    config = Found(RuntimeConfig(reference, RuntimeConfigSpec(label_propagation=rules)))
    labels = {"team": "a", "cost/center": "7", "other": "x", AUTO_GENERATED: "false"}
    (child,) = made(seen(config=config, labels=labels), FAST)
    assert child.manifest["metadata"]["labels"] == {
        "team": "a",
        "cost/center": "7",
        AUTO_GENERATED: "true",
        IMAGE: "llama",
    }

"""KServe's runtime of a Ready template (SPEC §3)."""

from dataclasses import replace

import pytest

from aimctrl.aim.template.serving_runtime import RuntimeNeeds, serving_runtime
from aimctrl.api.common import Scope
from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES, SERVING_RUNTIMES
from unit.aim.template.samples import IMAGE, seen

NEEDS = RuntimeNeeds(IMAGE, ("a", "b"), 2, "amd.com/gpu", ({"name": "AIM_METRIC", "value": "latency"},))


def test_the_runtime_is_the_documented_one() -> None:
    target = seen().target
    child = serving_runtime(target, NEEDS)
    assert (child.kind, child.mode) == (SERVING_RUNTIMES, "apply")
    assert child.manifest == {
        "apiVersion": "serving.kserve.io/v1alpha1",
        "kind": "ServingRuntime",
        "metadata": {
            "name": "t",
            "namespace": "ns",
            "labels": {"app.kubernetes.io/managed-by": "aim", "aim.silogen.ai/template": "t"},
            "ownerReferences": [target.owner_reference()],
        },
        "spec": {
            "supportedModelFormats": [{"name": "aim", "version": "1"}],
            "storageHelper": {"disabled": True},
            "containers": [
                {
                    "name": "kserve-container",
                    "image": IMAGE,
                    "ports": [{"name": "http", "containerPort": 8000, "protocol": "TCP"}],
                    "env": [
                        {"name": "VLLM_ENABLE_METRICS", "value": "true"},
                        {"name": "AIM_METRIC", "value": "latency"},
                    ],
                    "volumeMounts": [{"name": "dshm", "mountPath": "/dev/shm"}],
                    "resources": {"requests": {"amd.com/gpu": "2"}, "limits": {"amd.com/gpu": "2"}},
                }
            ],
            "volumes": [{"name": "dshm", "emptyDir": {"medium": "Memory", "sizeLimit": "8Gi"}}],
            "imagePullSecrets": [{"name": "a"}, {"name": "b"}],
        },
    }


def test_a_cluster_templates_runtime_is_the_clusters() -> None:
    child = serving_runtime(seen(scope=Scope.CLUSTER).target, NEEDS)
    assert child.kind == CLUSTER_SERVING_RUNTIMES
    assert child.manifest["kind"] == "ClusterServingRuntime"
    assert "namespace" not in child.manifest["metadata"]
    assert child.manifest["metadata"]["ownerReferences"][0]["kind"] == "AIMClusterServiceTemplate"


@pytest.mark.parametrize("gpus", [0, 1, 8])
def test_gpus_are_requested_as_they_are_limited(gpus: int) -> None:
    (container,) = serving_runtime(seen().target, replace(NEEDS, gpu_count=gpus)).manifest["spec"]["containers"]
    wanted = {"amd.com/gpu": str(gpus)}
    assert container.get("resources") == ({"requests": wanted, "limits": wanted} if gpus else None)


def test_the_container_is_told_which_profile_was_looked_at() -> None:
    told = ({"name": "AIM_METRIC", "value": "latency"},)
    (container,) = serving_runtime(seen().target, replace(NEEDS, profile_env=told)).manifest["spec"]["containers"]
    assert container["env"] == [{"name": "VLLM_ENABLE_METRICS", "value": "true"}, *told]


def test_without_pull_secrets_the_field_is_left_out() -> None:
    assert "imagePullSecrets" not in serving_runtime(seen().target, replace(NEEDS, pull_secrets=())).manifest["spec"]


def test_the_same_needs_give_the_same_runtime() -> None:
    assert serving_runtime(seen().target, NEEDS) == serving_runtime(seen().target, NEEDS)

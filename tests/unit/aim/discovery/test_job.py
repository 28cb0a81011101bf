import re

import pytest

from aimctrl.aim.discovery.inputs import DiscoveryInputs
from aimctrl.aim.discovery.job import SELECTOR, TTL_SECONDS, discovery_job, job_name
from aimctrl.aim.jobs import expiry_patch
from aimctrl.api.kinds import AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE_TEMPLATE
from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta
from aimctrl.runtime.plan import Target

INPUTS = DiscoveryInputs(image="ghcr.io/x/llama:1")
FULL = DiscoveryInputs(
    image="ghcr.io/x/llama:1",
    metric="latency",
    precision="fp8",
    gpu_model="Instinct MI300X",
    gpu_count=2,
    profile_id="p-1",
    env=({"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}},),
    pull_secrets=("a", "b"),
    service_account="runner",
)


def template(name="llama", namespace="ns", kind=AIM_SERVICE_TEMPLATE):
    return Target(kind, Meta(name=name, namespace=namespace, uid="u-1"), {})


def container(job):
    (only,) = job["spec"]["template"]["spec"]["containers"]
    return only


def test_a_job_is_named_after_its_template():
    assert re.fullmatch(r"discover-llama-[0-9a-f]{8}", job_name(template(), INPUTS))


@pytest.mark.parametrize(
    "other",
    [
        (template("llama2"), INPUTS),
        (template(namespace="other"), INPUTS),
        (template(namespace="", kind=AIM_CLUSTER_SERVICE_TEMPLATE), INPUTS),
        (template(), FULL),
    ],
    ids=["name", "namespace", "kind", "inputs"],
)
def test_a_jobs_name_depends_on_whom_it_is_for_and_its_inputs(other):
    assert job_name(*other) != job_name(template(), INPUTS)


def test_long_template_names_that_are_cut_alike_give_different_jobs():
    names = [job_name(template("t" * 60 + end), INPUTS) for end in "abc"]
    assert len(set(names)) == 3
    assert all(len(name) == 63 for name in names)


def test_the_manifest_is_the_documented_one():
    job = discovery_job(template(), INPUTS, "ns")
    labels = {
        "aim.silogen.ai/template": "llama",
        "app.kubernetes.io/managed-by": "aim",
        "app.kubernetes.io/component": "discovery",
    }
    assert job == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {
            "name": job_name(template(), INPUTS),
            "namespace": "ns",
            "labels": labels,
            "ownerReferences": [
                {
                    "apiVersion": "aim.silogen.ai/v1alpha1",
                    "kind": "AIMServiceTemplate",
                    "name": "llama",
                    "uid": "u-1",
                    "controller": True,
                    "blockOwnerDeletion": True,
                }
            ],
        },
        "spec": {
            "backoffLimit": 3,
            "activeDeadlineSeconds": 3600,
            "template": {
                "metadata": {"labels": labels},
                "spec": {
                    "restartPolicy": "Never",
                    "securityContext": {
                        "runAsNonRoot": True,
                        "runAsUser": 65532,
                        "runAsGroup": 65532,
                        "seccompProfile": {"type": "RuntimeDefault"},
                    },
                    "containers": [
                        {
                            "name": "discovery",
                            "image": "ghcr.io/x/llama:1",
                            "args": ["dry-run", "--format=json"],
                            "env": [
                                {"name": "AIM_LOG_LEVEL", "value": "CRITICAL"},
                                {"name": "AIM_LOG_LEVEL_ROOT", "value": "CRITICAL"},
                            ],
                            "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
                        }
                    ],
                },
            },
        },
    }


def test_a_job_has_no_ttl_until_its_result_is_kept():
    assert "ttlSecondsAfterFinished" not in discovery_job(template(), INPUTS, "ns")["spec"]
    assert expiry_patch(Key("ns", "j"), TTL_SECONDS) == {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"name": "j", "namespace": "ns"},
        "spec": {"ttlSecondsAfterFinished": 60},
    }


def test_a_cluster_templates_job_runs_where_it_is_told():
    job = discovery_job(template(namespace="", kind=AIM_CLUSTER_SERVICE_TEMPLATE), INPUTS, "kaiwo-system")
    assert job["metadata"]["namespace"] == "kaiwo-system"
    assert job["metadata"]["ownerReferences"][0]["kind"] == "AIMClusterServiceTemplate"


def test_the_container_is_told_what_the_template_wants():
    env = container(discovery_job(template(), FULL, "ns"))["env"]
    assert [entry["name"] for entry in env] == [
        "AIM_LOG_LEVEL",
        "AIM_LOG_LEVEL_ROOT",
        "HF_TOKEN",
        "AIM_METRIC",
        "AIM_PRECISION",
        "AIM_GPU_MODEL",
        "AIM_GPU_COUNT",
        "AIM_PROFILE_ID",
    ]
    values = {entry["name"]: entry.get("value") for entry in env}
    assert values["AIM_GPU_MODEL"] == "MI300X"
    assert values["AIM_GPU_COUNT"] == "2"
    assert FULL.env[0] in env


def test_the_templates_own_variables_outrank_the_log_level_but_not_its_fields():
    env = ({"name": "AIM_LOG_LEVEL", "value": "DEBUG"}, {"name": "AIM_METRIC", "value": "throughput"})
    inputs = DiscoveryInputs(image="i", metric="latency", env=env)
    values = {entry["name"]: entry["value"] for entry in container(discovery_job(template(), inputs, "ns"))["env"]}
    assert values == {"AIM_LOG_LEVEL": "DEBUG", "AIM_LOG_LEVEL_ROOT": "CRITICAL", "AIM_METRIC": "latency"}


def test_credentials_are_the_pods():
    spec = discovery_job(template(), FULL, "ns")["spec"]["template"]["spec"]
    assert spec["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
    assert spec["serviceAccountName"] == "runner"


def test_the_selector_finds_the_jobs():
    labels = discovery_job(template(), INPUTS, "ns")["metadata"]["labels"]
    assert all(f"{key}={value}" in SELECTOR.split(",") for key, value in labels.items() if key.startswith("app."))


def test_a_template_name_with_dots_is_a_label_too():
    assert (
        discovery_job(template("llama-3.1"), INPUTS, "ns")["metadata"]["labels"]["aim.silogen.ai/template"]
        == "llama-3.1"
    )

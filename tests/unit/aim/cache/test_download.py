"""The download Job's manifest."""

import pytest

from aimctrl.aim.cache.model_cache_decide import decide
from unit.aim.cache.samples import claim, config, seen


def made(**parts):
    (child,) = decide(seen(**parts)).children
    assert child.mode == "create"
    return child.manifest


def pod(**parts):
    return made(**parts)["spec"]["template"]["spec"]


def container(**parts):
    (only,) = pod(**parts)["containers"]
    return only


def test_the_job_is_the_documented_one():
    job = made()
    assert job["metadata"]["name"] == "llama-cache-download"
    assert job["metadata"]["ownerReferences"][0]["uid"] == "llama-uid"
    assert job["metadata"]["annotations"] == {"aim.silogen.ai/download-inputs": seen().inputs(claim()).digest}
    assert job["spec"]["backoffLimit"] == 0
    (rule,) = job["spec"]["podFailurePolicy"]["rules"]
    assert (rule["action"], rule["onPodConditions"][0]["type"]) == ("Ignore", "DisruptionTarget")
    assert "ttlSecondsAfterFinished" not in job["spec"]
    assert job["spec"]["template"]["metadata"]["labels"] == job["metadata"]["labels"]
    assert container()["image"] == "kserve/storage-initializer"
    assert container()["args"] == ["hf://meta/llama", "/cache"]
    assert {"name": "cache", "mountPath": "/cache"} in container()["volumeMounts"]
    assert {"name": "cache", "persistentVolumeClaim": {"claimName": "llama-cache"}} in pod()["volumes"]


def test_its_pod_meets_the_restricted_standard():
    assert pod()["restartPolicy"] == "Never"
    assert pod()["securityContext"] == {
        "runAsNonRoot": True,
        "runAsUser": 65532,
        "runAsGroup": 65532,
        "fsGroup": 65532,
        "fsGroupChangePolicy": "OnRootMismatch",
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    assert container()["securityContext"] == {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    assert all(set(volume) <= {"name", "persistentVolumeClaim", "emptyDir"} for volume in pod()["volumes"])


def test_env_is_the_cache_s_then_the_runtime_config_s_and_home_is_writable():
    token = {"name": "HF_TOKEN", "valueFrom": {"secretKeyRef": {"name": "hf", "key": "token"}}}
    defaults = config(env=[{"name": "HF_TOKEN", "value": "other"}, {"name": "PROXY", "value": "p"}])
    env = container(spec={"env": [token]}, config=defaults)["env"]
    assert env == [{"name": "HOME", "value": "/tmp"}, token, {"name": "PROXY", "value": "p"}]
    assert container(spec={"env": [{"name": "HOME", "value": "/x"}]})["env"] == [{"name": "HOME", "value": "/x"}]


def test_credentials_come_from_the_cache_and_its_runtime_config():
    assert "imagePullSecrets" not in pod()
    assert "serviceAccountName" not in pod()
    defaults = config(imagePullSecrets=[{"name": "b"}, {"name": "a"}], serviceAccountName="s3-reader")
    found = pod(spec={"imagePullSecrets": [{"name": "a"}]}, config=defaults)
    assert found["imagePullSecrets"] == [{"name": "a"}, {"name": "b"}]
    assert found["serviceAccountName"] == "s3-reader"


@pytest.mark.parametrize("name", ["a" * 48, "llama"])
def test_names_fit(name):
    from aimctrl.aim.cache.names import claim_name, download_name, labels

    assert len(download_name(name)) <= 63
    assert claim_name(name) in download_name(name)
    assert all(len(value) <= 63 for value in labels(name).values())

import json

import pytest

from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import Launch

IMAGE = AimImage(model="org/m", size_gb=1.5, gpu="MI300X", precision="fp16")
QUIET = {"AIM_LOG_LEVEL": "CRITICAL"}


def dry_run(env):
    return IMAGE(Launch("aim", args=("dry-run", "--format=json"), env={**QUIET, **env}))


def facts(env, name):
    return [entry["profile"]["metadata"][name] for entry in json.loads(dry_run(env).log)]


def test_a_dry_run_prints_an_array_of_profiles_and_ends():
    script = dry_run({"AIM_METRIC": "latency", "AIM_PRECISION": "fp8", "AIM_GPU_MODEL": "H100", "AIM_GPU_COUNT": "2"})
    (entry,) = json.loads(script.log)
    assert entry["filename"] == "vllm-h100-fp8-tp2-latency.yaml"
    assert entry["profile"]["metadata"] == {
        "engine": "vllm",
        "gpu": "H100",
        "precision": "fp8",
        "gpu_count": 2,
        "metric": "latency",
        "type": "optimized",
    }
    assert sorted(entry["profile"]) == ["engine_args", "env_vars", "metadata", "model", "quantized_model"]
    assert entry["models"] == [{"name": "org/m", "source": "hf://org/m", "size_gb": 1.5}]
    assert not script.runs_forever
    assert script.exit_code == 0


@pytest.mark.parametrize(
    ("env", "name", "values"),
    [
        pytest.param({}, "metric", ["latency", "throughput"], id="both metrics where none is asked for"),
        pytest.param({"AIM_PRECISION": "auto"}, "precision", ["fp16"] * 2, id="auto is the image's own precision"),
        pytest.param({}, "gpu", ["MI300X"] * 2, id="the image's own GPU"),
        pytest.param({}, "gpu_count", [1, 1], id="one GPU"),
        pytest.param({"AIM_PROFILE_ID": "vllm-mi300x-fp16-tp1-throughput"}, "metric", ["throughput"], id="one profile"),
        pytest.param({"AIM_PROFILE_ID": "other"}, "metric", ["latency"], id="an unknown profile gives the first"),
    ],
)
def test_what_the_environment_leaves_open_the_image_fills_in(env, name, values):
    assert facts(env, name) == values


def test_it_chatters_before_the_array_unless_its_log_level_forbids():
    chatty = IMAGE(Launch("aim", args=("dry-run",))).output.decode()
    assert chatty.startswith("INFO [aim] 2 profile(s) match []\n[")


def test_without_dry_run_it_serves_for_ever():
    script = IMAGE(Launch("aim"))
    assert script.runs_forever
    assert script.serving == "ready"


def test_a_gpu_count_that_is_no_number_ends_it():
    script = dry_run({"AIM_GPU_COUNT": "two"})
    assert (script.exit_code, script.output) == (2, b"AIM_GPU_COUNT is no number: two\n")

from dataclasses import replace

import pytest

from aimctrl.aim.discovery.inputs import DiscoveryInputs

FULL = DiscoveryInputs(
    image="i:1",
    metric="latency",
    precision="fp8",
    gpu_model="MI300X",
    gpu_count=2,
    gpu_resource="amd.com/gpu",
    profile_id="p",
    env=({"name": "A", "value": "1"}, {"name": "T", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}),
    pull_secrets=("a", "b"),
    service_account="sa",
)


@pytest.mark.parametrize(
    "change",
    [
        {"image": "i:2"},
        {"metric": None},
        {"metric": "throughput"},
        {"precision": "fp16"},
        {"gpu_model": "MI325X"},
        {"gpu_count": 1},
        {"gpu_resource": None},
        {"profile_id": None},
        {"env": FULL.env[:1]},
        {"env": ({"name": "A", "value": "2"}, FULL.env[1])},
        {"env": (FULL.env[0], {"name": "T", "valueFrom": {"secretKeyRef": {"name": "other", "key": "k"}}})},
        {"pull_secrets": ("a",)},
        {"service_account": ""},
    ],
    ids=str,
)
def test_every_input_changes_the_digest(change):
    assert replace(FULL, **change).digest != FULL.digest


@pytest.mark.parametrize(
    "same",
    [
        {"pull_secrets": ("b", "a")},
        {"env": ({"value": "1", "name": "A"}, FULL.env[1])},
    ],
    ids=["order of pull secrets", "order of keys"],
)
def test_what_means_the_same_has_the_same_digest(same):
    assert replace(FULL, **same).digest == FULL.digest


def test_the_digest_is_the_sha256_of_what_is_set():
    # Of `{"image":"i"}`: a digest that changed between releases would repeat every discovery.
    assert DiscoveryInputs(image="i").digest == "fe3ac8c8908c8db366b19b27a5ba753297a60e2b764e71c2a2de708fb47fe9fd"

import pytest

from aimctrl.aim.gpu_labels import GPUFacts, gpu_facts, sightings

AMD = {"amd.com/gpu": "8"}
NVIDIA = {"nvidia.com/gpu": "8"}

# What AMD's node labeller writes on a node of eight MI300X.
MI300X_NODE = {
    "amd.com/gpu.cu-count": "304",
    "amd.com/gpu.device-id": "74a1",
    "amd.com/gpu.family": "AI",
    "amd.com/gpu.product-name": "AMD_Instinct_MI300X_OAM",
    "amd.com/gpu.vram": "192G",
    "beta.amd.com/gpu.device-id": "74a1",
    "beta.amd.com/gpu.device-id.74a1": "8",
    "beta.amd.com/gpu.family": "AI",
    "beta.amd.com/gpu.family.AI": "8",
    "kubernetes.io/hostname": "node",
}
# What NVIDIA's feature discovery writes on a node of eight A100.
A100_NODE = {
    "nvidia.com/gpu.count": "8",
    "nvidia.com/gpu.family": "ampere",
    "nvidia.com/gpu.machine": "DGXA100-920-23687-2530-000",
    "nvidia.com/gpu.memory": "81920",
    "nvidia.com/gpu.product": "NVIDIA-A100-SXM4-80GB",
    "nvidia.com/mig.strategy": "single",
}

CASES = {
    "amd, all labels": (MI300X_NODE, AMD, {"MI300X": 8}),
    "amd, value": ({"amd.com/gpu.device-id": "74a1"}, AMD, {"MI300X": 8}),
    "amd, 0x and capitals": ({"amd.com/gpu.device-id": "0x74A1"}, AMD, {"MI300X": 8}),
    "amd, beta value": ({"beta.amd.com/gpu.device-id": "74a5"}, AMD, {"MI325X": 8}),
    "amd, suffix": ({"amd.com/gpu.device-id.74a1": "4"}, {"amd.com/gpu": "4"}, {"MI300X": 4}),
    "amd, beta suffix": ({"beta.amd.com/gpu.device-id.740f": "2"}, {"amd.com/gpu": "2"}, {"MI210": 2}),
    "amd, suffix in capitals": ({"amd.com/gpu.device-id.0x74A1": "4"}, AMD, {"MI300X": 8}),
    "amd, suffix with none of them": ({"amd.com/gpu.device-id.74a1": "0"}, AMD, {}),
    "amd, two models on a node": (
        {"amd.com/gpu.device-id.74a1": "6", "amd.com/gpu.device-id.740f": "2"},
        AMD,
        {"MI300X": 6, "MI210": 2},
    ),
    "amd, two ids of one model": (
        {"amd.com/gpu.device-id.74a1": "4", "amd.com/gpu.device-id.74a9": "4"},
        AMD,
        {"MI300X": 8},
    ),
    "amd, two models, plugin gone": (
        {"amd.com/gpu.device-id.74a1": "6", "amd.com/gpu.device-id.740f": "2"},
        {},
        {"MI300X": 0, "MI210": 0},
    ),
    "amd, stable before beta": (
        {"amd.com/gpu.device-id": "74a1", "beta.amd.com/gpu.device-id": "740f"},
        AMD,
        {"MI300X": 8},
    ),
    "amd, unknown id": ({"amd.com/gpu.device-id": "6860"}, AMD, {"AMD-6860": 8}),
    "amd, a name for an id": ({"amd.com/gpu.device-id": "MI300X"}, AMD, {"MI300X": 8}),
    "amd, empty id falls through": ({"amd.com/gpu.device-id": "", "amd.com/gpu.family": "MI300X"}, AMD, {"MI300X": 8}),
    "amd, family names the model": ({"amd.com/gpu.family": "Instinct_MI300X"}, AMD, {"MI300X": 8}),
    "amd, family is an architecture": ({"amd.com/gpu.family": "AI"}, AMD, {"AI": 8}),
    "amd, device id before family": (
        {"amd.com/gpu.device-id": "74a1", "amd.com/gpu.family": "MI210"},
        AMD,
        {"MI300X": 8},
    ),
    "nvidia, all labels": (A100_NODE, NVIDIA, {"A100": 8}),
    "nvidia, shared": ({"nvidia.com/gpu.product": "Tesla-T4-SHARED"}, {"nvidia.com/gpu.shared": "10"}, {"T4": 10}),
    "nvidia, mig single": ({"nvidia.com/gpu.product": "NVIDIA-H100-80GB-HBM3-MIG-1g.10gb"}, NVIDIA, {"H100": 8}),
    "nvidia, mig product": ({"nvidia.com/mig.product": "A100-SXM4-40GB-MIG-1g.5gb"}, NVIDIA, {"A100": 8}),
    "nvidia, family names the model": ({"nvidia.com/gpu.family": "H100"}, NVIDIA, {"H100": 8}),
    "nvidia, family before nfd": (
        {"nvidia.com/gpu.family": "H100", "feature.node.kubernetes.io/nvidia-gpu-model": "Tesla-T4"},
        NVIDIA,
        {"H100": 8},
    ),
    "nvidia, architecture after nfd": (
        {"nvidia.com/gpu.family": "turing", "feature.node.kubernetes.io/nvidia-gpu-model": "Tesla-T4"},
        NVIDIA,
        {"T4": 8},
    ),
    "nvidia, architecture alone": ({"nvidia.com/gpu.family": "ampere"}, NVIDIA, {"AMPERE": 8}),
    "nvidia, nfd": ({"feature.node.kubernetes.io/nvidia-gpu-model": "Tesla-T4"}, NVIDIA, {"T4": 8}),
    "both vendors": (MI300X_NODE | A100_NODE, {"amd.com/gpu": "1", "nvidia.com/gpu": "2"}, {"MI300X": 1, "A100": 2}),
    "labels without capacity": (MI300X_NODE, {}, {"MI300X": 0}),
    "nonsense capacity": (MI300X_NODE, {"amd.com/gpu": "many"}, {"MI300X": 0}),
    "capacity without labels": ({}, AMD, {}),
    "no gpus": ({"kubernetes.io/hostname": "n"}, {"cpu": "8"}, {}),
}


@pytest.mark.parametrize(("labels", "capacity", "models"), CASES.values(), ids=CASES)
def test_labels_and_capacity_tell_the_models_of_a_node(labels, capacity, models):
    assert {seen.model: seen.count for seen in sightings(gpu_facts(labels, capacity))} == models


def test_what_has_nothing_to_do_with_gpus_is_no_fact():
    quiet = gpu_facts(
        {"kubernetes.io/hostname": "n", "nvidia.com/cuda.driver.major": "550"}, {"cpu": "8", "memory": "1Gi"}
    )
    assert quiet == GPUFacts()
    assert gpu_facts(MI300X_NODE | {"amd.com/gpu.vram": "1G"}, AMD) == gpu_facts(MI300X_NODE, AMD | {"cpu": "1"})

"""What a node's labels and capacity say about its GPUs (SPEC §4).

AMD's node labeller writes `amd.com/gpu.device-id: 74a1` where all cards of a node are alike, and one label per id with
a count, `amd.com/gpu.device-id.74a1: "4"`, where they are not; under `beta.amd.com/` it always writes the latter
(https://github.com/ROCm/k8s-device-plugin, cmd/k8s-node-labeller). NVIDIA's feature discovery writes the product,
with `-MIG-<profile>` and `-SHARED` appended (https://github.com/NVIDIA/k8s-device-plugin, docs/gpu-feature-discovery).

A family is often only an architecture (`AI`, `ampere`), which no user asks for by name. AMD's is looked at last of its
labels anyway; NVIDIA's architectures give way to every label that names a product. Where nothing else is known the
architecture stands as the model, so that `gpuSelector.model: ampere` still finds such a node.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from aimctrl.aim.gpu_names import AMD_GPU, NVIDIA_GPU, device_id, device_model, normalise

DEVICE_LABELS: Final = ("amd.com/gpu.device-id", "beta.amd.com/gpu.device-id")
"""Labels with AMD device ids, as their value or as a suffix of the key."""

AMD_FAMILY: Final = "amd.com/gpu.family"

NVIDIA_LABELS: Final = (
    "nvidia.com/gpu.product",
    "nvidia.com/mig.product",
    "nvidia.com/gpu.family",
    "feature.node.kubernetes.io/nvidia-gpu-model",
)
"""Labels with NVIDIA's model names, first match."""

_ARCHITECTURES = frozenset(
    {"tesla", "fermi", "kepler", "maxwell", "pascal", "volta", "turing", "ampere", "ada-lovelace", "hopper"}
    | {"blackwell", "undefined"}
)
_GPU_PREFIXES = (*DEVICE_LABELS, AMD_FAMILY, *NVIDIA_LABELS)


@dataclass(frozen=True, slots=True)
class Sighting:
    """A model on a node: the extended resource it is requested as, how many there are (0 where the device plugin does
    not say), and the label that told: its key, and its value, which is empty where the key alone tells.
    """

    model: str
    resource: str
    count: int
    label: str
    value: str = ""


@dataclass(frozen=True, slots=True)
class GPUFacts:
    """All of a node that bears on GPUs; two nodes' facts are equal exactly when nothing relevant differs."""

    labels: tuple[tuple[str, str], ...] = ()
    capacity: tuple[tuple[str, str], ...] = ()


def gpu_facts(labels: Mapping[str, str], capacity: Mapping[str, str]) -> GPUFacts:
    """The GPU labels and GPU resources among a node's labels and `status.capacity`, sorted."""
    return GPUFacts(
        tuple(sorted((key, value) for key, value in labels.items() if key.startswith(_GPU_PREFIXES))),
        tuple(sorted((key, value) for key, value in capacity.items() if key.startswith((AMD_GPU, NVIDIA_GPU)))),
    )


def sightings(facts: GPUFacts) -> tuple[Sighting, ...]:
    """The GPU models of a node, at most one label of each vendor being believed; sorted by model."""
    labels = dict(facts.labels)
    found = [*_amd(labels, _capacity(facts, AMD_GPU)), *_nvidia(labels, _capacity(facts, NVIDIA_GPU))]
    return tuple(sorted(found, key=lambda sighting: sighting.model))


def _capacity(facts: GPUFacts, resource: str) -> int:
    return sum(_number(value) for key, value in facts.capacity if key.startswith(resource))


def _number(text: str) -> int:
    return int(text) if len(text) < 10 and text.isascii() and text.isdigit() else 0


def _amd(labels: Mapping[str, str], capacity: int) -> Iterator[Sighting]:
    for label in DEVICE_LABELS:
        if device_id(labels.get(label, "")):
            yield Sighting(normalise(device_model(labels[label])), AMD_GPU, capacity, label, labels[label])
            return
        suffixed = [key for key in labels if key.startswith(f"{label}.") and labels[key].strip() not in {"", "0"}]
        if suffixed:
            yield from _by_suffix(labels, suffixed, capacity)
            return
    family = labels.get(AMD_FAMILY, "")
    if family.strip():
        yield Sighting(normalise(family), AMD_GPU, capacity, AMD_FAMILY, family)


def _by_suffix(labels: Mapping[str, str], keys: Iterable[str], capacity: int) -> list[Sighting]:
    by_model: dict[str, Sighting] = {}
    for key in sorted(keys):
        model = normalise(device_model(key.rpartition(".")[2]))
        before = by_model[model].count if model in by_model else 0
        by_model[model] = Sighting(model, AMD_GPU, before + _number(labels[key]), key)
    if len(by_model) == 1:
        return [Sighting(one.model, AMD_GPU, capacity, one.label) for one in by_model.values()]
    return [Sighting(one.model, AMD_GPU, min(one.count, capacity), one.label) for one in by_model.values()]


def _nvidia(labels: Mapping[str, str], capacity: int) -> Iterator[Sighting]:
    named = [(key, labels[key]) for key in NVIDIA_LABELS if labels.get(key, "").strip()]
    # A stable sort: what names a product first, in the order above; then a mere architecture.
    named.sort(key=lambda label: label[0] == "nvidia.com/gpu.family" and label[1].strip().lower() in _ARCHITECTURES)
    for key, value in named[:1]:
        yield Sighting(normalise(value), NVIDIA_GPU, capacity, key, value)

"""What a GPU is called: names of labels and users brought to one form, device ids looked up, vendors told apart."""

import json
import re
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Final

AMD_GPU: Final = "amd.com/gpu"
"""The extended resource of AMD's device plugin."""

NVIDIA_GPU: Final = "nvidia.com/gpu"
"""The extended resource of NVIDIA's device plugin."""

DEVICES: Final = MappingProxyType[str, str](
    json.loads(files("aimctrl.aim").joinpath("data/amd-gpu-devices.json").read_bytes())
)
"""AMD's PCI device ids (four lowercase hex digits) and the models they stand for."""

_BRANDS = frozenset({"AMD", "NVIDIA", "INSTINCT", "RADEON", "TESLA", "QUADRO", "GEFORCE", "GRID", "GPU"})
_SERIES = frozenset({"RTX", "GTX", "GT", "RX", "PRO"})
_VARIANTS = ("TI", "SUPER", "ADA")
_TOKEN = re.compile(r"[A-Z0-9]+")
_UNKNOWN_DEVICE = re.compile(r"AMD-([0-9A-F]{4})")
_AMD = re.compile(r"AMD-|MI[0-9]|RX ?[0-9]|W[0-9]|V[67][0-9]{2}$")
_NVIDIA = re.compile(r"[A-Z]{1,2}[0-9]|[GR]TX|GT[0-9]|TITAN|TEGRA|ORIN|THOR|XAVIER")


@cache
def _models() -> frozenset[str]:
    return frozenset(DEVICES.values())


def device_id(text: str) -> str:
    """A PCI device id in the table's form: lowercase, without `0x`."""
    return text.strip().lower().removeprefix("0x")


def device_model(text: str) -> str:
    """The model of an AMD device id; `AMD-<ID>` where it is not in the table."""
    known = device_id(text)
    return DEVICES.get(known) or f"AMD-{known.upper()}"


@cache
def device_ids(model: str) -> tuple[str, ...]:
    """All AMD device ids of a normalised model, sorted; the id itself for `AMD-<ID>`, none for other vendors."""
    unknown = _UNKNOWN_DEVICE.fullmatch(model)
    if unknown:
        return (unknown[1].lower(),)
    return tuple(sorted(found for found, name in DEVICES.items() if name == model))


@cache
def normalise(name: str) -> str:
    """The one form of a GPU model's name: `Instinct MI300X` → `MI300X`, `NVIDIA-A100-SXM4-40GB` → `A100`.

    Brands go, and so does everything after the first word with a digit (form factor, memory, MIG profile, `SHARED`).
    A number that means nothing without its series keeps it (`GeForce RTX 4090` → `RTX4090`), and the variants that
    make another chip stay (`RTX 4070 Ti` → `RTX4070TI`). Without a digit what is left of the name stands; empty for
    an empty name. SPEC §4.
    """
    text = name.strip().upper()
    unknown = _UNKNOWN_DEVICE.fullmatch(text)
    if unknown:
        return device_model(unknown[1])
    words = [word for word in _TOKEN.findall(text) if word not in _BRANDS]
    at = next((i for i, word in enumerate(words) if any(char.isdigit() for char in word)), None)
    if at is None:
        return "-".join(words) or text
    return _with_series(words, at)


def _with_series(words: list[str], at: int) -> str:
    model = words[at]
    start = at
    if model[0].isdigit():
        while start > 0 and words[start - 1] in _SERIES:
            start -= 1
    series = words[start:at] or ([model[:3]] if model.startswith(("RTX", "GTX")) else [])
    geforce = bool(series) and series[0] in {"RTX", "GTX"}
    variants = [word for word in words[at + 1 :] if word in _VARIANTS] if geforce else []
    return "".join([*words[start : at + 1], *variants])


def vendor_by_name(model: str) -> str:
    """The extended resource a normalised model is requested as: NVIDIA's for the names it uses, else AMD's."""
    if model in _models() or _AMD.match(model) or not _NVIDIA.match(model):
        return AMD_GPU
    return NVIDIA_GPU

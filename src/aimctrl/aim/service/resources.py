"""The resources of the serving container: service over template over model, GPUs, and defaults for each GPU (SPEC §5).

Source: https://kubernetes.io/docs/concepts/configuration/manage-resources-containers/.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aimctrl.api.common import ResourceRequirements
from aimctrl.kube.quantity import InvalidQuantityError, Quantity, parse

VENDORS = ("amd.com/", "nvidia.com/")
"""The domains whose extended resources are GPUs, or parts of them."""

CPU_EACH = 4
MEMORY_EACH = 32
MEMORY_LIMIT_EACH = 48
"""CPUs, and Gi of memory, requested and allowed for each GPU where nothing says any."""

Level = ResourceRequirements | None
Amounts = dict[str, str]


@dataclass(frozen=True, slots=True)
class GPUs:
    """The GPUs of one replica where no level of resources says any: the extended resource, and how many if known."""

    resource: str
    count: int | None = None


def container_resources(levels: tuple[Level, ...], gpus: GPUs) -> dict[str, Any]:
    """`{requests, limits}` of the container, the levels from the highest to the lowest; keys sorted.

    Limits below their requests are raised to them. GPUs are requested as they are limited, as Kubernetes demands of
    extended resources: for each the highest level that says it in either way counts, be it 0. What is no quantity is
    passed on for the API server to refuse.
    """
    said = [level for level in levels if level]
    requests = _merged([level.requests for level in said])
    limits = _merged([level.limits for level in said])
    for name in requests.keys() & limits.keys():
        limits[name] = _greater(limits[name], requests[name])
    amounts = _gpu_amounts(said, gpus)
    requests |= amounts
    limits |= amounts
    _add_defaults(requests, limits, max(1, _total(amounts)))
    return {"requests": dict(sorted(requests.items())), "limits": dict(sorted(limits.items()))}


def _merged(levels: list[Mapping[str, str | int]]) -> Amounts:
    return {name: str(amount) for level in reversed(levels) for name, amount in level.items()}


def _gpu_amounts(levels: list[ResourceRequirements], gpus: GPUs) -> Amounts:
    found: Amounts = {}
    for level in levels:
        for name in sorted(level.requests.keys() | level.limits.keys()):
            if _is_gpu(name, gpus) and name not in found:
                request, limit = level.requests.get(name), level.limits.get(name)
                either = [str(amount) for amount in (limit, request) if amount is not None]
                found[name] = _greater(either[0], either[-1])
    if not found and gpus.count is not None:
        found[gpus.resource] = str(gpus.count)
    return found


def _add_defaults(requests: Amounts, limits: Amounts, gpus: int) -> None:
    """CPU gets no limit: throttling the host side of a GPU wastes the GPU."""
    said = requests.keys() | limits.keys()
    if "cpu" not in said:
        requests["cpu"] = str(CPU_EACH * gpus)
    if "memory" not in said:
        requests["memory"] = f"{MEMORY_EACH * gpus}Gi"
        limits["memory"] = f"{MEMORY_LIMIT_EACH * gpus}Gi"


def _total(amounts: Amounts) -> int:
    return sum(int(amount) for amount in map(_quantity, amounts.values()) if amount is not None)


def _is_gpu(name: str, gpus: GPUs) -> bool:
    return name == gpus.resource or name.startswith(VENDORS)


def _greater(limit: str, request: str) -> str:
    most, least = _quantity(limit), _quantity(request)
    return request if most is not None and least is not None and most < least else limit


def _quantity(text: str) -> Quantity | None:
    try:
        return parse(text)
    except InvalidQuantityError:
        return None

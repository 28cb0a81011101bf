"""How the serving container's resources are merged and completed."""

from typing import Any

import pytest

from aimctrl.aim.service.resources import GPUs, container_resources
from aimctrl.api.common import ResourceRequirements

AMD = "amd.com/gpu"


def resources(*levels: dict[str, Any] | None, count: int | None = 1, name: str = AMD) -> dict[str, Any]:
    """Requests and limits of service, template and model; levels that are not given are unset."""
    said = [ResourceRequirements.model_validate(level) if level is not None else None for level in levels]
    return container_resources(tuple(said), GPUs(name, count))


def amounts(**parts: dict[str, str]) -> dict[str, Any]:
    return {"requests": parts.get("requests", {}), "limits": parts.get("limits", {})}


DEFAULTS = {
    1: amounts(requests={AMD: "1", "cpu": "4", "memory": "32Gi"}, limits={AMD: "1", "memory": "48Gi"}),
    8: amounts(requests={AMD: "8", "cpu": "32", "memory": "256Gi"}, limits={AMD: "8", "memory": "384Gi"}),
    0: amounts(requests={AMD: "0", "cpu": "4", "memory": "32Gi"}, limits={AMD: "0", "memory": "48Gi"}),
    None: amounts(requests={"cpu": "4", "memory": "32Gi"}, limits={"memory": "48Gi"}),
}


@pytest.mark.parametrize(("count", "expected"), DEFAULTS.items(), ids=str)
def test_where_nobody_says_anything_there_is_so_much_for_each_gpu(count: int | None, expected: dict[str, Any]) -> None:
    assert resources(None, None, None, count=count) == expected


BASE = {"requests": {"cpu": "1", "memory": "1Gi"}, "limits": {"memory": "2Gi"}}

MERGES: dict[str, tuple[list[dict[str, Any] | None], dict[str, Any]]] = {
    "the model's": (
        [None, None, BASE],
        amounts(requests={AMD: "1", "cpu": "1", "memory": "1Gi"}, limits={AMD: "1", "memory": "2Gi"}),
    ),
    "per key, the highest": (
        [{"requests": {"cpu": "3"}}, {"requests": {"cpu": 2, "memory": "1536Mi"}}, BASE],
        amounts(requests={AMD: "1", "cpu": "3", "memory": "1536Mi"}, limits={AMD: "1", "memory": "2Gi"}),
    ),
    "limits are raised to requests": (
        [{"requests": {"memory": "4Gi"}}, None, BASE],
        amounts(requests={AMD: "1", "cpu": "1", "memory": "4Gi"}, limits={AMD: "1", "memory": "4Gi"}),
    ),
    "quantities are compared by value": (
        [{"requests": {"memory": "2048Mi"}}, None, BASE],
        amounts(requests={AMD: "1", "cpu": "1", "memory": "2048Mi"}, limits={AMD: "1", "memory": "2Gi"}),
    ),
    "a limit alone is something said": (
        [{"limits": {"cpu": "2", "memory": "8Gi"}}, None, None],
        amounts(requests={AMD: "1"}, limits={AMD: "1", "cpu": "2", "memory": "8Gi"}),
    ),
    "memory alone leaves the CPU's default": (
        [{"requests": {"memory": "8Gi"}}, None, None],
        amounts(requests={AMD: "1", "cpu": "4", "memory": "8Gi"}, limits={AMD: "1"}),
    ),
    "GPUs as a request": (
        [{"requests": {AMD: "2"}}, None, BASE],
        amounts(requests={AMD: "2", "cpu": "1", "memory": "1Gi"}, limits={AMD: "2", "memory": "2Gi"}),
    ),
    "GPUs as a limit": (
        [{"limits": {AMD: "2"}}, None, BASE],
        amounts(requests={AMD: "2", "cpu": "1", "memory": "1Gi"}, limits={AMD: "2", "memory": "2Gi"}),
    ),
    "an explicit 0 stays": (
        [{"limits": {AMD: 0}}, {"limits": {AMD: "8"}}, BASE],
        amounts(requests={AMD: "0", "cpu": "1", "memory": "1Gi"}, limits={AMD: "0", "memory": "2Gi"}),
    ),
    "an explicit 0 as a request stays, whatever limit others set": (
        [{"requests": {AMD: "0"}}, {"limits": {AMD: "8"}}, BASE],
        amounts(requests={AMD: "0", "cpu": "1", "memory": "1Gi"}, limits={AMD: "0", "memory": "2Gi"}),
    ),
    "GPUs of another vendor": (
        [{"limits": {"nvidia.com/mig-1g.10gb": "2"}}, None, None],
        amounts(
            requests={"cpu": "8", "memory": "64Gi", "nvidia.com/mig-1g.10gb": "2"},
            limits={"memory": "96Gi", "nvidia.com/mig-1g.10gb": "2"},
        ),
    ),
    "other resources pass": (
        [{"limits": {"rdma/hca": "1"}, "requests": {"ephemeral-storage": "1Gi"}}, None, BASE],
        amounts(
            requests={AMD: "1", "cpu": "1", "ephemeral-storage": "1Gi", "memory": "1Gi"},
            limits={AMD: "1", "memory": "2Gi", "rdma/hca": "1"},
        ),
    ),
    "what is no quantity is left to the API server": (
        [{"requests": {"memory": "much"}, "limits": {AMD: "all"}}, None, BASE],
        amounts(requests={AMD: "all", "cpu": "1", "memory": "much"}, limits={AMD: "all", "memory": "2Gi"}),
    ),
}


@pytest.mark.parametrize(("levels", "expected"), MERGES.values(), ids=list(MERGES))
def test_resources_are_merged_service_over_template_over_model(
    levels: list[dict[str, Any] | None], expected: dict[str, Any]
) -> None:
    assert resources(*levels) == expected


def test_gpus_count_under_a_resource_of_any_name() -> None:
    assert resources(None, None, None, count=2, name="example.com/accelerator") == amounts(
        requests={"cpu": "8", "example.com/accelerator": "2", "memory": "64Gi"},
        limits={"example.com/accelerator": "2", "memory": "96Gi"},
    )


def test_keys_are_sorted() -> None:
    made = resources({"requests": {"z": "1", "a": "1"}}, None, None)
    assert list(made["requests"]) == sorted(made["requests"])
    assert list(made["limits"]) == sorted(made["limits"])

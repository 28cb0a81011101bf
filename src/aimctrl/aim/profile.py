"""The few fields of a discovered profile that decisions rest on (SPEC §3, Output)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast


@dataclass(frozen=True, slots=True)
class Profile:
    """What of a discovered profile matters; `""` and None where unknown."""

    type: str = ""
    gpu: str = ""
    metric: str = ""
    precision: str = ""
    gpu_count: int | None = None


def profile_of(raw: Mapping[str, Any] | None) -> Profile:
    """The fields that matter of a profile as the container printed it; what is no such thing is unknown."""
    metadata = json_object((raw or {}).get("metadata"))
    texts = {name: metadata.get(name) for name in ("type", "gpu", "metric", "precision")}
    known = {name: value for name, value in texts.items() if isinstance(value, str)}
    return Profile(**known, gpu_count=_count(metadata.get("gpu_count")))


def json_object(value: Any) -> dict[str, Any]:
    """The value where it is a JSON object, else an empty one."""
    return cast("dict[str, Any]", value) if isinstance(value, dict) else {}


def _count(value: Any) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value[:9])
    return value if isinstance(value, int) and value >= 0 else None

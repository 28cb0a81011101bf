"""What the result of discovery depends on; a change of it, and only that, starts discovery again (SPEC §3, step 5)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from aimctrl.aim.gpu_names import normalise
from aimctrl.kube.names import canonical_json, short_hash


@dataclass(frozen=True, slots=True)
class DiscoveryInputs:
    """The inputs of discovery; what is not set is None or empty.

    `env` are `{name, value | valueFrom}` as in a container; `pull_secrets` are names, merged over all levels.
    """

    image: str
    metric: str | None = None
    precision: str | None = None
    gpu_model: str | None = None
    gpu_count: int | None = None
    gpu_resource: str | None = None
    profile_id: str | None = None
    env: tuple[Mapping[str, Any], ...] = ()
    pull_secrets: tuple[str, ...] = ()
    service_account: str = ""

    @property
    def profile_env(self) -> tuple[Mapping[str, str], ...]:
        """What tells a container of the image, in discovery and when it serves, which profile is meant."""
        chosen = {
            "AIM_METRIC": self.metric,
            "AIM_PRECISION": self.precision,
            "AIM_GPU_MODEL": normalise(self.gpu_model or ""),
            "AIM_GPU_COUNT": str(self.gpu_count or ""),
            "AIM_PROFILE_ID": self.profile_id,
        }
        return tuple({"name": name, "value": str(value)} for name, value in chosen.items() if value)

    @property
    def digest(self) -> str:
        """The SHA-256 of the inputs as canonical JSON, in hex; the order of pull secrets does not matter."""
        fields: dict[str, Any] = {
            "image": self.image,
            "metric": self.metric,
            "precision": self.precision,
            "gpuSelector": _set(model=self.gpu_model, count=self.gpu_count, resourceName=self.gpu_resource),
            "profileId": self.profile_id,
            "env": [dict(entry) for entry in self.env],
            "imagePullSecrets": sorted(self.pull_secrets),
            "serviceAccountName": self.service_account,
        }
        return short_hash(canonical_json(_set(**fields)), 64)


def _set(**fields: Any) -> dict[str, Any]:
    # What is unset is left out, so that a field added later does not repeat every discovery.
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}

"""What is asked of the inspection of images, what it answers, and when it is asked again (SPEC §2); values only."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from aimctrl.api.model import ImageMetadata
from aimctrl.api.reasons import ModelReason
from aimctrl.kube.names import canonical_json, short_hash

KEPT: Final = timedelta(minutes=10)
"""How long what was read of an image is good for the next model that names it: a tag may move."""

_LONG = timedelta(minutes=30)
_PAUSES: Final = {
    ModelReason.IMAGE_PULL_AUTH_FAILURE: (timedelta(minutes=1), timedelta(minutes=10)),
    ModelReason.REGISTRY_UNREACHABLE: (timedelta(seconds=15), timedelta(minutes=10)),
}
_LONGEST = timedelta(hours=1)

FAILURES: Final = frozenset(
    {
        ModelReason.IMAGE_NOT_FOUND,
        ModelReason.IMAGE_PULL_AUTH_FAILURE,
        ModelReason.METADATA_EXTRACTION_FAILED,
        ModelReason.REGISTRY_UNREACHABLE,
    }
)
"""The reasons of an InspectionFailure."""


@dataclass(frozen=True, slots=True)
class InspectionInputs:
    """An image, and the pull secrets to read it with: names in one namespace, which is empty where there are none."""

    image: str
    namespace: str = ""
    secrets: tuple[str, ...] = ()

    @property
    def digest(self) -> str:
        """A hash of all of it: `status.inspection.inputsHash`."""
        return short_hash(canonical_json([self.image, self.namespace, self.secrets]), 16)


@dataclass(frozen=True, slots=True)
class InspectionFailure:
    """Why nothing is known of the image; `retry_after` seconds where the registry asked for a pause."""

    reason: ModelReason
    message: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What an inspection found, good until then; `failures` for one reason in a row, 0 where it went well."""

    found: ImageMetadata | InspectionFailure
    until: datetime
    failures: int = 0


def answer(found: ImageMetadata | InspectionFailure, now: datetime, before: Answer | None) -> Answer:
    """What was found just now, after the answer before."""
    if isinstance(found, ImageMetadata):
        return Answer(found, now + KEPT)
    again = before is not None and isinstance(before.found, InspectionFailure) and before.found.reason == found.reason
    failures = 1 + (before.failures if before is not None and again else 0)
    return Answer(found, now + _pause(found, failures), failures)


def _pause(failure: InspectionFailure, failures: int) -> timedelta:
    first, longest = _PAUSES.get(failure.reason, (_LONG, _LONG))
    growing = min(first * (1 << min(failures - 1, 10)), longest)
    asked = min(failure.retry_after or 0.0, _LONGEST.total_seconds())
    return max(growing, timedelta(seconds=asked))

"""What is known of a model's image: from its status, so that it is asked once, else from the inspection; pure."""

from dataclasses import dataclass

from aimctrl.aim.model.inspection import FAILURES, Answer, InspectionFailure
from aimctrl.aim.model.observed import Observed
from aimctrl.api.model import ImageMetadata, Inspection
from aimctrl.api.reasons import ConditionType, ModelReason
from aimctrl.kube.conditions import find


@dataclass(frozen=True, slots=True)
class Known:
    """The labels have been read; `record` goes to `status.inspection`."""

    metadata: ImageMetadata
    record: Inspection


@dataclass(frozen=True, slots=True)
class Failing:
    """They could not be read; `due` says that they are to be read again now."""

    reason: ModelReason
    message: str
    record: Inspection
    due: bool = False


@dataclass(frozen=True, slots=True)
class Unlooked:
    """Nobody has read them yet, as far as these inputs go."""


Look = Known | Failing | Unlooked


def look(seen: Observed) -> Look:
    """What is known of the image for the inputs as they are now.

    An answer outranks a failure in the status, which outranks nothing; what the status says went well is not asked
    again, whatever becomes of the image.
    """
    record, metadata = seen.model.status.inspection, seen.model.status.image_metadata
    same = record is not None and seen.inputs is not None and record.inputs_hash == seen.inputs.digest
    if record is not None and same and not record.failures and metadata is not None:
        return Known(metadata, record)
    if seen.answer is not None and seen.inputs is not None:
        return _answered(seen.answer, seen.inputs.digest)
    if record is not None and same and record.failures:
        return _standing(seen, record)
    return Unlooked()


def tries_again(seen: Observed) -> bool:
    """Whether a failure in the status is worth another look before its pause is over: the spec has changed since."""
    status = seen.model.status
    failed = status.inspection is not None and bool(status.inspection.failures)
    return failed and status.observed_generation != seen.target.meta.generation


def _answered(found: Answer, digest: str) -> Look:
    match found.found:
        case ImageMetadata() as metadata:
            return Known(metadata, Inspection(inputs_hash=digest))
        case InspectionFailure(reason, message):
            until = found.until.replace(microsecond=0)
            return Failing(reason, message, Inspection(inputs_hash=digest, failures=found.failures, retry_at=until))


def _standing(seen: Observed, record: Inspection) -> Look:
    """The failure is in the status: what was said of it stays until there is an answer."""
    before = find(seen.model.status.conditions, ConditionType.METADATA_EXTRACTED)
    if before is None or before.reason not in FAILURES:
        return Unlooked()
    if tries_again(seen):
        record = record.model_copy(update={"retry_at": None})
    due = record.retry_at is None or seen.now >= record.retry_at
    return Failing(ModelReason(before.reason), before.message, record, due=due)

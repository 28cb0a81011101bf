"""When an image is looked at again."""

from datetime import UTC, datetime, timedelta

import pytest

from aimctrl.aim.model.inspection import KEPT, Answer, InspectionFailure, InspectionInputs, answer
from aimctrl.api.model import ImageMetadata
from aimctrl.api.reasons import ModelReason

NOW = datetime(2030, 1, 1, 12, 0, tzinfo=UTC)


def pauses(*failures):
    """The pauses, in seconds, after these failures in a row."""
    found, last = [], None
    for failure in failures:
        last = answer(failure, NOW, last)
        found.append((last.until - NOW).total_seconds())
    return found


def failure(reason, retry_after=None):
    return InspectionFailure(reason, "why", retry_after)


@pytest.mark.parametrize(
    ("reason", "expected"),
    [
        (ModelReason.IMAGE_PULL_AUTH_FAILURE, [60, 120, 240, 480, 600, 600]),
        (ModelReason.REGISTRY_UNREACHABLE, [15, 30, 60, 120, 240, 480, 600, 600]),
        (ModelReason.IMAGE_NOT_FOUND, [1800, 1800]),
        (ModelReason.METADATA_EXTRACTION_FAILED, [1800, 1800]),
    ],
)
def test_pauses_grow_as_long_as_they_may(reason, expected):
    assert pauses(*[failure(reason)] * len(expected)) == expected


def test_the_registry_may_ask_for_a_longer_pause_but_not_for_ever():
    unreachable = ModelReason.REGISTRY_UNREACHABLE
    assert pauses(failure(unreachable, 5), failure(unreachable, 600), failure(unreachable, 10**8)) == [15, 600, 3600]


def test_a_failure_for_another_reason_starts_anew():
    refused, down = failure(ModelReason.IMAGE_PULL_AUTH_FAILURE), failure(ModelReason.REGISTRY_UNREACHABLE)
    assert pauses(refused, refused, down, refused) == [60, 120, 15, 60]


def test_many_failures_do_not_overflow():
    last = Answer(failure(ModelReason.REGISTRY_UNREACHABLE), NOW, failures=10_000)
    assert answer(failure(ModelReason.REGISTRY_UNREACHABLE), NOW, last).until == NOW + timedelta(minutes=10)


def test_what_went_well_is_good_for_a_while_and_forgets_the_failures():
    assert answer(ImageMetadata(), NOW, answer(failure(ModelReason.IMAGE_NOT_FOUND), NOW, None)) == Answer(
        ImageMetadata(), NOW + KEPT
    )


def test_inputs_that_differ_in_anything_have_other_digests():
    inputs = [
        InspectionInputs("a"),
        InspectionInputs("b"),
        InspectionInputs("a", "ns", ("x",)),
        InspectionInputs("a", "other", ("x",)),
        InspectionInputs("a", "ns", ("x", "y")),
        InspectionInputs("a", "ns", ("y", "x")),
    ]
    assert len({one.digest for one in inputs}) == len(inputs)
    assert InspectionInputs("a").digest == InspectionInputs("a").digest

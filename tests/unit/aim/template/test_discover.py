"""Steps 4 to 7: what is known of a template's artifacts, and what is done to know (SPEC §3)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from aimctrl.aim.discovery.job import discovery_job
from aimctrl.aim.discovery.log import Artifact, DiscoveryResult, Entry, Unparsable
from aimctrl.aim.discovery.state import CannotPull, JobFailed, JobState, JobSucceeded, Stuck, Working
from aimctrl.aim.template.discover import Discovered, Undiscovered, discover
from aimctrl.aim.template.observed import JobView, Observed
from aimctrl.api.common import Scope
from aimctrl.api.reasons import TemplateReason, TemplateState
from aimctrl.kube.core import JOBS
from aimctrl.kube.kinds import Key
from aimctrl.runtime.plan import Removal
from unit.aim.template.samples import (
    INPUTS,
    JOB_NAME,
    NOW,
    OTHER_INPUTS,
    RESULT,
    SOURCE,
    discovered,
    failed,
    job,
    refusal,
    seen,
    view,
)

GONE = Removal(JOBS, Key("ns", JOB_NAME), "job-uid")
POD = Key("ns", "p")
ENDED = JobFailed("BackoffLimitExceeded", POD)
STUCK = Stuck(TemplateReason.IMAGE_PULL_BACK_OFF, "ErrImagePull: 404")


def found(case: Observed) -> Discovered:
    outcome = discover(case, INPUTS)
    assert isinstance(outcome, Discovered)
    return outcome


def unfound(case: Observed) -> Undiscovered:
    outcome = discover(case, INPUTS)
    assert isinstance(outcome, Undiscovered)
    return outcome


# Step 4: sources that the template lists.


@pytest.mark.parametrize(
    ("size", "size_bytes"),
    [("16Gi", 2**34), ("2M", 2_000_000), (7, 7), ("1500m", 2), ("100E", 2**63 - 1), (None, None)],
    ids=["binary", "decimal", "a number", "not whole", "more than fits", "not said"],
)
def test_inline_sources_have_their_size_in_bytes(size: str | int | None, size_bytes: int | None) -> None:
    (source,) = found(seen(spec={"modelSources": [{"name": "a", "sourceURI": "s3://b/c", "size": size}]})).sources
    assert (source.name, source.source, source.size_bytes) == ("a", "s3://b/c", size_bytes)


def test_inline_sources_need_no_job() -> None:
    outcome = found(seen(spec={"modelSources": [{"name": "a", "sourceURI": "s3://b/c"}]}, slot_free=False))
    assert outcome.reason is TemplateReason.INLINE_MODEL_SOURCES
    assert (outcome.children, outcome.requeue_after, outcome.record) == ((), None, None)


# Step 6: what the Job comes to.


@pytest.mark.parametrize(
    ("state", "outcome", "requeue_after"),
    [
        (Working("it runs"), (TemplateState.PROGRESSING, "AwaitingDiscovery", "it runs"), None),
        (Working("not scheduled", 42.0), (TemplateState.PROGRESSING, "AwaitingDiscovery", "not scheduled"), 42.0),
        (
            CannotPull(TemplateReason.IMAGE_NOT_FOUND, "404", 42.0),
            (TemplateState.DEGRADED, "ImageNotFound", "404"),
            42.0,
        ),
    ],
    ids=["at work", "not scheduled", "cannot pull"],
)
def test_an_unfinished_job_is_waited_for(
    state: JobState, outcome: tuple[Any, ...], requeue_after: float | None
) -> None:
    waiting = unfound(seen(job=view(state)))
    assert (waiting.state, waiting.reason, waiting.message) == outcome
    assert waiting.requeue_after == requeue_after
    assert (waiting.children, waiting.removals, waiting.record) == ((), (), None)


@pytest.mark.parametrize(
    ("ended", "message"),
    [
        (view(ENDED, "Failed", last_line="out of memory"), "out of memory"),
        (view(ENDED, "Failed"), "BackoffLimitExceeded"),
        (view(JobFailed("", None), "Failed"), "the discovery Job failed"),
        (view(JobSucceeded(POD), "Complete", result=Unparsable("no array")), "the output of discovery cannot be read: no array"),
        (view(JobSucceeded(POD), "Complete"), "the Pod of the finished discovery Job is gone, and its log with it"),
        (view(Stuck(TemplateReason.DISCOVERY_FAILED, "no node")), "no node"),
    ],
    ids=["last line", "the Job's word", "no word", "unparsable", "log gone", "never scheduled"],
)  # fmt: skip
def test_a_failure_says_what_is_known_of_it(ended: JobView, message: str) -> None:
    outcome = unfound(seen(job=ended))
    assert (outcome.state, outcome.reason, outcome.message) == (TemplateState.FAILED, "DiscoveryFailed", message)


def test_the_entry_that_fits_is_chosen() -> None:
    def entry(gpu: str) -> Entry:
        return Entry({"metadata": {"gpu": gpu, "metric": "latency"}}, (Artifact(gpu, f"hf://{gpu}"),))

    result = DiscoveryResult((entry("MI250X"), entry("MI300X")))
    (source,) = found(seen(job=view(JobSucceeded(POD), "Complete", result=result))).sources
    assert source.name == "MI300X"


def test_a_result_is_recorded_before_its_job_may_expire() -> None:
    outcome = found(seen(job=view(JobSucceeded(POD), "Complete", result=RESULT)))
    assert outcome.children == ()
    assert outcome.requeue_after is not None
    assert outcome.record is not None
    assert (outcome.record.inputs_hash, outcome.record.job_name, outcome.record.failures) == (
        INPUTS.digest,
        JOB_NAME,
        0,
    )
    assert [source.wire() for source in outcome.sources] == [SOURCE]


@pytest.mark.parametrize("status", [discovered(), failed("DiscoveryFailed")], ids=["result", "failure"])
@pytest.mark.parametrize(
    ("left", "patched"),
    [
        (view(ENDED, "Failed"), True),
        (view(JobSucceeded(POD), "Complete"), True),
        (view(ENDED, "Failed", ttl=60), False),
        (view(Working("on")), False),
        (None, False),
    ],
    ids=["failed", "succeeded", "expiring already", "unfinished", "gone"],
)
def test_a_job_may_expire_once_its_end_is_in_status(
    status: dict[str, Any], left: JobView | None, *, patched: bool
) -> None:
    outcome = discover(seen(status, job=left), INPUTS)
    told = [(child.mode, child.uid, child.key, child.manifest["spec"]) for child in outcome.children]
    assert told == ([("patch", "job-uid", GONE.key, {"ttlSecondsAfterFinished": 60})] if patched else [])


def test_a_job_that_got_nowhere_is_removed_and_counted() -> None:
    outcome = unfound(seen(job=view(STUCK)))
    assert outcome.removals == (GONE,)
    assert outcome.record is not None
    assert outcome.record.failures == 1
    assert (outcome.state, outcome.reason, outcome.message) == (
        TemplateState.DEGRADED,
        "ImagePullBackOff",
        "ErrImagePull: 404",
    )


# Step 5b: the pauses after failures.


@pytest.mark.parametrize(
    ("failures", "minutes"),
    [*enumerate([1, 2, 4, 8, 16, 32, 60, 60]), (10_000, 60)],
    ids=str,
)
@pytest.mark.parametrize(
    "ended", [view(ENDED, "Failed", age=1), view(STUCK, age=1)], ids=["failed", "stuck"]
)  # fmt: skip
def test_the_pause_doubles_to_an_hour(failures: int, minutes: int, ended: JobView) -> None:
    before = failed("DiscoveryFailed", failures, retry_in=-1) if failures else {}
    outcome = unfound(seen(before, job=ended))
    assert outcome.record is not None
    assert outcome.record.failures == failures + 1
    assert outcome.record.retry_at == NOW + timedelta(minutes=minutes)


def test_the_pause_is_waited_out_to_its_end() -> None:
    outcome = unfound(seen(failed("DiscoveryFailed", 3, retry_in=90.5)))
    assert outcome.requeue_after == 90.5
    assert (outcome.children, outcome.removals) == ((), ())
    assert outcome.message == "what was said"


def test_the_end_of_the_pause_is_the_time_of_the_next_try() -> None:
    outcome = unfound(seen(failed("DiscoveryFailed", 3, retry_in=0)))
    assert [child.kind for child in outcome.children] == [JOBS]
    assert outcome.record is not None
    assert outcome.record.failures == 3


@pytest.mark.parametrize("reason", ["ImageNotFound", "ImagePullAuthFailure", "ImagePullBackOff"])
def test_why_an_image_could_not_be_pulled_is_said_all_through_the_pause(reason: str) -> None:
    outcome = unfound(seen(failed(reason)))
    assert (outcome.state, outcome.reason, outcome.message) == (TemplateState.DEGRADED, reason, "what was said")


def test_other_inputs_do_not_wait_for_a_pause() -> None:
    outcome = discover(seen(failed("DiscoveryFailed", 5, retry_in=3000)), OTHER_INPUTS)
    assert isinstance(outcome, Undiscovered)
    assert [child.mode for child in outcome.children] == ["create"]
    assert outcome.record is None


def test_other_inputs_are_counted_from_the_start() -> None:
    outcome = discover(seen(failed("DiscoveryFailed", 5, retry_in=3000), job=view(ENDED, "Failed")), OTHER_INPUTS)
    assert isinstance(outcome, Undiscovered)
    assert outcome.record is not None
    assert (outcome.record.inputs_hash, outcome.record.failures) == (OTHER_INPUTS.digest, 1)


def test_the_failed_job_makes_room_for_the_next() -> None:
    for ttl in (None, 60):
        outcome = unfound(seen(failed("DiscoveryFailed", retry_in=-1), job=view(ENDED, "Failed", ttl=ttl)))
        assert outcome.state is TemplateState.PROGRESSING
        assert (outcome.children, outcome.removals) == ((), (GONE,))


def test_a_failed_job_counts_once_however_late_it_is_looked_at() -> None:
    late = seen(failed("DiscoveryFailed", retry_in=-3600), job=view(ENDED, "Failed", age=3700))
    outcome = unfound(late)
    assert outcome.record is not None
    assert outcome.record.failures == 1


@pytest.mark.parametrize("skew", [-20, 0, 20], ids=["the server's clock is behind", "as one", "ahead"])
def test_the_next_job_is_not_taken_for_the_failed_one(skew: int) -> None:
    started = seen(failed("DiscoveryFailed", retry_in=0), job=view(Working("on"), age=-skew))
    assert unfound(started).removals == ()


def test_a_time_to_live_that_somebody_else_gave_the_job_changes_nothing() -> None:
    ended = view(ENDED, "Failed", ttl=300, age=25)
    for status in ({}, failed("DiscoveryFailed", retry_in=-30)):
        outcome = unfound(seen(status, job=ended))
        assert outcome.state is TemplateState.FAILED
        assert outcome.removals == ()


# Step 7: the next Job.


def test_a_job_is_created_where_a_slot_is_free() -> None:
    outcome = unfound(seen())
    (child,) = outcome.children
    assert (child.kind, child.mode) == (JOBS, "create")
    assert child.manifest == discovery_job(seen().target, INPUTS, "ns")
    assert JOB_NAME in outcome.message


def test_a_cluster_templates_job_runs_in_the_operator_namespace() -> None:
    (child,) = unfound(seen(scope=Scope.CLUSTER)).children
    assert child.key.namespace == "kaiwo-system"


def test_without_a_slot_nothing_is_created() -> None:
    outcome = unfound(seen(slot_free=False))
    assert (outcome.state, outcome.children, outcome.requeue_after) == (TemplateState.PENDING, (), None)


def test_a_job_that_is_being_deleted_is_waited_for() -> None:
    outcome = unfound(seen(job=view(Working("on"), deleting=True)))
    assert (outcome.state, outcome.children, outcome.removals) == (TemplateState.PROGRESSING, (), ())


@pytest.mark.parametrize(
    "reason", ["NameConflict", "KindMissing", "Forbidden", "Invalid", "NamespaceMissing", "NamespaceTerminating"]
)
def test_a_refusal_keeps_the_count_of_failures_and_creates_nothing(reason: str) -> None:
    outcome = unfound(seen(failed("DiscoveryFailed", 3, retry_in=-1), refusals=(refusal(JOBS, reason),)))
    assert outcome.children == ()
    assert outcome.record is not None
    assert outcome.record.failures == 3


def test_a_refusal_says_where_and_why() -> None:
    outcome = unfound(seen(refusals=(refusal(JOBS, "Forbidden", "jobs is forbidden"),)))
    assert outcome.message == "the discovery Job cannot be created in namespace ns: jobs is forbidden"


# What is kept while discovery runs anew.


def test_a_former_result_is_kept_and_a_former_failure_is_not() -> None:
    for status, kept in ((discovered(inputs=OTHER_INPUTS), True), (failed("DiscoveryFailed"), False)):
        inputs = INPUTS if kept else OTHER_INPUTS
        outcome = discover(seen(status), inputs)
        assert isinstance(outcome, Undiscovered)
        assert (outcome.record is not None) is kept


def test_the_job_of_before_says_nothing_of_the_inputs_of_now() -> None:
    # The Job is that of the inputs of now by its name; what status says of others does not count it.
    case = seen(discovered(inputs=OTHER_INPUTS), job=JobView(job("Complete"), JobSucceeded(POD), result=RESULT))
    outcome = found(case)
    assert outcome.record is not None
    assert outcome.record.inputs_hash == INPUTS.digest


def test_pulling_again_is_progress() -> None:
    before = failed("ImageNotFound") | {"discovery": None}
    outcome = unfound(replace(seen(before), job=view(Working("it runs"))))
    assert (outcome.state, outcome.reason) == (TemplateState.PROGRESSING, "AwaitingDiscovery")

from datetime import UTC, datetime, timedelta

import pytest

from aimctrl.aim.discovery.state import CannotPull, JobFailed, JobSucceeded, Stuck, Working, job_state
from aimctrl.kube.conditions import Condition
from aimctrl.kube.core import (
    Container,
    ContainerState,
    ContainerStatus,
    Job,
    JobStatus,
    Pod,
    PodSpec,
    PodStatus,
    Waiting,
)
from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
IMAGE = "ghcr.io/x/llama:1"


def ago(seconds):
    return NOW - timedelta(seconds=seconds)


def job(*conditions, age=10):
    meta = Meta(name="j", namespace="ns", creation_timestamp=ago(age))
    return Job(metadata=meta, status=JobStatus(conditions=conditions))


def pod(phase="Pending", *, name="p", age=10, waiting=None, scheduled_ago=None, unschedulable="", deleting=False):
    meta = Meta(name=name, namespace="ns", creation_timestamp=ago(age), deletion_timestamp=NOW if deleting else None)
    conditions = ()
    if unschedulable:
        conditions = (
            Condition("PodScheduled", "False", "Unschedulable", unschedulable, last_transition_time=ago(age)),
        )
    elif scheduled_ago is not None:
        conditions = (Condition("PodScheduled", "True", last_transition_time=ago(scheduled_ago)),)
    statuses = (ContainerStatus("discovery", state=ContainerState(waiting=waiting)),) if waiting else ()
    spec = PodSpec(containers=(Container("discovery", IMAGE),))
    return Pod(
        metadata=meta, spec=spec, status=PodStatus(phase=phase, conditions=conditions, container_statuses=statuses)
    )


PULL = Waiting("ErrImagePull", "manifest unknown")
BACK_OFF = Waiting("ImagePullBackOff", f'Back-off pulling image "{IMAGE}"')
CONFIG = Waiting("CreateContainerConfigError", 'secret "hf" not found')
CREATING = Waiting("ContainerCreating")


def test_a_job_that_succeeded_points_at_the_pod_with_the_result():
    pods = [pod("Failed", name="a", age=60), pod("Succeeded", name="b", age=30)]
    assert job_state(job(Condition("Complete", "True")), pods, NOW) == JobSucceeded(Key("ns", "b"))


def test_the_pod_of_a_job_that_succeeded_may_be_gone():
    assert job_state(job(Condition("Complete", "True")), [], NOW) == JobSucceeded(None)


def test_a_job_that_failed_points_at_its_last_pod():
    pods = [pod("Failed", name="b", age=60), pod("Failed", name="a", age=30), pod("Failed", name="c", age=90)]
    failed = Condition("Failed", "True", "BackoffLimitExceeded", "Job has reached the specified backoff limit")
    assert job_state(job(failed), pods, NOW) == JobFailed("Job has reached the specified backoff limit", Key("ns", "a"))


WORKING = {
    "no pod yet": ([], 290),
    "not scheduled yet": ([pod()], None),
    "unschedulable": ([pod(unschedulable="0/3 nodes are available", age=60)], 240),
    "scheduled": ([pod(scheduled_ago=1)], None),
    "pulling for long": ([pod(waiting=CREATING, age=3600, scheduled_ago=3590)], None),
    "running for long": ([pod("Running", age=3600)], None),
    "a pod failed, another is to come": ([pod("Failed", age=400)], None),
    "a secret is missing": ([pod(waiting=CONFIG, age=60, scheduled_ago=50)], 250),
    "a pod failed, another runs": ([pod("Failed", name="a", age=400), pod("Running", name="b")], None),
    "a pod goes, another runs": ([pod(name="a", waiting=PULL, age=400, deleting=True), pod("Running", name="b")], None),
}


@pytest.mark.parametrize(("pods", "check_in"), WORKING.values(), ids=WORKING)
def test_a_job_on_its_way_is_working(pods, check_in):
    state = job_state(job(), pods, NOW)
    assert isinstance(state, Working)
    assert state.check_in == check_in
    assert state.message


def test_a_pod_that_cannot_pull_says_why_and_for_how_long_it_may_try():
    state = job_state(job(), [pod(waiting=PULL, age=100, scheduled_ago=60)], NOW)
    assert state == CannotPull("ImageNotFound", "ErrImagePull: manifest unknown", 240)


def test_the_newest_pod_counts():
    pods = [pod(name="b", waiting=CREATING, age=5), pod(name="a", waiting=PULL, age=60)]
    assert isinstance(job_state(job(), pods, NOW), Working)


def test_backing_off_keeps_the_reason_that_was_given():
    pods = [pod(waiting=BACK_OFF, age=100, scheduled_ago=60)]
    assert job_state(job(), pods, NOW, "ImagePullAuthFailure").reason == "ImagePullAuthFailure"
    assert job_state(job(), pods, NOW).reason == "ImagePullBackOff"


STUCK = {
    "cannot pull": (pod(waiting=PULL, age=320, scheduled_ago=300), "ImageNotFound", "manifest unknown"),
    "cannot be scheduled": (pod(unschedulable="0/3 nodes are available", age=300), "DiscoveryFailed", "0/3 nodes"),
    "a secret is missing": (pod(waiting=CONFIG, age=400, scheduled_ago=301), "DiscoveryFailed", 'secret "hf"'),
}


@pytest.mark.parametrize(("stuck", "reason", "message"), STUCK.values(), ids=STUCK)
def test_after_five_minutes_it_is_stuck_and_the_reason_stays(stuck, reason, message):
    state = job_state(job(age=400), [stuck], NOW)
    assert isinstance(state, Stuck)
    assert state.reason == reason
    assert message in state.message


def test_just_before_five_minutes_it_is_not_stuck():
    assert job_state(job(age=400), [pod(waiting=PULL, age=400, scheduled_ago=299)], NOW).check_in == 1


def test_a_job_that_never_gets_a_pod_is_stuck():
    assert job_state(job(age=300), [], NOW) == Stuck("DiscoveryFailed", "the discovery Job has no Pod yet")


def test_a_pull_that_recovers_is_working_again():
    assert job_state(job(), [pod("Running", age=200, scheduled_ago=190)], NOW) == Working("discovery is running")

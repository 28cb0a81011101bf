from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.core import Container
from aimctrl.sandbox.pod_life import advance, launch_of, stop
from aimctrl.sandbox.script import ImageScript
from aimctrl.sandbox.wire import Pod, PodMeta, PodSpec, PodStatus

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
SCRIPTS = {
    "ok": ImageScript(),
    "bad": ImageScript(exit_code=1),
    "short": ImageScript(run_seconds=10),
    "long": ImageScript(run_seconds=20),
    "server": ImageScript(runs_forever=True),
    "missing": ImageScript(pull_error="not-found"),
}


def pod(*images, inits=(), policy="Never"):
    spec = PodSpec(
        node_name="n",
        restart_policy=policy,
        init_containers=tuple(Container(name=f"init-{image}", image=image) for image in inits),
        containers=tuple(Container(name=image, image=image) for image in images),
    )
    return Pod(PodMeta(name="p", namespace="x", generation=1), spec)


def find_script(launch):
    return SCRIPTS[launch.image]


def played(given, seconds):
    """The pod after looks at each of these times, and the last step."""
    step = None
    for second in seconds:
        step = advance(given, find_script, START + timedelta(seconds=second))
        given = msgspec.structs.replace(given, status=step.status)
    return given, step


@pytest.mark.parametrize(
    ("given", "seconds", "phase", "after"),
    [
        pytest.param(pod("ok"), [0], "Succeeded", None, id="all succeed"),
        pytest.param(pod("ok", "bad"), [0], "Failed", None, id="one fails"),
        pytest.param(pod("short", "long"), [0], "Running", 10, id="the next end is waited for"),
        pytest.param(pod("short", "long"), [0, 10], "Running", 10, id="one has ended, one runs"),
        pytest.param(pod("short", "long"), [0, 20], "Succeeded", None, id="a look may come late"),
        pytest.param(pod("server", "ok"), [0], "Running", None, id="one serves, one has ended"),
        pytest.param(pod("server", "missing"), [0], "Pending", 5, id="one serves, one cannot be pulled"),
        pytest.param(pod("bad", policy="Always"), [0], "Running", 10, id="a crash loop runs"),
        pytest.param(pod("bad", policy="OnFailure"), [0], "Running", 10, id="a failure is retried"),
        pytest.param(pod("ok", policy="OnFailure"), [0], "Succeeded", None, id="a success is not"),
        pytest.param(pod("ok", inits=["short"]), [0], "Pending", 10, id="an init container runs first"),
        pytest.param(pod("ok", inits=["short", "long"]), [0, 10], "Pending", 20, id="then the second"),
        pytest.param(pod("ok", inits=["short", "ok"]), [0, 10], "Succeeded", None, id="then the others"),
        pytest.param(pod("ok", inits=["bad"]), [0], "Failed", None, id="an init container fails"),
        pytest.param(pod("ok", inits=["bad"], policy="Always"), [0], "Pending", 10, id="and is retried"),
        pytest.param(pod("server", inits=["ok"], policy="Always"), [0], "Running", None, id="but not if it succeeds"),
    ],
)
def test_the_phase_follows_the_containers(given, seconds, phase, after):
    _, step = played(given, seconds)
    assert step.status.phase == phase
    assert step.after == after


def test_containers_wait_for_init_containers():
    _, step = played(pod("ok", inits=["short", "long"]), [0])
    waiting = [*step.status.init_container_statuses[1:], *step.status.container_statuses]
    assert [status.state.waiting.reason for status in waiting] == ["PodInitializing"] * 2


def test_a_look_without_change_gives_the_same_status():
    given, first = played(pod("server", "missing"), [0])
    again = advance(given, find_script, START + timedelta(seconds=1))
    assert again.status == first.status


def test_the_start_is_kept():
    _, step = played(pod("long"), [0, 5, 20])
    assert step.status.start_time == START


@pytest.mark.parametrize(
    ("given", "ready", "reason", "message"),
    [
        pytest.param(pod("server"), True, "", "", id="ready"),
        pytest.param(
            pod("server", "missing"),
            False,
            "ContainersNotReady",
            "containers with unready status: [missing]",
            id="not ready",
        ),
        pytest.param(pod("ok"), False, "PodCompleted", "", id="completed"),
        pytest.param(pod("bad"), False, "PodFailed", "", id="failed"),
    ],
)
def test_readiness_has_its_reason(given, ready, reason, message):
    _, step = played(given, [0])
    found = find(step.status.conditions, "Ready")
    assert (found.is_true, found.reason, found.message) == (ready, reason, message)


def test_conditions_of_others_stay_and_transitions_keep_their_time():
    given = pod("long")
    scheduled = Condition("PodScheduled", "True", last_transition_time=START)
    given = msgspec.structs.replace(given, status=PodStatus(conditions=(scheduled,)))
    _, step = played(given, [0, 20])
    assert step.status.conditions[0] == scheduled
    assert find(step.status.conditions, "Initialized").last_transition_time == START
    assert find(step.status.conditions, "Ready").last_transition_time == START + timedelta(seconds=20)


def test_a_pod_that_is_over_stays_as_it_is():
    over, _ = played(pod("ok"), [0])
    assert advance(over, lambda _: SCRIPTS["bad"], START).status is over.status
    assert stop(over, START) is over.status


@pytest.mark.parametrize(
    ("given", "seconds", "phase"),
    [
        pytest.param(pod("server"), [0], "Failed", id="running"),
        pytest.param(pod("missing"), [0], "Failed", id="never started"),
        pytest.param(pod("server"), [], "Failed", id="never looked at"),
        pytest.param(pod("server", "ok"), [0], "Failed", id="one had succeeded"),
        pytest.param(pod("ok", inits=["server"]), [0], "Failed", id="initialising"),
    ],
)
def test_a_stopped_pod_has_failed(given, seconds, phase):
    before, _ = played(given, seconds)
    assert stop(before, START).phase == phase


def test_a_behaviour_sees_the_container():
    container = Container(
        name="c", image="i", args=("a",), env=({"name": "A", "value": "1"}, {"name": "B", "valueFrom": {}})
    )
    launch = launch_of(pod("ok"), container)
    assert (launch.namespace, launch.name, launch.container) == ("x", "p", "c")
    assert (launch.image, launch.args, launch.env, launch.restarts) == ("i", ("a",), {"A": "1", "B": ""}, 0)


@pytest.mark.parametrize(
    ("seconds", "restarts"),
    [
        pytest.param([], 0, id="the first run"),
        pytest.param([0], 1, id="the run after a crash"),
        pytest.param([0, 10], 2, id="the run after two"),
    ],
)
def test_a_behaviour_sees_which_run_it_is(seconds, restarts):
    given, _ = played(pod("bad", policy="Always"), seconds)
    assert launch_of(given, given.spec.containers[0]).restarts == restarts


def test_a_container_may_fail_first_and_then_succeed():
    def second_time_lucky(launch):
        return ImageScript(exit_code=0 if launch.restarts else 1)

    given = pod("ok", policy="OnFailure")
    crashed = advance(given, second_time_lucky, START).status
    status = advance(msgspec.structs.replace(given, status=crashed), second_time_lucky, START + timedelta(10)).status
    assert status.phase == "Succeeded"
    assert status.container_statuses[0].restart_count == 1

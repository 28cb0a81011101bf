from datetime import UTC, datetime, timedelta

import pytest

from aimctrl.kube.core import Container, ContainerState, Running, Terminated, Waiting
from aimctrl.sandbox.container_life import Scene, advance, kill
from aimctrl.sandbox.script import ImageScript
from aimctrl.sandbox.wire import ContainerStatus

START = datetime(2026, 1, 1, 12, tzinfo=UTC)
CONTAINER = Container(name="main", image="r.example/a:1")


def at(seconds):
    return START + timedelta(seconds=seconds)


def ended(exit_code, seconds):
    return Terminated(exit_code=exit_code, reason="Completed", started_at=START, finished_at=at(seconds))


def status(state=None, *, last=None, restarts=0):
    return ContainerStatus(
        name="main", state=state or ContainerState(), last_state=last or ContainerState(), restart_count=restarts
    )


NEW = None
CREATING = status(ContainerState(waiting=Waiting(reason="ContainerCreating")))
FAILING_PULL = status(ContainerState(waiting=Waiting(reason="ImagePullBackOff")))
RUNNING = status(ContainerState(running=Running(started_at=START)))
SUCCEEDED = status(ContainerState(terminated=ended(0, 0)))
FAILED = status(ContainerState(terminated=ended(1, 0)))
CRASHED = status(
    ContainerState(waiting=Waiting(reason="CrashLoopBackOff")), last=ContainerState(terminated=ended(1, 0)), restarts=1
)

SHORT = ImageScript(run_seconds=3)
SERVER = ImageScript(runs_forever=True)
FAILS = ImageScript(exit_code=1)


def told(state):
    """The state in a word."""
    if state.waiting:
        return state.waiting.reason
    return f"exit {state.terminated.exit_code}" if state.terminated else "running"


@pytest.mark.parametrize(
    ("prior", "script", "policy", "seconds", "state", "after"),
    [
        pytest.param(NEW, ImageScript(pull_seconds=4), "Never", 0, "ContainerCreating", 4, id="a pull takes time"),
        pytest.param(
            CREATING, ImageScript(pull_seconds=4), "Never", 3, "ContainerCreating", 1, id="it goes on pulling"
        ),
        pytest.param(CREATING, ImageScript(pull_seconds=4), "Never", 4, "exit 0", None, id="it has been pulled"),
        pytest.param(NEW, ImageScript(pull_error="auth"), "Never", 0, "ErrImagePull", 5, id="a pull fails"),
        pytest.param(FAILING_PULL, ImageScript(pull_error="auth"), "Never", 6, "ImagePullBackOff", 4, id="it waits"),
        pytest.param(FAILING_PULL, SERVER, "Never", 6, "running", None, id="a pull that can succeed does so at once"),
        pytest.param(NEW, SHORT, "Never", 0, "running", 3, id="it runs"),
        pytest.param(NEW, SERVER, "Never", 0, "running", None, id="it runs for ever"),
        pytest.param(NEW, FAILS, "Never", 0, "exit 1", None, id="it runs for no time"),
        pytest.param(RUNNING, SHORT, "Never", 2, "running", 1, id="it goes on running"),
        pytest.param(RUNNING, SHORT, "Never", 3, "exit 0", None, id="it ends well"),
        pytest.param(RUNNING, FAILS, "Never", 1, "exit 1", None, id="it ends badly"),
        pytest.param(RUNNING, SERVER, "Never", 9999, "running", None, id="a server never ends"),
        pytest.param(RUNNING, ImageScript(pull_error="auth"), "Never", 1, "exit 0", None, id="what runs was pulled"),
        pytest.param(SUCCEEDED, SERVER, "Never", 1, "exit 0", None, id="never restarted"),
        pytest.param(SUCCEEDED, SERVER, "OnFailure", 99, "exit 0", None, id="a success is not restarted on failure"),
        pytest.param(FAILED, SERVER, "OnFailure", 1, "CrashLoopBackOff", 9, id="a failure is, after a pause"),
        pytest.param(SUCCEEDED, SERVER, "Always", 1, "CrashLoopBackOff", 9, id="a success is where all are"),
        pytest.param(CRASHED, SERVER, "Always", 19, "CrashLoopBackOff", 1, id="the second pause is longer"),
        pytest.param(CRASHED, SERVER, "Always", 20, "running", None, id="it runs again"),
        pytest.param(CRASHED, FAILS, "Always", 20, "CrashLoopBackOff", 40, id="it crashes again"),
    ],
)
def test_a_container_moves_on(prior, script, policy, seconds, state, after):
    turn = advance(CONTAINER, prior, Scene(script, START, at(seconds), policy))
    assert told(turn.status.state) == state
    assert turn.after == after


def test_looking_again_at_the_same_time_changes_nothing():
    scene = Scene(FAILS, START, at(20), "Always")
    once = advance(CONTAINER, CRASHED, scene)
    assert advance(CONTAINER, once.status, scene) == once


def test_a_restart_is_counted_and_the_last_end_is_kept():
    turn = advance(CONTAINER, CRASHED, Scene(SERVER, START, at(20), "Always"))
    assert turn.status.restart_count == 2
    assert turn.status.last_state == CRASHED.last_state


@pytest.mark.parametrize(
    ("prior", "policy", "began", "finished"),
    [
        pytest.param(NEW, "Never", -40, -40, id="at once"),
        pytest.param(RUNNING, "Never", -60, -40, id="after a while"),
        pytest.param(NEW, "Always", 20, 20, id="not where it is run again"),
    ],
)
def test_a_container_may_say_that_it_ended_long_ago(prior, policy, began, finished):
    script = ImageScript(exit_code=1, ended_ago=60)
    state = advance(CONTAINER, prior, Scene(script, START, at(20), policy)).status
    told = state.state.terminated or state.last_state.terminated
    assert (told.started_at, told.finished_at) == (at(began), at(finished))


def test_times_are_written_in_whole_seconds():
    turn = advance(CONTAINER, NEW, Scene(SHORT, START, at(0.7), "Never"))
    assert turn.status.state.running == Running(started_at=START)


def test_a_started_container_knows_its_image():
    running = advance(CONTAINER, NEW, Scene(SERVER, START, START, "Never")).status
    assert running.ready
    assert running.started
    assert running.image == "r.example/a:1"
    assert running.image_id.startswith("r.example/a@sha256:")


@pytest.mark.parametrize(
    ("prior", "state"),
    [
        pytest.param(NEW, "exit 137", id="not started"),
        pytest.param(RUNNING, "exit 137", id="running"),
        pytest.param(SUCCEEDED, "exit 0", id="ended before"),
    ],
)
def test_a_stopped_container_is_killed_unless_it_had_ended(prior, state):
    assert told(kill(CONTAINER, prior, at(5)).state) == state

from datetime import UTC, datetime

import pytest

from aimctrl.kube.core import Container, ContainerState, Running, Terminated, Waiting
from aimctrl.kube.kinds import Key
from aimctrl.sandbox.kubelet_server import LogUnavailableError
from aimctrl.sandbox.pod_logs import PodLogs
from aimctrl.sandbox.script import ImageScript, Scripts
from aimctrl.sandbox.wire import ContainerStatus, Pod, PodMeta, PodSpec, PodStatus

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KEY = Key("x", "p")
RUNNING = ContainerState(running=Running(started_at=NOW))
ENDED = ContainerState(terminated=Terminated(finished_at=NOW))
CRASHED = ContainerState(waiting=Waiting(reason="CrashLoopBackOff"))
PULLING = ContainerState(waiting=Waiting(reason="ErrImagePull"))


def status(state, *, restarts=0, last=None):
    return ContainerStatus(name="c", state=state, restart_count=restarts, last_state=last or ContainerState())


def pod(*statuses, uid="1"):
    spec = PodSpec(containers=(Container(name="c", image="i"),))
    return Pod(PodMeta(name="p", namespace="x", uid=uid), spec, PodStatus(container_statuses=statuses))


def logs_of(*pods):
    found = {one.key: one for one in pods}
    return PodLogs(found.get, Scripts(default=ImageScript(log="what it says today")).find)


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param(status(RUNNING), id="running"),
        pytest.param(status(ENDED), id="ended"),
        pytest.param(status(CRASHED, last=ENDED), id="crashed"),
    ],
)
def test_a_log_is_what_the_script_said_when_the_container_started(shown):
    logs = logs_of(pod(shown))
    logs.keep(pod(), shown, ImageScript(log="first"))
    logs.keep(pod(), shown, ImageScript(log="later"))
    assert logs.read(KEY, "c") == b"first"


def test_each_restart_has_its_own_log():
    logs = logs_of(pod(status(RUNNING, restarts=1)))
    logs.keep(pod(), status(RUNNING), ImageScript(log="first run"))
    logs.keep(pod(), status(RUNNING, restarts=1), ImageScript(log="second run"))
    assert logs.read(KEY, "c") == b"second run"


def test_a_namesake_does_not_get_its_predecessors_log():
    logs = logs_of(pod(status(ENDED), uid="2"))
    logs.keep(pod(uid="1"), status(ENDED), ImageScript(log="the predecessor's"))
    assert logs.read(KEY, "c") == b"what it says today"


def test_a_log_that_was_not_kept_is_what_the_script_says_today():
    logs = logs_of(pod(status(ENDED)))
    logs.keep(pod(), status(ENDED), ImageScript(log="kept"))
    logs.forget(KEY)
    assert logs.read(KEY, "c") == b"what it says today"


@pytest.mark.parametrize(
    ("pods", "container", "code", "message"),
    [
        pytest.param([], "c", 404, 'pod "p" not found', id="no such pod"),
        pytest.param([pod()], "d", 404, 'container "d" not found in pod "p"', id="no such container"),
        pytest.param(
            [pod()], "c", 400, 'container "c" in pod "p" is waiting to start: ContainerCreating', id="not looked at yet"
        ),
        pytest.param(
            [pod(status(PULLING))], "c", 400, 'container "c" in pod "p" is waiting to start: ErrImagePull', id="pulling"
        ),
    ],
)
def test_there_is_no_log_before_the_start(pods, container, code, message):
    logs = logs_of(*pods)
    logs.keep(pod(), status(PULLING), ImageScript(log="never"))
    with pytest.raises(LogUnavailableError) as caught:
        logs.read(KEY, container)
    assert (caught.value.status, str(caught.value)) == (code, message)

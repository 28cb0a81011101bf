"""One container's way through its states, from what the pod shows of it, its script and the time; pure.

```
(none) ─► ContainerCreating ─► Running ─► terminated ─► CrashLoopBackOff ─► Running …
   └────► ErrImagePull ⇄ ImagePullBackOff                (where it is to be restarted)
```
Nothing is remembered elsewhere, so that the stand-in can be restarted at any time: pulls are timed from the start of
the pod, runs and pauses from the times in the status. A container that runs for no time is never seen running.
Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/, for the pauses too.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from aimctrl.kube.core import Container, ContainerState, Running, Terminated, Waiting
from aimctrl.sandbox import pull
from aimctrl.sandbox.script import ImageScript
from aimctrl.sandbox.wire import ContainerStatus

FIRST_PAUSE = 10.0
LONGEST_PAUSE = 300.0
KILLED = 137


@dataclass(frozen=True, slots=True)
class Scene:
    """What a container plays in: its script, when its pod started, the present, and the pod's restart policy."""

    script: ImageScript
    started: datetime
    now: datetime
    restart_policy: str

    @property
    def stamp(self) -> datetime:
        """The present as the API keeps it, in whole seconds."""
        return self.now.replace(microsecond=0)

    def restarts(self, exit_code: int) -> bool:
        """Whether a container that ended so is run again."""
        return self.restart_policy == "Always" or (self.restart_policy == "OnFailure" and exit_code != 0)


@dataclass(frozen=True, slots=True)
class Turn:
    """The status to show, and after how many seconds time alone changes it (None: never)."""

    status: ContainerStatus
    after: float | None = None


def advance(container: Container, prior: ContainerStatus | None, scene: Scene) -> Turn:
    """The container's status now."""
    before = prior or ContainerStatus(name=container.name)
    if ended := before.state.terminated:
        return _ended(container, before, ended, scene)
    if running := before.state.running:
        return _running(container, before, running, scene)
    if crashed := before.last_state.terminated:
        return _crashed(container, before, crashed, scene)
    return _starting(container, before, scene)


def waiting(container: Container, reason: str, message: str = "") -> ContainerStatus:
    """A container that has not started yet."""
    state = ContainerState(waiting=Waiting(reason=reason, message=message))
    return ContainerStatus(name=container.name, image=container.image, state=state)


def kill(container: Container, prior: ContainerStatus | None, now: datetime) -> ContainerStatus:
    """The container after its pod was stopped: it ends as by SIGKILL, unless it had ended before."""
    before = prior or ContainerStatus(name=container.name)
    if before.state.terminated:
        return before
    started = before.state.running.started_at if before.state.running else None
    ended = Terminated(exit_code=KILLED, reason="Error", started_at=started, finished_at=now)
    return _shown(container, ContainerState(terminated=ended), before.last_state, before.restart_count)


def _starting(container: Container, before: ContainerStatus, scene: Scene) -> Turn:
    elapsed = (scene.now - scene.started).total_seconds()
    if elapsed < scene.script.pull_seconds:
        return Turn(waiting(container, "ContainerCreating"), scene.script.pull_seconds - elapsed)
    if scene.script.pull_error is not None:
        attempt = pull.attempt_at(elapsed - scene.script.pull_seconds)
        told = pull.told(scene.script.pull_error, container.image, backing_off=attempt.backing_off)
        return Turn(waiting(container, told.reason, told.message), attempt.remaining)
    return _run(container, before, scene)


def _run(container: Container, before: ContainerStatus, scene: Scene) -> Turn:
    if scene.script.run_seconds <= 0 and not scene.script.runs_forever:
        return _end(container, before, scene.stamp, scene)
    state = ContainerState(running=Running(started_at=scene.stamp))
    status = _shown(container, state, before.last_state, before.restart_count)
    return Turn(status, None if scene.script.runs_forever else scene.script.run_seconds)


def _running(container: Container, before: ContainerStatus, running: Running, scene: Scene) -> Turn:
    if scene.script.runs_forever:
        return Turn(before)
    since = running.started_at or scene.started
    remaining = scene.script.run_seconds - (scene.now - since).total_seconds()
    return Turn(before, remaining) if remaining > 0 else _end(container, before, since, scene)


def _end(container: Container, before: ContainerStatus, since: datetime, scene: Scene) -> Turn:
    code = scene.script.exit_code
    reason = "Error" if code else "Completed"
    earlier = timedelta(seconds=0.0 if scene.restarts(code) else scene.script.ended_ago)
    ended = Terminated(exit_code=code, reason=reason, started_at=since - earlier, finished_at=scene.stamp - earlier)
    state = ContainerState(terminated=ended)
    status = _shown(container, state, before.last_state, before.restart_count)
    return _ended(container, status, ended, scene)


def _ended(container: Container, before: ContainerStatus, ended: Terminated, scene: Scene) -> Turn:
    if not scene.restarts(ended.exit_code):
        return Turn(before)
    pause = _pause(before.restart_count)
    message = f"back-off {pause:g}s restarting failed container={container.name}"
    state = ContainerState(waiting=Waiting(reason="CrashLoopBackOff", message=message))
    status = _shown(container, state, ContainerState(terminated=ended), before.restart_count)
    return _crashed(container, status, ended, scene)


def _crashed(container: Container, before: ContainerStatus, crashed: Terminated, scene: Scene) -> Turn:
    due = (crashed.finished_at or scene.started) + timedelta(seconds=_pause(before.restart_count))
    remaining = (due - scene.now).total_seconds()
    if remaining > 0:
        return Turn(before, remaining)
    again = _shown(container, before.state, before.last_state, before.restart_count + 1)
    return _run(container, again, scene)


def _pause(restarts: int) -> float:
    return float(min(FIRST_PAUSE * 2 ** min(restarts, 10), LONGEST_PAUSE))


def _shown(
    container: Container, state: ContainerState, last_state: ContainerState, restart_count: int
) -> ContainerStatus:
    runs = state.running is not None
    return ContainerStatus(
        name=container.name,
        image=container.image,
        image_id=f"{pull.repository_of(container.image)}@sha256:{hashlib.sha256(container.image.encode()).hexdigest()}",
        ready=runs,
        started=runs,
        restart_count=restart_count,
        state=state,
        last_state=last_state,
    )

"""A pod's status from those of its containers, as a kubelet would have it; pure.

Source: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime

from aimctrl.kube.conditions import Condition, condition, settle
from aimctrl.kube.core import Container
from aimctrl.sandbox import container_life
from aimctrl.sandbox.container_life import Scene, Turn
from aimctrl.sandbox.script import ImageScript, Launch
from aimctrl.sandbox.wire import ContainerStatus, Pod, PodStatus

Find = Callable[[Launch], ImageScript]
"""Gives the script of one container, as `Scripts.find` does."""

Statuses = tuple[ContainerStatus, ...]


@dataclass(frozen=True, slots=True)
class Step:
    """The status to show, and after how many seconds time alone changes it (None: never)."""

    status: PodStatus
    after: float | None = None


def advance(pod: Pod, find_script: Find, now: datetime) -> Step:
    """The status of a pod that has a node and is not being deleted; one that is over stays as it is."""
    if pod.is_over:
        return Step(pod.status)
    inits = tuple(_initialized(pod, find_script, now))
    if all(_succeeded(turn.status) for turn in inits):
        turns = tuple(_turn(pod, c, find_script, now) for c in pod.spec.containers)
    else:
        turns = tuple(Turn(container_life.waiting(c, "PodInitializing")) for c in pod.spec.containers)
    status = _status(pod, tuple(t.status for t in inits), tuple(t.status for t in turns), now)
    waits = [turn.after for turn in (*inits, *turns) if turn.after is not None]
    return Step(status, min(waits) if waits and status.phase not in {"Succeeded", "Failed"} else None)


def stop(pod: Pod, now: datetime) -> PodStatus:
    """The status of a pod that is stopped before its time: what runs is killed; one that is over stays as it is."""
    if pod.is_over:
        return pod.status
    stamp = now.replace(microsecond=0)

    def killed(containers: Iterable[Container]) -> Statuses:
        return tuple(container_life.kill(c, _prior(pod, c), stamp) for c in containers)

    return _status(pod, killed(pod.spec.init_containers), killed(pod.spec.containers), now)


def launch_of(pod: Pod, container: Container) -> Launch:
    """What the behaviour of the container's image is asked with: the run under way, or the next one."""
    prior = _prior(pod, container) or ContainerStatus(name=container.name)
    ended = prior.state.waiting is not None and prior.last_state.terminated is not None
    return Launch(
        image=container.image,
        namespace=pod.metadata.namespace,
        name=pod.metadata.name,
        container=container.name,
        args=container.args,
        env={entry["name"]: entry.get("value", "") for entry in container.env},
        restarts=prior.restart_count + ended,
    )


def _initialized(pod: Pod, find_script: Find, now: datetime) -> Iterator[Turn]:
    """The init containers' turns: one after another, each waiting for all before it to succeed."""
    ready = True
    for container in pod.spec.init_containers:
        turn = _turn(pod, container, find_script, now) if ready else Turn(_waiting_for_others(container))
        ready = ready and _succeeded(turn.status)
        yield turn


def _turn(pod: Pod, container: Container, find_script: Find, now: datetime) -> Turn:
    policy = pod.spec.restart_policy
    if policy == "Always" and container in pod.spec.init_containers:
        policy = "OnFailure"
    script = find_script(launch_of(pod, container))
    scene = Scene(script, pod.status.start_time or now, now, policy)
    return container_life.advance(container, _prior(pod, container), scene)


def _prior(pod: Pod, container: Container) -> ContainerStatus | None:
    known = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    return next((status for status in known if status.name == container.name), None)


def _waiting_for_others(container: Container) -> ContainerStatus:
    return container_life.waiting(container, "PodInitializing")


def _succeeded(status: ContainerStatus) -> bool:
    return status.state.terminated is not None and status.state.terminated.exit_code == 0


def _status(pod: Pod, inits: Statuses, statuses: Statuses, now: datetime) -> PodStatus:
    stamp = now.replace(microsecond=0)
    phase = _phase(inits, statuses)
    wanted = tuple(_conditions(phase, inits, statuses))
    own = {condition.type for condition in wanted}
    settled = settle(wanted, pod.status.conditions, generation=pod.metadata.generation, now=stamp)
    return PodStatus(
        phase=phase,
        start_time=pod.status.start_time or stamp,
        conditions=(*(c for c in pod.status.conditions if c.type not in own), *settled),
        init_container_statuses=inits,
        container_statuses=statuses,
    )


def _phase(inits: Statuses, statuses: Statuses) -> str:
    """The phase; a terminated container is one that is not restarted."""
    if any(status.state.terminated and not _succeeded(status) for status in inits):
        return "Failed"
    if not all(map(_succeeded, inits)):
        return "Pending"
    if all(status.state.terminated for status in statuses):
        return "Succeeded" if all(map(_succeeded, statuses)) else "Failed"
    never_ran = any(status.state.waiting and not status.last_state.terminated for status in statuses)
    return "Pending" if never_ran else "Running"


def _conditions(phase: str, inits: Statuses, statuses: Statuses) -> Iterator[Condition]:
    over = {"Succeeded": "PodCompleted", "Failed": "PodFailed"}.get(phase)
    yield condition("PodReadyToStartContainers", over is None, "")
    waiting = [status.name for status in inits if not _succeeded(status)]
    told = f"containers with incomplete status: [{' '.join(waiting)}]" if waiting else ""
    yield condition("Initialized", not waiting, "ContainersNotInitialized" if waiting else "", told)
    unready = [status.name for status in statuses if not status.ready]
    told = f"containers with unready status: [{' '.join(unready)}]" if unready and not over else ""
    for kind in ("ContainersReady", "Ready"):
        yield condition(kind, not unready, (over or "ContainersNotReady") if unready else "", told)

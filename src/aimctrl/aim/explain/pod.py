"""What keeps a Pod of a predictor from serving, in the words of scheduler and kubelet, and what can be done.

Sources: https://kubernetes.io/docs/concepts/workloads/pods/pod-lifecycle/,
https://kubernetes.io/docs/tasks/debug/debug-application/debug-running-pod/.
"""

from aimctrl.aim.discovery.pull import pull_failure
from aimctrl.aim.explain.explanation import Fact, Trouble
from aimctrl.aim.explain.parts import named, trouble
from aimctrl.aim.remedies import Care
from aimctrl.kube.conditions import find
from aimctrl.kube.core import PODS, ContainerStatus, Pod

_UNSCHEDULED = (
    "No node takes the Pod. Free or add what the message says is lacking: GPUs, memory, a volume, a tolerated taint; "
    "or ask for less in spec.resources, or with a template that needs fewer GPUs."
)
_UNMAKEABLE = "The container cannot be made: often a Secret or ConfigMap that spec.env names is not there."
_STOPPED = (
    "`kubectl logs -n {namespace} {name} -c {container} --previous` says why it ended. One that was OOMKilled needs "
    "more memory in spec.resources; one that lacks a token for the model needs it in spec.env."
)
_LOADING = "It is loading the model; `kubectl logs -n {namespace} {name} -c {container}` says how far it is."


def pod_fact(pod: Pod) -> Fact:
    """A Pod, and what keeps it from being ready."""
    return Fact("Pod", named(PODS.name, pod.key), "", pod.status.phase, _trouble(pod))


def _trouble(pod: Pod) -> Trouble | None:
    scheduled = find(pod.status.conditions, "PodScheduled")
    if scheduled is not None and scheduled.status == "False":
        return Trouble(scheduled.reason or "Unschedulable", scheduled.message, Care.MEND, _UNSCHEDULED)
    containers = (*pod.status.init_container_statuses, *pod.status.container_statuses)
    found = (_of_container(pod, one) for one in containers if not one.ready)
    return next((one for one in found if one is not None), None)


def _of_container(pod: Pod, said: ContainerStatus) -> Trouble | None:
    place = {"namespace": pod.metadata.namespace, "name": pod.metadata.name, "container": said.name}
    ended = said.state.terminated or said.last_state.terminated
    if ended is not None and ended.exit_code:
        why = f"container {said.name} ended with {ended.exit_code} ({ended.reason}): {ended.message}".rstrip(": ")
        return Trouble("ContainerFailed", why, Care.MEND, _STOPPED.format(**place))
    waiting = said.state.waiting
    if waiting is None:
        return None if said.state.running is None else Trouble("Loading", "", Care.WAIT, _LOADING.format(**place))
    reason = pull_failure(waiting, said.image)
    if reason is not None:
        return trouble(reason, f"{waiting.reason}: {waiting.message}".removesuffix(": "))
    if "Error" not in waiting.reason:
        return None
    return Trouble(waiting.reason, waiting.message, Care.MEND, _UNMAKEABLE)

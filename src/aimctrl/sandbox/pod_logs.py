"""The logs of the sandbox's containers: what their image's script said when they were started."""

from collections.abc import Callable

from aimctrl.kube.kinds import Key
from aimctrl.sandbox.kubelet_server import LogUnavailableError
from aimctrl.sandbox.pod_life import Find, launch_of
from aimctrl.sandbox.script import ImageScript
from aimctrl.sandbox.wire import ContainerStatus, Pod


class PodLogs:
    """Keeps the scripts that containers were started with, so that a log stays when its script changes.

    Of containers started before a restart of the sandbox, the log is what the script says today.
    """

    def __init__(self, find_pod: Callable[[Key], Pod | None], find_script: Find) -> None:
        self._find_pod = find_pod
        self._find_script = find_script
        self._kept: dict[Key, dict[tuple[str, str, int], ImageScript]] = {}

    def keep(self, pod: Pod, status: ContainerStatus, script: ImageScript) -> None:
        """The container has been started with that script; only the first word on each start counts."""
        if status.state.running or status.state.terminated or status.last_state.terminated:
            kept = self._kept.setdefault(pod.key, {})
            kept.setdefault((pod.metadata.uid, status.name, status.restart_count), script)

    def forget(self, pod: Key) -> None:
        """The pod is gone."""
        self._kept.pop(pod, None)

    def read(self, key: Key, container: str) -> bytes:
        """The log of the container's present or last run.

        Raises LogUnavailableError where there is no such container, or it has not been started.
        """
        pod = self._find_pod(key)
        if pod is None:
            raise LogUnavailableError(404, f'pod "{key.name}" not found')
        spec = next((c for c in (*pod.spec.init_containers, *pod.spec.containers) if c.name == container), None)
        if spec is None:
            raise LogUnavailableError(404, f'container "{container}" not found in pod "{key.name}"')
        statuses = (*pod.status.init_container_statuses, *pod.status.container_statuses)
        status = next((s for s in statuses if s.name == container), ContainerStatus(name=container))
        if not (status.state.running or status.state.terminated or status.last_state.terminated):
            reason = status.state.waiting.reason if status.state.waiting else "ContainerCreating"
            raise LogUnavailableError(400, f'container "{container}" in pod "{key.name}" is waiting to start: {reason}')
        kept = self._kept.get(key, {}).get((pod.metadata.uid, container, status.restart_count))
        return (kept or self._find_script(launch_of(pod, spec))).output

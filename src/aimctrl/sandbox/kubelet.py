"""The scheduler and the kubelet of all nodes that no other kubelet serves, as two reconcilers.

A pod costs three writes: its binding, Running, and its end; two where its container runs for no time, more where it
pulls or fails to pull. What happens next is read off the pod alone, so that the sandbox may be restarted at any time.
"""

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

import msgspec

from aimctrl.kube.conditions import condition, find, settle
from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import ConflictError, NotFoundError
from aimctrl.runtime.index import Index
from aimctrl.runtime.lister import Available, Lister
from aimctrl.runtime.request import Request, Result
from aimctrl.runtime.store import Change, Entry
from aimctrl.sandbox.kubelet_server import ADDRESS
from aimctrl.sandbox.node_life import claimed, is_claimable, is_claimed
from aimctrl.sandbox.pod_life import advance, stop
from aimctrl.sandbox.pod_logs import PodLogs
from aimctrl.sandbox.scheduler import Scheduler
from aimctrl.sandbox.scheduling import Unschedulable
from aimctrl.sandbox.script import ImageScript, Launch, Scripts
from aimctrl.sandbox.status import patch_status
from aimctrl.sandbox.volumes import BY_CLAIM, Volumes
from aimctrl.sandbox.wire import NODES, PODS, Node, Pod, PodStatus


class _Spec(msgspec.Struct, rename="camel", gc=False):
    node_name: str = ""


class _Status(msgspec.Struct, gc=False):
    phase: str = ""


class _Place(msgspec.Struct):
    spec: _Spec = msgspec.field(default_factory=_Spec)
    status: _Status = msgspec.field(default_factory=_Status)


def _unfinished_on(meta: Meta, place: _Place) -> Iterable[str]:
    del meta
    return () if place.status.phase in {"Succeeded", "Failed"} else (place.spec.node_name, UNFINISHED)


UNFINISHED = "*"
BY_NODE = Index("sandbox-node", _Place, _unfinished_on)
"""Pods that are not over, by their node's name (`""` for none yet), and all of them under `UNFINISHED`."""


class NodeReconciler:
    """Claims nodes: from then on this process is their kubelet, at the port that `port` gives."""

    def __init__(self, client: Client, nodes: Lister[Node], port: Callable[[], Awaitable[int]]) -> None:
        self._client = client
        self._nodes = nodes
        self._port = port

    async def reconcile(self, request: Request) -> Result:
        """Give the node the status of a healthy one, unless another kubelet serves it."""
        port = await self._port()
        node = self._nodes.get("", request.name)
        if node is None or not is_claimable(node):
            return Result()
        status = claimed(node, address=ADDRESS, port=port, now=request.now)
        if status != node.status:
            await patch_status(self._client, NODES, node.metadata, (node.status, status))
        return Result()


@dataclass(frozen=True, slots=True)
class Sight:
    """What scheduler and kubelet see of the cluster."""

    nodes: Lister[Node]
    pods: Lister[Pod]
    volumes: Volumes


class PodReconciler:
    """Takes pods from their creation to their end; `wake` is asked to have a waiting pod looked at."""

    def __init__(self, client: Client, sight: Sight, scripts: Scripts, wake: Callable[[Key], None]) -> None:
        self._client = client
        self._nodes = sight.nodes
        self._pods = pods = sight.pods
        self._volumes = sight.volumes
        self._scripts = scripts
        self._scheduler = Scheduler(self._claimed_nodes, wake)
        self.logs = PodLogs(lambda key: pods.get(*key), scripts.find)

    async def take_stock(self) -> None:
        """Note what the pods that are there occupy, before the first one is given a node."""
        for key in self._pods.keys_by_index(BY_NODE.name, UNFINISHED):
            pod = self._pods.get(*key)
            if pod is not None and pod.spec.node_name:
                self._scheduler.occupied(pod)

    def unfinished(self) -> list[Key]:
        """All pods that are not over."""
        return self._pods.keys_by_index(BY_NODE.name, UNFINISHED)

    def concerned(self, change: Change) -> Iterable[Key]:
        """The pods that a change of a node matters to: those on it, and those that wait for one."""
        return sorted({*self._pods.keys_by_index(BY_NODE.name, change.key.name), *self._scheduler.waiting})

    def with_claim(self, change: Change) -> Iterable[Key]:
        """The pods that a change of a claim matters to."""
        return self._pods.keys_by_index(BY_CLAIM.name, str(change.key))

    async def reconcile(self, request: Request) -> Result:
        """Do what is next for the pod: a node, a step of its life, or its end."""
        pod = self._pods.get(request.namespace, request.name)
        if pod is None:
            self._scheduler.release(request.key)
            self.logs.forget(request.key)
            return Result()
        if pod.is_over:
            self._scheduler.release(pod.key)
        if not pod.spec.node_name:
            return await self._schedule(pod, request.now)
        if not pod.is_over:
            self._scheduler.occupied(pod)
        node = self._nodes.get("", pod.spec.node_name)
        if node is None:
            return await self._collect(pod, request.now)
        if not is_claimed(node):
            return Result()
        if pod.metadata.deletion_timestamp:
            return await self._let_go(pod, request.now)
        return await self._play(pod, request.now)

    async def _schedule(self, pod: Pod, now: datetime) -> Result:
        """Bind the pod to a node that fits, or say why there is none."""
        done = pod.is_over or pod.metadata.deletion_timestamp is not None
        if done or pod.spec.scheduling_gates or self._scheduler.has_chosen(pod):
            return Result()
        obstacle = self._volumes.obstacle(pod)
        choice = Unschedulable(obstacle) if obstacle else self._scheduler.choose(pod)
        if isinstance(choice, Unschedulable):
            return await self._stay_pending(pod, choice, now)
        try:
            await self._bind(pod, choice.node)
        except (ConflictError, NotFoundError):  # bound or deleted since; the watch will tell
            self._scheduler.release(pod.key)
        except BaseException:
            self._scheduler.release(pod.key)
            raise
        return Result()

    async def _bind(self, pod: Pod, node: str) -> None:
        meta = pod.metadata
        await self._client.request(
            "POST",
            PODS.path(meta.namespace, meta.name, "binding"),
            body={
                "apiVersion": "v1",
                "kind": "Binding",
                "metadata": {"name": meta.name, "namespace": meta.namespace, "uid": meta.uid},
                "target": {"apiVersion": "v1", "kind": "Node", "name": node},
            },
        )

    async def _stay_pending(self, pod: Pod, why: Unschedulable, now: datetime) -> Result:
        wanted = condition("PodScheduled", "False", "Unschedulable", why.message)
        before = pod.status.conditions
        known = find(before, wanted.type)
        if known is None or (known.status, known.message) != (wanted.status, wanted.message):
            (settled,) = settle((wanted,), before, generation=pod.metadata.generation, now=now)
            others = tuple(c for c in before if c.type != wanted.type)
            status = msgspec.structs.replace(pod.status, conditions=(settled, *others))
            await self._show(pod, status)
        return Result()

    async def _play(self, pod: Pod, now: datetime) -> Result:
        """Show the pod as far as it has come; before it starts, it waits for its volumes."""
        if not pod.status.container_statuses and not self._volumes.are_bound(pod):
            return Result()
        used: dict[str, ImageScript] = {}

        def find_script(launch: Launch) -> ImageScript:
            used[launch.container] = self._scripts.find(launch)
            return used[launch.container]

        step = advance(pod, find_script, now)
        for status in (*step.status.init_container_statuses, *step.status.container_statuses):
            if status.name in used:
                self.logs.keep(pod, status, used[status.name])
        await self._show(pod, step.status)
        return Result(step.after)

    async def _let_go(self, pod: Pod, now: datetime) -> Result:
        """End a pod that is being deleted, and have its object go (where finalizers let it)."""
        await self._show(pod, stop(pod, now))
        if pod.metadata.deletion_grace_period_seconds != 0:
            await self._client.delete(PODS, pod.key, uid=pod.metadata.uid, grace_seconds=0)
        return Result()

    async def _collect(self, pod: Pod, now: datetime) -> Result:
        """Let go of a pod whose node is gone, as the pod garbage collector would; one that is over may stay."""
        wanted = pod.is_over and not pod.metadata.deletion_timestamp
        if wanted or not isinstance(self._nodes.availability, Available):
            return Result()
        return await self._let_go(pod, now)

    async def _show(self, pod: Pod, status: PodStatus) -> None:
        if status != pod.status:
            await patch_status(self._client, PODS, pod.metadata, (pod.status, status))

    def _claimed_nodes(self) -> list[Node]:
        return [node for node in self._nodes.list() if is_claimed(node)]


def matters_to_pods(change: Change) -> bool:
    """Whether a change of a node is more than a heartbeat."""
    if change.old is None or change.new is None:
        return True
    return _traits(change.old) != _traits(change.new)


def _traits(entry: Entry) -> tuple[object, ...]:
    node = NODES.decode(entry.raw)
    return (node.metadata.labels, node.spec.unschedulable, node.status.allocatable, is_claimed(node))

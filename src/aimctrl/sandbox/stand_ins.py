"""All stand-ins together, as parts of a manager, and at work on one of their own."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial

from aimctrl.kube.core import STORAGE_CLASSES
from aimctrl.kube.kinds import Key
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.controller import Controller, ControllerOptions
from aimctrl.runtime.manager import Manager, ManagerOptions
from aimctrl.runtime.triggers import Watch, any_change
from aimctrl.sandbox import kserve
from aimctrl.sandbox.external import CLUSTER_SERVING_RUNTIMES, HTTPROUTES, INFERENCE_SERVICES, SERVING_RUNTIMES
from aimctrl.sandbox.gateway import GatewayController
from aimctrl.sandbox.kserve import KServe
from aimctrl.sandbox.kubelet import BY_NODE, NodeReconciler, PodReconciler, Sight, matters_to_pods
from aimctrl.sandbox.kubelet_server import KubeletServer
from aimctrl.sandbox.script import Scripts
from aimctrl.sandbox.volumes import BY_CLAIM, ClaimReconciler, Volumes
from aimctrl.sandbox.wire import CLAIMS, NODES, PODS
from aimctrl.sandbox.working import working

WORKERS = 16
NAME = "aimctrl-sandbox"


@dataclass(frozen=True, slots=True)
class Actor:
    """A controller, and the keys to look at when a script changes."""

    controller: Controller
    audience: Callable[[], Iterable[Key]]


def add_stand_ins(manager: Manager, scripts: Scripts) -> None:
    """Have the manager play kubelet, scheduler, storage, KServe and gateway; its client should be nobody else's."""
    pods, pod_actor = _kubelet(manager, scripts)
    server = KubeletServer(pods.logs.read)
    _claim_nodes(manager, server)
    actors = (pod_actor, _storage(manager, scripts), _kserve(manager, scripts), _gateway(manager, scripts))
    manager.add_runnable(partial(_serve, server), name="sandbox kubelet endpoint", leader_only=False)
    manager.add_runnable(partial(_listen, scripts, actors), name="sandbox scripts")


@asynccontextmanager
async def stand_ins(connection: Connection, scripts: Scripts) -> AsyncGenerator[Manager]:
    """The stand-ins at work on a manager and client of their own while the block runs; `connection` becomes theirs.

    What ends them early cancels the block and is raised from it, in an ExceptionGroup.
    """
    async with Client(connection, field_manager=NAME) as client:
        manager = Manager(client, options=ManagerOptions(component=NAME, grace_period=2.0))
        add_stand_ins(manager, scripts)
        async with working(manager, NAME):
            yield manager


async def _serve(server: KubeletServer) -> None:
    async with server:
        await asyncio.Event().wait()


async def _listen(scripts: Scripts, actors: tuple[Actor, ...]) -> None:
    """Has everybody look again when a script changes, in whatever thread that happens."""
    loop = asyncio.get_running_loop()

    def look_again() -> None:
        for actor in actors:
            for key in actor.audience():
                actor.controller.enqueue(key, reason="script changed")

    with scripts.listening(lambda: loop.call_soon_threadsafe(look_again)):
        await asyncio.Event().wait()


def _claim_nodes(manager: Manager, server: KubeletServer) -> None:
    reconciler = NodeReconciler(manager.client, manager.informers.informer(NODES).lister, server.port)
    manager.add(Controller("sandbox-nodes", NODES, reconciler))


def _kubelet(manager: Manager, scripts: Scripts) -> tuple[PodReconciler, Actor]:
    informer = manager.informers.informer(PODS)
    informer.add_index(BY_NODE)
    informer.add_index(BY_CLAIM)
    sight = Sight(manager.informers.informer(NODES).lister, informer.lister, _volumes(manager))

    def wake(key: Key) -> None:
        controller.enqueue(key, reason="room on a node")

    reconciler = PodReconciler(manager.client, sight, scripts, wake)
    controller = Controller(
        "sandbox-pods",
        PODS,
        reconciler,
        watches=(Watch(NODES, reconciler.concerned, matters_to_pods), Watch(CLAIMS, reconciler.with_claim)),
        predicate=any_change,
        options=ControllerOptions(max_concurrent=WORKERS),
    )
    manager.add(controller)
    manager.on_elected(reconciler.take_stock)
    return reconciler, Actor(controller, reconciler.unfinished)


def _storage(manager: Manager, scripts: Scripts) -> Actor:
    claims, pods = manager.informers.informer(CLAIMS).lister, manager.informers.informer(PODS).lister
    reconciler = ClaimReconciler(manager.client, claims, pods, _volumes(manager), scripts)
    watches = (Watch(PODS, reconciler.used), Watch(STORAGE_CLASSES, lambda _: claims.keys()))
    controller = Controller("sandbox-claims", CLAIMS, reconciler, watches=watches, predicate=any_change)
    manager.add(controller)
    return Actor(controller, claims.keys)


def _volumes(manager: Manager) -> Volumes:
    return Volumes(manager.informers.informer(CLAIMS).lister, manager.informers.informer(STORAGE_CLASSES).lister)


def _kserve(manager: Manager, scripts: Scripts) -> Actor:
    services = manager.informers.informer(INFERENCE_SERVICES).lister
    runtimes = (
        manager.informers.informer(SERVING_RUNTIMES).lister,
        manager.informers.informer(CLUSTER_SERVING_RUNTIMES).lister,
    )
    nodes = manager.informers.informer(NODES).lister
    reconciler = KServe(manager.applier, scripts, services=services, runtimes=runtimes, nodes=nodes)
    controller = Controller(
        "sandbox-kserve", INFERENCE_SERVICES, reconciler, watches=kserve.watches(services.keys), predicate=any_change
    )
    manager.add(controller)
    return Actor(controller, services.keys)


def _gateway(manager: Manager, scripts: Scripts) -> Actor:
    found = manager.informers.informer(HTTPROUTES).lister
    controller = Controller("sandbox-gateway", HTTPROUTES, GatewayController(manager.applier, scripts, found))
    manager.add(controller)
    return Actor(controller, found.keys)

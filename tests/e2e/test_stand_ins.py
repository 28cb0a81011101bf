"""The stand-ins on a real API server with its real job controller: what they show, and what the server makes of it."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

import pytest

from aimctrl.kube.conditions import find
from aimctrl.kube.core import JOBS, SERVICES
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES, SERVING_RUNTIMES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import connect
from aimctrl.runtime.errors import InvalidError
from aimctrl.runtime.manager import Manager
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.node_life import is_claimed, node
from aimctrl.sandbox.script import ImageScript, Scripts
from aimctrl.sandbox.stand_ins import stand_ins
from aimctrl.sandbox.wire import NODES, PODS
from controlplane import ControlPlane

PATIENCE = 60.0
LABEL = "sandbox-test"


class Stage:
    """The stand-ins at work, a client beside them, and a node of the test's own, which only its own pods may use."""

    def __init__(self, manager: Manager, client: Client, namespace: str) -> None:
        self.manager = manager
        self.client = client
        self.namespace = namespace

    async def job(self, name: str, image: str, **pod_spec: Any) -> None:
        container = {"name": "main", "image": image, "args": ["dry-run"]}
        env = [{"name": "AIM_METRIC", "value": "latency"}, {"name": "AIM_LOG_LEVEL", "value": "CRITICAL"}]
        spec = {"restartPolicy": "Never", "nodeSelector": {LABEL: self.namespace}, **pod_spec}
        template = {"spec": {**spec, "containers": [{**container, "env": env}]}}
        await self.create(JOBS, name, {"backoffLimit": 0, "template": template})

    async def node(self, **labels: str) -> str:
        """Creates a node of a new name."""
        name = f"node-{uuid4().hex[:8]}"
        await self.client.create(NODES, node(name, labels))
        return name

    async def create(self, kind: Kind[Any], name: str, spec: Mapping[str, Any]) -> None:
        await self.client.create(kind, {"metadata": {"name": name, "namespace": self.namespace}, "spec": spec})

    async def until(self, kind: Kind[Any], holds: Callable[[list[Any]], bool]) -> list[Any]:
        """The objects of that kind in the test's namespace as soon as `holds` says so of them."""
        informer = self.manager.informers.informer(kind)
        reached = asyncio.Event()

        def listed() -> list[Any]:
            return informer.lister.list(self.namespace if kind.namespaced else "")

        def look(_: object) -> None:
            if holds(listed()):
                reached.set()

        informer.add_handler(look)
        async with asyncio.timeout(PATIENCE):
            await informer.synced.wait()
            look(None)
            await reached.wait()
        return listed()


@asynccontextmanager
async def at_work(control_plane: ControlPlane, namespace: str, scripts: Scripts) -> AsyncIterator[Stage]:
    """Stand-ins and a client; connections are their own."""
    kubeconfig = str(control_plane.kubeconfig)
    async with Client(await connect(kubeconfig)) as client, stand_ins(await connect(kubeconfig), scripts) as manager:
        yield Stage(manager, client, namespace)


@pytest.fixture
def scripts() -> Scripts:
    return Scripts()


@pytest.fixture
async def stage(control_plane: ControlPlane, namespace: str, scripts: Scripts) -> AsyncIterator[Stage]:
    async with at_work(control_plane, namespace, scripts) as stage:
        name = await stage.node(**{LABEL: namespace, "amd.com/gpu.device-id": "74a1"})
        await stage.until(NODES, lambda nodes: any(n.metadata.name == name and is_claimed(n) for n in nodes))
        yield stage
        await stage.client.delete(NODES, Key("", name))


def port_of(nodes: list[Any], name: str) -> int | None:
    return next((n.status.daemon_endpoints.kubelet_endpoint.port for n in nodes if n.metadata.name == name), None)


def phases(*expected: str) -> Callable[[list[Any]], bool]:
    return lambda pods: sorted(pod.status.phase for pod in pods) == sorted(expected)


def waits(*reasons: str) -> Callable[[list[Any]], bool]:
    def holds(pods: list[Any]) -> bool:
        states = [status.state for pod in pods for status in pod.status.container_statuses]
        return bool(states) and all(state.waiting and state.waiting.reason in reasons for state in states)

    return holds


def condition_is(kind: str, status: str) -> Callable[[list[Any]], bool]:
    def holds(objects: list[Any]) -> bool:
        found = [find(one.status.conditions, kind) for one in objects]
        return bool(found) and all(c is not None and c.status == status for c in found)

    return holds


def verdict_is(status: str) -> Callable[[list[Any]], bool]:
    def holds(routes: list[Any]) -> bool:
        entries = [entry for route in routes for entry in route.status.parents]
        found = [find(entry.conditions, "Accepted") for entry in entries]
        return bool(found) and all(c is not None and c.status == status for c in found)

    return holds


async def test_a_job_runs_and_its_log_is_read_through_the_api_server(stage, scripts):
    scripts.set("*/aim-*", AimImage(model="org/m", run_seconds=1))
    await stage.job("discover", "r.example/aim-m:1")
    (running,) = await stage.until(PODS, phases("Running"))
    (job,) = await stage.until(JOBS, lambda jobs: any(job.finished for job in jobs))
    assert job.succeeded
    log = await stage.client.pod_log(running.key, container="main", limit_bytes=100_000)
    (entry,) = json.loads(log)
    assert entry["models"] == [{"name": "org/m", "source": "hf://org/m", "size_gb": 15.0}]
    assert await stage.client.pod_log(running.key, limit_bytes=100, tail_lines=1) == b"]\n"


async def test_a_failing_job_fails_with_its_exit_code_and_log(stage, scripts):
    scripts.set("*/bad:*", ImageScript(log="boom\n", exit_code=3))
    await stage.job("bad", "r.example/bad:1")
    (job,) = await stage.until(JOBS, lambda jobs: any(job.finished for job in jobs))
    assert job.failed
    (pod,) = await stage.until(PODS, phases("Failed"))
    assert pod.status.container_statuses[0].state.terminated.exit_code == 3
    assert await stage.client.pod_log(pod.key, limit_bytes=100) == b"boom\n"


async def test_an_image_that_cannot_be_pulled_waits_until_it_can(stage, scripts):
    scripts.set("*/missing:*", ImageScript(pull_error="not-found"))
    await stage.job("missing", "r.example/missing:1")
    (pod,) = await stage.until(PODS, waits("ErrImagePull"))
    assert "r.example/missing:1: not found" in pod.status.container_statuses[0].state.waiting.message
    with pytest.raises(InvalidError, match=r"is waiting to start: (ErrImagePull|ImagePullBackOff)"):
        await stage.client.pod_log(pod.key, limit_bytes=100)
    scripts.remove("*/missing:*")
    await stage.until(JOBS, lambda jobs: any(job.succeeded for job in jobs))


async def test_an_unschedulable_pod_runs_once_a_node_fits(stage):
    await stage.job("picky", "r.example/any:1", nodeSelector={"zone": stage.namespace})
    (pod,) = await stage.until(PODS, condition_is("PodScheduled", "False"))
    scheduled = find(pod.status.conditions, "PodScheduled")
    assert scheduled.reason == "Unschedulable"
    assert "node(s) didn't match Pod's node affinity/selector" in scheduled.message
    name = await stage.node(zone=stage.namespace)
    await stage.until(PODS, phases("Succeeded"))
    await stage.client.delete(NODES, Key("", name))


async def test_pods_of_a_deleted_job_are_stopped_and_go(stage, scripts):
    scripts.set("*", ImageScript(runs_forever=True))
    await stage.job("endless", "r.example/any:1")
    await stage.until(PODS, phases("Running"))
    await stage.client.delete(JOBS, Key(stage.namespace, "endless"))
    await stage.until(PODS, lambda pods: not pods)


async def test_restarted_stand_ins_serve_the_logs_of_pods_that_ended_before(control_plane, namespace, scripts):
    scripts.set("*", ImageScript(log="hello\n"))
    async with at_work(control_plane, namespace, scripts) as stage:
        name = await stage.node(**{LABEL: namespace})
        await stage.job("early", "r.example/any:1")
        (pod,) = await stage.until(PODS, phases("Succeeded"))
        before = port_of(stage.manager.informers.informer(NODES).lister.list(), name)
    async with at_work(control_plane, namespace, scripts) as stage:
        await stage.until(NODES, lambda nodes: port_of(nodes, name) not in {None, before})
        assert await stage.client.pod_log(pod.key, limit_bytes=100) == b"hello\n"
        await stage.client.delete(NODES, Key("", name))


async def test_an_inference_service_is_ready_when_runtime_and_node_are_there(stage, scripts):
    scripts.set("*/serve:*", ImageScript(runs_forever=True, serving="loading"))
    gpus = {"limits": {"amd.com/gpu": "8"}}
    model = {"modelFormat": {"name": "aim"}, "runtime": "llama", "resources": gpus}
    predictor = {"model": model, "nodeSelector": {LABEL: stage.namespace}}
    await stage.create(INFERENCE_SERVICES, "llama", {"predictor": predictor})
    (service,) = await stage.until(INFERENCE_SERVICES, condition_is("Ready", "Unknown"))
    assert service.status.model_status.last_failure_info.reason == "RuntimeNotRecognized"
    containers = [{"name": "kserve-container", "image": "r.example/serve:1"}]
    await stage.create(SERVING_RUNTIMES, "llama", {"containers": containers})
    await stage.until(INFERENCE_SERVICES, condition_is("Ready", "False"))
    scripts.set("*/serve:*", ImageScript(runs_forever=True, load_seconds=1))
    (service,) = await stage.until(INFERENCE_SERVICES, condition_is("Ready", "True"))
    assert service.status.url == f"http://llama-predictor.{stage.namespace}.svc.cluster.local"
    assert service.status.observed_generation == service.metadata.generation
    (found,) = await stage.until(SERVICES, lambda services: len(services) == 1)
    assert (found.metadata.name, found.spec.ports[0].port) == ("llama-predictor", 80)
    scripts.set("*/serve:*", ImageScript(serving="failed", log="out of memory\n"))
    (service,) = await stage.until(INFERENCE_SERVICES, condition_is("Ready", "False"))
    assert service.status.model_status.last_failure_info.message == "out of memory"


async def test_a_route_is_accepted_or_refused_as_scripted(stage, scripts):
    backend = {"backendRefs": [{"name": "llama-predictor", "port": 80}]}
    await stage.create(HTTPROUTES, "llama", {"parentRefs": [{"name": "main"}], "rules": [backend]})
    (route,) = await stage.until(HTTPROUTES, verdict_is("True"))
    assert find(route.status.parents[0].conditions, "ResolvedRefs").is_true
    scripts.set_gateway("main", "refused")
    await stage.until(HTTPROUTES, verdict_is("False"))
    scripts.set_gateway("main", "ignored")
    await stage.until(HTTPROUTES, lambda routes: all(not route.status.parents for route in routes))

"""The case of the operator: services from nothing to Running, on a control plane with its controllers and stand-ins.

Five services share a template and its model; the templates are discovered, the services have routes. `aimctrl run` is
measured; what plays nodes, KServe and gateway has a process of its own.
"""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aimctrl import manifests
from aimctrl.aim.options import OperatorOptions
from aimctrl.api.kinds import AIM_MODEL, AIM_RUNTIME_CONFIG, AIM_SERVICE, AIM_SERVICE_TEMPLATE
from aimctrl.kube.core import NAMESPACES, NODES
from aimctrl.kube.kinds import Kind
from aimctrl.runtime import Client, connect
from aimctrl.runtime.client import all_items
from bench import programs
from bench.cases import PATIENCE, Figures
from bench.load import SENDER
from bench.running import at_rest, cpu, running
from bench.written import AuditLog
from controlplane import ControlPlane, crd_folder

SPACES = tuple(f"team-{number:02}" for number in range(20))
SHARING = 5
"""Services of one template."""

_AT_ONCE = 16
_LOOK = 1.0


def services(count: int, python: str) -> Figures:
    """Bring so many services to Running, then start the operator again, which has nothing left to do."""
    with _cluster() as plane:
        log, program = AuditLog(plane.audit_log), programs.operator(python)
        objects = count + 2 * (count // SHARING)
        mark = log.mark()
        with running(program, plane.kubeconfig, plane.folder) as operator:
            start = operator.settle()
            began = time.monotonic()
            asyncio.run(_apply(plane, count))
            asyncio.run(_all_run(plane, count))
            took = time.monotonic() - began
            used, memory = operator.settle() - start, operator.memory()
        written = log.since(mark)
        mark = log.mark()
        with running(program, plane.kubeconfig, plane.folder) as operator:
            again = operator.settle()
        return {
            "wall s": took,
            "CPU s": used,
            "CPU ms an object": used / objects * 1000,
            "writes an object": written / objects,
            "RSS MB": memory.now,
            "CPU s after a restart": again,
            "writes after a restart": float(log.since(mark)),
        }


@contextmanager
def _cluster() -> Iterator[ControlPlane]:
    """A control plane with one node, and stand-ins at work on it."""
    with TemporaryDirectory() as folder:
        crds = Path(folder, "aim.yaml")
        crds.write_text(manifests.to_yaml(manifests.crds()))
        with ControlPlane(crds=[crds, crd_folder()]) as plane:
            asyncio.run(_furnish(plane))
            with running(programs.stand_ins(), plane.kubeconfig, plane.folder) as stand_ins:
                stand_ins.wait("ready", PATIENCE)
                api = int((plane.folder / "kube-apiserver.pid").read_text())
                at_rest(lambda: cpu(api), PATIENCE)
                yield plane


async def _furnish(plane: ControlPlane) -> None:
    async with Client(await connect(str(plane.kubeconfig)), field_manager=SENDER) as client:
        for name in (OperatorOptions().operator_namespace, *SPACES):
            await client.apply(NAMESPACES, {"metadata": {"name": name}})
        labels = {"amd.com/gpu.device-id": "74a1", "kubernetes.io/hostname": "node"}
        await client.apply(NODES, {"metadata": {"name": "node", "labels": labels}})
        for space in SPACES:
            routing = {"enabled": True, "gatewayRef": {"name": "gateway", "namespace": "gateways"}}
            await client.apply(AIM_RUNTIME_CONFIG, _object("default", space, {"routing": routing}))


async def _apply(plane: ControlPlane, count: int) -> None:
    """Apply everything as fast as the API server takes it: models, templates, services."""
    shared = range(count // SHARING)
    waves: list[list[tuple[Kind[Any], dict[str, Any]]]] = [
        [(AIM_MODEL, _object(f"model-{i}", _space(i), {"image": f"registry.test/model-{i}:v1"})) for i in shared],
        [(AIM_SERVICE_TEMPLATE, _object(f"template-{i}", _space(i), _template(i))) for i in shared],
        [
            (AIM_SERVICE, _object(f"service-{i}", _space(i // SHARING), {"model": {"ref": f"model-{i // SHARING}"}}))
            for i in range(count)
        ],
    ]
    async with Client(await connect(str(plane.kubeconfig)), field_manager=SENDER) as client:
        for wave in waves:
            rest = iter(wave)

            async def work(rest: Iterator[tuple[Kind[Any], dict[str, Any]]] = rest) -> None:
                for kind, manifest in rest:
                    await client.create(kind, manifest)

            async with asyncio.TaskGroup() as tasks:
                for _ in range(_AT_ONCE):
                    tasks.create_task(work())


async def _all_run(plane: ControlPlane, count: int) -> None:
    """Wait until so many services are Running."""
    async with Client(await connect(str(plane.kubeconfig)), field_manager=SENDER) as client, asyncio.timeout(PATIENCE):
        while await _running(client) < count:  # noqa: ASYNC110 - it is the cluster that knows
            await asyncio.sleep(_LOOK)


async def _running(client: Client) -> int:
    services = all_items(lambda token: client.list_page(AIM_SERVICE, token=token))
    return len([raw async for raw in services if AIM_SERVICE.decode(raw).status.status == "Running"])


def _space(number: int) -> str:
    return SPACES[number % len(SPACES)]


def _template(number: int) -> dict[str, Any]:
    selector = {"count": 1, "model": "MI300X"}
    return {"modelName": f"model-{number}", "metric": "latency", "precision": "fp16", "gpuSelector": selector}


def _object(name: str, namespace: str, spec: dict[str, Any]) -> dict[str, Any]:
    return {"metadata": {"name": name, "namespace": namespace}, "spec": spec}

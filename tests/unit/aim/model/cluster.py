"""The model family on a fake cluster: objects are put there, models are looked at, registries answer as a test says."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any, Self

import pytest

from aimctrl.aim.model.inspect import Asker, Inspector
from aimctrl.aim.model.reconciler import ModelReconciler
from aimctrl.aim.options import OperatorOptions
from aimctrl.aim.registry.docker_config import Credential
from aimctrl.aim.registry.outcomes import Inspected, Outcome
from aimctrl.aim.registry.reference import Reference
from aimctrl.aim.shared import Shared
from aimctrl.api.kinds import AIM_CLUSTER_SERVICE_TEMPLATE, AIM_MODEL, AIM_SERVICE_TEMPLATE
from aimctrl.api.model import AIMModel
from aimctrl.kube.core import SECRETS
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.applier import Applier
from aimctrl.runtime.request import Request, Result
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder
from support.following import quiet
from support.registry import auth
from unit.aim.model.samples import IMAGE, NOW

DEPLOYMENTS = [
    {"gpuModel": "MI300X", "gpuCount": 1, "metric": "latency", "precision": "fp8"},
    {"gpuModel": "MI300X", "gpuCount": 8, "metric": "throughput", "precision": "bf16"},
]


def labelled(deployments: Sequence[dict[str, Any]] = DEPLOYMENTS) -> Outcome:
    """An AIM image that recommends these."""
    prefix = "com.amd.aim.model."
    return Inspected(
        {f"{prefix}canonicalName": "x/llama", f"{prefix}recommendedDeployments": json.dumps(list(deployments))}
    )


class Registry:
    """Gives each image's outcome; notes who asked, with which user names."""

    def __init__(self) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.asked: list[str] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        return

    async def labels(self, reference: Reference, credentials: Sequence[Credential] = ()) -> Outcome:
        self.asked.append(" ".join([reference.repository, *(one.username for one in credentials)]))
        return self.outcomes.get(reference.repository, labelled())


class Operator:
    """What the model family takes from the Manager."""

    def __init__(self) -> None:
        self.informers = FakeInformers()
        self.recorder = FakeRecorder()
        self.client = FakeCluster(self.informers)
        self.applier = Applier(self.client, self.informers, self.recorder, field_manager="aimctrl")  # type: ignore[arg-type]
        self.namespaces = ()


class World:
    """A cluster with the inspection running, and models of one kind."""

    def __init__(self, kind: Kind[AIMModel] = AIM_MODEL) -> None:
        self.kind = kind
        self.template_kind = AIM_SERVICE_TEMPLATE if kind.namespaced else AIM_CLUSTER_SERVICE_TEMPLATE
        operator = Operator()
        self.informers, self.cluster, self.recorder = operator.informers, operator.client, operator.recorder
        self.registry = Registry()
        self.now: datetime = NOW
        self.woken: list[str] = []
        self.inspector = Inspector(self.cluster, self.registry, self._wake, lambda: self.now)
        self.reconciler = ModelReconciler(Shared(operator, OperatorOptions()), self.inspector, kind)  # type: ignore[arg-type]
        self.controller = self.reconciler.controller()

    def _wake(self, asker: Asker) -> None:
        assert asker.kind == self.kind.name
        self.woken.append(asker.key.name)

    @asynccontextmanager
    async def inspecting(self) -> AsyncIterator["World"]:
        task = asyncio.create_task(self.inspector.run())
        yield self
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    def key(self, name: str = "llama") -> Key:
        return Key("ns" if self.kind.namespaced else "", name)

    def model(self, name: str = "llama", *, enabled: bool = True, **spec: Any) -> None:
        """Have a model, or change it; its status stays."""
        wanted = {"image": IMAGE, "discovery": {"enabled": enabled}} | spec
        live = self.cluster.objects.get((self.kind.resource, self.key(name)), {})
        status = {"status": live["status"]} if "status" in live else {}
        self.put(self.kind, name, spec=wanted, **status)

    def put(self, kind: Kind[Any], name: str, namespace: str = "ns", **parts: Any) -> None:
        meta = {"name": name, "uid": f"{name}-uid"} | ({"namespace": namespace} if kind.namespaced else {})
        self.cluster.put(kind, {"metadata": meta | parts.pop("metadata", {}), **parts})

    def secret(self, name: str, username: str, namespace: str = "ns") -> None:
        config = json.dumps({"auths": {"ghcr.io": {"auth": auth(username, "secret")}}})
        data = {".dockerconfigjson": base64.b64encode(config.encode()).decode()}
        self.put(SECRETS, name, namespace, type="kubernetes.io/dockerconfigjson", data=data)

    async def look(self, name: str = "llama", *, later: timedelta = timedelta()) -> dict[str, Any]:
        """Reconcile once; the model's status then."""
        await self.reconcile(name, later=later)
        return self.status(name)

    async def settle(self, name: str = "llama", *, later: timedelta = timedelta()) -> dict[str, Any]:
        """Reconcile, have the image inspected, and reconcile until nothing changes."""
        before: dict[str, Any] | None = None
        status = await self.look(name, later=later)
        while status != before:
            await quiet()
            before, status = status, await self.look(name)
        return status

    async def reconcile(self, name: str = "llama", *, later: timedelta = timedelta()) -> Result:
        self.now += later
        return await self.reconciler.reconcile(Request(self.key(name), self.now))

    def status(self, name: str = "llama") -> dict[str, Any]:
        found: dict[str, Any] = self.cluster.objects[self.kind.resource, self.key(name)].get("status", {})
        return found

    def said(self, kind: str, name: str = "llama") -> str:
        condition = next(each for each in self.status(name)["conditions"] if each["type"] == kind)
        return f"{condition['status']} {condition['reason']}"

    def templates(self) -> list[str]:
        return sorted(key.name for resource, key in self.cluster.objects if resource == self.template_kind.resource)

    def state(self, template: str, state: str) -> None:
        """The template's controller says so."""
        live = self.cluster.live(self.template_kind, template, self.key().namespace)
        self.cluster.put(self.template_kind, {**live, "status": {"status": state}})

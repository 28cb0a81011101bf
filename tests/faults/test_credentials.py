"""Tokens that are rotated or revoked, and authorities that change, under an operator at work as in a Pod.

Nothing of it is a failure of anybody's object: what runs stays as it is, and the rest goes on once it can.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import msgspec
import pytest
import pytest_asyncio
import yaml

from aimctrl.aim.operator import add_controllers
from aimctrl.api.kinds import AIM_SERVICE
from aimctrl.kube.core import NODES, SECRETS
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.runtime import connection
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import Connection, connect
from aimctrl.runtime.errors import UnauthorizedError
from aimctrl.runtime.lister import Available
from aimctrl.runtime.manager import Manager, ManagerOptions
from aimctrl.runtime.metrics import Metrics
from controlplane import ControlPlane
from controlplane.certs import Certs
from e2e.homes import Home
from support.history import history
from support.program import EVERYTHING, account, user_of, writes
from support.proxy import Between, Proxy, between
from support.world import SERVICE_ACCOUNTS, World, eventually, surroundings, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAME = "pod"
PATIENCE = 120.0


class Bearer:
    """One token, for better or worse."""

    def __init__(self, token: str) -> None:
        self._token = token

    async def authorization(self) -> str:
        return f"Bearer {self._token}"

    async def renew(self) -> None:
        """There is no other."""


@dataclass
class Pod:
    """What the kubelet keeps up to date in a Pod: the folder with its token, and whom to trust."""

    user: World
    plane: ControlPlane
    folder: Path
    secret: str = ""
    token: str = ""

    async def rotate(self) -> None:
        """Give the Pod a new token; the one it had stays good until it is revoked."""
        self.secret = f"token-{uuid4().hex[:8]}"
        await self.user.have(SECRETS, self.secret, "default")
        live = await self.user.json(SECRETS, self.secret, "default")
        bound = {"apiVersion": "v1", "kind": "Secret", "name": self.secret, "uid": live["metadata"]["uid"]}
        body = {"spec": {"boundObjectRef": bound, "expirationSeconds": 3600}}
        answer = await self.user.client.request("POST", SERVICE_ACCOUNTS.path("default", NAME, "token"), body=body)
        self.token = msgspec.json.decode(answer)["status"]["token"]
        self.write("token", self.token.encode())

    async def revoke(self, secret: str, token: str) -> None:
        """Have the API server refuse a token; what it has found to be good it believes in for seconds."""
        await self.user.delete(SECRETS, secret, "default")
        theirs = (await connect(str(self.plane.kubeconfig))).ssl
        async with Client(Connection(self.plane.server, theirs, credentials=Bearer(token))) as client:

            async def refused() -> bool:
                try:
                    await client.request("GET", "/api/v1/namespaces/default")
                except UnauthorizedError:
                    return True
                return False

            await eventually(refused, timeout=PATIENCE, every=0.5)

    def write(self, name: str, text: bytes) -> None:
        """Have that in the file, at once."""
        new = self.folder / f".{name}"
        new.write_bytes(text)
        new.rename(self.folder / name)


@dataclass(frozen=True)
class Scene:
    """An operator in a Pod, that has been at work for a while."""

    user: World
    pod: Pod
    between: Between
    manager: Manager

    @property
    def proxy(self) -> Proxy:
        return self.between.proxy

    def home(self, name: str) -> Home:
        """A namespace of a test's own."""
        return Home(self.user, f"{name}-{uuid4().hex[:6]}")

    def requests(self, code: str) -> float:
        """How many requests of the operator have been answered so far in that way."""
        found = [
            one.value
            for family in self.manager.metrics.registry.collect()
            for one in family.samples
            if one.name == "rest_client_requests_total" and one.labels["code"] == code
        ]
        return sum(found)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("pod")
    async with world(plane) as user, surroundings(plane), between(plane, folder) as gate:
        await user.have(NODES, "plain")
        await account(user, plane, folder, NAME, EVERYTHING)
        pod = Pod(user, plane, folder)
        await pod.rotate()
        pod.write("ca.crt", plane.ca.read_bytes())
        pod.write("namespace", b"default")
        async with operator(pod, gate) as manager:
            yield Scene(user, pod, gate, manager)


@asynccontextmanager
async def operator(pod: Pod, gate: Between) -> AsyncIterator[Manager]:
    """An operator that is told nothing but what a Pod is told."""
    server = urlsplit(yaml.safe_load(gate.kubeconfig.read_text(encoding="utf-8"))["clusters"][0]["cluster"]["server"])
    environ = {
        "KUBECONFIG": str(pod.folder / "none"),
        "KUBERNETES_SERVICE_HOST": str(server.hostname),
        "KUBERNETES_SERVICE_PORT": str(server.port),
    }
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(connection, "SERVICE_ACCOUNT", pod.folder)
        found = await connect(environ=environ)
    metrics = Metrics()
    async with Client(found, metrics=metrics) as client:
        manager = Manager(client, metrics=metrics, options=ManagerOptions(grace_period=10.0))
        add_controllers(manager)
        running = asyncio.create_task(manager.run())
        yield manager
        manager.stop()
        await running


@asynccontextmanager
async def undisturbed(scene: Scene, home: Home) -> AsyncIterator[None]:
    """A service that runs before the block and comes out of it as it was; one that came inside runs in the end."""
    await home.model()
    await home.template()
    await home.service()
    before = [await home.runs(), await home.inference_service()]
    async with history(scene.user, AIM_SERVICE, home.namespace) as seen:
        yield
        late = await home.becomes("Running", "RuntimeReady", "late", timeout=PATIENCE)
        await seen.reaches(late.metadata.resource_version)
    assert [await home.runs(), await home.inference_service()] == before
    assert seen.of("chat") == []
    assert not [live for live in seen if live.get("status", {}).get("status") in {"Failed", "Degraded", "NotAvailable"}]
    created = [event for event in writes(scene.pod.plane, user_of(NAME)) if _creates(event, home.namespace)]
    assert len(created) == 2


def _creates(event: Any, namespace: str) -> bool:
    about, code = event["objectRef"], event["responseStatus"]["code"]
    return (about.get("namespace"), about["resource"], code) == (namespace, INFERENCE_SERVICES.plural, 201)


async def reaches(count: Callable[[], float], least: float) -> None:
    """Wait until it counts that many."""

    async def there() -> bool:
        return count() >= least

    await eventually(there, timeout=PATIENCE)


async def test_a_rotated_token_is_taken_up(scene: Scene):
    home, pod = scene.home("rotated"), scene.pod
    async with undisturbed(scene, home):
        old = (pod.secret, pod.token)
        await pod.rotate()
        await pod.revoke(*old)
        scene.proxy.hang_up()
        await home.service("late")


async def test_without_a_good_token_nothing_is_believed_and_all_goes_on_with_the_next(scene: Scene):
    home, pod = scene.home("revoked"), scene.pod
    async with undisturbed(scene, home):
        refused = scene.requests("401")
        await pod.revoke(pod.secret, pod.token)
        scene.proxy.hang_up()
        await home.service("late")
        await reaches(lambda: scene.requests("401"), refused + 20)
        assert {one.availability for one in scene.manager.informers.freshness()} == {Available()}
        await pod.rotate()


async def test_new_authorities_are_trusted_once_the_pod_is_told_of_them(scene: Scene, tmp_path: Path):
    home, pod = scene.home("authorities"), scene.pod
    new = Certs(tmp_path / "new")
    await asyncio.to_thread(new.make)
    async with undisturbed(scene, home):
        failed = scene.requests("<error>")
        scene.between.tls.load_cert_chain(new.serving, new.serving.with_suffix(".key"))
        scene.proxy.hang_up()
        await home.service("late")
        await reaches(lambda: scene.requests("<error>"), failed + 20)
        pod.write("ca.crt", new.ca.read_bytes())

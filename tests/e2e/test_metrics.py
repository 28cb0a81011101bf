"""The metrics of a program on an API server: over TLS, to those who may see them, on a standby too (SPEC §8)."""

import asyncio
import json
import re
import shutil
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import aiohttp
import pytest
import pytest_asyncio

from aimctrl.api.kinds import AIM_SERVICE_TEMPLATE
from aimctrl.kube.core import LEASES
from aimctrl.kube.kinds import Kind
from aimctrl.rbac import operator_roles
from aimctrl.runtime.access import policy_rules
from aimctrl.runtime.guard import guarding
from controlplane import ControlPlane
from e2e.conftest import Stage
from support.certificates import server_certificate
from support.program import Program, account, run
from support.world import World, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

CANNOT_START = 3
READER = {"nonResourceURLs": ["/metrics"], "verbs": ["get"]}


def certify(folder: Path) -> ssl.SSLContext:
    """Put a new certificate and its key into the folder; what trusts that one alone."""
    making = folder.with_name(f"{folder.name}-making")
    making.mkdir(exist_ok=True)
    folder.mkdir(exist_ok=True)
    made = server_certificate(making, "localhost")
    for name in ("tls.key", "tls.crt"):
        shutil.copy(making / "server.pem", folder / f".{name}")
        (folder / f".{name}").replace(folder / name)
    return ssl.create_default_context(cafile=str(made.file))


@dataclass(frozen=True)
class Watched:
    """A program that waits to lead, the address of its metrics, and its certificate's folder."""

    program: Program
    address: str
    folder: Path

    async def scrape(self, trusted: ssl.SSLContext, token: str = "") -> tuple[int, str]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"https://{self.address}/metrics", ssl=trusted, headers=headers) as answer,
        ):
            return answer.status, await answer.text()


async def held(user: World, namespace: str) -> None:
    """A Lease that somebody else holds for an hour."""
    await user.namespace(namespace)
    now = "2100-01-01T00:00:00.000000Z"
    spec = {"holderIdentity": "somebody", "leaseDurationSeconds": 3600, "acquireTime": now, "renewTime": now}
    await user.have(LEASES, "aimctrl", namespace, **spec)


def token(kubeconfig: Path) -> str:
    return str(json.loads(kubeconfig.read_text(encoding="utf-8"))["users"][0]["user"]["token"])


@pytest.fixture(scope="module")
def trusted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, ssl.SSLContext]:
    folder = tmp_path_factory.mktemp("metrics") / "mounted"
    return folder, certify(folder)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def watched(
    control_plane: ControlPlane,
    unmanned: Stage,
    trusted: tuple[Path, ssl.SSLContext],
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Watched]:
    """A standby with the rights of an operator whose metrics are guarded, and no other."""
    name = f"watched-{uuid4().hex[:8]}"
    await held(unmanned.world, name)
    rules: list[Any] = [rule for role in operator_roles(operator_namespace=name) for rule in role["rules"]]
    rules += policy_rules(guarding())
    config = await account(unmanned.world, control_plane, tmp_path_factory.mktemp(name), name, *rules)
    options = (
        "--metrics-bind-address=127.0.0.1:0",
        f"--metrics-cert-dir={trusted[0]}",
        "--metrics-secure",
        "--leader-elect",
        f"--operator-namespace={name}",
    )
    async with run(control_plane, *options, kubeconfig=config) as running:
        await running.says("waiting to lead")
        found = re.search(r'"event":"listening","address":"([^"]+)"', running.output)
        assert found is not None, running.output
        yield Watched(running, found[1], trusted[0])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path


async def test_who_has_no_token_or_no_right_sees_no_metrics(
    control_plane: ControlPlane, unmanned: Stage, watched: Watched, trusted: tuple[Path, ssl.SSLContext], folder: Path
):
    name = f"scraper-{uuid4().hex[:8]}"
    may = await account(unmanned.world, control_plane, folder, f"{name}-may", READER)
    may_not = await account(unmanned.world, control_plane, folder, f"{name}-may-not")
    context = trusted[1]
    assert (await watched.scrape(context))[0] == 401
    assert (await watched.scrape(context, "made-up"))[0] == 401
    status, said = await watched.scrape(context, token(may_not))
    assert (status, said) == (
        403,
        f"system:serviceaccount:default:{name}-may-not may not get the non-resource URL /metrics\n",
    )

    async def granted() -> bool:
        return (await watched.scrape(context, token(may)))[0] == 200

    await eventually(granted)  # the API server's own caches of roles follow in a moment


async def test_a_standby_shows_the_objects_there_are(
    control_plane: ControlPlane,
    unmanned: Stage,
    watched: Watched,
    trusted: tuple[Path, ssl.SSLContext],
    namespace: str,
    folder: Path,
):
    user = unmanned.world
    reader = token(await account(user, control_plane, folder, f"reader-{uuid4().hex[:8]}", READER))
    await user.have(AIM_SERVICE_TEMPLATE, "waits", namespace, modelName="none")
    body = {"status": {"status": "NotAvailable", "conditions": []}}
    await patch_status(user, AIM_SERVICE_TEMPLATE, namespace, "waits", body)

    async def seen() -> bool:
        _, text = await watched.scrape(trusted[1], reader)
        return 'aim_objects{kind="AIMServiceTemplate",state="NotAvailable"} 1.0' in text

    await eventually(seen)
    _, text = await watched.scrape(trusted[1], reader)
    assert 'leader_election_master_status{name="aimctrl"} 0.0' in text
    assert "aim_discovery_slots 10.0" in text
    assert 'rest_client_requests_total{code="201"' in text, "what the guard asks is counted"


async def patch_status(user: World, kind: Kind[Any], namespace: str, name: str, body: dict[str, Any]) -> None:
    path = kind.path(namespace, name, "status")
    await user.client.request("PATCH", path, body=body, content_type="application/merge-patch+json")


async def test_a_new_certificate_is_shown_without_a_restart(watched: Watched, trusted: tuple[Path, ssl.SSLContext]):
    renewed = await asyncio.to_thread(certify, trusted[0])
    assert (await watched.scrape(renewed))[0] == 401, "trusted, though nobody"
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await watched.scrape(trusted[1])


async def test_a_certificate_that_is_missing_is_told(control_plane: ControlPlane, folder: Path):
    options = ("--metrics-bind-address=127.0.0.1:0", f"--metrics-cert-dir={folder}")
    async with run(control_plane, *options) as running:
        assert await running.ends() == CANNOT_START, running.output
    assert f"cannot serve TLS with tls.crt and tls.key of {folder}" in running.output
    assert "Traceback" not in running.output

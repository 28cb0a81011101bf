"""`aimctrl run` as a program: what it says where it cannot work, and what it leaves alone (SPEC §8)."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import pytest_asyncio

from aimctrl.aim.options import LEASE
from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE, AIM_SERVICE_TEMPLATE
from aimctrl.kube.core import LEASES
from controlplane import ControlPlane
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from e2e.homes import SOURCES
from support.program import Program, account, program, run
from support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

USAGE, CANNOT_START = 2, 3
NOWHERE = "https://127.0.0.1:9"
AIM = ["aim.silogen.ai"]


@pytest.fixture
def user(unmanned: Stage) -> World:
    return unmanned.world


@pytest.fixture
def name() -> str:
    return f"program-{uuid4().hex[:8]}"


async def why(running: Program) -> str:
    """Why it cannot start: the reason in its log."""
    assert await running.ends() == CANNOT_START, running.output
    said = [json.loads(line) for line in running.lines]
    assert "Traceback" not in running.output
    return next(entry["reason"] for entry in said if entry["event"] == "cannot start")


async def kubeconfig(plane: ControlPlane, folder: Path, old: str, new: str) -> Path:
    """The control plane's kubeconfig with one thing changed."""
    file = folder / "kubeconfig"
    file.write_text(plane.kubeconfig.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    return file


@pytest_asyncio.fixture(scope="module", loop_scope="module", autouse=True)
async def lost(control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Program]:
    """A program without an API server, which it is patient with: begun first, looked at last."""
    file = await kubeconfig(control_plane, tmp_path_factory.mktemp("lost"), control_plane.server, NOWHERE)
    async with run(control_plane, kubeconfig=file) as running:
        yield running


async def test_credentials_that_are_not_accepted_are_told(control_plane: ControlPlane, tmp_path: Path):
    file = await kubeconfig(control_plane, tmp_path, "token: ", "token: no")
    async with run(control_plane, kubeconfig=file) as running:
        reason = await why(running)
    assert "credentials" in reason
    assert control_plane.server in reason


async def test_a_kubeconfig_that_is_not_there_and_a_context_that_is_unknown_are_told(
    control_plane: ControlPlane, tmp_path: Path
):
    async with (
        run(control_plane, kubeconfig=tmp_path / "absent") as absent,
        run(control_plane, "--context=elsewhere") as elsewhere,
    ):
        assert str(tmp_path / "absent") in await why(absent)
        reason = await why(elsewhere)
    assert "elsewhere" in reason
    assert "controlplane" in reason, "the contexts there are"


async def test_missing_rights_are_named_by_verb_and_resource(
    control_plane: ControlPlane, user: World, tmp_path: Path, name: str
):
    some = {"apiGroups": AIM, "resources": ["aimmodels", "aimservices"], "verbs": ["get", "list", "watch"]}
    file = await account(user, control_plane, tmp_path, name, some)
    async with run(control_plane, kubeconfig=file) as running:
        reason = await why(running)
    assert 'cannot list resource "aimservicetemplates" in API group "aim.silogen.ai"' in reason
    assert 'cannot list resource "aimclustermodels"' in reason
    assert '"aimservices"' not in reason


async def test_rights_beyond_our_own_kinds_are_asked_for_as_well(
    control_plane: ControlPlane, user: World, tmp_path: Path, name: str
):
    ours = {"apiGroups": AIM, "resources": ["*"], "verbs": ["*"]}
    file = await account(user, control_plane, tmp_path, name, ours)
    async with run(control_plane, kubeconfig=file) as running:
        reason = await why(running)
    for resource, group in (("jobs", "batch"), ("nodes", ""), ("pods", "")):
        assert f'cannot list resource "{resource}" in API group "{group}"' in reason


@pytest.mark.parametrize(
    ("arguments", "environment", "told"),
    [
        pytest.param(["--max-discovery-jobs=none"], {}, "--max-discovery-jobs", id="option"),
        pytest.param([], {"AIM_MAX_DISCOVERY_JOBS": "-1"}, "AIM_MAX_DISCOVERY_JOBS", id="variable"),
        pytest.param(["--log-format=xml"], {}, "auto, json, console", id="choice"),
        pytest.param(["--namespace=Not_A_Namespace"], {}, "--namespace", id="namespace"),
        pytest.param(["--no-such-option"], {}, "--no-such-option", id="unknown"),
    ],
)
async def test_bad_options_are_refused_before_anything_else(
    arguments: list[str], environment: dict[str, str], told: str
):
    async with program("run", "--kubeconfig=absent", *arguments, environment=environment) as running:
        assert await running.ends() == USAGE
    assert told in running.output
    assert "Traceback" not in running.output


async def test_an_operator_of_one_namespace_leaves_all_others_alone(
    control_plane: ControlPlane, user: World, name: str
):
    outside = f"{name}-outside"
    await user.have(AIM_CLUSTER_MODEL, name, image=f"registry.test/{name}:v1")
    body: dict[str, Any] = {"modelName": name, "modelSources": SOURCES}
    for place in (outside, name):
        await user.have(AIM_SERVICE_TEMPLATE, "template", place, **body)
        await user.have(AIM_SERVICE, "chat", place, model={"ref": name}, templateRef="template")
        await user.have(AIM_SERVICE_TEMPLATE, "discovered", place, modelName=name, metric="latency")
    await user.have(AIM_CLUSTER_SERVICE_TEMPLATE, name, **body)

    async def statuses() -> set[str]:
        found = [
            await user.json(AIM_SERVICE_TEMPLATE, "template", outside),
            await user.json(AIM_SERVICE_TEMPLATE, "discovered", outside),
            await user.json(AIM_SERVICE, "chat", outside),
            await user.json(AIM_CLUSTER_SERVICE_TEMPLATE, name),
            await user.json(AIM_CLUSTER_MODEL, name),
        ]
        return {str(one.get("status", {}).get("conditions")) for one in found}

    async with run(control_plane, f"--namespace={name}") as running:
        await user.reaches(AIM_SERVICE, "chat", name, status="Running")
        await user.reaches(AIM_SERVICE_TEMPLATE, "discovered", name, status="Ready")
        assert await statuses() == {"None"}
        assert await running.terminate() == 0


async def test_a_cluster_template_says_where_its_job_cannot_be_made(
    control_plane: ControlPlane, user: World, name: str
):
    await user.have(AIM_CLUSTER_MODEL, name, image=f"registry.test/{name}:v1")
    await user.have(AIM_CLUSTER_SERVICE_TEMPLATE, name, modelName=name)
    async with run(control_plane, f"--operator-namespace={name}") as running:
        template = await user.reaches(AIM_CLUSTER_SERVICE_TEMPLATE, name, status="Degraded")
        said = {c.type: c for c in template.status.conditions}["Discovered"]
        assert (said.status, said.reason) == ("False", "DiscoveryFailed")
        assert f'namespaces "{name}" not found' in said.message
        await user.namespace(name)
        await user.reaches(AIM_CLUSTER_SERVICE_TEMPLATE, name, status="Ready", timeout=40.0)
        assert await running.terminate() == 0


async def test_the_first_signal_stops_in_order(control_plane: ControlPlane, user: World):
    if await user.get(LEASES, LEASE, OPERATOR_NAMESPACE):
        await user.delete(LEASES, LEASE, OPERATOR_NAMESPACE)  # of other tests; whoever is the first makes it
    async with run(control_plane, "--leader-elect") as running:
        await running.says("controller started")
        assert await running.terminate() == 0
    assert json.loads(running.lines[-1])["event"] == "stopped"


async def test_a_server_that_cannot_be_reached_is_named(lost: Program):
    reason = await why(lost)
    assert NOWHERE in reason
    assert "is it running" in reason
    assert "--kubeconfig" in reason

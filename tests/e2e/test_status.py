"""`aimctrl status` on a real API server."""

import signal
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_MODEL, AIM_SERVICE, AIM_SERVICE_TEMPLATE
from controlplane import ControlPlane
from e2e.conftest import Stage
from e2e.homes import Home
from support.program import Aimctrl, program

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aimctrl(stage: Stage, control_plane: ControlPlane) -> Aimctrl:
    return Aimctrl(control_plane.kubeconfig)


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


def lines(table: str) -> list[list[str]]:
    """The words of each line but the first."""
    return [line.split() for line in table.splitlines()[1:]]


async def test_what_is_stuck_is_on_top_and_the_namespace_can_be_chosen(home: Home, aimctrl: Aimctrl):
    await home.model()
    await home.template()
    await home.template("big", gpuSelector={"count": 8, "model": "MI355X"})
    await home.service()
    await home.service("lost", model={"ref": "nothing"})
    await home.runs()
    await home.becomes("Degraded", "ModelNotFound", "lost")
    await home.world.reaches(AIM_SERVICE_TEMPLATE, "big", home.namespace, status="NotAvailable")
    await home.world.reaches(AIM_MODEL, "llama", home.namespace, status="Ready")
    await home.world.have(AIM_CLUSTER_MODEL, home.namespace, image=home.image)
    found = lines(await aimctrl("status", "-n", home.namespace))
    assert [line[:5] for line in found] == [
        ["AIMService", home.namespace, "lost", "Degraded", "ModelNotFound"],
        ["AIMServiceTemplate", home.namespace, "big", "NotAvailable", "GPUNotAvailable"],
        ["AIMModel", home.namespace, "llama", "Ready", "DiscoveryDisabled"],
        ["AIMService", home.namespace, "chat", "Running", "RuntimeReady"],
        ["AIMServiceTemplate", home.namespace, "fast", "Ready", "InlineModelSources"],
    ]
    everything: Any = msgspec.json.decode(await aimctrl("status", "-A", "-o", "json"))
    rows = {(row["kind"], row["name"]) for row in everything["items"]}
    assert {("AIMService", "lost"), ("AIMClusterModel", home.namespace)} <= rows


async def test_changes_are_shown_until_ctrl_c(home: Home, aimctrl: Aimctrl):
    await home.service()
    await home.becomes("Degraded", "ModelNotFound")
    arguments = ("status", "--watch", "-n", home.namespace, f"--kubeconfig={aimctrl.kubeconfig}")
    async with program(*arguments) as running:
        await running.says("Degraded")
        await home.model()
        await home.template()
        await running.says("Running")
        await home.world.delete(AIM_SERVICE, "chat", home.namespace)
        running.process.send_signal(signal.SIGINT)
        assert await running.ends() == 0
    assert "Traceback" not in running.output

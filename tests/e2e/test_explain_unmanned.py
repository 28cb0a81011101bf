"""`aimctrl explain` where no operator runs: it says so, and what an operator would do; nothing of it is done."""

from typing import Any

import pytest
import pytest_asyncio

from aimctrl.api.kinds import AIM_SERVICE
from aimctrl.kube.core import JOBS
from aimctrl.kube.external import INFERENCE_SERVICES
from controlplane import ControlPlane
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from e2e.homes import Home
from e2e.places import Place
from support.program import Aimctrl

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aimctrl(unmanned: Stage, control_plane: ControlPlane) -> Aimctrl:
    """The command line of somebody who may do everything."""
    return Aimctrl(control_plane.kubeconfig)


@pytest.fixture
def home(unmanned: Stage, namespace: str) -> Home:
    return Home(unmanned.world, namespace)


def steps(told: dict[str, Any]) -> list[tuple[str, str, str]]:
    return [(step["action"], step["kind"], step["why"]) for step in told["next"]["steps"]]


async def test_what_an_operator_would_do_about_a_template_is_told_and_not_done(home: Home, aimctrl: Aimctrl):
    await home.model()
    await home.discovered(gpuSelector={"count": 1, "model": "MI300X"})
    told = await aimctrl.explanation("template", f"{home.namespace}/fast")
    assert (told["status"], told["trouble"]["reason"]) == ("Progressing", "AwaitingDiscovery")
    assert "no status yet" in told["warnings"][0]
    assert steps(told) == [("create", "Job", "")]
    assert told["next"]["writesStatus"]
    assert await home.world.all(JOBS, home.namespace) == []


async def test_a_namespace_that_is_missing_is_foreseen(unmanned: Stage, home: Home, aimctrl: Aimctrl):
    place = Place(unmanned.world, home.namespace, "", OPERATOR_NAMESPACE)
    await place.model()
    await place.template()
    told = await aimctrl.explanation("template", place.name, "--operator-namespace=nowhere")
    assert (told["status"], told["trouble"]["reason"]) == ("Degraded", "DiscoveryFailed")
    assert steps(told) == [("refused", "Job", 'namespaces "nowhere" not found')]
    assert told["next"]["seconds"] == 60


async def test_a_service_that_nobody_has_looked_at(home: Home, aimctrl: Aimctrl):
    await home.model()
    await home.service()
    tree = await aimctrl("explain", "service", f"{home.namespace}/chat")
    assert "The operator has written no status yet: is it running, and does it watch this namespace?" in tree
    assert "writes the status Starting" in tree
    service = await home.world.get(AIM_SERVICE, "chat", home.namespace)
    assert service.status.conditions == ()
    assert await home.world.all(INFERENCE_SERVICES, home.namespace) == []


async def test_the_namespaces_that_the_operator_watches_are_known_from_its_environment(home: Home, aimctrl: Aimctrl):
    await home.service()
    name = f"{home.namespace}/chat"
    told = await aimctrl("explain", "service", name, environment={"AIM_WATCH_NAMESPACES": "elsewhere"})
    assert f"such an operator does not look at {home.namespace}" in told

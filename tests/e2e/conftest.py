"""What the end-to-end tests share: one real control plane with all CRDs, a namespace for each test, and a stage.

Two operators on one control plane at a time would undo each other's work: a module has either a stage or its own.
"""

import json
import re
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
import pytest_asyncio

from aimctrl.kube.core import NODES
from aimctrl.sandbox.script import Scripts
from controlplane import ControlPlane
from support.crds import crds_of
from support.embedded import EmbeddedPlane, Plane
from support.identity import identity, user
from support.job_log import JobLog, job_log
from support.rights import Rights
from support.vocabulary import told
from support.workers import Workers
from support.world import World, operator, surroundings, world

REPOSITORY = Path(__file__).parents[2]
AIM_CRDS = REPOSITORY / "deploy" / "crds"
OPERATOR_NAMESPACE = "kaiwo-system"


HERE = Path(__file__).parent
VOCABULARY = HERE / "test_vocabulary.py"
Manned = Callable[[Plane], AbstractContextManager[None]]
LEFT_OUT = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> Iterator[None]:
    """Mark the tests here, and have those of the vocabulary last, or not at all where others here are left out."""
    here = [item for item in items if item.path.is_relative_to(HERE)]
    for item in here:
        item.add_marker(pytest.mark.e2e)
    yield
    last = [item for item in items if item.path == VOCABULARY]
    items[:] = [item for item in items if item.path != VOCABULARY]
    modules = {item.path for item in here} == set(HERE.glob("test_*.py"))
    if modules and set(here) <= {*items, *last} and not any("::" in argument for argument in config.args):
        items += last
    elif last:
        config.stash[LEFT_OUT] = True
        config.hook.pytest_deselected(items=last)


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    said = "not looked at: whether every documented word was told (that needs all of tests/e2e)"
    return [said] if config.stash.get(LEFT_OUT, False) else []


@pytest.fixture(scope="session")
def new_plane(request: pytest.FixtureRequest) -> type[Plane]:
    """What makes control planes of the kind that the tests are to run on."""
    return EmbeddedPlane if request.config.getoption("--apiserver") == "embedded" else ControlPlane


@pytest.fixture(scope="session")
def rights(workers: Workers) -> Iterator[Rights]:
    """What the operator did with its rights."""
    rights = Rights(user())
    yield rights
    workers.leave("rights used", rights.log.used)
    workers.leave("rights missed", rights.log.missed)


@pytest.fixture(scope="session")
def manned(rights: Rights) -> Manned:
    """What gives the operator of a control plane its identity, and looks back at what it did with its rights."""

    @contextmanager
    def manned(plane: Plane) -> Iterator[None]:
        with identity(plane), rights.looked_at(plane):
            yield

    return manned


@pytest.fixture(scope="session")
def control_plane(new_plane: type[Plane], manned: Manned, workers: Workers) -> Iterator[Plane]:
    """The process's control plane: the CRDs of AIM, KServe and Gateway API are there before its controllers start."""
    with new_plane(crds=[AIM_CRDS, *crds_of()]) as plane, manned(plane):
        yield plane
        workers.leave("words", told(plane))


@pytest.fixture(scope="module", autouse=True)
def _offline() -> Iterator[None]:
    """No registry but those on this machine is asked about an image, whatever network there is: its proxy is dead."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("aimctrl.aim.registry.hosts.getproxies", lambda: {"https": "http://127.0.0.1:1"})
        patch.setattr("aimctrl.aim.registry.hosts.proxy_bypass", lambda _host: False)
        yield


@pytest.fixture
def namespace(control_plane: ControlPlane, request: pytest.FixtureRequest) -> str:
    """A namespace of this test's own; it is left to the end of the session, since deleting one takes seconds."""
    words = re.sub(r"[^a-z0-9]+", "-", request.node.name.lower().removeprefix("test_"))[:20].strip("-")
    name = f"{words}-{uuid4().hex[:8]}"
    body = json.dumps({"metadata": {"name": name}}).encode()
    status, answer = control_plane.api.request("POST", "/api/v1/namespaces", body)
    assert status == 201, answer
    return name


@pytest.fixture(autouse=True)
def _scripts_as_before(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a test has images do ends with it, though it fails: its Jobs without end would keep their slots."""
    if "unmanned" not in request.fixturenames:
        yield
        return
    scripts: Scripts = request.getfixturevalue("unmanned").scripts
    before = scripts._images, scripts._gateways, scripts._claims
    yield
    if before != (scripts._images, scripts._gateways, scripts._claims):
        scripts._images, scripts._gateways, scripts._claims = before
        scripts._changed()


@dataclass(frozen=True)
class Stage:
    """A cluster as an operator finds it: its user, what images do, and its discovery Jobs; one node has MI300X."""

    world: World
    scripts: Scripts
    jobs: JobLog


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def unmanned(control_plane: ControlPlane) -> AsyncIterator[Stage]:
    """The module's stage without an operator; what its tests applied is gone afterwards."""
    async with (
        world(control_plane) as user,
        surroundings(control_plane) as scripts,
        job_log(control_plane) as jobs,
    ):
        await user.namespace(OPERATOR_NAMESPACE)
        await user.have(NODES, "mi300x", labels={"amd.com/gpu.device-id": "74a1"})
        yield Stage(user, scripts, jobs)
        await user.clean()


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def stage(control_plane: ControlPlane, unmanned: Stage) -> AsyncIterator[Stage]:
    """The module's stage with an operator at work."""
    async with operator(control_plane):
        yield unmanned
        await unmanned.world.clean()

"""A cluster in which kinds are missing at first: what the operator says, and how it goes on when they come (SPEC §1)."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import pytest_asyncio

from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE
from aimctrl.kube.core import NODES
from aimctrl.kube.external import CLUSTER_SERVING_RUNTIMES, HTTPROUTES
from aimctrl.kube.kinds import Kind
from e2e.conftest import AIM_CRDS, Manned
from e2e.homes import SOURCES, Home, message
from support.crds import RUNTIME_KINDS, crds_of
from support.embedded import Plane
from support.program import run
from support.world import World, surroundings, world

pytestmark = pytest.mark.asyncio(loop_scope="module")

AT_ONCE = 15.0
"""Seconds: less than the pause after which a kind that is missing would be tried again unasked."""


async def install(plane: Plane, *kinds: Kind[Any]) -> None:
    """Have the CRDs of these kinds; the event loop goes on meanwhile."""
    await asyncio.to_thread(plane.apply_crds, *crds_of(*kinds))


@pytest.fixture(scope="module")
def bare(new_plane: type[Plane], manned: Manned) -> Iterator[Plane]:
    """A control plane that knows none of our kinds."""
    with new_plane() as plane, manned(plane):
        yield plane


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def user(bare: Plane) -> AsyncIterator[World]:
    async with world(bare) as user, surroundings(bare):
        await user.have(NODES, "plain")
        yield user


async def test_without_our_kinds_the_program_says_what_to_install(bare: Plane):
    async with run(bare) as running:
        assert await running.ends() == 3
    reason = json.loads(running.lines[-1])["reason"]
    assert "aimservicetemplates.aim.silogen.ai" in reason
    assert "aimservices.aim.silogen.ai" in reason
    assert "aimctrl crds" in reason
    assert bare.server in reason


async def test_kserve_and_the_gateway_api_may_come_later(bare: Plane, user: World):
    await asyncio.to_thread(bare.apply_crds, AIM_CRDS)
    home = Home(user, "early")
    await user.have(AIM_CLUSTER_MODEL, "llama", image=home.image)
    await user.have(AIM_CLUSTER_SERVICE_TEMPLATE, "fast", modelName="llama", modelSources=SOURCES)
    await home.routed()
    await home.service("plain")
    untouched = await user.get(AIM_SERVICE, "chat", home.namespace)
    assert (untouched.status.status, untouched.status.conditions) == ("Pending", ())
    async with run(bare) as running:
        template = await user.reaches(AIM_CLUSTER_SERVICE_TEMPLATE, "fast", status="Ready")
        assert (
            "clusterservingruntimes.serving.kserve.io"
            in {c.type: c.message for c in template.status.conditions}["Ready"]
        )
        service = await home.becomes("Starting", "CreatingRuntime", "plain", RuntimeReady=("False", "CreatingRuntime"))
        assert "inferenceservices.serving.kserve.io is not installed" in message(service, "RuntimeReady")
        service = await home.becomes("Degraded", "RouteFailed", RoutingReady=("False", "RouteFailed"))
        assert "httproutes.gateway.networking.k8s.io is not installed" in message(service, "RoutingReady")
        await install(bare, *RUNTIME_KINDS)
        await home.becomes("Running", "RuntimeReady", "plain", timeout=AT_ONCE)
        assert await user.get(CLUSTER_SERVING_RUNTIMES, "fast")
        await home.becomes("Degraded", "RouteFailed", timeout=AT_ONCE, RuntimeReady=("True", "RuntimeReady"))
        await install(bare, HTTPROUTES)
        await home.becomes("Running", "RuntimeReady", RoutingReady=("True", "RouteReady"), timeout=AT_ONCE)
        assert await running.terminate() == 0

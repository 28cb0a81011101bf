"""Services across a restart of the operator, on a real API server: nothing is said or done twice (SPEC §5)."""

from collections import Counter

import pytest

from aimctrl.api.kinds import AIM_RUNTIME_CONFIG, AIM_SERVICE
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.runtime.manager import Manager
from controlplane import ControlPlane
from e2e.conftest import Stage
from e2e.homes import GATEWAY, Home
from support.world import eventually, operator

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = ("chat", "crooked", "derived", "lost")


async def have(home: Home) -> None:
    """Services of which each has had another transition to tell of."""
    await home.world.have(AIM_RUNTIME_CONFIG, "ours", home.namespace)
    await home.model()
    await home.template(metric="latency")
    await home.service(runtimeConfigName="ours", routing={"enabled": True, "gatewayRef": GATEWAY})
    await home.routed("crooked", routeTemplate="/{.none}")
    await home.service("derived", templateRef="fast", overrides={"metric": "throughput"})
    await home.service("lost", runtimeConfigName="theirs")


async def settle(home: Home) -> None:
    await home.runs()
    await home.becomes("Degraded", "RouteTemplateInvalid", "crooked", RuntimeReady=("True", "RuntimeReady"))
    await home.runs("derived")
    await home.becomes("Degraded", "RuntimeConfigMissing", "lost")


async def idle(manager: Manager) -> bool:
    """Whether all services there were at the start have been looked at, and nothing is left to do."""

    def value(metric: str, **labels: str) -> float:
        return manager.metrics.registry.get_sample_value(metric, {"controller": "aimservice", **labels}) or 0.0

    looks = value("controller_runtime_reconcile_time_seconds_count")
    waiting = value("workqueue_depth", name="aimservice") + value("controller_runtime_active_workers")
    return looks >= len(NAMES) and waiting == 0


async def test_a_restart_repeats_no_event_and_writes_nothing(
    control_plane: ControlPlane, unmanned: Stage, namespace: str
):
    home = Home(unmanned.world, namespace)

    async def events() -> Counter[tuple[str, str]]:
        """How often each service was told of what; a repeat is an event of its own, or a series."""
        found = [event for name in NAMES for event in await home.world.events(namespace, name)]
        return Counter({(e.regarding.name, e.reason): e.series.count if e.series else 1 for e in found})

    async def versions() -> dict[str, str]:
        kinds = (AIM_SERVICE, INFERENCE_SERVICES, HTTPROUTES)
        return {
            f"{k.name} {o.metadata.name}": o.metadata.resource_version
            for k in kinds
            for o in await home.world.all(k, namespace)
        }

    async with operator(control_plane):
        await have(home)
        await settle(home)
    told, written = await events(), await versions()
    once = {
        "chat": {"RuntimeConfigResolved", "TemplateResolved", "InferenceServiceCreated"},
        "crooked": {
            "DefaultRuntimeConfigNotFound",
            "TemplateResolved",
            "InferenceServiceCreated",
            "RouteTemplateInvalid",
        },
        "derived": {"DefaultRuntimeConfigNotFound", "TemplateResolved", "InferenceServiceCreated"},
        "lost": {"RuntimeConfigMissing"},
    }
    assert told == Counter({(name, reason): 1 for name, reasons in once.items() for reason in reasons})
    async with operator(control_plane) as manager:
        assert await eventually(lambda: idle(manager))
    assert await events() == told
    assert await versions() == written

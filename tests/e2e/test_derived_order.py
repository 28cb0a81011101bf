"""Two services with one derived template: whoever comes or goes first, the other has what it needs (SPEC §5)."""

import asyncio
from typing import Any

import pytest

from aimctrl.api.kinds import AIM_SERVICE, AIM_SERVICE_TEMPLATE
from aimctrl.kube.external import INFERENCE_SERVICES, SERVING_RUNTIMES
from e2e.conftest import Stage
from e2e.homes import Home
from support.world import Json, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

BASE: dict[str, Any] = {"metric": "latency", "precision": "fp16", "gpuSelector": {"count": 1, "model": "MI300X"}}
OVERRIDES = {"precision": "fp8", "gpuSelector": {"count": 2}}
SAME = {"gpuSelector": {"count": 2}, "precision": "fp8"}
BOTH = ("chat", "talk")


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


async def owned(home: Home, template: str, *services: str) -> Json:
    """The template once these services are its owners, and no others."""

    async def look() -> Json | None:
        found = await home.world.json(AIM_SERVICE_TEMPLATE, template, home.namespace)
        refs = found["metadata"].get("ownerReferences", [])
        return found if sorted(ref["name"] for ref in refs) == sorted(services) else None

    found = await eventually(look)
    assert found is not None
    return found


async def both_run(home: Home, first: str, second: str) -> str:
    """The name of the one template that both services run, the second made once the first has asked for it."""
    await home.model()
    await home.template(**BASE)
    await home.service(first, templateRef="fast", overrides=OVERRIDES)
    await home.world.until(AIM_SERVICE, first, home.namespace, lambda s: s.status.resolved_template is not None)
    await home.service(second, templateRef="fast", overrides=SAME)
    names = {(await home.runs(name)).status.resolved_template.name for name in BOTH}
    [template] = names
    found = await owned(home, template, *BOTH)
    assert [ref.get("controller", False) for ref in found["metadata"]["ownerReferences"]] == [False, False]
    assert len(await home.world.all(AIM_SERVICE_TEMPLATE, home.namespace)) == 2
    return template


async def goes(home: Home, service: str) -> None:
    await home.world.delete(AIM_SERVICE, service, home.namespace)
    await home.loses(AIM_SERVICE, service)
    await home.loses(INFERENCE_SERVICES, service)


@pytest.mark.parametrize("coming", [BOTH, BOTH[::-1]], ids="-then-".join)
@pytest.mark.parametrize("leaving", [BOTH, BOTH[::-1]], ids="-then-".join)
async def test_the_template_stays_for_whoever_stays_and_goes_with_the_last(
    home: Home, coming: tuple[str, str], leaving: tuple[str, str]
):
    template = await both_run(home, *coming)
    first, last = leaving
    before = await home.world.json(AIM_SERVICE_TEMPLATE, template, home.namespace)
    serving = await home.inference_service(last)
    await goes(home, first)
    after = await owned(home, template, last)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert (await home.runs(last)).status.resolved_template.uid == before["metadata"]["uid"]
    assert (await home.inference_service(last))["metadata"]["generation"] == serving["metadata"]["generation"]
    await goes(home, last)
    await home.loses(AIM_SERVICE_TEMPLATE, template)
    await home.loses(SERVING_RUNTIMES, template)


@pytest.mark.parametrize("leaving", [BOTH, BOTH[::-1]], ids="-then-".join)
async def test_so_it_does_where_they_leave_it_for_other_templates(home: Home, leaving: tuple[str, str]):
    template = await both_run(home, *BOTH)
    first, last = leaving
    before = await home.world.json(AIM_SERVICE_TEMPLATE, template, home.namespace)
    await home.service(first, templateRef="fast")
    after = await owned(home, template, last)
    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    assert (await home.runs(first)).status.resolved_template.name == "fast"
    assert (await home.runs(last)).status.resolved_template.name == template
    await home.service(last, templateRef="fast")
    await home.loses(AIM_SERVICE_TEMPLATE, template)
    assert (await home.runs(last)).status.resolved_template.name == "fast"


async def test_services_that_come_at_once_and_go_at_once_share_it_all_the_same(home: Home):
    await home.model()
    await home.template(**BASE)
    names = [f"s{number}" for number in range(6)]
    async with asyncio.TaskGroup() as tasks:
        for name in names:
            tasks.create_task(home.service(name, templateRef="fast", overrides=OVERRIDES))
    found = {(await home.runs(name)).status.resolved_template.uid for name in names}
    assert len(found) == 1
    [template] = [t for t in await home.world.all(AIM_SERVICE_TEMPLATE, home.namespace) if t.metadata.name != "fast"]
    await owned(home, template.metadata.name, *names)
    async with asyncio.TaskGroup() as tasks:
        for name in names:
            tasks.create_task(goes(home, name))
    await home.loses(AIM_SERVICE_TEMPLATE, template.metadata.name)
    await home.service(templateRef="fast", overrides=OVERRIDES)
    again = (await home.runs()).status.resolved_template
    assert (again.name, again.uid == template.metadata.uid) == (template.metadata.name, False)

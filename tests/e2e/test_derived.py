"""Derived templates on a real API server: when there is one, what it says, who holds on to it (SPEC §5)."""

from typing import Any

import pytest

from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE, AIM_SERVICE_TEMPLATE
from aimctrl.api.template import AIMServiceTemplate
from aimctrl.sandbox.aim_image import AimImage
from e2e.conftest import Stage
from e2e.homes import SOURCES, Home
from support.world import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

DERIVED = "aim.silogen.ai/derived-template=true"
BASE: dict[str, Any] = {
    "metric": "latency",
    "precision": "fp16",
    "gpuSelector": {"count": 1, "model": "MI300X"},
    "profileId": "of-the-base",
}


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


async def derived(home: Home) -> dict[str, AIMServiceTemplate]:
    found = await home.world.all(AIM_SERVICE_TEMPLATE, home.namespace, selector=DERIVED)
    return {template.metadata.name: template for template in found}


async def owners(home: Home, template: str) -> list[str]:
    found = await home.world.get(AIM_SERVICE_TEMPLATE, template, home.namespace)
    return sorted(ref.name for ref in found.metadata.owner_references) if found else []


async def held_by(home: Home, template: str, *services: str) -> None:
    async def holds() -> bool:
        return await owners(home, template) == list(services)

    assert await eventually(holds)


async def test_overrides_are_merged_field_by_field(home: Home):
    await home.model()
    await home.template(**BASE)
    token = [{"name": "TOKEN", "value": "secret"}]
    await home.service(
        templateRef="fast",
        overrides={"gpuSelector": {"count": 4}, "precision": "fp8"},
        env=token,
        imagePullSecrets=[{"name": "mine"}],
    )
    service = await home.runs()
    name = service.status.resolved_template.name
    template = (await derived(home))[name]
    spec = template.spec
    assert (spec.metric, spec.precision) == ("latency", "fp8")
    assert (spec.gpu.count, spec.gpu.model) == (4, "MI300X")
    assert (spec.profile_id, spec.model_sources) == (None, ())
    assert [entry.name for entry in spec.env] == ["TOKEN"]
    assert [ref.name for ref in spec.image_pull_secrets] == ["mine"]
    [owner] = template.metadata.owner_references
    assert (owner.uid, bool(owner.controller)) == (service.metadata.uid, False)
    assert template.status.profile["metadata"]["gpu_count"] == 4
    predictor = (await home.inference_service())["spec"]["predictor"]
    assert predictor["model"]["runtime"] == name
    assert predictor["model"]["resources"]["limits"]["amd.com/gpu"] == "4"


async def test_a_derived_template_is_named_before_it_is_ready(stage: Stage, home: Home):
    stage.scripts.set(home.image, AimImage(run_seconds=3600.0))
    await home.model()
    await home.template(**BASE)
    await home.service(templateRef="fast", overrides={"metric": "throughput"})
    service = await home.becomes(
        "Starting",
        "TemplateNotReady",
        Resolved=("True", "Resolved"),
        RuntimeReady=("False", "TemplateNotReady"),
    )
    assert service.status.resolved_template.name.startswith("fast-ovr-")
    stage.scripts.remove(home.image)
    await home.runs()


async def test_a_base_of_the_cluster_is_derived_from_in_the_service_s_namespace(home: Home):
    await home.world.have(AIM_CLUSTER_MODEL, home.namespace, image=home.image)
    name = f"{home.namespace}-{'x' * 63}"[:63]
    await home.world.have(AIM_CLUSTER_SERVICE_TEMPLATE, name, modelName=home.namespace, modelSources=SOURCES, **BASE)
    await home.service(model={"ref": home.namespace}, templateRef=name, overrides={"metric": "throughput"})
    service = await home.runs()
    resolved = service.status.resolved_template
    assert (resolved.kind, resolved.namespace) == ("AIMServiceTemplate", home.namespace)
    assert len(resolved.name) == 63
    assert (await derived(home)).keys() == {resolved.name}


async def test_services_with_the_same_overrides_share_one_and_the_last_deletes_it(home: Home):
    await home.model()
    await home.template(**BASE)
    for name in ("chat", "talk"):
        await home.service(name, templateRef="fast", overrides={"metric": "throughput"})
    shared = (await home.runs()).status.resolved_template
    assert (await home.runs("talk")).status.resolved_template == shared
    await held_by(home, shared.name, "chat", "talk")
    await home.service(templateRef="fast")
    assert (await home.runs()).status.resolved_template.name == "fast"
    await held_by(home, shared.name, "talk")
    assert (await derived(home))[shared.name].metadata.uid == shared.uid
    await home.world.delete(AIM_SERVICE, "talk", home.namespace)
    await home.loses(AIM_SERVICE_TEMPLATE, shared.name)


async def test_changed_overrides_move_a_service_over_and_take_the_former_template_away(home: Home):
    await home.model()
    await home.template(**BASE)
    await home.service(templateRef="fast", overrides={"metric": "throughput"})
    former = (await home.runs()).status.resolved_template.name
    await home.service(templateRef="fast", overrides={"metric": "throughput", "precision": "fp8"})

    async def moved() -> str:
        service = await home.runs()
        name = service.status.resolved_template.name
        return name if name != former else ""

    latter = await eventually(moved)
    await home.loses(AIM_SERVICE_TEMPLATE, former)
    assert (await derived(home)).keys() == {latter}
    assert (await home.inference_service())["spec"]["predictor"]["model"]["runtime"] == latter


async def test_an_existing_template_that_says_the_same_is_used(home: Home):
    await home.model()
    await home.template(**BASE)
    same = {**BASE, "metric": "throughput"}
    del same["profileId"]
    await home.discovered("written", **same)
    await home.service(templateRef="fast", overrides={"metric": "throughput"})
    assert (await home.runs()).status.resolved_template.name == "written"
    assert await derived(home) == {}
    assert await owners(home, "written") == []


async def test_overrides_that_change_nothing_derive_nothing(home: Home):
    await home.model()
    await home.template(**BASE)
    same = {"metric": "latency", "gpuSelector": {"model": "Instinct MI300X"}}
    await home.service(templateRef="fast", overrides=same)
    assert (await home.runs()).status.resolved_template.name == "fast"
    assert await derived(home) == {}


async def test_a_name_that_another_template_has_is_told_apart(home: Home):
    await home.model()
    await home.template(**BASE)
    await home.service(templateRef="fast", overrides={"metric": "throughput"})
    name = (await home.runs()).status.resolved_template.name
    await home.world.delete(AIM_SERVICE, "chat", home.namespace)
    await home.loses(AIM_SERVICE_TEMPLATE, name)
    await home.template(name, metric="latency")
    await home.service(templateRef="fast", overrides={"metric": "throughput"})
    found = (await home.runs()).status.resolved_template.name
    assert found.startswith(f"{name}-")
    assert len(found) == len(name) + 5


async def test_without_a_named_template_one_that_matches_the_overrides_is_used_as_it_is(home: Home):
    await home.model()
    await home.template(**BASE)
    await home.template("many", **{**BASE, "metric": "throughput"})
    await home.service(overrides={"metric": "throughput"})
    assert (await home.runs()).status.resolved_template.name == "many"
    assert await derived(home) == {}


async def test_without_a_match_one_is_derived_from_what_selection_gives(home: Home):
    await home.model()
    await home.template(**BASE)
    await home.service(overrides={"precision": "fp8"})
    service = await home.runs()
    assert service.status.resolved_template.name.startswith("fast-ovr-")
    await home.service("plain")
    assert (await home.runs("plain")).status.resolved_template.name == "fast", "a derived one is for its overrides only"
    await home.service("same", overrides={"precision": "fp8"})
    assert (await home.runs("same")).status.resolved_template == service.status.resolved_template


async def test_overrides_for_a_gpu_that_is_not_here_wait_for_it(home: Home):
    await home.model()
    await home.template(**BASE)
    await home.service(templateRef="fast", overrides={"gpuSelector": {"model": "MI355X"}})
    await home.becomes(
        "Starting",
        "TemplateNotAvailable",
        Resolved=("True", "Resolved"),
        RuntimeReady=("False", "TemplateNotAvailable"),
    )
    [template] = (await derived(home)).values()
    assert (template.spec.gpu.count, template.spec.gpu.model) == (1, "MI355X")

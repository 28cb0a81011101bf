"""Labels that a runtime config has passed on, on a real API server: from each parent to what it makes (SPEC §7)."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from aimctrl.aim.naming import model_name
from aimctrl.api.kinds import (
    AIM_CLUSTER_MODEL,
    AIM_CLUSTER_SERVICE_TEMPLATE,
    AIM_MODEL,
    AIM_MODEL_CACHE,
    AIM_RUNTIME_CONFIG,
    AIM_SERVICE_TEMPLATE,
    AIM_TEMPLATE_CACHE,
)
from aimctrl.kube.core import JOBS, PODS, PVCS
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.kube.kinds import Kind
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from e2e.homes import GATEWAY, Home, storage_class
from support.registry import FakeRegistry, config_blob
from support.world import World

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROUTING = {"enabled": True, "gatewayRef": GATEWAY}
OURS = "aim.silogen.ai/"
MANAGED_BY, COMPONENT = "app.kubernetes.io/managed-by", "app.kubernetes.io/component"
GIVEN = {"team": "blue", "cost.example.com/center": "7", "cost.example.com/owner": "A.B", "other": "no"}
PASSED_ON = {name: value for name, value in GIVEN.items() if name != "other"}
DEPLOYMENTS = "{'gpuModel': 'MI300X', 'gpuCount': 1, 'precision': 'fp8', 'metric': 'latency'}"
IMAGE_LABELS = {"com.amd.aim.model.canonicalName": "x/llama", "com.amd.aim.model.recommendedDeployments": DEPLOYMENTS}


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def storage(stage: Stage) -> AsyncIterator[None]:
    world = World(stage.world.client)
    await world.put(storage_class("at-once", default=True))
    yield
    await world.clean()


@pytest_asyncio.fixture(loop_scope="module")
async def image() -> AsyncIterator[str]:
    """An image that recommends one deployment."""
    async with FakeRegistry().serving() as registry:
        registry.push(config_blob(IMAGE_LABELS))
        yield registry.image


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


async def rules(home: Home, *match: str, enabled: bool = True, **spec: Any) -> None:
    propagation = {"enabled": enabled, "match": list(match)}
    await home.world.have(AIM_RUNTIME_CONFIG, "default", home.namespace, labelPropagation=propagation, **spec)


async def serve(home: Home, labels: dict[str, str]) -> dict[Kind[Any], dict[str, str]]:
    """A service that makes all that a service can make; the labels of each."""
    created = model_name(home.image)
    await home.template(modelName=created)
    await home.service(model={"image": home.image}, cacheModel=True, routing=ROUTING, labels=labels)
    await home.runs()
    [cache] = await home.world.all(AIM_MODEL_CACHE, home.namespace)
    [pod] = await home.world.all(PODS, home.namespace, selector=f"{OURS}model-cache={cache.metadata.name}")
    claim = f"{cache.metadata.name}-cache"
    names: dict[Kind[Any], str] = {
        AIM_MODEL: created,
        AIM_TEMPLATE_CACHE: "fast",
        AIM_MODEL_CACHE: cache.metadata.name,
        PVCS: claim,
        JOBS: f"{claim}-download",
        PODS: pod.metadata.name,
        INFERENCE_SERVICES: "chat",
        HTTPROUTES: "chat",
    }
    return {kind: await labels_of(home, kind, name) for kind, name in names.items()}


async def labels_of(home: Home, kind: Kind[Any], name: str) -> dict[str, str]:
    found = await home.world.json(kind, name, home.namespace)
    return found["metadata"].get("labels", {})


def foreign(labels: dict[str, str]) -> dict[str, str]:
    """The labels that are neither the operator's own nor those of the Job controller."""
    own = (OURS, "app.kubernetes.io/", "batch.kubernetes.io/", "controller-uid", "job-name")
    return {name: value for name, value in labels.items() if not name.startswith(own)}


async def test_labels_that_match_reach_all_that_is_made_for_a_service(home: Home):
    await rules(home, "team", "cost.example.com/*", model={"autoDiscovery": False})
    found = await serve(home, GIVEN)
    serving = found.pop(INFERENCE_SERVICES)
    assert foreign(serving) == GIVEN, "an InferenceService has all labels of its service"
    assert {kind.name: foreign(labels) for kind, labels in found.items()} == {kind.name: PASSED_ON for kind in found}


@pytest.mark.parametrize(
    ("match", "enabled"),
    [
        pytest.param(("team", "*"), False, id="off"),
        pytest.param(("tea", "cost.example.com", "TEAM"), True, id="no-match"),
    ],
)
async def test_labels_that_are_not_asked_for_stay_where_they_are(home: Home, match: tuple[str, ...], enabled: bool):
    await rules(home, *match, enabled=enabled, model={"autoDiscovery": False})
    found = await serve(home, GIVEN)
    del found[INFERENCE_SERVICES]
    assert {kind.name: foreign(labels) for kind, labels in found.items()} == {kind.name: {} for kind in found}


async def test_no_label_of_a_user_stands_in_for_one_of_ours(home: Home):
    await rules(home, "*", model={"autoDiscovery": False})
    fakes = {
        f"{OURS}service-name": "fake",
        f"{OURS}requested-by": "fake",
        f"{OURS}template-cache": "fake",
        f"{OURS}model-cache": "fake",
        f"{OURS}template": "fake",
        f"{OURS}auto-created": "fake",
        f"{OURS}derived-template": "true",
        MANAGED_BY: "Helm",
        COMPONENT: "fake",
    }
    found = await serve(home, GIVEN | fakes)
    assert {kind.name: labels["team"] for kind, labels in found.items()} == {kind.name: "blue" for kind in found}
    marks = {kind.name: {n: v for n, v in labels.items() if n.startswith(OURS)} for kind, labels in found.items()}
    downloads = {f"{OURS}model-cache": "weights"}
    assert {name: marks[name] for name in marks.keys() - {"InferenceService"}} == {
        "AIMModel": {f"{OURS}auto-created": "true"},
        "AIMTemplateCache": {f"{OURS}requested-by": "service", f"{OURS}service-name": "chat"},
        "AIMModelCache": {f"{OURS}template-cache": "fast"},
        "PersistentVolumeClaim": downloads,
        "Job": downloads,
        "Pod": downloads,
        "HTTPRoute": {f"{OURS}service-name": "chat"},
    }
    assert marks["InferenceService"][f"{OURS}template"] == "fast"
    assert marks["InferenceService"][f"{OURS}service-name"] == "chat"
    managed = (AIM_TEMPLATE_CACHE, AIM_MODEL_CACHE, PVCS, JOBS, PODS, HTTPROUTES)
    assert {found[kind][MANAGED_BY] for kind in managed} == {"aim"}
    assert {found[kind][COMPONENT] for kind in (PVCS, JOBS, PODS)} == {"download"}


async def test_a_label_that_changes_follows_where_a_child_is_kept_and_not_where_it_was_made_once(home: Home):
    await rules(home, "team", model={"autoDiscovery": False})
    before = await serve(home, {"team": "blue"})
    moved = {"labels": {"team": "red"}, "model": {"image": home.image}, "cacheModel": True, "routing": ROUTING}
    await home.service(**moved)

    async def reaches(kind: Kind[Any], team: str | None) -> None:
        await home.world.until(kind, "chat", home.namespace, lambda o: o.metadata.labels.get("team") == team)

    for kind in (INFERENCE_SERVICES, HTTPROUTES):
        await reaches(kind, "red")
    for kind, name in ((AIM_MODEL, model_name(home.image)), (AIM_TEMPLATE_CACHE, "fast"), (AIM_MODEL_CACHE, "weights")):
        assert await labels_of(home, kind, name) == before[kind]
    await rules(home, "cost", model={"autoDiscovery": False})
    await reaches(HTTPROUTES, None)
    await rules(home, "team", model={"autoDiscovery": False})
    await reaches(HTTPROUTES, "red")
    await home.service(**moved | {"labels": {}})
    for kind in (INFERENCE_SERVICES, HTTPROUTES):
        await reaches(kind, None)
    await home.runs()


@pytest.mark.parametrize(
    ("kind", "templates"),
    [
        pytest.param(AIM_MODEL, AIM_SERVICE_TEMPLATE, id="namespace"),
        pytest.param(AIM_CLUSTER_MODEL, AIM_CLUSTER_SERVICE_TEMPLATE, id="cluster"),
    ],
)
async def test_a_model_passes_labels_on_to_the_templates_generated_for_it(
    home: Home, image: str, kind: Kind[Any], templates: Kind[Any]
):
    world, name = home.world, home.namespace
    where = home.namespace if kind.namespaced else ""
    propagation = {"enabled": True, "match": ["*"]}
    config_place = where or OPERATOR_NAMESPACE
    await world.have(AIM_RUNTIME_CONFIG, name, config_place, labelPropagation=propagation)
    fakes = {f"{OURS}derived-template": "true", f"{OURS}auto-generated": "no", f"{OURS}aim-image": "fake"}
    spec = {"image": image, "discovery": {"enabled": True}, "runtimeConfigName": name}
    await world.have(kind, name, where, labels=GIVEN | fakes, **spec)
    await world.reaches(kind, name, where, status="Ready")

    async def generated() -> Any:
        [template] = await world.all(templates, where, selector=f"{OURS}aim-image={name}")
        return template

    expected = GIVEN | {f"{OURS}auto-generated": "true", f"{OURS}aim-image": name}
    template = await generated()
    assert template.metadata.labels == expected
    await world.have(kind, name, where, labels={"team": "red"}, **spec | {"serviceAccountName": "another"})
    await world.until(kind, name, where, lambda m: m.status.observed_generation == m.metadata.generation)
    assert (await generated()).metadata.labels == expected, "a template that is there is left as it is"
    await world.delete(templates, template.metadata.name, where)
    await world.until(templates, template.metadata.name, where, lambda t: t.metadata.uid != template.metadata.uid)
    assert foreign((await generated()).metadata.labels) == {"team": "red"}
    await world.delete(kind, name, where)

"""`aimctrl explain` on a real API server: on each failure it names the cause and the remedy, and it writes nothing."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from aimctrl.aim.remedies import REMEDIES
from aimctrl.api.kinds import AIM_MODEL, AIM_SERVICE, AIM_SERVICE_TEMPLATE
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES
from aimctrl.sandbox.aim_image import AimImage
from aimctrl.sandbox.script import ImageScript
from controlplane import ControlPlane
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from e2e.homes import Home
from e2e.places import Place
from support.program import Aimctrl, account, user_of, writers

pytestmark = pytest.mark.asyncio(loop_scope="module")

READING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["get", "list", "watch"]}
SOURCES: list[dict[str, Any]] = [{"name": "weights", "sourceURI": "hf://org/weights", "size": "1Gi"}]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def aimctrl(stage: Stage, control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory) -> Aimctrl:
    """The command line of a user who may read everything and write nothing."""
    return Aimctrl(await account(stage.world, control_plane, tmp_path_factory.mktemp("explain"), "reader", READING))


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


in_namespace = pytest.mark.parametrize("place", ["namespace"], indirect=True)
in_cluster = pytest.mark.parametrize("place", ["cluster"], indirect=True)


@pytest.fixture
def place(stage: Stage, namespace: str, request: pytest.FixtureRequest) -> Place:
    here = request.param == "namespace"
    return Place(stage.world, namespace, namespace if here else "", namespace if here else OPERATOR_NAMESPACE)


def failing(told: dict[str, Any]) -> set[str]:
    """The conditions that do not hold though they should, as `type=reason`."""
    lines = (line for line in told["conditions"] if not line["holds"] and line["trouble"]["care"] != "none")
    return {f"{line['type']}={line['trouble']['reason']}" for line in lines}


def steps(told: dict[str, Any]) -> set[str]:
    """What the operator would do, as `action kind name`."""
    return {f"{step['action']} {step['kind']} {step['name']}" for step in told["next"]["steps"]}


def fact(told: dict[str, Any], name: str) -> tuple[str, str, str]:
    (found,) = [fact for fact in told["facts"] if fact["name"] == name]
    return found["value"], found["why"], found["state"]


def agrees(told: dict[str, Any], found: Any, reason: str) -> None:
    """What is told is what the operator has written, and it has nothing left to do."""
    assert (told["status"], told["trouble"]["reason"]) == (found.status.status, reason)
    assert told["trouble"]["message"] == {c.type: c.message for c in found.status.conditions}["Ready"]
    assert told["trouble"]["remedy"] == REMEDIES[reason].text
    assert told["warnings"] == []
    assert not told["next"]["writesStatus"]
    assert {step["action"] for step in told["next"]["steps"]} <= {"keep"}
    assert [line["recorded"] for line in told["conditions"]] == [None] * len(told["conditions"])


async def no_model(home: Home) -> str:
    await home.template()
    await home.service()
    return "ModelNotFound"


async def no_config(home: Home) -> str:
    await home.model()
    await home.service(runtimeConfigName="ours")
    return "RuntimeConfigMissing"


async def no_template(home: Home) -> str:
    await home.model()
    await home.service(templateRef="fast")
    return "TemplateNotFound"


async def no_fitting_template(home: Home) -> str:
    await home.model()
    await home.service()
    return "TemplateNotFound"


async def anothers_template(home: Home) -> str:
    await home.model()
    await home.model("mistral", image=f"{home.image}.1")
    await home.template("theirs", modelName="mistral")
    await home.service(templateRef="theirs")
    return "TemplateModelMismatch"


async def two_templates(home: Home) -> str:
    await home.model()
    for name, metric in (("zebra", "latency"), ("ant", "throughput")):
        await home.template(name, metric=metric)
        await home.world.reaches(AIM_SERVICE_TEMPLATE, name, home.namespace, status="Ready")
    await home.service()
    return "TemplateSelectionAmbiguous"


async def two_models(home: Home) -> str:
    await home.model("zebra")
    await home.model("ant")
    await home.service(model={"image": home.image})
    return "MultipleModelsFound"


async def no_gpu(home: Home) -> str:
    await home.model()
    await home.template("big", gpuSelector={"count": 8, "model": "MI355X"})
    await home.service()
    return "TemplateNotAvailable"


async def stranger(home: Home) -> str:
    await home.model()
    await home.template()
    spec = {"predictor": {"model": {"modelFormat": {"name": "other"}}}}
    await home.world.have(INFERENCE_SERVICES, "chat", home.namespace, **spec)
    await home.service()
    return "NameConflict"


async def bad_route(home: Home) -> str:
    await home.model()
    await home.template()
    await home.routed(routeTemplate="/{.metadata.nothing}")
    return "RouteTemplateInvalid"


async def taken_path(home: Home) -> str:
    await home.model()
    await home.template()
    for name in ("ant", "chat"):
        await home.routed(name, routeTemplate="/{.metadata.namespace}")
        if name == "ant":
            await home.runs("ant")
    return "RoutePathConflict"


SERVICES = (
    no_model, no_config, no_template, no_fitting_template, anothers_template, two_templates, two_models, no_gpu,
    stranger, bad_route, taken_path,
)  # fmt: skip
STATUS = {"MultipleModelsFound": "Failed", "TemplateSelectionAmbiguous": "Failed", "TemplateNotAvailable": "Starting"}


@pytest.mark.parametrize("happening", SERVICES, ids=lambda happening: happening.__name__)
async def test_a_service_that_does_not_run(home: Home, aimctrl: Aimctrl, happening: Callable[[Home], Awaitable[str]]):
    reason = await happening(home)
    service = await home.becomes(STATUS.get(reason, "Degraded"), reason)
    told = await aimctrl.explanation("service", f"{home.namespace}/chat")
    agrees(told, service, reason)
    assert f"Ready={reason}" in failing(told)
    assert told["events"]


async def test_candidates_are_told_with_why_they_were_dropped(home: Home, aimctrl: Aimctrl):
    await home.model()
    await home.template("big", gpuSelector={"count": 8, "model": "MI355X"})
    await home.template("exact", precision="fp16")
    for name, status in (("big", "NotAvailable"), ("exact", "Ready")):
        await home.world.reaches(AIM_SERVICE_TEMPLATE, name, home.namespace, status=status)
    await home.service()
    await home.runs()
    tree = await aimctrl("explain", "service", "chat", "-n", home.namespace)
    assert f"✓ AIMServiceTemplate {home.namespace}/exact Ready (OnlyMatch: the only one that fits)" in tree
    assert (
        f"✗ AIMServiceTemplate {home.namespace}/big NotAvailable (GPUNotAvailable: no node has the GPU MI355X)" in tree
    )
    assert f'MI355X: no node has it, wanted by AIMServiceTemplate "{home.namespace}/big"' in tree
    assert "MI300X: 8 on 1 node" in tree
    assert f"leaves as it is InferenceService {home.namespace}/chat" in tree
    assert "\x1b" not in tree


async def test_a_model_that_does_not_load(stage: Stage, home: Home, aimctrl: Aimctrl):
    stage.scripts.set(home.image, AimImage(serving="failed"))
    await home.model()
    await home.template()
    await home.service()
    service = await home.becomes("Failed", "RuntimeFailed")
    tree = await aimctrl("explain", "service", f"{home.namespace}/chat")
    assert tree.startswith(f"AIMService {home.namespace}/chat  Failed (RuntimeFailed)\n")
    assert {c.type: c.message for c in service.status.conditions}["Ready"] in tree
    assert REMEDIES["RuntimeFailed"].text in tree


async def test_a_stranger_in_the_way_of_a_route(home: Home, aimctrl: Aimctrl):
    await home.model()
    await home.template()
    await home.world.have(HTTPROUTES, "chat", home.namespace, hostnames=["theirs.test"])
    await home.routed()
    service = await home.becomes("Degraded", "NameConflict", RoutingReady=("False", "NameConflict"))
    told = await aimctrl.explanation("service", f"{home.namespace}/chat")
    agrees(told, service, "NameConflict")
    assert failing(told) == {f"{kind}=NameConflict" for kind in ("RoutingReady", "Ready", "Failure")}
    assert fact(told, "runtime")[2] == "Ready"


async def test_a_service_that_runs(home: Home, aimctrl: Aimctrl):
    await home.model()
    await home.template()
    await home.routed()
    service = await home.runs()
    told = await aimctrl.explanation("service", f"{home.namespace}/chat")
    agrees(told, service, "RuntimeReady")
    assert failing(told) == set()
    assert steps(told) == {"keep InferenceService chat", "keep HTTPRoute chat"}
    assert fact(told, "template") == (
        f'AIMServiceTemplate "{home.namespace}/fast"',
        "selected: the only one that fits",
        "Ready",
    )
    assert fact(told, "route") == (service.status.routing.path, "on Gateway gateways/gateway", "Ready")
    assert [(event["type"], event["reason"]) for event in told["events"] if event["reason"] == "TemplateResolved"]


async def no_models(place: Place) -> tuple[str, str]:
    await place.template()
    return "Degraded", "ModelNotFound"


async def no_configs(place: Place) -> tuple[str, str]:
    await place.template(runtimeConfigName=place.name)
    return "Degraded", "RuntimeConfigMissing"


async def no_gpus(place: Place) -> tuple[str, str]:
    await place.model()
    await place.template(gpuSelector={"count": 8, "model": "MI355X"})
    return "NotAvailable", "GPUNotAvailable"


async def runtime_of_a_stranger(place: Place) -> tuple[str, str]:
    await place.model()
    spec = {"containers": [{"name": "kserve-container", "image": "theirs"}]}
    await place.world.have(place.runtime_kind, place.name, place.namespace, **spec)
    await place.template(modelSources=SOURCES)
    return "Degraded", "NameConflict"


TEMPLATES = [
    (no_models, "cluster"),
    (no_configs, "namespace"),
    (no_gpus, "namespace"),
    (runtime_of_a_stranger, "cluster"),
]


@pytest.mark.parametrize(
    ("happening", "place"), TEMPLATES, ids=lambda one: getattr(one, "__name__", one), indirect=["place"]
)
async def test_a_template_that_cannot_be_run(place: Place, aimctrl: Aimctrl, happening: Callable[[Place], Awaitable]):
    status, reason = await happening(place)
    template = await place.becomes(status, reason)
    told = await aimctrl.explanation("template", f"{place.namespace}/{place.name}".lstrip("/"))
    assert told["kind"] == place.template_kind.name
    assert (told["status"], told["trouble"]["reason"]) == (status, reason)
    assert told["trouble"]["remedy"] == REMEDIES[reason].text
    assert told["trouble"]["message"] == {c.type: c.message for c in template.status.conditions}["Ready"]
    assert f"Ready={reason}" in failing(told)
    assert {step["action"] for step in told["next"]["steps"]} == (
        {"refused"} if happening is runtime_of_a_stranger else set()
    )


@pytest.mark.parametrize(
    ("error", "reason", "place"),
    [("auth", "ImagePullAuthFailure", "cluster"), ("not-found", "ImageNotFound", "namespace")],
    indirect=["place"],
)
async def test_a_discovery_that_cannot_pull(stage: Stage, place: Place, aimctrl: Aimctrl, error: Any, reason: str):
    stage.scripts.set(place.image, AimImage(pull_error=error))
    await place.model()
    await place.template()
    await place.becomes("Degraded", reason)
    told = await aimctrl.explanation("template", f"{place.namespace}/{place.name}".lstrip("/"))
    assert (told["status"], told["trouble"]["reason"]) == ("Degraded", reason)
    assert told["trouble"]["remedy"] == REMEDIES[reason].text
    value, why, _ = fact(told, "discovery")
    assert value.startswith(f'Job "{place.jobs}/discover-')
    assert place.image in why
    assert told["next"]["seconds"] is not None
    await place.world.delete(place.template_kind, place.name, place.namespace)


@in_namespace
async def test_a_discovery_that_failed(stage: Stage, place: Place, aimctrl: Aimctrl):
    stage.scripts.set(place.image, ImageScript(log="no profile \x1b[31mfits\n"))
    await place.model()
    await place.template()
    await place.becomes("Failed", "DiscoveryFailed")
    name = f"{place.namespace}/{place.name}".lstrip("/")
    told = await aimctrl.explanation("template", name)
    assert (told["status"], told["trouble"]["reason"]) == ("Failed", "DiscoveryFailed")
    value, why, _ = fact(told, "discovery")
    assert value == "failed once"
    assert why.startswith("it is tried again at ")
    tree = await aimctrl("explain", "template", name)
    assert REMEDIES["DiscoveryFailed"].text in tree
    assert "in any case" in tree
    assert "\x1b" not in tree
    await place.world.delete(place.template_kind, place.name, place.namespace)


async def test_a_service_whose_template_is_broken_says_so_and_why(stage: Stage, home: Home, aimctrl: Aimctrl):
    stage.scripts.set(home.image, AimImage(pull_error="not-found"))
    await home.model()
    await home.discovered()
    await home.service(templateRef="fast")
    await home.becomes("Degraded", "TemplateNotReady")
    told = await aimctrl.explanation("service", f"{home.namespace}/chat")
    (template,) = [one for one in told["facts"] if one["name"] == "template"]
    assert template["state"] == "Degraded"
    assert template["trouble"]["reason"] == "ImageNotFound"
    assert template["trouble"]["remedy"] == REMEDIES["ImageNotFound"].text
    await home.world.delete(AIM_SERVICE_TEMPLATE, "fast", home.namespace)


@in_cluster
async def test_a_model_and_its_templates(place: Place, aimctrl: Aimctrl):
    await place.model()
    await place.template(modelSources=SOURCES, gpuSelector={"count": 1, "model": "MI210"})
    await place.becomes("NotAvailable", "GPUNotAvailable")
    told = await aimctrl.explanation("model", f"{place.namespace}/{place.name}".lstrip("/"))
    assert (told["kind"], told["status"], told["trouble"]["reason"]) == (
        place.model_kind.name, "Ready", "DiscoveryDisabled",
    )  # fmt: skip
    assert [(one["name"], one["state"], one["reason"]) for one in told["templates"]] == [
        (place.name, "NotAvailable", "GPUNotAvailable")
    ]
    assert [gpu["model"] for gpu in told["gpus"] if gpu["wantedBy"]] == ["MI210"]


@in_namespace
async def test_a_model_without_its_runtime_config(place: Place, aimctrl: Aimctrl):
    await place.model(runtimeConfigName="ours")
    model = await place.world.reaches(place.model_kind, place.name, place.namespace, status="Degraded")
    told = await aimctrl.explanation("model", f"{place.namespace}/{place.name}".lstrip("/"))
    agrees(told, model, "RuntimeConfigMissing")


async def test_a_name_is_looked_up_in_the_namespace_and_then_in_the_cluster(stage: Stage, home: Home, aimctrl: Aimctrl):
    place = Place(stage.world, home.namespace, "", OPERATOR_NAMESPACE)
    await place.model()
    name = f"{home.namespace}/{place.name}"
    assert (await aimctrl.explanation("model", name))["kind"] == "AIMClusterModel"
    await stage.world.have(AIM_MODEL, place.name, home.namespace, image="nearer")
    assert (await aimctrl.explanation("model", name))["kind"] == "AIMModel"
    assert (await aimctrl.explanation("model", place.name))["kind"] == "AIMClusterModel"


async def test_what_is_not_there_is_named(home: Home, aimctrl: Aimctrl):
    told = await aimctrl("explain", "service", f"{home.namespace}/chat", code=1)
    assert told == f'aimctrl: there is no AIMService "{home.namespace}/chat"'
    told = await aimctrl("explain", "template", home.namespace, code=1)
    assert f'there is no AIMClusterServiceTemplate "{home.namespace}"' in told


async def test_without_rights_beyond_a_namespace_it_is_said_what_is_not_seen(
    stage: Stage, home: Home, control_plane: ControlPlane, tmp_path: Any
):
    """The user may read in one namespace, as most users may; nodes and cluster kinds are out of sight."""
    await home.model()
    await home.template()
    await home.service()
    await home.runs()
    some = Aimctrl(await account(stage.world, control_plane, tmp_path, home.namespace))
    role = {"apiVersion": "rbac.authorization.k8s.io/v1", "metadata": {"name": "reader"}}
    path = f"/apis/rbac.authorization.k8s.io/v1/namespaces/{home.namespace}"
    await stage.world.client.request("POST", f"{path}/roles", body=role | {"kind": "Role", "rules": [READING]})
    binding = role | {
        "kind": "RoleBinding",
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "Role", "name": "reader"},
        "subjects": [{"kind": "ServiceAccount", "name": home.namespace, "namespace": "default"}],
    }
    await stage.world.client.request("POST", f"{path}/rolebindings", body=binding)
    told = await some.explanation("service", f"{home.namespace}/chat")
    assert told["warnings"][0].startswith(f"You may only look at namespace {home.namespace}")
    assert any(warning.startswith("nodes cannot be read from here") for warning in told["warnings"])
    assert fact(told, "runtime")[2] == "Ready"


async def test_nobody_can_be_reached(aimctrl: Aimctrl, tmp_path: Any):
    config: Any = msgspec.json.decode(aimctrl.kubeconfig.read_bytes())
    away, locked = tmp_path / "away", tmp_path / "locked"
    config["users"][0]["user"]["token"] += "x"
    locked.write_bytes(msgspec.json.encode(config))
    assert "does not accept these credentials" in await Aimctrl(locked)("status", code=3)
    config["clusters"][0]["cluster"]["server"] = "https://127.0.0.1:1"
    away.write_bytes(msgspec.json.encode(config))
    told = await Aimctrl(away)("explain", "service", "ml/chat", code=3)
    assert told.startswith("aimctrl: no answer from the API server at https://127.0.0.1:1")
    assert "Traceback" not in told


async def test_nothing_was_written(aimctrl: Aimctrl, control_plane: ControlPlane, home: Home):
    """Not even tried: the audit log knows of refused writes too."""
    await home.service()
    await home.becomes("Degraded", "ModelNotFound")
    before = await home.world.json(AIM_SERVICE, "chat", home.namespace)
    await aimctrl("explain", "service", f"{home.namespace}/chat")
    await aimctrl("status")
    assert await home.world.json(AIM_SERVICE, "chat", home.namespace) == before
    assert writers(control_plane, user_of("reader")) == []
    assert aimctrl.kubeconfig.name == "reader.kubeconfig"

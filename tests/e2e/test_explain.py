"""`aimctrl explain` as a command on a real API server: what is named, seen, printed, and that nothing is written.

What it says of each failure: test_explain_services.py, test_explain_templates.py, test_explain_models.py and
test_explain_caches.py.
"""

from typing import Any

import msgspec
import pytest
import pytest_asyncio

from aimctrl.aim.remedies import REMEDIES
from aimctrl.api.kinds import AIM_MODEL, AIM_MODEL_CACHE, AIM_SERVICE, AIM_SERVICE_TEMPLATE
from controlplane import ControlPlane
from e2e.conftest import OPERATOR_NAMESPACE, Stage
from e2e.homes import Home
from e2e.places import Place
from support.program import Aimctrl, account, user_of, writers
from support.world import eventually

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


@pytest.fixture
def place(stage: Stage, namespace: str) -> Place:
    """The cluster's scope."""
    return Place(stage.world, namespace, "", OPERATOR_NAMESPACE)


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


async def test_a_failure_is_told_with_cause_and_remedy(home: Home, aimctrl: Aimctrl):
    await home.model()
    await home.service(templateRef="fast")
    service = await home.becomes("Degraded", "TemplateNotFound")
    tree = await aimctrl("explain", "service", f"{home.namespace}/chat")
    assert tree.startswith(f"AIMService {home.namespace}/chat  Degraded (TemplateNotFound)\n")
    assert {c.type: c.message for c in service.status.conditions}["Ready"] in tree
    assert REMEDIES["TemplateNotFound"].text in tree
    told = await aimctrl.explanation("service", f"{home.namespace}/chat")
    agrees(told, service, "TemplateNotFound")


async def test_a_cache_is_explained(home: Home, aimctrl: Aimctrl):
    spec = {"sourceURI": "hf://org/weights", "size": "1Gi", "storageClassName": "nowhere"}
    await home.world.have(AIM_MODEL_CACHE, "weights", home.namespace, **spec)
    cache = await home.world.reaches(AIM_MODEL_CACHE, "weights", home.namespace, status="Failed")
    told = await aimctrl.explanation("modelcache", f"{home.namespace}/weights")
    agrees(told, cache, "StorageFailed")
    assert fact(told, "storage class") == ("none", 'there is no StorageClass "nowhere"', "")


async def test_a_service_that_runs(home: Home, aimctrl: Aimctrl):
    await home.model()
    await home.template()
    await home.routed()
    service = await home.runs()

    async def resolved() -> bool:
        return "TemplateResolved" in {event.reason for event in await home.world.events(home.namespace, "chat")}

    await eventually(resolved)
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
    assert told.startswith(f'aimctrl: there is no AIMService "{home.namespace}/chat"')
    told = await aimctrl("explain", "template", home.namespace, code=1)
    assert f'there is no AIMClusterServiceTemplate "{home.namespace}"' in told
    await home.service("chart")
    told = await aimctrl("explain", "service", f"{home.namespace}/chat", code=1)
    assert told == f'aimctrl: there is no AIMService "{home.namespace}/chat"; did you mean {home.namespace}/chart?'


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

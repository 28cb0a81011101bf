"""What the operator makes stays as it makes it, and what others add to that stays as they add it.

Another controller, or a person, has a field manager of its own: fields that the operator does not set are theirs.
"""

from dataclasses import dataclass
from typing import Any

import msgspec
import pytest

from aimctrl.api.kinds import AIM_SERVICE_TEMPLATE, AIM_TEMPLATE_CACHE
from aimctrl.kube.external import HTTPROUTES, INFERENCE_SERVICES, SERVING_RUNTIMES
from aimctrl.kube.kinds import Kind
from e2e.conftest import Stage
from e2e.homes import Home, storage_class
from support.world import Json, eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

APPLY = "application/apply-patch+yaml"
OTHERS = "somebody-else"
GPUS: dict[str, Any] = {"metric": "latency", "gpuSelector": {"count": 1, "model": "MI300X"}}


@dataclass(frozen=True)
class Edit:
    """What somebody applies to a child: fields that are the operator's (`ours`), and some that are not (`theirs`)."""

    kind: Kind[Any]
    name: str
    ours: Json
    theirs: Json


EDITS = [
    pytest.param(
        Edit(
            INFERENCE_SERVICES,
            "chat",
            {
                "metadata": {"labels": {"aim.silogen.ai/service-name": "edited"}},
                "spec": {"predictor": {"minReplicas": 7, "model": {"runtime": "another"}}},
            },
            {
                "metadata": {"labels": {"team": "theirs"}, "annotations": {"example.com/note": "theirs"}},
                "spec": {
                    "predictor": {
                        "containerConcurrency": 3,
                        "model": {"modelFormat": {"name": "aim"}, "env": [{"name": "THEIRS", "value": "1"}]},
                    }
                },
            },
        ),
        id="inference-service",
    ),
    pytest.param(
        Edit(
            HTTPROUTES,
            "chat",
            {
                "metadata": {"labels": {"app.kubernetes.io/managed-by": "edited"}},
                "spec": {"rules": [{"backendRefs": [{"name": "another", "port": 8080}]}]},
            },
            {
                "metadata": {"labels": {"team": "theirs"}, "annotations": {"example.com/note": "theirs"}},
                "spec": {"hostnames": ["theirs.example.com"]},
            },
        ),
        id="route",
    ),
    pytest.param(
        Edit(
            SERVING_RUNTIMES,
            "fast",
            {
                "metadata": {"labels": {"aim.silogen.ai/template": "edited"}},
                "spec": {"containers": [{"name": "kserve-container", "image": "another"}]},
            },
            {
                "metadata": {"labels": {"team": "theirs"}, "annotations": {"example.com/note": "theirs"}},
                "spec": {"nodeSelector": {"theirs": "yes"}, "multiModel": False},
            },
        ),
        id="serving-runtime",
    ),
    pytest.param(
        Edit(
            AIM_TEMPLATE_CACHE,
            "fast",
            {
                "metadata": {"labels": {"aim.silogen.ai/requested-by": "edited"}},
                "spec": {"env": [{"name": "HF_TOKEN", "value": "edited"}]},
            },
            {
                "metadata": {"labels": {"team": "theirs"}, "annotations": {"example.com/note": "theirs"}},
                "spec": {"templateRef": "fast", "storageClassName": "theirs"},
            },
        ),
        id="template-cache",
    ),
]


@pytest.fixture
def home(stage: Stage, namespace: str) -> Home:
    return Home(stage.world, namespace)


async def everything(home: Home) -> None:
    """A service with a route, of a template with a cache."""
    await home.world.put(storage_class("default-of-children", default=True))
    await home.model()
    await home.template(**GPUS, caching={"enabled": True}, env=[{"name": "HF_TOKEN", "value": "x"}])
    await home.routed()
    await home.runs()


async def applied(home: Home, edit: Edit, fields: Json, manager: str = OTHERS) -> Json:
    """The child as somebody's server-side apply leaves it: before anybody puts it right."""
    meta = {**fields.get("metadata", {}), "name": edit.name, "namespace": home.namespace}
    manifest = {"apiVersion": edit.kind.api_version, "kind": edit.kind.name, **fields, "metadata": meta}
    query, path = {"fieldManager": manager, "force": "true"}, edit.kind.path(home.namespace, edit.name)
    answer = await home.world.client.request("PATCH", path, body=manifest, query=query, content_type=APPLY)
    live: Json = msgspec.json.decode(answer)
    return live


def within(part: Any, whole: Any) -> bool:
    """Whether all that `part` says is in `whole`; of lists, each item somewhere."""
    match part:
        case dict():
            return isinstance(whole, dict) and all(name in whole and within(part[name], whole[name]) for name in part)
        case list():
            return isinstance(whole, list) and all(any(within(item, other) for other in whole) for item in part)
        case _:
            return part == whole


async def holds(home: Home, edit: Edit, *parts: Json) -> Json:
    """The child once all these fields are in it."""

    async def look() -> Json | None:
        live = await home.world.json(edit.kind, edit.name, home.namespace)
        return live if all(within(part, live) for part in parts) else None

    found = await eventually(look)
    assert found is not None
    return found


def told(live: Json) -> Json:
    """The fields by which a child is steered."""
    meta = live["metadata"]
    parts = {name: meta.get(name, {}) for name in ("labels", "annotations", "ownerReferences")}
    return {"metadata": parts, "spec": live["spec"]}


@pytest.mark.parametrize("edit", EDITS)
async def test_an_edit_is_put_right_and_what_others_set_stays(home: Home, edit: Edit):
    await everything(home)
    before = told(await home.world.json(edit.kind, edit.name, home.namespace))
    theirs = await applied(home, edit, edit.theirs)
    edited = await applied(home, edit, edit.ours, manager="an-editor")
    assert within(edit.ours, edited)
    after = await holds(home, edit, before, edit.theirs)
    assert not within(edit.ours, after)
    assert after["metadata"]["uid"] == theirs["metadata"]["uid"]
    managers = {entry["manager"] for entry in after["metadata"]["managedFields"]}
    assert {OTHERS, "aimctrl"} <= managers
    await home.runs()


@pytest.mark.parametrize("edit", EDITS)
async def test_what_others_set_survives_a_change_that_the_operator_makes(home: Home, edit: Edit):
    await everything(home)
    theirs = await applied(home, edit, edit.theirs)
    await home.service(
        env=[{"name": "OURS", "value": "2"}],
        labels={"team": "ours"},
        routing={"enabled": True, "gatewayRef": {"name": "gateway"}, "routeTemplate": "/ours"},
    )
    await home.world.have(
        AIM_SERVICE_TEMPLATE,
        "fast",
        home.namespace,
        modelName="llama",
        modelSources=[{"name": "weights", "sourceURI": "hf://org/weights", "size": "1Gi"}],
        **GPUS,
        caching={"enabled": True},
        env=[{"name": "HF_TOKEN", "value": "changed"}],
        imagePullSecrets=[{"name": "added"}],
    )
    ours: dict[str, Json] = {
        "InferenceService": {"spec": {"predictor": {"model": {"env": [{"name": "OURS", "value": "2"}]}}}},
        "HTTPRoute": {"spec": {"rules": [{"matches": [{"path": {"value": "/ours"}}]}]}},
        "ServingRuntime": {"spec": {"imagePullSecrets": [{"name": "added"}]}},
        "AIMTemplateCache": {"spec": {"env": [{"name": "HF_TOKEN", "value": "changed"}]}},
    }
    label = {"metadata": {"labels": {"team": "ours" if edit.kind is INFERENCE_SERVICES else "theirs"}}}
    rest = {"metadata": {"annotations": {"example.com/note": "theirs"}}, "spec": edit.theirs["spec"]}
    after = await holds(home, edit, ours[edit.kind.name], rest, label)
    assert after["metadata"]["uid"] == theirs["metadata"]["uid"]

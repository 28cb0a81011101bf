"""A real API server takes the CRDs, and holds objects to them (SPEC §1)."""

import itertools
import json
import ssl
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

from aimctrl.api import kinds
from aimctrl.api.reasons import CacheState, ModelState, ServiceState, State, TemplateState
from aimctrl.kube.kinds import Kind
from controlplane import ControlPlane
from e2e.crd_cases import BAD, CHANGES, GOOD, Bad, Change, Good
from support.shapes import contains

NAMESPACE = "default"
STRICT = "fieldValidation=Strict"
numbers = itertools.count(1)


class Server:
    """Requests about objects of the AIM kinds."""

    def __init__(self, plane: ControlPlane) -> None:
        self._plane = plane

    def send(self, method: str, path: str, body: Any = None, content_type: str = "application/json") -> tuple[int, Any]:
        raw = None if body is None else json.dumps(body).encode()
        status, answer = self._plane.api.request(method, path, raw, content_type)
        return status, json.loads(answer)

    def create(self, kind: Kind[Any], name: str, spec: Any, *, dry: bool = False) -> tuple[int, Any]:
        body = {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": name}, "spec": spec}
        path = f"{kind.path(NAMESPACE)}?{STRICT}" + ("&dryRun=All" if dry else "")
        return self.send("POST", path, body)

    def replace(self, kind: Kind[Any], name: str, wire: dict[str, Any]) -> tuple[int, Any]:
        body = {"apiVersion": kind.api_version, "kind": kind.name} | wire
        return self.send("PUT", f"{kind.path(NAMESPACE, name)}?{STRICT}", body)

    def patch(self, kind: Kind[Any], name: str, body: Any, subresource: str = "") -> tuple[int, Any]:
        path = f"{kind.path(NAMESPACE, name, subresource)}?{STRICT}"
        return self.send("PATCH", path, body, "application/merge-patch+json")


@pytest.fixture(scope="module")
def server(control_plane: ControlPlane) -> Server:
    return Server(control_plane)


def by_id(case: Any) -> str:
    return str(case.id)


def decode(kind: Kind[Any], answer: dict[str, Any]) -> Any:
    return kind.decode(json.dumps(answer).encode())


@pytest.mark.parametrize("case", GOOD, ids=by_id)
def test_a_good_object_is_accepted_and_reads_as_it_was_written(server: Server, case: Good):
    name = f"{case.name}-{next(numbers)}" if case.name == "good" else case.name
    status, answer = server.create(case.kind, name, case.spec)
    assert status == 201, answer
    value = decode(case.kind, answer)
    assert contains(value.wire()["spec"], case.spec)
    assert contains(value.wire()["spec"], answer["spec"]), "the API server's defaults are the models'"
    status, answer = server.replace(case.kind, name, value.wire())
    assert status == 200, answer
    assert decode(case.kind, answer).spec == value.spec


@pytest.mark.parametrize("case", BAD, ids=by_id)
def test_a_bad_object_is_refused_with_the_field_s_name(server: Server, case: Bad):
    status, answer = server.create(case.kind, case.name, case.spec, dry=True)
    assert status in {400, 422}, answer
    assert case.says in answer["message"]
    assert case.also in answer["message"]


@pytest.mark.parametrize("case", CHANGES, ids=by_id)
def test_a_change_is_allowed_or_refused(server: Server, case: Change):
    name = f"change-{next(numbers)}"
    status, answer = server.create(case.kind, name, case.before)
    assert status == 201, answer
    status, answer = server.patch(case.kind, name, {"spec": case.patch})
    if not case.says:
        assert status == 200, answer
        return
    assert status == 422, answer
    assert case.says in answer["message"]
    assert case.also in answer["message"]


def test_there_is_a_case_of_each_sort_for_every_kind():
    assert {case.kind.name for case in GOOD} == {kind.name for kind in kinds.ALL}
    assert {case.kind.name for case in BAD} == {kind.name for kind in kinds.ALL}
    assert len({case.id for case in (*GOOD, *BAD, *CHANGES)}) == len((*GOOD, *BAD, *CHANGES))


STAMP = "2026-01-02T03:04:05Z"
REFERENCE = {"name": "m", "namespace": "team", "scope": "Namespace", "kind": "AIMModel", "uid": "u"}
CONDITION = {
    "type": "Ready",
    "status": "True",
    "reason": "Because",
    "message": "It is.",
    "observedGeneration": 1,
    "lastTransitionTime": STAMP,
}
COMMON = {
    "observedGeneration": 1,
    "conditions": [CONDITION],
    "resolvedRuntimeConfig": REFERENCE | {"hash": "ab"},
}
STATUSES: dict[str, tuple[Kind[Any], dict[str, Any], dict[str, Any]]] = {
    "model": (
        kinds.AIM_MODEL,
        {"image": "i"},
        COMMON
        | {
            "status": "Ready",
            "imageMetadata": {
                "model": {
                    "canonicalName": "org/model",
                    "source": "hf://org/model",
                    "title": "A model",
                    "descriptionFull": "A model of some size.",
                    "releaseNotes": "New.",
                    "tags": ["a"],
                    "versions": ["1"],
                    "variants": ["b"],
                    "hfTokenRequired": True,
                    "recommendedDeployments": [
                        {
                            "gpuModel": "MI300X",
                            "gpuCount": 1,
                            "metric": "latency",
                            "precision": "fp8",
                            "description": "One GPU.",
                            "profileId": "p",
                        }
                    ],
                },
                "oci": {"title": "A model", "base.name": "b"},
                "originalLabels": {"org.opencontainers.image.title": "A model"},
            },
            "inspection": {"inputsHash": "ab", "failures": 1, "retryAt": STAMP},
        },
    ),
    "template": (
        kinds.AIM_SERVICE_TEMPLATE,
        {"modelName": "m"},
        COMMON
        | {
            "status": "NotAvailable",
            "resolvedImage": REFERENCE,
            "modelSources": [{"name": "a/b", "source": "hf://a/b", "sizeBytes": 17179869184}],
            "profile": {"model": "a/b", "metadata": {"gpu": "MI300X", "gpu_count": 1}, "engine_args": {"x": [1, 2.5]}},
            "discovery": {"inputsHash": "ab", "jobName": "discover-x", "failures": 2, "retryAt": STAMP},
        },
    ),
    "service": (
        kinds.AIM_SERVICE,
        {"model": {"ref": "m"}},
        COMMON
        | {
            "status": "Running",
            "resolvedImage": REFERENCE,
            "resolvedTemplate": REFERENCE,
            "resolvedTemplateCache": REFERENCE,
            "routing": {"path": "/team/chat"},
            "templateMatching": {
                "candidates": [
                    {"name": "a", "scope": "Cluster", "status": "chosen", "reason": "Only one."},
                    {"name": "b", "scope": "Namespace", "status": "dropped", "reason": "Not Ready."},
                ]
            },
        },
    ),
    "runtime config": (
        kinds.AIM_RUNTIME_CONFIG,
        {},
        {"observedGeneration": 1, "status": "Ready", "conditions": [CONDITION]},
    ),
    "template cache": (
        kinds.AIM_TEMPLATE_CACHE,
        {"templateRef": "t"},
        COMMON
        | {
            "status": "Available",
            "resolvedTemplate": REFERENCE,
            "modelCaches": {
                "org/model": {
                    "name": "c",
                    "uid": "u",
                    "status": "Available",
                    "model": "org/model",
                    "persistentVolumeClaim": "c-cache",
                    "mountPoint": "/workspace/model-cache/c",
                }
            },
        },
    ),
    "model cache": (
        kinds.AIM_MODEL_CACHE,
        {"sourceURI": "hf://a", "size": "1Gi"},
        COMMON
        | {
            "status": "Failed",
            "persistentVolumeClaim": "c-cache",
            "persistentVolumeClaimUID": "u",
            "download": {"failures": 3, "retryAt": STAMP},
        },
    ),
}


@pytest.mark.parametrize(("kind", "spec", "wanted"), STATUSES.values(), ids=STATUSES)
def test_a_status_is_kept_whole(server: Server, kind: Kind[Any], spec: dict[str, Any], wanted: dict[str, Any]):
    name = f"status-{next(numbers)}"
    assert server.create(kind, name, spec)[0] == 201
    status, answer = server.patch(kind, name, {"status": wanted}, "status")
    assert status == 200, answer
    assert answer["status"] == wanted
    assert contains(decode(kind, answer).wire()["status"], wanted)
    status, answer = server.patch(
        kind, name, {"spec": {"runtimeConfigName": "x"} if "resolvedRuntimeConfig" in wanted else {}}
    )
    assert (status, answer["status"]) == (200, wanted), "a user's change leaves the status alone"


@pytest.mark.parametrize(
    ("kind", "spec", "states"),
    [
        (kinds.AIM_MODEL, {"image": "i"}, ModelState),
        (kinds.AIM_CLUSTER_SERVICE_TEMPLATE, {"modelName": "m"}, TemplateState),
        (kinds.AIM_SERVICE, {"aimImageName": "m"}, ServiceState),
        (kinds.AIM_TEMPLATE_CACHE, {"templateRef": "t"}, CacheState),
    ],
    ids=["model", "template", "service", "cache"],
)
def test_only_known_states_can_be_written(server: Server, kind: Kind[Any], spec: dict[str, Any], states: type[State]):
    name = f"states-{next(numbers)}"
    assert server.create(kind, name, spec)[0] == 201
    assert [server.patch(kind, name, {"status": {"status": s}}, "status")[0] for s in states] == [200] * len(states)
    status, answer = server.patch(kind, name, {"status": {"status": "Odd"}}, "status")
    assert (status, "status.status" in answer["message"]) == (422, True)


def described(schema: dict[str, Any], path: str) -> Iterator[tuple[str, str]]:
    """The path and description of each field, as `kubectl explain` finds them; metadata is Kubernetes' own."""
    for name, child in schema.get("properties", {}).items():
        yield f"{path}.{name}", child.get("description", "")
        if name != "metadata":
            yield from described(child, f"{path}.{name}")
    for nested in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(nested, dict):
            yield from described(nested, f"{path}[]")


def test_kubectl_explain_has_a_sentence_for_every_field(server: Server):
    status, document = server.send("GET", "/openapi/v3/apis/aim.silogen.ai/v1alpha1")
    assert status == 200
    for kind in kinds.ALL:
        schema = document["components"]["schemas"][f"ai.silogen.aim.v1alpha1.{kind.name}"]
        assert schema["description"]
        fields = dict(described(schema, kind.name))
        assert len(fields) > 20
        assert {
            path
            for path, text in fields.items()
            if not text.strip().endswith((".", "types-kinds", "resources", "metadata"))
        } == set()


@pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
def test_the_api_server_finds_no_fault_with_a_crd(server: Server, kind: Kind[Any]):
    _, crd = server.send("GET", f"/apis/apiextensions.k8s.io/v1/customresourcedefinitions/{kind.resource}")
    assert {c["type"]: c["status"] for c in crd["status"]["conditions"]} == {
        "NamesAccepted": "True",
        "Established": "True",
    }


@pytest.mark.parametrize(
    ("spec", "model"),
    [({"modelName": "a"}, "a"), ({"aimImageName": "b"}, "b")],
    ids=["modelName", "aimImageName"],
)
def test_kubectl_get_shows_what_a_template_refers_to(
    server: Server, control_plane: ControlPlane, spec: dict[str, Any], model: str
):
    name = f"table-{next(numbers)}"
    assert server.create(kinds.AIM_SERVICE_TEMPLATE, name, spec)[0] == 201
    table = as_table(control_plane, kinds.AIM_SERVICE_TEMPLATE.path(NAMESPACE, name))
    row = dict(zip([column["name"] for column in table["columnDefinitions"]], table["rows"][0]["cells"], strict=True))
    assert row["Model"] == model


def as_table(plane: ControlPlane, path: str) -> Any:
    config = yaml.safe_load(plane.kubeconfig.read_text(encoding="utf-8"))
    headers = {
        "Authorization": f"Bearer {config['users'][0]['user']['token']}",
        "Accept": "application/json;as=Table;v=v1;g=meta.k8s.io",
    }
    request = urllib.request.Request(plane.server + path, headers=headers)
    context = ssl.create_default_context(cafile=str(plane.ca))
    with urllib.request.urlopen(request, context=context) as response:
        return json.load(response)

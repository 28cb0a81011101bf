"""The OpenAPI documents, with what kubectl looks for in them."""

from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request

from aimctrl.sandbox.apiserver.builtin.kinds import builtin_registry
from aimctrl.sandbox.apiserver.crds import served_types
from aimctrl.sandbox.apiserver.openapi import OpenApi
from aimctrl.sandbox.apiserver.resources import Registry

WIDGETS = "apis/shown.example.org/v1"


def crd(description: str) -> dict[str, Any]:
    spec = {"type": "object", "description": description, "properties": {"mode": {"type": "string", "enum": ["on"]}}}
    version = {
        "name": "v1",
        "served": True,
        "storage": True,
        "subresources": {"status": {}},
        "schema": {"openAPIV3Schema": {"type": "object", "properties": {"spec": spec}}},
    }
    names = {"plural": "widgets", "kind": "Widget"}
    return {"spec": {"group": "shown.example.org", "names": names, "scope": "Namespaced", "versions": [version]}}


@pytest.fixture
def registry() -> Registry:
    registry = builtin_registry()
    for type_ in served_types(crd("What is wanted.")):
        registry.add(type_)
    return registry


def asked(api: OpenApi, path: str, **headers: str) -> Any:
    return api.answer(make_mocked_request("GET", path, headers))


def document(api: OpenApi, path: str) -> Any:
    return msgspec.json.decode(asked(api, f"/openapi/v3/{path}").body)


def links(api: OpenApi) -> dict[str, str]:
    paths: dict[str, dict[str, str]] = msgspec.json.decode(asked(api, "/openapi/v3").body)["paths"]
    return {path: link["serverRelativeURL"] for path, link in paths.items()}


def test_the_index_leads_to_the_document_of_each_group_and_version(registry: Registry):
    api = OpenApi(registry)
    found = links(api)
    assert {"api/v1", "apis/batch/v1", WIDGETS} <= found.keys()
    response = asked(api, found[WIDGETS])
    assert (response.status, response.headers["Cache-Control"]) == (200, "public, immutable")
    assert asked(api, found[WIDGETS], **{"If-None-Match": response.headers["ETag"]}).status == 304


def test_a_hash_that_is_old_leads_to_the_new_one(registry: Registry):
    api = OpenApi(registry)
    response = asked(api, f"/openapi/v3/{WIDGETS}?hash=OLD")
    assert (response.status, response.headers["Location"]) == (301, links(api)[WIDGETS])


def test_only_the_document_of_what_changed_has_another_hash(registry: Registry):
    api = OpenApi(registry)
    before = links(api)
    for type_ in served_types(crd("Something else.")):
        registry.add(type_)
    after = links(api)
    assert [path for path in after if before[path] != after[path]] == [WIDGETS]


def test_what_is_not_there_is_not_found(registry: Registry):
    for path in ("/openapi/v3/apis/nope/v1", "/openapi/v2", "/openapi/v3/"):
        assert asked(OpenApi(registry), path).status == 404


def test_what_every_kind_has_is_described_where_a_crd_says_nothing_of_it(registry: Registry):
    own = crd("What is wanted.")
    schema = own["spec"]["versions"][0]["schema"]["openAPIV3Schema"]
    schema["properties"]["kind"] = {"type": "string", "description": "Always Widget."}
    for type_ in served_types(own):
        registry.add(type_)
    widget = document(OpenApi(registry), WIDGETS)["components"]["schemas"]["org.example.shown.v1.Widget"]
    told = {name: part["description"] for name, part in widget["properties"].items()}
    assert told["kind"] == "Always Widget."
    assert "group" in told["apiVersion"]
    assert "labels" in told["metadata"]


def test_other_media_types_are_not_acceptable(registry: Registry):
    assert asked(OpenApi(registry), f"/openapi/v3/{WIDGETS}", Accept="text/html").status == 406


def test_descriptions_and_values_of_a_crd_are_told(registry: Registry):
    schema = document(OpenApi(registry), WIDGETS)["components"]["schemas"]["org.example.shown.v1.Widget"]
    spec = schema["properties"]["spec"]
    assert (spec["description"], spec["properties"]["mode"]["enum"]) == ("What is wanted.", ["on"])
    assert schema["x-kubernetes-group-version-kind"] == [
        {"group": "shown.example.org", "version": "v1", "kind": "Widget"}
    ]


PATCHES = {
    f"{WIDGETS}/namespaces/{{namespace}}/widgets/{{name}}": False,
    f"{WIDGETS}/namespaces/{{namespace}}/widgets/{{name}}/status": False,
    "api/v1/namespaces/{namespace}/configmaps/{name}": True,
    "api/v1/nodes/{name}": True,
}


@pytest.mark.parametrize(("path", "strategic"), PATCHES.items())
def test_patches_tell_what_they_take(registry: Registry, path: str, *, strategic: bool):
    version = "api/v1" if path.startswith("api/v1") else WIDGETS
    patch = document(OpenApi(registry), version)["paths"][f"/{path}"]["patch"]
    assert {"dryRun", "fieldManager", "fieldValidation", "force"} == {part["name"] for part in patch["parameters"]}
    assert ("application/strategic-merge-patch+json" in patch["requestBody"]["content"]) == strategic


def references(part: Any) -> set[str]:
    if isinstance(part, list):
        return {name for item in part for name in references(item)}
    if not isinstance(part, dict):
        return set()
    own = {part["$ref"].rpartition("/")[2]} if isinstance(part.get("$ref"), str) else set()
    return own.union(*(references(value) for value in part.values()))


@pytest.mark.parametrize("path", ["api/v1", "apis/apps/v1", "apis/apiextensions.k8s.io/v1", WIDGETS])
def test_every_reference_leads_to_a_schema(registry: Registry, path: str):
    found = document(OpenApi(registry), path)
    assert references(found) <= found["components"]["schemas"].keys()


def test_lists_of_named_items_say_how_they_are_merged(registry: Registry):
    schemas = document(OpenApi(registry), "api/v1")["components"]["schemas"]
    containers = schemas["io.k8s.api.core.v1.PodSpec"]["properties"]["containers"]
    assert containers["x-kubernetes-patch-merge-key"] == "name"
    assert containers["items"] == {"allOf": [{"$ref": "#/components/schemas/io.k8s.api.core.v1.Container"}]}

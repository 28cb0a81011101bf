"""What the CRDs promise (SPEC §1); tests/e2e/test_crds.py holds a real API server to it."""

from collections.abc import Iterator
from typing import Any

import pytest

from aimctrl.api import kinds
from aimctrl.api.crds import DEFINITIONS, object_schema
from aimctrl.kube.kinds import Kind

EVERY_KIND = pytest.mark.parametrize("kind", kinds.ALL, ids=lambda kind: kind.name)
MANIFESTS = {definition.kind.name: definition.manifest() for definition in DEFINITIONS}


def walk(schema: dict[str, Any], path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from walk(child, f"{path}.{name}")
    if "items" in schema:
        yield from walk(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from walk(schema["additionalProperties"], f"{path}{{}}")


def at(kind: Kind[Any], path: str) -> dict[str, Any]:
    return dict(walk(object_schema(kind)))[path]


def test_every_kind_has_a_definition():
    assert [definition.kind for definition in DEFINITIONS] == list(kinds.ALL)


@pytest.mark.parametrize(
    ("name", "short", "scope"),
    [
        ("AIMModel", "aimm", "Namespaced"),
        ("AIMClusterModel", "aimcm", "Cluster"),
        ("AIMImage", "aimimg", "Namespaced"),
        ("AIMClusterImage", "aimcimg", "Cluster"),
        ("AIMServiceTemplate", "aimst", "Namespaced"),
        ("AIMClusterServiceTemplate", "aimcst", "Cluster"),
        ("AIMService", "aimsvc", "Namespaced"),
        ("AIMRuntimeConfig", "aimrc", "Namespaced"),
        ("AIMClusterRuntimeConfig", "aimcrc", "Cluster"),
        ("AIMTemplateCache", "aimtc", "Namespaced"),
        ("AIMModelCache", "aimmc", "Namespaced"),
    ],
)
def test_names_and_scope(name: str, short: str, scope: str):
    spec = MANIFESTS[name]["spec"]
    assert (spec["group"], spec["versions"][0]["name"]) == ("aim.silogen.ai", "v1alpha1")
    assert spec["names"]["shortNames"] == [short]
    assert spec["names"]["categories"] == ["aim"]
    assert spec["names"]["plural"] == f"{name.lower()}s"
    assert spec["scope"] == scope
    assert spec["versions"][0]["subresources"] == {"status": {}}


@EVERY_KIND
def test_columns_begin_with_the_status_and_end_with_the_age(kind: Kind[Any]):
    columns = [column["name"] for column in MANIFESTS[kind.name]["spec"]["versions"][0]["additionalPrinterColumns"]]
    assert (columns[0], columns[-1]) == ("Status", "Age")
    assert len(columns) > 3


@EVERY_KIND
def test_every_field_has_a_sentence(kind: Kind[Any]):
    for path, schema in walk(object_schema(kind)):
        if path.endswith(("[]", "{}")) or path == ".metadata":
            continue
        assert schema["description"].endswith("."), path


@EVERY_KIND
def test_every_list_says_how_it_merges(kind: Kind[Any]):
    for path, schema in walk(object_schema(kind)):
        if schema.get("type") == "array":
            assert schema["x-kubernetes-list-type"] in {"map", "set", "atomic"}, path


@EVERY_KIND
def test_only_what_is_free_form_keeps_unknown_fields(kind: Kind[Any]):
    kept = {path for path, schema in walk(object_schema(kind)) if "x-kubernetes-preserve-unknown-fields" in schema}
    assert {path.split(".")[-1] for path in kept} <= {"valueFrom", "autoScaling", "profile"}


@pytest.mark.parametrize(
    ("kind", "path"),
    [
        (kinds.AIM_MODEL, ".spec.runtimeConfigName"),
        (kinds.AIM_SERVICE_TEMPLATE, ".spec.runtimeConfigName"),
        (kinds.AIM_SERVICE, ".spec.runtimeConfigName"),
        (kinds.AIM_TEMPLATE_CACHE, ".spec.runtimeConfigName"),
        (kinds.AIM_MODEL_CACHE, ".spec.runtimeConfigName"),
        (kinds.AIM_SERVICE, ".spec.overrides"),
        (kinds.AIM_SERVICE_TEMPLATE, ".spec.gpuSelector"),
        (kinds.AIM_SERVICE, ".status"),
        (kinds.AIM_SERVICE_TEMPLATE, ".status"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_no_default_where_unset_has_a_meaning(kind: Kind[Any], path: str):
    assert [inner for inner, schema in walk(at(kind, path), path) if "default" in schema] == []


@pytest.mark.parametrize(
    ("kind", "path", "default"),
    [
        (kinds.AIM_MODEL, ".spec.discovery.enabled", False),
        (kinds.AIM_MODEL, ".spec.discovery.autoCreateTemplates", True),
        (kinds.AIM_SERVICE, ".spec.replicas", 1),
        (kinds.AIM_RUNTIME_CONFIG, ".spec.pvcHeadroomPercent", 10),
        (kinds.AIM_RUNTIME_CONFIG, ".spec.model.autoDiscovery", True),
        (kinds.AIM_MODEL_CACHE, ".spec.modelDownloadImage", "kserve/storage-initializer"),
    ],
    ids=lambda value: getattr(value, "name", value),
)
def test_defaults(kind: Kind[Any], path: str, default: Any):
    assert at(kind, path)["default"] == default


def test_both_template_kinds_have_the_same_fields():
    namespaced, cluster = (object_schema(k) for k in (kinds.AIM_SERVICE_TEMPLATE, kinds.AIM_CLUSTER_SERVICE_TEMPLATE))
    assert namespaced["properties"]["spec"] == cluster["properties"]["spec"]
    assert namespaced["properties"]["status"] == cluster["properties"]["status"]


def test_all_catalogue_kinds_have_the_same_fields():
    catalogue = (kinds.AIM_MODEL, kinds.AIM_CLUSTER_MODEL, kinds.AIM_IMAGE, kinds.AIM_CLUSTER_IMAGE)
    first, *others = ({**object_schema(kind), "description": ""} for kind in catalogue)
    assert all(schema == first for schema in others)


def test_enums():
    spec = ".spec.{}"
    assert at(kinds.AIM_SERVICE_TEMPLATE, spec.format("metric"))["enum"] == ["latency", "throughput"]
    assert at(kinds.AIM_SERVICE_TEMPLATE, spec.format("precision"))["enum"] == (
        ["auto", "fp4", "fp8", "fp16", "fp32", "bf16", "int4", "int8"]
    )
    assert at(kinds.AIM_SERVICE_TEMPLATE, ".status.status")["enum"] == (
        ["Pending", "Progressing", "NotAvailable", "Ready", "Degraded", "Failed"]
    )
    assert at(kinds.AIM_SERVICE, ".status.status")["enum"] == ["Pending", "Starting", "Running", "Degraded", "Failed"]
    assert at(kinds.AIM_MODEL_CACHE, ".status.status")["enum"] == ["Pending", "Progressing", "Available", "Failed"]

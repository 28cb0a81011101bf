"""Today's definitions beside those of earlier releases: whatever was stored stays valid and whole."""

import copy
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from aimctrl import manifests
from support.compatibility import breaks

Json = dict[str, Any]
EARLIER = Path(__file__).parents[2] / "data" / "crds"
RELEASES = sorted(folder.name for folder in EARLIER.iterdir() if folder.is_dir())

MEANT: dict[str, set[str]] = {}
"""By `RELEASE NAME-OF-THE-DEFINITION`: what breaks on purpose. Each has a line in CHANGELOG.md that says what to do."""


def read(release: str) -> dict[str, Json]:
    files = (EARLIER / release).glob("*.yaml")
    found = [yaml.load(file.read_text(encoding="utf-8"), yaml.CSafeLoader) for file in files]
    return {crd["metadata"]["name"]: crd for crd in found}


@pytest.mark.parametrize("release", RELEASES)
def test_nothing_breaks_for_those_who_come_from(release: str):
    today = {crd["metadata"]["name"]: crd for crd in manifests.crds()}
    before = read(release)
    assert before
    assert before.keys() <= today.keys()
    found = {f"{release} {name}": set(breaks(crd, today[name])) for name, crd in before.items()}
    assert {name: lines for name, lines in found.items() if lines} == MEANT


CHANGES: dict[str, tuple[Callable[[Json, Json], Any], str]] = {
    "nothing": (lambda spec, _: spec, ""),
    "a field more": (lambda spec, _: spec["properties"].update(more={"type": "string"}), ""),
    "another description": (lambda _, metric: metric.update(description="another"), ""),
    "a field less": (lambda spec, _: spec["properties"].pop("metric"), ".spec.metric: is gone"),
    "a nested field less": (
        lambda spec, _: spec["properties"]["gpuSelector"]["properties"].pop("count"),
        ".spec.gpuSelector.count: is gone",
    ),
    "a list's field less": (
        lambda spec, _: spec["properties"]["modelSources"]["items"]["properties"].pop("size"),
        ".spec.modelSources[].size: is gone",
    ),
    "another type": (lambda _, metric: metric.update(type="integer"), ".spec.metric: type is 'integer', was 'string'"),
    "a value less": (lambda _, metric: metric["enum"].remove("latency"), ".spec.metric: no longer takes latency"),
    "a value more": (lambda _, metric: metric["enum"].append("both"), ""),
    "no values named": (lambda _, metric: metric.pop("enum"), ""),
    "values named at last": (
        lambda spec, _: spec["properties"]["profileId"].update(enum=["a"]),
        ".spec.profileId: no longer takes anything",
    ),
    "required": (lambda spec, _: spec.update(required=["metric"]), ".spec.metric: is required now"),
    "a rule more": (
        lambda spec, _: spec["x-kubernetes-validations"].append({"rule": "false"}),
        ".spec: has a new rule, false",
    ),
    "a rule less": (lambda spec, _: spec["x-kubernetes-validations"].pop(), ""),
    "a rule of another message": (lambda spec, _: spec["x-kubernetes-validations"][0].update(message="no"), ""),
    "a shorter limit": (
        lambda spec, _: spec["properties"]["modelName"].update(maxLength=5),
        ".spec.modelName: maxLength is 5, was 63",
    ),
    "a longer limit": (lambda spec, _: spec["properties"]["modelName"].update(maxLength=500), ""),
    "a higher bound": (
        lambda spec, _: spec["properties"]["gpuSelector"]["properties"]["count"].update(minimum=2),
        ".spec.gpuSelector.count: minimum is 2, was 1",
    ),
    "another pattern": (
        lambda _, metric: metric.update(pattern="^l"),
        ".spec.metric: pattern is '^l', was None",
    ),
    "another default": (
        lambda _, metric: metric.update(default="latency"),
        ".spec.metric: default is 'latency', was None",
    ),
    "another kind of list": (
        lambda spec, _: spec["properties"]["modelSources"].update({"x-kubernetes-list-type": "set"}),
        ".spec.modelSources: x-kubernetes-list-type is 'set', was",
    ),
}


@pytest.mark.parametrize(("change", "expected"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_of_a_schema_is_told_where_it_breaks_something(change: Callable[[Json, Json], Any], expected: str):
    before = read("first")["aimservicetemplates.aim.silogen.ai"]
    after = copy.deepcopy(before)
    spec = after["spec"]["versions"][0]["schema"]["openAPIV3Schema"]["properties"]["spec"]
    change(spec, spec["properties"]["metric"])
    said = breaks(before, after)
    assert [line[: len(expected)] for line in said] == ([expected] if expected else [])


WIDER: dict[str, tuple[Callable[[Json], Any], str]] = {
    "another scope": (lambda spec: spec.update(scope="Cluster"), "scope is 'Cluster', was 'Namespaced'"),
    "a short name less": (lambda spec: spec["names"].update(shortNames=[]), "names.shortNames lost aimst"),
    "a version less": (lambda spec: spec.update(versions=[]), "v1alpha1 is no longer served"),
    "not served": (lambda spec: spec["versions"][0].update(served=False), "v1alpha1 is no longer served"),
    "status no subresource": (
        lambda spec: spec["versions"][0].update(subresources={}),
        "v1alpha1 lost the subresource status",
    ),
}


@pytest.mark.parametrize(("change", "expected"), WIDER.values(), ids=WIDER.keys())
def test_a_change_of_a_definition_is_told_where_it_breaks_something(change: Callable[[Json], Any], expected: str):
    before = read("first")["aimservicetemplates.aim.silogen.ai"]
    after = copy.deepcopy(before)
    change(after["spec"])
    assert breaks(before, after) == [expected]

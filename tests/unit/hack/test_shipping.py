"""`deploy/` is what the code says, and what it says hangs together."""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
import yaml

from aimctrl import __version__, manifests
from aimctrl.settings import OPTIONS, Settings, load
from shipping import chart, kustomize, objects
from shipping.rights import identity, metrics_rights, rights
from shipping.values import SETTINGS, VALUES, schema_json, values_yaml, variable

DEPLOY = Path(__file__).parents[3] / "deploy"
WRITTEN_ELSEWHERE = re.compile(r"crds/aim\..*\.yaml|monitoring/(?!kustomization|pod-monitor).*|.*/_helpers\.tpl")


def test_the_committed_files_are_the_generated_ones():
    written = {path.relative_to(DEPLOY).as_posix(): path for path in DEPLOY.rglob("*") if path.is_file()}
    committed = {name: path.read_text(encoding="utf-8") for name, path in written.items()}
    ours = {name: text for name, text in committed.items() if not WRITTEN_ELSEWHERE.fullmatch(name)}
    assert ours == {**kustomize.files(), **chart.files()}, "run `make deploy` and commit the result"


def test_two_runs_give_the_same_bytes():
    assert {**kustomize.files(), **chart.files()} == {**kustomize.files(), **chart.files()}


def test_everything_but_the_crds_has_the_label_that_uninstall_looks_for():
    named = [*kustomize.everything(), *rights(["a"]), *metrics_rights(), objects.pod_monitor()]
    lacking = [
        identity(one)
        for one in named
        if one["kind"] != "CustomResourceDefinition"
        and one["metadata"].get("labels", {}).get("app.kubernetes.io/name") != "aimctrl"
    ]
    assert lacking == []


def test_no_file_shares_parts_by_anchors_and_no_hole_is_left_open():
    for name, text in {**kustomize.files(), **chart.files()}.items():
        assert not re.search(r"HOLE|<n|&id\d|: \*id\d", text), name


def test_the_pod_is_given_longer_than_the_operator_takes_to_stop():
    assert pod()["terminationGracePeriodSeconds"] > Settings().grace_period


def test_the_ports_of_the_pod_are_those_the_operator_listens_at():
    ports = {port["name"]: port["containerPort"] for port in pod()["containers"][0]["ports"]}
    settings = Settings()
    assert settings.metrics_bind_address == f":{ports['metrics']}"
    assert settings.health_probe_bind_address == f":{ports['health']}"


def test_the_image_and_the_chart_are_of_this_version():
    about = yaml.safe_load(chart.files()["helm/aimctrl/Chart.yaml"])
    assert pod()["containers"][0]["image"] == f"aimctrl:{__version__}"
    assert (about["version"], about["appVersion"]) == (__version__, __version__)


def test_the_policy_and_the_budget_are_about_the_operators_pods():
    labels = objects.deployment()["spec"]["template"]["metadata"]["labels"]
    assert objects.network_policy()["spec"]["podSelector"]["matchLabels"].items() <= labels.items()
    assert objects.pod_disruption_budget()["spec"]["selector"]["matchLabels"].items() <= labels.items()
    assert objects.pod_monitor()["spec"]["selector"]["matchLabels"].items() <= labels.items()


def test_the_values_are_those_of_the_table_with_a_line_of_help_where_one_is_needed():
    found = dict(flat(yaml.safe_load(values_yaml())))
    assert found.keys() == {value.path for value in VALUES if value.default != objects.RESOURCES} | {"resources"}
    assert all(line.strip("# ") for line in values_yaml().splitlines())


def test_the_schema_closes_every_group():
    schema = json.loads(schema_json())
    groups = [schema, *(part for part in schema["properties"].values() if "properties" in part)]
    assert all(group["additionalProperties"] is False for group in groups)


@pytest.mark.parametrize("name", SETTINGS)
def test_what_the_chart_allows_for_a_setting_the_program_takes(name: str):
    option = next(option for option in OPTIONS if option.variable == variable(name))
    for example in examples(SETTINGS[name]):
        load({}, {option.variable: str(example)})


def examples(schema: dict[str, Any]) -> list[Any]:
    bounds = [schema[end] for end in ("minimum", "maximum") if end in schema]
    return schema.get("enum") or bounds or ["registry.example:5000"]


def flat(value: Any, path: str = "") -> Iterable[tuple[str, Any]]:
    """Each value of values.yaml by its path; `resources` is one."""
    if not isinstance(value, dict) or path == "resources" or not value:
        yield path, value
        return
    for key, part in value.items():
        yield from flat(part, f"{path}.{key}".removeprefix("."))


def pod() -> dict[str, Any]:
    spec: dict[str, Any] = objects.deployment()["spec"]["template"]["spec"]
    return spec


def test_every_crd_is_in_the_kustomization_of_the_crds():
    listed = yaml.safe_load(kustomize.files()["crds/Kustomization"])["resources"]
    assert listed == sorted(manifests.crd_files())

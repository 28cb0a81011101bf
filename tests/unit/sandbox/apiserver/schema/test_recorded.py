"""Objects, definitions and rules get the answers that a real API server gave."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from aimctrl.sandbox.apiserver.schema.check import check_schemas
from aimctrl.sandbox.apiserver.schema.check_rules import check_expressions
from aimctrl.sandbox.apiserver.schema.node import Node
from aimctrl.sandbox.apiserver.schema.parse import parse, parse_part
from aimctrl.sandbox.apiserver.schema.rules import check_rules
from controlplane.api import crd_documents
from controlplane.assets import CRDS, Assets
from e2e.crd_cases import BAD, CHANGES, GOOD, Bad, Change, Good
from support.recordings import answer, expected, merged, recorded, told

REPOSITORY = Path(__file__).parents[5]
OBJECTS = recorded("objects.json")
DEFINITIONS = recorded("definitions.json")
EXPRESSIONS = recorded("expressions.json")
GATEWAY = recorded("gateway.json")
AIM = {case["id"]: case for case in recorded("aim.json")["cases"]}
FETCHED = Assets().cached(CRDS)


def by_content(case: Any) -> str:
    return str({key: value for key, value in case.items() if key not in {"says", "reads", "unknown"}})[:60]


@pytest.fixture(scope="module")
def menagerie() -> Node:
    """The schema that has something of everything."""
    return parse(OBJECTS["schema"])


@pytest.mark.parametrize("case", [case for case in OBJECTS["cases"] if "spec" in case], ids=by_content)
def test_an_object_is_created_or_refused_as_on_the_real_server(menagerie: Node, case: dict[str, Any]):
    sent = {"apiVersion": "v1", "kind": "Zoo", "metadata": {"name": "z"}, "spec": case["spec"]}
    assert answer(menagerie, sent) == expected(case)


@pytest.mark.parametrize("case", [case for case in OBJECTS["cases"] if "patch" in case], ids=by_content)
def test_an_object_is_changed_or_not_as_on_the_real_server(menagerie: Node, case: dict[str, Any]):
    old = {"apiVersion": "v1", "kind": "Zoo", "metadata": {"name": "z"}, "spec": case["old"]}
    assert answer(menagerie, merged(old, {"spec": case["patch"]}), old) == expected(case)


@pytest.mark.parametrize("case", [case for case in OBJECTS["cases"] if "status" in case], ids=by_content)
def test_a_status_is_written_or_not_as_on_the_real_server(menagerie: Node, case: dict[str, Any]):
    old = {"apiVersion": "v1", "kind": "Zoo", "metadata": {"name": "z"}, "spec": {}}
    if case["old_status"] is not None:
        old["status"] = case["old_status"]
    assert answer(menagerie, merged(old, {"status": case["status"]}), old, path="status") == expected(case)


@pytest.mark.parametrize("case", DEFINITIONS["cases"], ids=lambda case: case["id"])
def test_a_definition_is_found_fault_with_as_on_the_real_server(case: dict[str, Any]):
    assert told(check_schemas(case["spec"])) == sorted(case["says"])


def test_the_definitions_that_the_cases_are_of_are_faultless():
    ours = [yaml.safe_load(text)["spec"] for _, text in crd_documents(REPOSITORY / "deploy" / "crds")]
    whole = {"versions": [{"name": "v1", "schema": {"openAPIV3Schema": OBJECTS["schema"]}}]}
    assert [error for spec in (whole, *ours) for error in check_schemas(spec)] == []


@pytest.mark.parametrize("case", EXPRESSIONS["cases"], ids=lambda case: case["rule"])
def test_a_rule_says_what_it_says_on_the_real_server(case: dict[str, Any]):
    schema = {**EXPRESSIONS["schema"], "x-kubernetes-validations": [{"rule": case["rule"]}]}
    assert check_expressions(schema, "", ()) == []
    complaints = [error.body for error in check_rules(parse_part(schema), EXPRESSIONS["object"])]
    assert complaints == ([case["says"]] if "says" in case else [])


def definition(folder: Any, name: str) -> dict[str, Any]:
    """The CRD of that name; PyYAML's parser in C is a few times as fast."""
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    found: dict[str, Any] = next(yaml.load(text, loader) for each, text in crd_documents(folder) if each == name)
    return found


def root(crd: dict[str, Any], version: str) -> Node:
    return parse(next(each for each in crd["spec"]["versions"] if each["name"] == version)["schema"]["openAPIV3Schema"])


@pytest.fixture(scope="module")
def aim() -> dict[str, Node]:
    crds = [yaml.safe_load(text) for _, text in crd_documents(REPOSITORY / "deploy" / "crds")]
    return {crd["spec"]["names"]["kind"]: root(crd, "v1alpha1") for crd in crds}


@pytest.mark.parametrize("case", [*GOOD, *BAD], ids=lambda case: case.id)
def test_an_aim_object_is_accepted_or_refused_as_on_the_real_server(aim: dict[str, Node], case: Good | Bad):
    sent = {"apiVersion": "v", "kind": case.kind.name, "metadata": {"name": case.name}, "spec": case.spec}
    ours = answer(aim[case.kind.name], sent)
    assert {key: value for key, value in ours.items() if key != "reads"} == expected(AIM[case.id])


@pytest.mark.parametrize("case", CHANGES, ids=lambda case: case.id)
def test_an_aim_object_changes_or_not_as_on_the_real_server(aim: dict[str, Node], case: Change):
    old = {"apiVersion": "v", "kind": case.kind.name, "metadata": {"name": "a"}, "spec": case.before}
    ours = answer(aim[case.kind.name], merged(old, {"spec": case.patch}), old)
    assert {key: value for key, value in ours.items() if key != "reads"} == expected(AIM[case.id])


@pytest.fixture(scope="module")
def others() -> dict[str, dict[str, Any]]:
    """The definitions of Gateway API and KServe that the cases are of."""
    return {name: definition(FETCHED, name) for name in sorted({case["definition"] for case in GATEWAY["cases"]})}


@pytest.mark.skipif(not FETCHED.is_dir(), reason="the CRDs of KServe and Gateway API are not fetched")
@pytest.mark.parametrize("case", GATEWAY["cases"], ids=by_content)
def test_objects_of_gateway_api_and_kserve_fare_as_on_the_real_server(others: dict[str, Any], case: dict[str, Any]):
    sent = {"apiVersion": "v", "kind": "K", "metadata": {"name": "x"}, "spec": case["spec"]}
    assert answer(root(others[case["definition"]], case["version"]), sent) == expected(case)

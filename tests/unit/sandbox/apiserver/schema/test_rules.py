"""Rules on values: what the recordings of the real server do not tell apart."""

from typing import Any

import pytest

from aimctrl.sandbox.apiserver.errors import Cause
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Node
from aimctrl.sandbox.apiserver.schema.parse import parse, parse_part
from aimctrl.sandbox.apiserver.schema.rules import check_rules

SMALL = {"rule": "self < 5", "message": "too large"}


def number(*rules: dict[str, Any]) -> dict[str, Any]:
    return {"type": "integer", "x-kubernetes-validations": list(rules)}


def fields(**properties: Any) -> Node:
    return parse_part({"type": "object", "properties": properties})


def said(node: Node, new: Any, old: Any = NOTHING) -> list[str]:
    return [str(error) for error in check_rules(node, new, old)]


def test_what_is_as_it_was_is_let_pass_and_what_is_new_is_not():
    node = fields(a=number(SMALL), b=number(SMALL))
    assert said(node, {"a": 9, "b": 9}, {"a": 9}) == ["b: Invalid value: 9: too large"]
    assert said(node, {"a": 9, "b": 1}, {"a": 9}) == []
    assert len(said(node, {"a": 9, "b": 9})) == 2


def test_items_without_identity_are_let_pass_only_with_the_whole_list():
    node = fields(list={"type": "array", "items": number(SMALL)})
    assert said(node, {"list": [9]}, {"list": [9]}) == []
    assert said(node, {"list": [9, 1]}, {"list": [9]}) == ["list[0]: Invalid value: 9: too large"]


def test_true_is_not_as_it_was_where_it_was_one():
    node = parse_part(
        {
            "x-kubernetes-preserve-unknown-fields": True,
            "type": "object",
            "x-kubernetes-validations": [{"rule": "false", "message": "no"}],
        }
    )
    assert said(node, {"a": True}, {"a": 1}) == [": Invalid value: no"]
    assert said(node, {"a": 1}, {"a": 1}) == []


def test_a_rule_about_the_former_value_is_run_where_there_is_one():
    node = fields(a=number({"rule": "self >= oldSelf", "message": "shrank"}))
    assert said(node, {"a": 1}) == []
    assert said(node, {"a": 1}, {}) == []
    assert said(node, {"a": 1}, {"a": 2}) == ["a: Invalid value: 1: shrank"]


def test_rules_about_the_former_value_hold_for_what_is_as_it_was():
    grows = {"rule": "self > oldSelf", "message": "must grow"}
    node = fields(a=number(grows, SMALL))
    assert said(node, {"a": 9}, {"a": 9}) == ["a: Invalid value: 9: must grow"]


@pytest.mark.parametrize(
    ("rule", "detail"),
    [
        ({"messageExpression": "'is ' + string(self)", "message": "m"}, "is 7"),
        ({"messageExpression": "string(1 / (self - 7))", "message": "m"}, "m"),
        ({"messageExpression": "'a\\nb'", "message": "m"}, "m"),
        ({"messageExpression": "'  '", "message": "m"}, "m"),
        ({"message": "  m "}, "m"),
        ({}, "failed rule: self < 5"),
    ],
)
def test_a_message_is_the_expression_s_else_its_own_else_the_rule(rule: dict[str, Any], detail: str):
    (error,) = check_rules(fields(a=number({"rule": " self < 5", **rule})), {"a": 7})
    assert error.detail == detail


def test_a_rule_that_does_not_compile_refuses_every_value():
    (error,) = check_rules(fields(a=number({"rule": "nope"})), {"a": 7})
    assert error.cause is Cause.INVALID
    assert error.detail.startswith(
        "rule compile error: compilation failed: ERROR: <input>:1:1: undeclared reference to 'nope'"
    )


def test_a_rule_answers_the_same_to_equal_values_only():
    anything = {"x-kubernetes-preserve-unknown-fields": True}
    node = fields(a={**anything, "x-kubernetes-validations": [{"rule": "type(self) == bool", "message": "no"}]})
    values = [True, 1, True, 1.0, "true", True]
    assert [said(node, {"a": value}) == [] for value in values] == [value is True for value in values]


def test_rules_see_no_more_of_the_metadata_than_names():
    node = parse(
        {"type": "object", "x-kubernetes-validations": [{"rule": "size(self.metadata) == 2", "message": "no"}]}
    )
    names = {"name": "a", "generateName": "b"}
    assert said(node, {"metadata": {**names, "labels": {"c": "d"}, "uid": "e"}}) == []

from typing import Any

import pytest

from aimctrl.sandbox.apiserver.errors import Cause, FieldError
from aimctrl.sandbox.apiserver.schema.parse import parse
from aimctrl.sandbox.apiserver.schema.validate import validate

SMALL = {"type": "integer", "x-kubernetes-validations": [{"rule": "self < 5", "message": "too large"}]}
SET = {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "string"}}
NODE = parse(
    {
        "type": "object",
        "properties": {
            "spec": {"type": "object", "properties": {"a": SMALL, "set": SET}},
            "status": {"type": "object", "required": ["phase"], "properties": {"phase": {"type": "string"}}},
        },
    }
)


@pytest.mark.parametrize(
    ("cause", "skipped"),
    [(Cause.REQUIRED, True), (Cause.TOO_LONG, True), (Cause.INVALID, False), (Cause.FORBIDDEN, False)],
)
def test_errors_that_were_found_before_may_keep_rules_from_being_run(cause: Cause, skipped: bool):
    errors = validate(NODE, {"spec": {"a": 9}}, earlier=[FieldError(cause, "metadata.name")])
    assert [error.path for error in errors] == (["<nil>"] if skipped else ["spec.a"])


def test_duplicates_are_let_be_where_there_were_some():
    before = {"spec": {"set": ["a", "a"]}}
    assert validate(NODE, {"spec": {"set": ["b", "b"], "a": 1}}, before) == []
    assert [error.path for error in validate(NODE, {"spec": {"set": ["b", "b"]}}, {"spec": {}})] == ["spec.set[1]"]


@pytest.mark.parametrize(
    ("status", "paths"),
    [({}, ["status.phase", "<nil>"]), ({"phase": 1}, ["status.phase", "<nil>"]), ({"phase": "A"}, [])],
)
def test_an_update_of_the_status_is_held_to_the_status_alone(status: dict[str, Any], paths: list[str]):
    thing = {"spec": {"a": "not a number"}, "status": status}
    errors = validate(NODE, thing, {"spec": {"a": "not a number"}}, path="status")
    assert [error.path for error in errors] == paths


def test_an_update_of_a_status_that_there_is_not_has_nothing_to_check():
    assert validate(NODE, {"spec": {}}, {"spec": {}}, path="status") == []

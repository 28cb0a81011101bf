"""A policy's own variables in its expressions."""

import pytest

from aimctrl.sandbox.apiserver.policies.decisions import Facts, FailedError
from aimctrl.sandbox.apiserver.policies.variables import bound, used

DECLARED = {
    "size": "object.spec.size",
    "twice": "variables.size * 2",
    "never": "object.nothing",
    "words": "'variables.size'",
    "noted": "1 // one",
}

VALUES = [
    pytest.param("variables.size", 3, id="a-value"),
    pytest.param("variables.twice", 6, id="of-another"),
    pytest.param("variables . twice + variables.size", 9, id="with-blanks"),
    pytest.param("variables.words", "variables.size", id="a-text-that-looks-like-one"),
    pytest.param("'variables.twice'", "variables.twice", id="within-a-text"),
    pytest.param("object.variables.size", 7, id="a-field-of-that-name"),
    pytest.param("variables.noted + 1 // two", 2, id="with-comments"),
    pytest.param("true || variables.never == 1", True, id="not-needed"),
    pytest.param("has(variables.never)", True, id="declared-or-not"),
    pytest.param("[1, 2].map(i, i * variables.size)[1]", 6, id="in-a-macro"),
]


@pytest.mark.parametrize(("text", "value"), VALUES)
def test_an_expression_may_name_them(text: str, value: object):
    facts = Facts({"object": {"spec": {"size": 3}, "variables": {"size": 7}}}, DECLARED)
    assert facts.run(text) == value


def test_a_failure_is_told_of_the_variable_that_failed():
    with pytest.raises(FailedError) as caught:
        Facts({"object": {}}, DECLARED).run("variables.twice > 1")
    assert str(caught.value) == (
        "expression 'variables.twice > 1' resulted in error: composited variable \"twice\" fails to evaluate: "
        'composited variable "size" fails to evaluate: no such key: spec'
    )


def test_those_that_are_not_named_are_left_out():
    assert [*used("variables.a + variables.b + variables.a")] == ["a", "b", "a"]
    assert bound("1 == 1", DECLARED) == "1 == 1"
    assert "object.nothing" not in bound("variables.twice", DECLARED)

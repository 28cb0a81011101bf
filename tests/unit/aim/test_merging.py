import pytest

from aimctrl.aim.merging import first_set, merge_env, merge_pull_secrets, propagated_labels
from aimctrl.api.config import LabelPropagation


def var(name, value):
    return {"name": name, "value": value}


def test_the_first_level_that_has_a_variable_gives_it():
    service, template, config = [var("A", "1")], [var("A", "2"), var("B", "2")], [var("B", "3"), var("C", "3")]
    merged = {entry["name"]: entry["value"] for entry in merge_env(service, template, config)}
    assert merged == {"A": "1", "B": "2", "C": "3"}


def test_lower_levels_come_first_so_that_higher_ones_can_refer_to_them():
    assert [entry["name"] for entry in merge_env([var("Z", "$(A)")], [var("A", "1")])] == ["A", "Z"]


def test_a_reference_replaces_a_value_whole():
    reference = {"name": "A", "valueFrom": {"secretKeyRef": {"name": "s", "key": "k"}}}
    assert merge_env([reference], [var("A", "1")]) == (reference,)


def test_within_a_level_the_last_one_counts():
    assert merge_env([var("A", "1"), var("A", "2")]) == (var("A", "2"),)


def test_pull_secrets_are_a_union_in_order():
    assert merge_pull_secrets(["b", "a"], [], ["a", "c", ""]) == ("b", "a", "c")


@pytest.mark.parametrize(
    ("levels", "wanted"),
    [(("a", "b"), "a"), ((None, "", "b"), "b"), ((None,), ""), ((), "")],
    ids=["first", "unset and empty are passed over", "none", "no levels"],
)
def test_the_first_that_is_set_counts(levels, wanted):
    assert first_set(*levels) == wanted


LABELS = {"team": "ml", "org.example/cost": "1", "org.example/owner": "x", "other": "y"}


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        (None, set()),
        (LabelPropagation(enabled=False, match=("*",)), set()),
        (LabelPropagation(enabled=True, match=()), set()),
        (LabelPropagation(enabled=True, match=("team",)), {"team"}),
        (LabelPropagation(enabled=True, match=("org.example/*",)), {"org.example/cost", "org.example/owner"}),
        (LabelPropagation(enabled=True, match=("*",)), set(LABELS)),
        (LabelPropagation(enabled=True, match=("orgXexample/*", "tea", "te?m", "[t]eam")), set()),
        (LabelPropagation(enabled=True, match=("*r",)), {"org.example/owner", "other"}),
    ],
    ids=["no rules", "off", "no globs", "exact", "prefix", "all", "nothing else is a wildcard", "suffix"],
)
def test_labels_whose_key_matches_are_passed_on(rules, wanted):
    assert propagated_labels(LABELS, rules) == {key: LABELS[key] for key in wanted}


def test_labels_of_the_operator_s_own_are_not_passed_on():
    rules = LabelPropagation(enabled=True, match=("*", "aim.silogen.ai/derived-template"))
    own = {"aim.silogen.ai/derived-template": "true", "aim.silogen.ai/service-name": "chat"}
    assert propagated_labels(LABELS | own, rules) == LABELS

"""The algebra of sets of fields, against sets of their paths."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.sandbox.apiserver.fields.elements import ElementError, ordered
from aimctrl.sandbox.apiserver.fields.fieldset import (
    FieldSet,
    Path,
    difference,
    difference_below,
    intersection,
    of_path,
    paths,
    read,
    union,
)
from support.fields import fields, texts

ELEMENTS = st.sampled_from(["f:a", "f:b", "f:c", 'k:{"name":"x"}', 'v:"y"'])
PATHS = st.frozensets(st.lists(ELEMENTS, min_size=1, max_size=4).map(tuple), max_size=6)


def put_together(members: frozenset[Path]) -> FieldSet:
    result: FieldSet = {}
    for path in members:
        result = union(result, of_path(path))
    return result


def members(fieldset: FieldSet) -> frozenset[Path]:
    found = list(paths(fieldset))
    assert len(found) == len(set(found))
    return frozenset(found)


def is_normal(fieldset: FieldSet) -> bool:
    """Whether each level is in order, and none says only that its element is in the set in two ways."""
    good = list(fieldset) == ordered(fieldset) and list(fieldset) != ["."]
    return good and all(is_normal(part) for part in fieldset.values())


@given(PATHS, PATHS)
def test_operations_are_those_of_sets(one: frozenset[Path], other: frozenset[Path]) -> None:
    left, right = put_together(one), put_together(other)
    before = repr(left), repr(right)
    for result, expected in (
        (left, one),
        (union(left, right), one | other),
        (difference(left, right), one - other),
        (intersection(left, right), one & other),
        (
            difference_below(left, right),
            frozenset(path for path in one if not any(path[: len(above)] == above for above in other)),
        ),
    ):
        assert members(result) == expected
        assert is_normal(result)
    assert (repr(left), repr(right)) == before


@given(PATHS, PATHS)
def test_the_same_members_are_the_same_set(one: frozenset[Path], other: frozenset[Path]) -> None:
    left, right = put_together(one), put_together(other)
    assert (left == right) == (one == other)
    assert union(left, right) == union(right, left)
    assert union(difference(left, right), intersection(left, right)) == left


@given(PATHS)
def test_a_set_survives_being_sent(one: frozenset[Path]) -> None:
    assert read(put_together(one)) == put_together(one)


@given(PATHS)
def test_nothing_taken_leaves_the_very_set(one: frozenset[Path]) -> None:
    fieldset = put_together(one)
    assert difference(fieldset, {}) is fieldset
    assert difference(fieldset, of_path(("f:other",))) is fieldset


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        pytest.param({"f:a": {".": {}}}, {"f:a": {}}, id="only-itself"),
        pytest.param({"f:b": {}, "f:a": {}}, {"f:a": {}, "f:b": {}}, id="order"),
        pytest.param({'k:{"b": 1, "a": 2}': {}}, {'k:{"a":2,"b":1}': {}}, id="keys"),
        pytest.param({"f:a": {"q:x": {"f:b": {}}}}, {"f:a": {}}, id="unknown-elements"),
        pytest.param({".": {}, "f:a": {}}, {"f:a": {}}, id="nobody-owns-the-object"),
    ],
)
def test_what_is_read_is_in_normal_form(sent: Any, expected: FieldSet) -> None:
    assert read(sent) == expected
    assert repr(read(sent)) == repr(expected)


@pytest.mark.parametrize("sent", ["x", {"a": {}}, {"f:a": 1}, {"k:x": {}}], ids=repr)
def test_what_is_no_set_is_an_error(sent: Any) -> None:
    with pytest.raises(ElementError):
        read(sent)


def test_each_level_is_listed_before_what_is_below_it() -> None:
    fieldset = fields("f:spec", "f:spec f:a", "f:data f:x", 'f:spec f:env k:{"name":"A"} f:value', "f:kind")
    assert texts(fieldset) == [".kind", ".spec", ".data.x", ".spec.a", '.spec.env[name="A"].value']

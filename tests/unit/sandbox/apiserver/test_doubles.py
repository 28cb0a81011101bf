"""Keys that are there twice."""

import msgspec
import pytest

from aimctrl.sandbox.apiserver.doubles import NONE, doubles_of_json, doubles_of_yaml

TWICE = {
    "a key": (b'{"a":1,"a":2}', ["a"]),
    "a key thrice": (b'{"a":1,"a":2,"a":3}', ["a"]),
    "a key with spaces": (b'{"a" : 1, "a"\n: 2}', ["a"]),
    "a key below": (b'{"a":{"b":1,"b":2}}', ["a.b"]),
    "a key in a list": (b'{"a":[{"b":1},{"b":1,"b":2}]}', ["a[1].b"]),
    "a key that is escaped": (b'{"a":1,"\\u0061":2}', ["a"]),
    "an object and what is in it": (b'{"a":{"b":1,"b":1},"a":{"c":1}}', ["a.b", "a"]),
}
ONCE = {
    "nothing": b"{}",
    "keys": b'{"a":1,"b":{"a":1},"c":[{"a":1},{"a":1}]}',
    "texts like keys": b'{"a":"\\"b\\":1","b":"\\"b\\" : 1"}',
    "a text": b'"a"',
}


@pytest.mark.parametrize(("body", "paths"), TWICE.values(), ids=TWICE)
def test_keys_that_are_there_twice_are_found(body: bytes, paths: list[str]):
    assert list(doubles_of_json(body, msgspec.json.decode(body)).paths) == paths


@pytest.mark.parametrize("body", ONCE.values(), ids=ONCE)
def test_other_keys_are_not(body: bytes):
    assert doubles_of_json(body, msgspec.json.decode(body)).paths == ()
    assert doubles_of_yaml(body, msgspec.json.decode(body)).lines == ()


def test_complaints_come_in_the_order_of_the_document_or_one_sort_after_the_other():
    body = b'{"a":1,"x":1,"a":2,"y":1,"b":[{"c":1,"c":2}]}'
    doubles = doubles_of_json(body, msgspec.json.decode(body))
    told = ['unknown field "x"', 'duplicate field "a"', 'unknown field "y"', 'duplicate field "b[0].c"']
    assert list(doubles.complaints(["x", "y"], in_order=True)) == told
    apart = ('duplicate field "a"', 'duplicate field "b[0].c"', 'unknown field "x"', 'unknown field "y"')
    assert doubles.complaints(["x", "y"], in_order=False) == apart
    assert NONE.complaints(["x"], in_order=True) == ('unknown field "x"',)


@pytest.mark.parametrize(
    ("body", "lines"),
    [
        pytest.param(b"a: 1\nb:\n  c: 1\n  c: 2\na: 3\n", [(4, "c"), (5, "a")], id="mappings"),
        pytest.param(b"- a: 1\n- a: 1\n  a: 2\n", [(3, "a")], id="in a list"),
        pytest.param(b'{"a":1,"a":2,"a":3}', [(1, "a")], id="JSON"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_yaml_says_it_by_line(body: bytes, lines: list[tuple[int, str]]):
    said = [f'line {line}: key "{key}" already set in map' for line, key in lines]
    assert sorted(doubles_of_yaml(body, msgspec.yaml.decode(body)).lines) == sorted(said)

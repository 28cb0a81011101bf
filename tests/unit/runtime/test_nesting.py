"""An object that is nested too deep for the decoders is read as far as it can be, and stops nothing else."""

import json
import sys
from contextlib import AbstractContextManager, suppress
from typing import Any

import msgspec
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from pydantic import Field

from aimctrl.kube.kinds import Key, Kind, Resource, UndecodableObjectError
from aimctrl.runtime.arrival import arrive
from aimctrl.runtime.client import _read_page
from aimctrl.runtime.index import decode_meta
from aimctrl.runtime.nesting import DEEPEST, Part, flattened, member, parts
from aimctrl.runtime.watch import read_event


class Thing(Resource):
    spec: dict[str, object] = Field(default_factory=dict)


THINGS = Kind("example.com", "v1", "Thing", "things", Thing)
PLAIN = Kind("example.com", "v1", "Thing", "things", dict)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['"', "\\", '{"', "]},:", "\n"]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4),
)


def deep(levels: int) -> bytes:
    return b'{"a":[' * (levels // 2) + b"1" + b"]}" * (levels // 2)


def thing(name: str, spec: bytes, managed: bytes = b"{}") -> bytes:
    meta = b'{"name":"%b","namespace":"x","uid":"u","resourceVersion":"7","managedFields":[{"fieldsV1":%b}]}'
    return b'{"kind":"Thing","metadata":%b,"spec":%b}' % (meta % (name.encode(), managed), spec)


def depth(value: object) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth, value.values()), default=0)
    return 1 + max(map(depth, value), default=0) if isinstance(value, list) else 0


@settings(max_examples=40)
@given(st.dictionaries(st.text(max_size=5), VALUES, max_size=5), st.sampled_from([None, 2]))
def test_the_members_of_an_object_are_found_as_a_decoder_finds_them(
    value: dict[str, object], indent: int | None
) -> None:
    found = list(parts(json.dumps(value, indent=indent, ensure_ascii=False).encode()))
    assert [(json.loads(part.name), json.loads(part.value), part.depth) for part in found] == [
        (name, inner, depth(inner)) for name, inner in value.items()
    ]


@settings(max_examples=40)
@given(st.lists(VALUES, max_size=5))
def test_so_are_the_elements_of_an_array(value: list[object]) -> None:
    found = list(parts(json.dumps(value).encode()))
    assert [(part.name, json.loads(part.value)) for part in found] == [(b"", inner) for inner in value]


@given(st.binary(max_size=40))
@example(b'{"a":[}')
@example(b"}{")
@example(b'"')
def test_what_is_no_json_raises_nothing(text: bytes) -> None:
    assert all(isinstance(part, Part) for part in parts(text))
    flattened(text)
    member(text, b"a")


def set_aside(levels: int) -> AbstractContextManager[Any]:
    """UndecodableObjectError; from Python 3.12 on, decoders may read as deep as an API server lets anything be."""
    deeper = sys.version_info >= (3, 12) and levels <= 10_000
    return suppress(UndecodableObjectError) if deeper else pytest.raises(UndecodableObjectError)


@pytest.mark.parametrize("levels", [1200, 9000, 20_000, 200_000], ids=str)
def test_of_an_object_nested_too_deep_the_metadata_is_known_and_the_rest_is_set_aside(levels: int) -> None:
    arrival = arrive(thing("a", deep(levels), deep(levels)))
    assert (arrival.key, arrival.entry.version, arrival.entry.uid) == (Key("x", "a"), 7, "u")
    assert decode_meta(arrival.entry.raw).name == "a"
    with set_aside(levels):
        THINGS.decode(arrival.entry.raw)


def test_what_is_nested_deeper_than_pydantic_reads_is_read_where_the_stack_suffices() -> None:
    value = THINGS.decode(thing("a", deep(DEEPEST + 2)))
    assert depth(value.spec) == DEEPEST + 2


@pytest.mark.parametrize("levels", [5000, 200_000], ids=str)
def test_a_deep_object_is_undecodable_and_no_other_error_where_it_is_read_directly(levels: int) -> None:
    with set_aside(levels):
        PLAIN.decode(thing("a", deep(levels)))


@pytest.mark.parametrize("levels", [5000, 200_000], ids=str)
def test_a_deep_object_in_a_page_leaves_the_others_alone(levels: int) -> None:
    items = b",".join([thing("a", b"{}"), thing("b", deep(levels)), thing("c", b'{"x":"]"}')])
    page = _read_page(b'{"kind":"ThingList","metadata":{"resourceVersion":"9","continue":"t"},"items":[%b]}' % items)
    assert (page.version, page.token) == ("9", "t")
    assert [arrive(raw).key.name for raw in page.items] == ["a", "b", "c"]
    assert bytes(page.items[2]) == thing("c", b'{"x":"]"}')


@pytest.mark.parametrize("form", [b'{"type":"MODIFIED","object":%b}', b'{ "object": %b, "type": "MODIFIED" }'], ids=str)
@pytest.mark.parametrize("levels", [5000, 200_000], ids=str)
def test_a_deep_object_on_a_watch_is_an_event_like_any_other(form: bytes, levels: int) -> None:
    event = read_event(form % thing("b", deep(levels)))
    assert event.type == "MODIFIED"
    assert arrive(event.object).key.name == "b"


def test_what_is_not_too_deep_is_kept_as_it_is() -> None:
    flat = flattened(b'{"metadata":{"name":"a"}, "spec": {"x": [1, "}"]}, "status": %b}' % deep(900))
    assert msgspec.json.decode(flat) == {
        "metadata": {"name": "a"},
        "spec": {"x": [1, "}"]},
        "status": "nested too deep to be read",
    }

"""Lines of a watch, read in one step where they have the usual form, and in several where they have not."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.kube.kinds import Key
from aimctrl.runtime.arrival import Arrival, LineReader
from aimctrl.runtime.watch import BrokenLineError, Event

MANAGED = [{"manager": "m", "fieldsV1": {"f:spec": {}, 'k:{"type":"}}"}': {}}, "operation": "Apply"}]
NAMES = st.sampled_from(["managedFields", "metadata", "object", "type", "a", '"managedFields":[1]', "\\", "é"])
TYPES = st.sampled_from(["ADDED", "MODIFIED", "DELETED"])


def line_of(thing: Any, type_: str = "ADDED") -> bytes:
    """As the API server writes it."""
    return msgspec.json.encode({"type": type_, "object": thing})


def thing(**meta: Any) -> dict[str, Any]:
    core = {"name": "a", "namespace": "x", "resourceVersion": "7", "uid": "u", "generation": 2}
    return {"apiVersion": "v1", "kind": "Thing", "metadata": core | meta, "spec": {"size": 1}}


@st.composite
def things(draw: st.DrawFn) -> dict[str, Any]:
    """Objects with their fields in any order, and text that looks like what is looked for."""
    maps = st.dictionaries(NAMES, NAMES, max_size=2)
    optional = {
        "annotations": maps,
        "labels": maps,
        "managedFields": st.sampled_from([MANAGED, [], None]),
        "uid": st.just("u"),
    }
    core = {"name": NAMES, "resourceVersion": st.just("7"), "namespace": NAMES, "generation": st.integers(0, 9)}
    created = {"creationTimestamp": st.sampled_from([None, "2026-11-22T21:36:50Z"])}
    meta = draw(st.fixed_dictionaries(core, optional=optional | created))
    meta = {name: meta[name] for name in draw(st.permutations(sorted(meta)))}
    parts = {"apiVersion": "v1", "kind": "Thing", "metadata": meta, "spec": {draw(NAMES): MANAGED}}
    return {name: parts[name] for name in draw(st.permutations(sorted(parts)))}


@given(lines=st.lists(st.tuples(things(), TYPES), min_size=1, max_size=5), keep=st.booleans())
def test_every_object_is_read_whatever_was_read_before_it_on_the_same_watch(
    lines: list[tuple[dict[str, Any], str]], *, keep: bool
) -> None:
    reader = LineReader()
    for one, type_ in lines:
        came = reader.read(line_of(one, type_), keep_managed_fields=keep)
        assert isinstance(came, Arrival)
        meta = one["metadata"]
        assert came.key == Key(meta["namespace"], meta["name"])
        assert (came.entry.version, came.entry.generation) == (7, meta["generation"])
        assert came.created == (meta.get("creationTimestamp") or "")
        assert came.gone == (type_ == "DELETED")
        kept = {name: value for name, value in meta.items() if keep or name != "managedFields"}
        assert msgspec.json.decode(came.entry.raw) == one | {"metadata": kept}


FORMS = [
    pytest.param(b'{"type":"ADDED","object":%b}', id="as the API server writes it"),
    pytest.param(b'{"type":"ADDED","object":%b} ', id="with something after it"),
    pytest.param(b'{ "type": "ADDED", "object": %b }', id="with spaces"),
    pytest.param(b'{"object":%b,"type":"ADDED"}', id="the other way round"),
    pytest.param(b'{"type":"ADDED","object":%b,"since":{}}', id="with more than there is today"),
    pytest.param(b'{"type":"REPLACED","object":%b}', id="of a type there is none of today"),
]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("managed", [{}, {"managedFields": MANAGED}], ids=["without managed fields", "with them"])
def test_a_line_of_another_form_is_read_as_well(form: bytes, managed: dict[str, Any]) -> None:
    reader = LineReader()
    for _ in range(2):
        came = reader.read(form % msgspec.json.encode(thing(**managed)))
        assert isinstance(came, Arrival)
        assert msgspec.json.decode(came.entry.raw) == thing()


@pytest.mark.parametrize("type_", ["BOOKMARK", "ERROR"])
def test_what_is_about_no_object_is_an_event(type_: str) -> None:
    told = {"metadata": {"resourceVersion": "5", "managedFields": MANAGED}}
    assert LineReader().read(line_of(told, type_)) == Event(type_, msgspec.json.encode(told))


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"<html>",
        line_of(thing())[:-1],
        line_of(thing())[:-30] + b"}}",
        line_of(thing(resourceVersion="x")),
        line_of({"metadata": {"name": "a"}}),
        line_of([]),
    ],
    ids=["nothing", "no JSON", "cut off", "cut off at braces", "of no version", "half an object", "no object"],
)
def test_a_line_that_cannot_be_read_is_broken(line: bytes) -> None:
    reader = LineReader()
    reader.read(line_of(thing()))
    with pytest.raises(BrokenLineError):
        reader.read(line)


def test_objects_made_at_once_share_the_text_of_the_time() -> None:
    reader = LineReader()
    one, other = (reader.read(line_of(thing(name=name, creationTimestamp="2026-11-22T21:36:50Z"))) for name in "ab")
    assert isinstance(one, Arrival)
    assert isinstance(other, Arrival)
    assert one.created is other.created

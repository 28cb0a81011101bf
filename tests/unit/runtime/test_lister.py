"""Reading the cache as typed values."""

import msgspec
import pytest
from structlog.testing import capture_logs

from aimctrl.kube.kinds import Key, Kind, UndecodableObjectError
from aimctrl.kube.meta import Meta
from aimctrl.runtime.index import Index, NoView
from aimctrl.runtime.lister import Available, Lister, Unavailable
from aimctrl.runtime.store import Entry, Store


class Thing(msgspec.Struct):
    metadata: Meta
    size: int = 0


THINGS = Kind("example.com", "v1", "Thing", "things", Thing)
BY_TEAM = Index("team", NoView, lambda meta, _: meta.labels.values())


def put(store, namespace, name, version=1, **fields):
    meta = {"name": name, "namespace": namespace, "labels": {"team": "red"}}
    raw = msgspec.json.encode({"metadata": meta, **fields})
    store.put(Key(namespace, name), Entry(raw, version, 1))


@pytest.fixture
def store():
    store = Store()
    store.add_index(BY_TEAM)
    for namespace, name in (("y", "b"), ("x", "c"), ("x", "a")):
        put(store, namespace, name, size=3)
    return store


@pytest.fixture
def lister(store):
    return Lister(THINGS, store, Available)


def test_lists_are_sorted_by_key_and_limited_to_a_namespace(lister):
    assert [t.metadata.name for t in lister.list()] == ["a", "c", "b"]
    assert [t.metadata.name for t in lister.list("x")] == ["a", "c"]
    assert lister.keys("y") == [Key("y", "b")]
    assert [t.metadata.name for t in lister.by_index("team", "red")] == ["a", "c", "b"]
    assert [t.metadata.name for t in lister.by_index("team", "red", "y")] == ["b"]
    assert lister.keys_by_index("team", "red") == [Key("x", "a"), Key("x", "c"), Key("y", "b")]


def test_one_object_is_typed_and_absence_is_none(lister):
    assert lister.get("x", "a").size == 3
    assert lister.meta(Key("x", "a")).name == "a"
    assert lister.entry(Key("x", "a")).version == 1
    assert lister.get("x", "nope") is None
    assert lister.meta(Key("x", "nope")) is None
    assert lister.entry(Key("x", "nope")) is None


def test_an_object_that_does_not_fit_is_left_out_of_lists_told_once_a_version_and_raised_by_name(store, lister):
    put(store, "x", "b", size="big")
    with capture_logs() as logs:
        assert [t.metadata.name for t in lister.list("x")] == ["a", "c"]
        assert len(lister.by_index("team", "red", "x")) == 2
        assert len(logs) == 1
        put(store, "x", "b", version=2, size="bigger")
        lister.list()
    assert [log["key"] for log in logs] == ["x/b", "x/b"]
    with pytest.raises(UndecodableObjectError, match="size"):
        lister.get("x", "b")


def test_of_objects_that_did_not_fit_and_are_gone_nothing_is_kept(store, lister):
    with capture_logs():
        for number in range(100):
            put(store, "x", f"bad-{number}", size="large")
            lister.list()
            store.remove(Key("x", f"bad-{number}"))
    assert len(vars(lister)["_told"]) <= 4


def test_availability_is_asked_for_each_time(store):
    states = [Unavailable("Syncing", "not yet"), Available()]
    lister = Lister(THINGS, store, lambda: states.pop(0))
    assert lister.availability == Unavailable("Syncing", "not yet")
    assert lister.availability == Available()

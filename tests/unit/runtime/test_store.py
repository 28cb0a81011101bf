"""The store against a plain dictionary, its indexes, what is kept of an object, and waiting for one's own writes."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from aimctrl.kube.kinds import Key
from aimctrl.runtime.arrival import arrive
from aimctrl.runtime.index import BY_OWNER, Index, NoView
from aimctrl.runtime.store import Change, Entry, Store


class Spec(msgspec.Struct):
    image: str = ""


class View(msgspec.Struct):
    spec: Spec = msgspec.field(default_factory=Spec)


BY_IMAGE = Index("image", View, lambda _, view: [view.spec.image])
BY_TEAM = Index("team", NoView, lambda meta, _: [meta.labels["team"]] if "team" in meta.labels else [])


def entry(version, *, uid="u", image="", team="", owner="", name="a"):
    meta = {"name": name, "resourceVersion": str(version), "uid": uid}
    if team:
        meta["labels"] = {"team": team}
    if owner:
        meta["ownerReferences"] = [{"uid": owner, "name": "o", "kind": "K", "apiVersion": "v1"}]
    raw = msgspec.json.encode({"metadata": meta, "spec": {"image": image}})
    return Entry(raw, version, 1)


KEYS = st.builds(Key, st.sampled_from(["x", "y"]), st.sampled_from("abc"))
ENTRIES = st.builds(
    entry, st.integers(1, 6), uid=st.sampled_from("uv"), image=st.sampled_from("pq"), team=st.sampled_from(["", "t"])
)
STEPS = st.one_of(
    st.tuples(st.just("put"), KEYS, ENTRIES),
    st.tuples(st.just("remove"), KEYS, st.none()),
    st.tuples(st.just("replace"), st.none(), st.dictionaries(KEYS, ENTRIES)),
)


@given(st.lists(STEPS, max_size=30))
def test_it_behaves_as_a_dictionary_whose_changes_replayed_give_the_same(steps):
    store, model, mirror = Store(), {}, {}
    store.add_index(BY_IMAGE)
    for what, key, value in steps:
        if what == "put":
            changes = [store.put(key, value)]
            held = model.get(key)
            if held is None or held.uid != value.uid or held.version < value.version:
                model[key] = value
        elif what == "remove":
            changes = [store.remove(key)]
            model.pop(key, None)
        else:
            changes = store.replace(value)
            model = dict(value)
        for change in filter(None, changes):
            assert mirror.get(change.key) == change.old
            mirror.pop(change.key, None)
            if change.new is not None:
                mirror[change.key] = change.new
        assert dict(store.items()) == model == mirror
        assert store.keys() == sorted(model)
        assert store.keys("x") == sorted(k for k in model if k.namespace == "x")
        assert len(store) == len(model)
        for image in "pq":
            expected = sorted(k for k, e in model.items() if b'"image":"%b"' % image.encode() in e.raw)
            assert store.find("image", image) == expected


def test_an_older_version_of_the_same_object_changes_nothing_but_a_namesake_does():
    store, key = Store(), Key("x", "a")
    store.put(key, entry(5))
    assert store.put(key, entry(5)) is None
    assert store.put(key, entry(4)) is None
    change = store.put(key, entry(4, uid="other"))
    assert change is not None
    assert store.get(key).uid == "other"


def test_a_relist_tells_only_differences_and_a_namesake_as_deleted_and_added():
    store = Store()
    a, b, c, d = (Key("x", name) for name in "abcd")
    store.replace({a: entry(1), b: entry(1), c: entry(1)})
    changes = store.replace({a: entry(1), b: entry(2, uid="new"), d: entry(3)})
    assert [(ch.key, ch.old and ch.old.uid, ch.new and ch.new.uid) for ch in changes] == [
        (b, "u", None),
        (b, None, "new"),
        (c, "u", None),
        (d, None, "u"),
    ]


def test_a_relist_of_one_namespace_leaves_the_others_alone():
    store = Store(split=True)
    store.replace({Key("x", "a"): entry(1)}, "x")
    store.replace({Key("y", "a"): entry(1)}, "y")
    store.replace({}, "x")
    assert store.keys() == [Key("y", "a")]


def test_a_change_decodes_metadata_when_asked_and_once():
    old, new = entry(1, team="red"), entry(2, team="blue")
    change = Change(Key("x", "a"), old, new)
    assert change.old_meta.labels == {"team": "red"}
    assert change.meta.labels == {"team": "blue"}
    assert change.new_meta is change.new_meta
    gone = Change(Key("x", "a"), old, None)
    assert gone.new_meta is None
    assert gone.meta.labels == {"team": "red"}
    again = Change(Key("x", "a"), old, old)
    assert again.old_meta is again.new_meta


def test_indexes_follow_each_change_and_share_nothing_between_values():
    store = Store()
    store.add_index(BY_TEAM)
    store.add_index(BY_OWNER)
    a, b = Key("x", "a"), Key("y", "b")
    store.put(a, entry(1, team="red", owner="o1"))
    store.put(b, entry(1, team="red"))
    assert store.find("team", "red") == [a, b]
    store.put(a, entry(2, team="blue", owner="o2"))
    assert store.find("team", "red") == [b]
    assert store.find("team", "blue") == [a]
    assert store.find("owner-uid", "o1") == []
    assert store.find("owner-uid", "o2") == [a]
    store.remove(a)
    assert store.find("team", "blue") == []


def test_an_index_added_late_covers_what_is_there():
    store = Store()
    store.put(Key("x", "a"), entry(1, image="p"))
    store.add_index(BY_IMAGE)
    store.add_index(BY_IMAGE)
    assert store.find("image", "p") == [Key("x", "a")]


def test_another_index_of_the_same_name_is_refused_and_an_unknown_one_named():
    store = Store()
    store.add_index(BY_IMAGE)
    with pytest.raises(ValueError, match="'image'"):
        store.add_index(Index("image", NoView, lambda _meta, _view: []))
    with pytest.raises(KeyError, match="nope"):
        store.find("nope", "")


def test_an_object_an_index_cannot_read_is_kept_and_found_by_the_others():
    store = Store()
    store.add_index(BY_IMAGE)
    store.add_index(BY_TEAM)
    key = Key("x", "a")
    raw = b'{"metadata":{"name":"a","labels":{"team":"red"}},"spec":{"image":7}}'
    store.put(key, Entry(raw, 1, 1))
    assert store.find("image", "7") == []
    assert store.find("team", "red") == [key]
    store.remove(key)
    assert store.find("team", "red") == []


@pytest.mark.parametrize(
    ("version", "seen"), [(3, True), (5, True), (6, False)], ids=["older", "the same", "newer than anything seen"]
)
def test_a_write_has_been_seen_once_the_watch_is_as_far(version, seen):
    store, told = Store(), []
    store.advance(5)
    store.when_at_least(Key("x", "a"), version, lambda: told.append(1))
    assert bool(told) is seen
    store.advance(9)
    assert told == [1]


def test_waiting_is_per_namespace_where_each_is_watched_by_itself():
    store, told = Store(split=True), []
    store.when_at_least(Key("x", "a"), 3, lambda: told.append("x"))
    store.when_at_least(Key("y", "a"), 2, lambda: told.append("y"))
    store.advance(9, "y")
    assert told == ["y"]
    store.advance(3, "x")
    assert told == ["y", "x"]


def test_callbacks_come_in_the_order_of_their_versions_and_each_once():
    store, told = Store(), []
    for version in (4, 2, 3, 2):
        store.when_at_least(Key("x", "a"), version, lambda v=version: told.append(v))
    store.advance(3)
    store.advance(2)
    assert told == [2, 2, 3]
    store.advance(4)
    assert told == [2, 2, 3, 4]


def test_a_deletion_has_been_seen_once_that_object_is_gone_whoever_comes_after_it():
    store, told, key = Store(), [], Key("x", "a")
    store.when_gone(key, "u", lambda: told.append("never here"))
    store.put(key, entry(1))
    store.when_gone(key, "other", lambda: told.append("another is"))
    store.when_gone(key, "u", lambda: told.append("replaced"))
    store.when_gone(key, "", lambda: told.append("gone"))
    assert told == ["never here", "another is"]
    store.put(key, entry(2))
    assert told == ["never here", "another is"]
    store.put(key, entry(3, uid="new"))
    assert told[2:] == ["replaced"]
    store.replace({})
    assert told[3:] == ["gone"]


MANAGED = [{"manager": "m", "fieldsV1": {"f:spec": {}}, "operation": "Apply"}]
CORE = {"name": "a", "namespace": "x", "resourceVersion": "7", "uid": "u", "generation": 2}


@pytest.mark.parametrize(
    "thing",
    [
        {"metadata": CORE | {"managedFields": MANAGED}},
        {"apiVersion": "v1", "kind": "K", "metadata": {"managedFields": MANAGED} | CORE, "spec": {}},
        {"metadata": CORE | {"managedFields": MANAGED, "labels": {"a": "b"}}},
        {
            "metadata": {
                "annotations": {"managedFields": "x", "t": '"managedFields":[{"a":1}]'},
                "managedFields": MANAGED,
            }
            | CORE
        },
        {"a": {"managedFields": MANAGED}, "metadata": CORE | {"managedFields": MANAGED}},
        {"a": {"metadata": {"managedFields": MANAGED}}, "metadata": {"managedFields": MANAGED} | CORE},
        {"metadata": CORE | {"managedFields": MANAGED}, "spec": {"template": {"metadata": {"managedFields": MANAGED}}}},
        {"metadata": CORE, "spec": {"managedFields": MANAGED}},
        {"metadata": CORE | {"managedFields": []}},
    ],
    ids=[
        "last",
        "first",
        "middle",
        "in annotations",
        "field before",
        "namesake before",
        "template after",
        "none",
        "empty",
    ],
)
def test_only_the_managed_fields_of_the_object_itself_are_cut_out(thing):
    arrival = arrive(msgspec.json.encode(thing))
    assert arrival.key == Key("x", "a")
    assert (arrival.entry.version, arrival.entry.uid, arrival.entry.generation) == (7, "u", 2)
    expected = thing | {"metadata": {k: v for k, v in thing["metadata"].items() if k != "managedFields"}}
    assert msgspec.json.decode(arrival.entry.raw) == expected


NAMES = st.sampled_from(["managedFields", "metadata", "a", "labels", '"managedFields":[1]'])
JSON = st.recursive(
    st.sampled_from([1, "managedFields", '"managedFields":', None]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3) | st.just(MANAGED),
    max_leaves=8,
)


@given(
    before=st.dictionaries(NAMES.filter(lambda name: name != "metadata"), JSON, max_size=3),
    inner=st.fixed_dictionaries(
        {}, optional={"annotations": st.dictionaries(NAMES, st.text()), "finalizers": st.lists(st.text(), max_size=2)}
    ),
    first=st.booleans(),
    after=st.dictionaries(st.sampled_from(["spec", "status"]), JSON),
)
def test_whatever_else_an_object_holds_nothing_but_its_managed_fields_is_cut(before, inner, first, after):
    managed = {"managedFields": MANAGED}
    meta = managed | inner | CORE if first else inner | CORE | managed
    thing = before | {"metadata": meta} | after
    expected = thing | {"metadata": {k: v for k, v in meta.items() if k != "managedFields"}}
    assert msgspec.json.decode(arrive(msgspec.json.encode(thing)).entry.raw) == expected


def test_an_object_that_says_so_keeps_its_managed_fields():
    raw = msgspec.json.encode({"metadata": CORE | {"managedFields": MANAGED}})
    assert arrive(raw, keep_managed_fields=True).entry.raw == raw


@pytest.mark.parametrize(
    "raw", [b"[]", b"{}", b'{"metadata":{"name":"a"}}', b'{"metadata":{"name":"a","resourceVersion":"x"}}'], ids=repr
)
def test_what_is_no_object_of_the_api_is_refused(raw):
    with pytest.raises(ValueError):
        arrive(raw)

from typing import Any

import pytest

from aimctrl.sandbox.apiserver.fields.comparison import compared
from aimctrl.sandbox.apiserver.fields.contents import named, of, ownable
from aimctrl.sandbox.apiserver.schema.node import Object
from support.fields import THINGS, fields, texts, thing


@pytest.mark.parametrize(
    ("parts", "expected"),
    [
        pytest.param({"data": {"a": "1"}}, [".data.a"], id="keys-of-a-map"),
        pytest.param({"data": {}}, [".data"], id="empty-map"),
        pytest.param({"data": None}, [".data"], id="null"),
        pytest.param({"data": {"a": None}}, [".data.a"], id="null-in-a-map"),
        pytest.param({"spec": {"selector": {"matchLabels": {"a": "b"}}}}, [".spec.selector"], id="atomic-object"),
        pytest.param({"spec": {"containers": []}}, [], id="no-items"),
        pytest.param(
            {"spec": {"containers": [{"name": "c", "args": ["x"]}]}},
            ['.spec.containers[name="c"]', '.spec.containers[name="c"].args', '.spec.containers[name="c"].name'],
            id="items-by-key",
        ),
        pytest.param({"spec": {"groups": ["b", "a"]}}, ['.spec.groups[="a"]', '.spec.groups[="b"]'], id="set"),
        pytest.param(
            {"spec": {"free": {"a": {"b": [1]}}}}, [".spec.free.a", ".spec.free.a.b"], id="schemaless-is-granular"
        ),
        pytest.param(
            {"metadata": {"name": "x", "ownerReferences": [{"uid": "u", "name": "o"}], "finalizers": ["f"]}},
            [".metadata.name", '.metadata.finalizers[="f"]', '.metadata.ownerReferences[uid="u"]'],
            id="metadata",
        ),
    ],
)
def test_what_is_applied_claims_leaves_items_and_keys(parts: Object, expected: list[str]) -> None:
    wanted = {"metadata": {}, **thing(**parts)}
    claimed = [text for text in texts(of(THINGS, wanted)) if text not in {".apiVersion", ".kind"}]
    assert [text for text in claimed if text != ".metadata.name" or "metadata" in parts] == expected


@pytest.mark.parametrize(
    ("old", "new", "changed", "removed"),
    [
        pytest.param({}, {}, [], [], id="nothing"),
        pytest.param(
            {}, {"spec": {"replicas": 1}}, [".spec", ".spec.replicas"], [], id="what-is-new-comes-with-all-levels"
        ),
        pytest.param({"spec": {}}, {"spec": {"replicas": 1}}, [".spec.replicas"], [], id="into-an-empty-object"),
        pytest.param({"spec": None}, {"spec": {"replicas": 1}}, [".spec.replicas"], [], id="into-null"),
        pytest.param({"spec": {"replicas": 1}}, {"spec": {}}, [], [".spec.replicas"], id="out-of-an-object"),
        pytest.param({"spec": {"replicas": 1}}, {}, [], [".spec", ".spec.replicas"], id="gone"),
        pytest.param({"spec": {}}, {"spec": None}, [".spec"], [], id="null-is-not-empty"),
        pytest.param(
            {"spec": {"replicas": 1, "paused": True}}, {"spec": {"replicas": 2, "paused": True}}, [".spec.replicas"], [],
            id="changed",
        ),
        pytest.param(
            {"spec": {"selector": {"matchLabels": {"a": "b"}}}},
            {"spec": {"selector": {"matchLabels": {"a": "c"}}}},
            [".spec.selector"],
            [],
            id="atomic-object",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "a"}, {"name": "b", "image": "1"}]}},
            {"spec": {"containers": [{"name": "b", "image": "2"}, {"name": "c"}]}},
            ['.spec.containers[name="c"]', '.spec.containers[name="b"].image', '.spec.containers[name="c"].name'],
            ['.spec.containers[name="a"]', '.spec.containers[name="a"].name'],
            id="items-by-key",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "a"}, {"name": "b"}]}},
            {"spec": {"containers": [{"name": "b"}, {"name": "a"}]}},
            [],
            [],
            id="order-of-items-is-nobodys",
        ),
        pytest.param(
            {"spec": {"groups": ["a", "b"]}}, {"spec": {"groups": ["b", "c"]}}, ['.spec.groups[="c"]'],
            ['.spec.groups[="a"]'], id="set",
        ),
        pytest.param(
            {"spec": {"free": {"a": {"b": 1}}}}, {"spec": {"free": {"a": [1]}}}, [".spec.free.a"], [".spec.free.a.b"],
            id="list-for-object",
        ),
        pytest.param(
            {"spec": {"free": {"a": 1}}}, {"spec": {"free": {"a": {"b": 1}}}}, [".spec.free.a", ".spec.free.a.b"], [],
            id="object-for-number",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "a", "image": "1"}]}},
            {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "a", "image": "2"}]}},
            ['.spec.containers[name="a"]'],
            ['.spec.containers[name="a"]', '.spec.containers[name="a"].image', '.spec.containers[name="a"].name'],
            id="duplicates-are-owned-as-one",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "a"}]}},
            {"spec": {"containers": [{"name": "a", "image": "3"}, {"name": "a"}]}},
            ['.spec.containers[name="a"]'],
            [],
            id="changed-duplicates",
        ),
        pytest.param(
            {"spec": {"containers": [{"name": "a", "image": "1"}, {"name": "a"}]}},
            {"spec": {"containers": []}},
            [],
            ['.spec.containers[name="a"]'],
            id="duplicates-gone",
        ),
    ],
)  # fmt: skip
def test_an_update_is_compared_field_by_field(old: Any, new: Any, changed: list[str], removed: list[str]) -> None:
    changes = compared(THINGS, old, new)
    assert (texts(changes.changed), texts(changes.removed)) == (changed, removed)


def test_nobody_owns_what_the_server_sets() -> None:
    everything = of(THINGS, thing(metadata={"name": "x", "uid": "u", "generation": 1, "labels": {"a": "b"}}))
    assert texts(ownable(everything)) == [".metadata.labels.a"]


def test_declared_objects_of_which_there_is_a_part_can_be_named() -> None:
    part = fields("f:spec f:replicas", 'f:spec f:containers k:{"name":"c"} f:image', "f:spec f:free f:x f:y")
    assert texts(named(THINGS, part)) == [
        ".spec",
        ".spec.containers",
        ".spec.free",
        ".spec.replicas",
        '.spec.containers[name="c"].image',
        ".spec.free.x.y",
    ]

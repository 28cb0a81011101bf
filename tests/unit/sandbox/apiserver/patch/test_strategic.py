"""What each strategic merge patch does is what a kube-apiserver v1.36 did with it, on a Deployment."""

from typing import Any

import pytest

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.patch.strategic import apply_strategic
from aimctrl.sandbox.apiserver.schema.node import Node

TEXT = Node(type="string")
TEXTS = Node(type="object", additional=TEXT)
ENV = Node(type="array", items=Node(type="object"), merge_key="name", merge_strategy="merge")
PORTS = Node(type="array", items=Node(type="object"), merge_key="containerPort", merge_strategy="merge")
CONTAINER = Node(type="object", properties={"env": ENV, "ports": PORTS, "args": Node(type="array", items=TEXT)})
VOLUMES = Node(type="array", items=Node(type="object"), merge_key="name", merge_strategy="merge,retainKeys")
POD = Node(
    type="object",
    properties={
        "containers": Node(type="array", items=CONTAINER, merge_key="name", merge_strategy="merge"),
        "finalizers": Node(type="array", items=TEXT, merge_strategy="merge"),
        "labels": TEXTS,
        "owned": Node(type="object", merge_strategy="replace"),
        "strategy": Node(type="object", merge_strategy="retainKeys"),
        "tolerations": Node(type="array", items=Node(type="object")),
        "volumes": VOLUMES,
    },
)
NUMBERED = {"name": "a", "env": [{"name": "A", "value": "1"}, {"name": "B", "value": "2"}, {"name": "C", "value": "3"}]}


def pod() -> dict[str, Any]:
    return {
        "containers": [
            {**NUMBERED, "image": "i", "args": ["x", "y"], "ports": [{"containerPort": 80}, {"containerPort": 81}]},
            {"name": "b", "image": "j"},
        ],
        "finalizers": ["1", "2", "3"],
        "labels": {"a": "b"},
        "owned": {"x": 1},
        "strategy": {"type": "RollingUpdate", "rollingUpdate": {"maxSurge": 1}},
        "tolerations": [{"key": "t"}],
        "volumes": [{"name": "v", "emptyDir": {}}],
    }


def containers(*items: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"containers": list(items), **more}


def env(*items: dict[str, Any]) -> dict[str, Any]:
    return containers({"name": "a", "env": list(items)})


def names(value: list[dict[str, Any]]) -> list[str]:
    return [item["name"] for item in value]


@pytest.mark.parametrize(
    ("patch", "expected"),
    [
        pytest.param(env({"name": "D", "value": "4"}), ["D", "A", "B", "C"], id="a-new-item-comes-first"),
        pytest.param(env({"name": "B", "value": "9"}), ["A", "B", "C"], id="a-changed-item-stays-where-it-is"),
        pytest.param(env({"name": "C"}, {"name": "A"}), ["B", "C", "A"], id="the-patch-gives-the-order"),
        pytest.param(env({"name": "A", "$patch": "delete"}), ["B", "C"], id="delete"),
        pytest.param(env({"name": "Z", "$patch": "delete"}), ["A", "B", "C"], id="delete-nothing"),
        pytest.param(env({"$patch": "replace"}, {"name": "Z"}), ["Z"], id="replace"),
        pytest.param(env(), ["A", "B", "C"], id="nothing"),
        pytest.param(
            containers({"name": "a", "$setElementOrder/env": [{"name": "C"}, {"name": "A"}]}),
            ["B", "C", "A"],
            id="order-without-a-list",
        ),
        pytest.param(
            containers(
                {"name": "a", "$setElementOrder/env": [{"name": "D"}, {"name": "B"}], "env": [{"name": "D"}]},
            ),
            ["D", "A", "B", "C"],
            id="order-with-a-list",
        ),
    ],
)
def test_items_are_merged_by_key(patch: Any, expected: list[str]) -> None:
    assert names(apply_strategic(POD, pod(), patch)["containers"][0]["env"]) == expected


@pytest.mark.parametrize(
    ("patch", "where", "expected"),
    [
        pytest.param({"labels": {"c": "d"}}, "labels", {"a": "b", "c": "d"}, id="objects-are-merged"),
        pytest.param({"labels": {"a": None}}, "labels", {}, id="null-removes"),
        pytest.param({"labels": {"$patch": "replace", "c": "d"}}, "labels", {"c": "d"}, id="replace-object"),
        pytest.param({"labels": {"$patch": "delete"}}, "labels", {}, id="delete-object"),
        pytest.param({"owned": {"y": 2}}, "owned", {"y": 2}, id="replace-by-schema"),
        pytest.param({"tolerations": [{"key": "u"}]}, "tolerations", [{"key": "u"}], id="lists-are-replaced"),
        pytest.param({"finalizers": ["4", "1"]}, "finalizers", ["4", "1", "2", "3"], id="set"),
        pytest.param({"$deleteFromPrimitiveList/finalizers": ["1", "4"]}, "finalizers", ["2", "3"], id="delete-of-set"),
        pytest.param({"$setElementOrder/finalizers": ["3", "2"]}, "finalizers", ["1", "3", "2"], id="order-of-set"),
        pytest.param(
            {"strategy": {"$retainKeys": ["type"], "type": "Recreate"}}, "strategy", {"type": "Recreate"}, id="retain"
        ),
        pytest.param(
            {"volumes": [{"name": "v", "$retainKeys": ["name", "configMap"], "configMap": {"name": "q"}}]},
            "volumes",
            [{"name": "v", "configMap": {"name": "q"}}],
            id="retain-of-an-item",
        ),
        pytest.param({"new": {"a": None, "b": {"$patch": "delete"}}}, "new", {}, id="new-without-directives"),
        pytest.param({"new": [{"a": None}, {"$patch": "delete"}]}, "new", [{}], id="new-list-without-directives"),
        pytest.param({"labels": "x"}, "labels", "x", id="another-type"),
        pytest.param(None, "labels", {"a": "b"}, id="null"),
    ],
)
def test_the_schema_and_directives_say_how(patch: Any, where: str, expected: Any) -> None:
    assert apply_strategic(POD, pod(), patch)[where] == expected


def test_items_that_the_patch_names_twice_are_one() -> None:
    patch = containers({"name": "n", "image": "1"}, {"name": "n", "image": "2"})
    assert apply_strategic(POD, pod(), patch)["containers"][0] == {"name": "n", "image": "2"}
    assert names(apply_strategic(POD, pod(), patch)["containers"]) == ["n", "a", "b"]


def test_containers_are_put_in_the_order_of_the_directive() -> None:
    order = [{"name": "b"}, {"name": "a"}]
    patch = containers({"name": "b", "image": "k"}, {"name": "a"}, **{"$setElementOrder/containers": order})
    assert names(apply_strategic(POD, pod(), patch)["containers"]) == ["b", "a"]


def test_what_is_new_has_the_room_of_what_is_deleted_where_the_directive_leaves_the_order_open() -> None:
    order = [{"name": "c"}, {"name": "b"}]
    items = {"name": "c", "image": "k"}, {"name": "b", "$patch": "delete"}
    patch = containers(*items, **{"$setElementOrder/containers": order})
    assert names(apply_strategic(POD, pod(), patch)["containers"]) == ["a", "c"]


@pytest.mark.parametrize(
    ("patch", "code", "message"),
    [
        pytest.param([], 400, "json: cannot unmarshal array into Go value of type map[string]interface {}", id="list"),
        pytest.param(
            containers({"image": "q"}),
            500,
            "map: map[image:q] does not contain declared merge key: name",
            id="no-key",
        ),
        pytest.param(
            env({"$patch": "delete"}),
            500,
            "map: map[$patch:delete] does not contain declared merge key: name",
            id="delete-without-key",
        ),
        pytest.param(
            containers({"name": "a", "$patch": "foo"}),
            500,
            "unknown patch type: foo in map: map[$patch:foo name:a]",
            id="unknown-directive-of-an-item",
        ),
        pytest.param(
            {"labels": {"$patch": "foo", "a": "b"}},
            500,
            "unknown patch type: foo in map: map[$patch:foo a:b]",
            id="unknown-directive",
        ),
        pytest.param(
            containers({"name": "a", "$patch": "merge"}),
            500,
            "merging lists cannot yet be specified in the patch",
            id="merge-directive",
        ),
        pytest.param(
            {"finalizers": [{"a": 1}]},
            500,
            "list element types are not identical: [[1 2 3] [map[a:1]]]",
            id="mixed-list",
        ),
        pytest.param(
            {"finalizers": [["1"]], "$patch": None},
            500,
            "unknown patch type: <nil> in map: map[$patch:<nil> finalizers:[[1]]]",
            id="null-directive",
        ),
        pytest.param(
            {"$deleteFromPrimitiveList": ["1"]}, 400, "invalid patch format of primitive list", id="delete-of-what"
        ),
        pytest.param(
            {"$setElementOrder": ["1"]}, 400, "invalid patch format of setElementOrder list", id="order-of-what"
        ),
        pytest.param(
            {"$setElementOrder/containers": {"name": "a"}},
            500,
            "expected a []interface {}, but received a map[string]interface {}",
            id="order-is-no-list",
        ),
        pytest.param(
            containers({"name": "c"}, **{"$setElementOrder/containers": [{"nme": "a"}]}),
            500,
            "map: map[nme:a] does not contain declared merge key: name",
            id="order-without-key",
        ),
        pytest.param(
            containers({"name": "c"}, **{"$setElementOrder/containers": [{"name": "a"}, {"name": "b"}]}),
            500,
            "The order in patch list:\n[map[name:c]]\n doesn't match $setElementOrder list:\n"
            "[map[name:a] map[name:b]]\n",
            id="item-not-in-order",
        ),
        pytest.param(
            containers({"name": "a"}, {"name": "a"}, **{"$setElementOrder/containers": [{"name": "a"}]}),
            500,
            "The order in patch list:\n[map[name:a] map[name:a]]\n doesn't match $setElementOrder list:\n[map[name:a]]\n",
            id="item-twice-in-order",
        ),
        pytest.param(
            containers({"name": "n", "env": []}) | containers({"name": "b", "env": [], "$setElementOrder/env": []}),
            500,
            "no elements in any of the given slices",
            id="order-of-nothing",
        ),
        pytest.param(
            {"strategy": {"$retainKeys": ["type"], "rollingUpdate": {}}},
            400,
            "invalid patch format of retainKeys",
            id="key-not-retained",
        ),
        pytest.param(
            {"strategy": {"$retainKeys": "type"}}, 400, "invalid patch format of retainKeys", id="retain-is-no-list"
        ),
    ],
)
def test_what_makes_no_sense_is_refused(patch: Any, code: int, message: str) -> None:
    with pytest.raises(StatusError) as refusal:
        apply_strategic(POD, pod(), patch)
    assert (refusal.value.code, refusal.value.message) == (code, message)


def test_lists_of_lists_are_not_merged() -> None:
    with pytest.raises(StatusError) as refusal:
        apply_strategic(POD, {"finalizers": []}, {"finalizers": [["1"]]})
    assert refusal.value.code == 422

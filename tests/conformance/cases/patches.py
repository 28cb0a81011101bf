"""Patches: merge, JSON and strategic."""

from typing import Any

from conformance.script import (
    CM,
    CORE,
    JSON,
    JSON_PATCH,
    MERGE,
    STRATEGIC,
    WIDGETS,
    YAML,
    Case,
    case,
    cm,
    get,
    patch,
    post,
    widget,
)

START = {
    "size": 2,
    "tags": ["a", "b"],
    "items": [{"name": "x", "value": "1"}],
    "labels": {"a": "1"},
    "free": {"a": {"b": 1}},
}
MERGES: dict[str, Any] = {
    "a field": {"spec": {"size": 4}},
    "a field taken away": {"spec": {"size": None}},
    "a list in place": {"spec": {"tags": ["c"]}},
    "a map deeply": {"spec": {"labels": {"b": "2"}, "free": {"a": {"c": 2}}}},
    "everything away": {"spec": None},
    "a wrong type": {"spec": {"size": "big"}},
    "spec as text": {"spec": "a"},
    "an unknown field": {"spec": {"nothing": 1}},
    "nothing": {},
    "another kind": {"kind": "Gadget"},
    "another version": {"apiVersion": "conformance.example.com/v1beta1"},
    "another name": {"metadata": {"name": "b"}},
    "null inside of a list": {"spec": {"tags": [None]}},
    "the status": {"status": {"phase": "Up"}},
    "metadata away": {"metadata": None},
}
JSONS: dict[str, Any] = {
    "add": [{"op": "add", "path": "/spec/color", "value": "red"}],
    "replace": [{"op": "replace", "path": "/spec/size", "value": 5}],
    "remove": [{"op": "remove", "path": "/spec/labels/a"}],
    "test that holds": [
        {"op": "test", "path": "/spec/size", "value": 2},
        {"op": "replace", "path": "/spec/size", "value": 3},
    ],
    "test that fails": [{"op": "test", "path": "/spec/size", "value": 7}],
    "copy": [{"op": "copy", "from": "/spec/labels/a", "path": "/spec/labels/b"}],
    "move": [{"op": "move", "from": "/spec/labels/a", "path": "/spec/labels/b"}],
    "append": [{"op": "add", "path": "/spec/tags/-", "value": "c"}],
    "insert": [{"op": "add", "path": "/spec/tags/0", "value": "c"}],
    "remove what is not there": [{"op": "remove", "path": "/spec/nothing"}],
    "replace what is not there": [{"op": "replace", "path": "/spec/nothing", "value": 1}],
    "below what is not there": [{"op": "add", "path": "/status/phase/x", "value": 1}],
    "an index too large": [{"op": "add", "path": "/spec/tags/9", "value": "c"}],
    "an unknown operation": [{"op": "twist", "path": "/spec/size"}],
    "no path": [{"op": "add", "value": 1}],
    "no value": [{"op": "add", "path": "/spec/color"}],
    "an escaped path": [
        {"op": "add", "path": "/metadata/labels", "value": {}},
        {"op": "add", "path": "/metadata/labels/a~1b", "value": "c"},
    ],
    "a wrong result": [{"op": "replace", "path": "/spec/size", "value": 99}],
    "no list": {"op": "add"},
    "an empty list": [],
    "a text in the list": ["a"],
    "a test of null": [{"op": "test", "path": "/spec/color", "value": None}],
}
POD = {
    "metadata": {"name": "a", "labels": {"x": "1"}},
    "data": {"a": "1", "b": "2"},
}
STRATEGIC_CM: dict[str, Any] = {
    "a key": {"data": {"a": "3"}},
    "a key away": {"data": {"a": None}},
    "replace": {"data": {"$patch": "replace", "c": "4"}},
    "delete": {"data": {"$patch": "delete"}},
    "an unknown directive": {"data": {"$patch": "twist"}},
    "retain keys": {"data": {"$retainKeys": ["a"], "a": "9"}},
    "finalizers": {"metadata": {"finalizers": ["example.com/b"]}},
    "finalizers away": {"metadata": {"$deleteFromPrimitiveList/finalizers": ["example.com/a"]}},
    "owners": {"metadata": {"ownerReferences": [{"uid": "1", "apiVersion": "v1", "kind": "A", "name": "a"}]}},
    "an order": {
        "metadata": {"$setElementOrder/finalizers": ["example.com/b", "example.com/a"], "finalizers": ["example.com/b"]}
    },
    "a wrong type": {"data": "text"},
    "no object": [],
}


def of_widget(id_: str, body: Any, media: str) -> Case:
    return case(id_, post(WIDGETS, widget("a", START)), patch(f"{WIDGETS}/a", body, media))


def of_configmap(id_: str, body: Any, media: str) -> Case:
    thing = cm("a", POD["data"], labels={"x": "1"}, finalizers=["example.com/a"])
    return case(id_, post(CM, thing), patch(f"{CM}/a", body, media))


DEPLOYMENT: dict[str, Any] = {
    "metadata": {"name": "a"},
    "spec": {
        "selector": {"matchLabels": {"a": "b"}},
        "template": {
            "metadata": {"labels": {"a": "b"}},
            "spec": {
                "containers": [
                    {"name": "x", "image": "i", "env": [{"name": "E", "value": "1"}], "ports": [{"containerPort": 80}]}
                ]
            },
        },
    },
}

CASES = (
    *(of_widget(f"merge patch: {words}", body, MERGE) for words, body in MERGES.items()),
    *(of_widget(f"JSON patch: {words}", body, JSON_PATCH) for words, body in JSONS.items()),
    *(of_configmap(f"strategic patch: {words}", body, STRATEGIC) for words, body in STRATEGIC_CM.items()),
    of_configmap("merge patch of a ConfigMap", {"data": {"a": None, "c": "3"}}, MERGE),
    of_configmap("merge patch of a ConfigMap with a wrong type", {"data": {"a": 1}}, MERGE),
    of_configmap("merge patch of a ConfigMap with an unknown field", {"nothing": 1}, MERGE),
    of_configmap("merge patch of a ConfigMap's kind", {"kind": "Secret"}, MERGE),
    of_configmap("merge patch of a ConfigMap's version", {"apiVersion": "v2"}, MERGE),
    of_configmap("strategic patch of a ConfigMap's kind", {"kind": "Secret"}, STRATEGIC),
    of_configmap("JSON patch of a ConfigMap", [{"op": "add", "path": "/data/c", "value": "3"}], JSON_PATCH),
    of_configmap(
        "JSON patch of a ConfigMap with a wrong type", [{"op": "add", "path": "/data/c", "value": 3}], JSON_PATCH
    ),
    of_configmap("JSON patch of a ConfigMap's whole", [{"op": "replace", "path": "", "value": {}}], JSON_PATCH),
    of_widget("strategic patch of a Widget", {"spec": {"size": 3}}, STRATEGIC),
    of_widget("a patch of plain JSON", {"spec": {"size": 3}}, JSON),
    of_widget("a patch of YAML", {"spec": {"size": 3}}, YAML),
    of_widget("a patch with parameters", {"spec": {"size": 3}}, f"{MERGE};charset=utf-8"),
    of_widget("a merge patch that is a list", [], MERGE),
    of_widget("a merge patch that is text", "a", MERGE),
    of_widget("a merge patch that is null", b"null", MERGE),
    of_widget("a merge patch that is broken", b'{"a":', MERGE),
    of_widget("a merge patch that is garbage", b"garbage", MERGE),
    of_widget("a JSON patch that is broken", b'[{"op"', JSON_PATCH),
    of_widget("an empty merge patch", b"", MERGE),
    of_configmap("a broken strategic patch", b'{"data":', STRATEGIC),
    case(
        "a patch of what is not there", patch(f"{WIDGETS}/a", {}), patch(f"{CM}/a", {}), patch(f"{CM}/a", {}, STRATEGIC)
    ),
    case("a patch of a collection", patch(WIDGETS, {}), patch(CM, {})),
    case(
        "a patch with force",
        post(CM, cm("a")),
        patch(f"{CM}/a?force=true", {"data": {"a": "b"}}),
        patch(f"{CM}/a?fieldManager=me", {"data": {"a": "b"}}),
        patch(f"{CM}/a?fieldManager={'m' * 129}", {"data": {"a": "c"}}),
    ),
    case(
        "a patch with a stale revision",
        post(WIDGETS, widget("a", START)),
        patch(f"{WIDGETS}/a", {"spec": {"size": 3}}),
        patch(f"{WIDGETS}/a", {"metadata": {"resourceVersion": "$(0.metadata.resourceVersion)"}, "spec": {"size": 4}}),
        patch(f"{WIDGETS}/a", [{"op": "test", "path": "/metadata/resourceVersion", "value": "1"}], JSON_PATCH),
    ),
    case(
        "strategic patches merge lists by key",
        post("/apis/apps/v1/namespaces/$(ns)/deployments", DEPLOYMENT),
        patch(
            "/apis/apps/v1/namespaces/$(ns)/deployments/a",
            {"spec": {"template": {"spec": {"containers": [{"name": "y", "image": "j"}]}}}},
            STRATEGIC,
        ),
        patch(
            "/apis/apps/v1/namespaces/$(ns)/deployments/a",
            {"spec": {"template": {"spec": {"containers": [{"name": "x", "$patch": "delete"}]}}}},
            STRATEGIC,
        ),
        get("/apis/apps/v1/namespaces/$(ns)/deployments/a"),
    ),
    case(
        "a strategic patch of a list without its key",
        post("/apis/apps/v1/namespaces/$(ns)/deployments", DEPLOYMENT),
        patch(
            "/apis/apps/v1/namespaces/$(ns)/deployments/a",
            {"spec": {"template": {"spec": {"containers": [{"image": "j"}]}}}},
            STRATEGIC,
        ),
    ),
    case(
        "a patch of a Namespace",
        patch("/api/v1/namespaces/$(ns)", {"metadata": {"labels": {"a": "b"}}}),
        patch("/api/v1/namespaces/$(ns)", {"metadata": {"labels": {"kubernetes.io/metadata.name": "b"}}}),
        patch("/api/v1/namespaces/$(ns)", {"spec": {"finalizers": ["example.com/a"]}}),
        get(f"{CORE}"),
    ),
)

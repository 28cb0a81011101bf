"""Names, labels, annotations, owners, finalizers, generations, and what is the server's own."""

from typing import Any

from conformance.script import CM, CORE, WIDGETS, Case, case, cm, get, patch, post, put, widget

LONG = "x" * 64
NAMES = {
    "upper case": "A",
    "an underscore": "a_b",
    "a slash": "a/b",
    "a dot at the end": "a.",
    "a hyphen first": "-a",
    "254 characters": "a" * 254,
    "253 characters": "a" * 253,
    "dots": "a.b.c",
    "two dots": "a..b",
    "a percent sign": "a%b",
}
LABELS: dict[str, dict[str, Any]] = {
    "a space in a value": {"a": "b c"},
    "64 characters in a value": {"a": LONG},
    "64 characters in a key": {LONG: "a"},
    "an empty key": {"": "a"},
    "an empty value": {"a": ""},
    "a prefix": {"example.com/a": "b"},
    "a bad prefix": {"Example_com/a": "b"},
    "two slashes": {"a/b/c": "d"},
    "an empty prefix": {"/a": "b"},
    "an empty name": {"example.com/": "b"},
    "a bad key and a bad value": {"-a": "-b"},
}
OWNER = {"apiVersion": "v1", "kind": "ConfigMap", "name": "o", "uid": "11111111-2222-3333-4444-555555555555"}
OWNERS: dict[str, list[dict[str, Any]]] = {
    "without a uid": [{"apiVersion": "v1", "kind": "ConfigMap", "name": "o"}],
    "without anything": [{}],
    "without a name": [OWNER | {"name": ""}],
    "with two controllers": [
        OWNER | {"controller": True},
        OWNER | {"controller": True, "name": "p", "uid": "11111111-2222-3333-4444-555555555556"},
    ],
    "with a bad apiVersion": [OWNER | {"apiVersion": "a/b/c"}],
    "of an Event": [OWNER | {"kind": "Event"}],
}
FINALIZERS = {
    "without a prefix": ["mine"],
    "with a space": ["a b"],
    "that is empty": [""],
    "of both deletions": ["orphan", "foregroundDeletion"],
    "twice": ["example.com/a", "example.com/a"],
    "of the server": ["orphan"],
}
MISTYPED: dict[str, dict[str, Any]] = {
    "labels as a list": {"labels": []},
    "a label that is a number": {"labels": {"a": 1}},
    "an annotation that is a bool": {"annotations": {"a": True}},
    "a name that is a number": {"name": 1},
    "finalizers as text": {"finalizers": "a"},
    "a finalizer that is a number": {"finalizers": [1]},
    "owners as an object": {"ownerReferences": {}},
    "an owner that is text": {"ownerReferences": ["a"]},
    "a generation that is text": {"generation": "a"},
    "labels that are null": {"labels": None},
    "a label that is null": {"labels": {"a": None}},
    "a creation time that is none": {"creationTimestamp": "yesterday"},
    "an unknown field": {"nothing": 1},
}


def both(id_: str, name: str, **meta: Any) -> Case:
    """The same for a built-in kind and a custom one."""
    return case(id_, post(CM, cm(name, **meta)), post(WIDGETS, widget(name, **meta)))


CASES = (
    *(both(f"a name with {words}", name) for words, name in NAMES.items()),
    *(both(f"labels with {words}", "a", labels=labels) for words, labels in LABELS.items()),
    *(both(f"annotations with {words}", "a", annotations=labels) for words, labels in LABELS.items()),
    *(both(f"an owner {words}", "a", ownerReferences=owners) for words, owners in OWNERS.items()),
    *(both(f"a finalizer {words}", "a", finalizers=finalizers) for words, finalizers in FINALIZERS.items()),
    *(case(f"metadata: {w}", post(CM, cm("a", **m)), post(WIDGETS, widget("a", **m))) for w, m in MISTYPED.items()),
    case(
        "metadata that is text", post(CM, cm("a") | {"metadata": "a"}), post(WIDGETS, widget("a") | {"metadata": "a"})
    ),
    case(
        "metadata that is null", post(CM, cm("a") | {"metadata": None}), post(WIDGETS, widget("a") | {"metadata": None})
    ),
    case("no name", post(CM, {"metadata": {}}), post(WIDGETS, widget("") | {"metadata": {}})),
    case(
        "a generated name",
        post(CM, {"metadata": {"generateName": "made-"}}),
        get(f"{CM}/$(0.metadata.name)"),
        post(WIDGETS, widget("") | {"metadata": {"generateName": "made-"}}),
    ),
    case("a name and a base for one", post(CM, cm("a", generateName="made-"))),
    case("a bad base for a name", post(CM, {"metadata": {"generateName": "Made_"}})),
    case("too large annotations", post(CM, cm("a", annotations={"a": "x" * 270_000}))),
    case(
        "a revision on creation",
        post(CM, cm("a", resourceVersion="7")),
        post(WIDGETS, widget("a", resourceVersion="7")),
    ),
    case(
        "what is the server's own",
        post(CM, cm("a", uid="mine", generation=7, creationTimestamp="2001-01-01T00:00:00Z", selfLink="/a")),
        post(WIDGETS, widget("a", uid="mine", generation=7, creationTimestamp="2001-01-01T00:00:00Z", selfLink="/a")),
    ),
    case(
        "a deletion is not the creator's to say",
        post(CM, cm("a", deletionTimestamp="2001-01-01T00:00:00Z", deletionGracePeriodSeconds=7)),
        post(WIDGETS, widget("a", deletionTimestamp="2001-01-01T00:00:00Z", deletionGracePeriodSeconds=7)),
    ),
    case(
        "nor the updater's",
        post(WIDGETS, widget("a")),
        patch(f"{WIDGETS}/a", {"metadata": {"deletionTimestamp": "2001-01-01T00:00:00Z"}}),
        patch(f"{WIDGETS}/a", {"metadata": {"creationTimestamp": "2001-01-01T00:00:00Z"}}),
        patch(f"{WIDGETS}/a", {"metadata": {"generation": 99}}),
        patch(f"{WIDGETS}/a", {"metadata": {"uid": "mine"}}),
    ),
    case(
        "nor of a ConfigMap",
        post(CM, cm("a")),
        patch(f"{CM}/a", {"metadata": {"deletionTimestamp": "2001-01-01T00:00:00Z"}}),
        patch(f"{CM}/a", {"metadata": {"creationTimestamp": None}}),
        patch(f"{CM}/a", {"metadata": {"uid": "mine"}}),
        patch(f"{CM}/a", {"metadata": {"name": "b"}}),
        patch(f"{CM}/a", {"metadata": {"namespace": "b"}}),
    ),
    case(
        "a generation counts changes of the spec",
        post(WIDGETS, widget("a", {"size": 1})),
        patch(f"{WIDGETS}/a", {"spec": {"size": 2}}),
        patch(f"{WIDGETS}/a", {"metadata": {"labels": {"a": "b"}}}),
        patch(f"{WIDGETS}/a/status", {"status": {"phase": "Up"}}),
        patch(f"{WIDGETS}/a", {"spec": {"size": 2}}),
    ),
    case(
        "empty maps and lists",
        post(CM, cm("a", {}, labels={}, annotations={}, finalizers=[], ownerReferences=[])),
        post(WIDGETS, widget("a", {}, labels={}, annotations={}, finalizers=[], ownerReferences=[])),
    ),
    case(
        "labels come and go",
        post(CM, cm("a", labels={"a": "1", "b": "2"})),
        patch(f"{CM}/a", {"metadata": {"labels": {"a": None, "c": "3"}}}),
        patch(f"{CM}/a", {"metadata": {"labels": None}}),
        patch(f"{CM}/a", {"metadata": {"annotations": {"x": "y"}}}),
    ),
    case(
        "bad labels in an update",
        post(WIDGETS, widget("a")),
        patch(f"{WIDGETS}/a", {"metadata": {"labels": {"a b": "c"}}}),
        patch(f"{WIDGETS}/a", {"metadata": {"finalizers": ["a b"]}}),
    ),
    case(
        "a name of a Namespace",
        post("/api/v1/namespaces", {"metadata": {"name": "a.b"}}),
        post("/api/v1/namespaces", {"metadata": {"name": LONG}}),
        post("/api/v1/namespaces", {"metadata": {"name": "Upper"}}),
    ),
    case(
        "a name of a Service", post(f"{CORE}/services", {"metadata": {"name": "1a"}, "spec": {"ports": [{"port": 80}]}})
    ),
    case(
        "a revision of another time",
        post(CM, cm("a")),
        put(f"{CM}/a", cm("a", {"k": "v"}, resourceVersion="1")),
        put(f"{CM}/a", cm("a", {"k": "v"}, resourceVersion="soon")),
        put(f"{CM}/a", cm("a", {"k": "v"}, resourceVersion="0")),
        patch(f"{CM}/a", {"metadata": {"resourceVersion": "1"}}),
        patch(f"{CM}/a", {"metadata": {"resourceVersion": "$(0.metadata.resourceVersion)"}, "data": {"k": "v"}}),
    ),
    case(
        "a revision of another time of a Widget",
        post(WIDGETS, widget("a")),
        put(f"{WIDGETS}/a", widget("a", {"size": 1}, resourceVersion="1")),
        put(f"{WIDGETS}/a", widget("a", {"size": 1}, resourceVersion="soon")),
        put(f"{WIDGETS}/a", widget("a", {"size": 1}, resourceVersion="0")),
        patch(f"{WIDGETS}/a", {"metadata": {"resourceVersion": "1"}, "spec": {"size": 2}}),
    ),
)

"""Server-side apply, and who manages what."""

from typing import Any

from conformance.script import APPLY, CM, MODELS, WIDGETS, Send, apply, case, cm, get, patch, post, put, widget

A = f"{WIDGETS}/a"


def spec(fields: dict[str, Any] | None = None, manager: str = "alice", more: str = "") -> Send:
    return apply(A, widget("a", fields), manager, more)


CASES = (
    case(
        "an apply with nulls",
        apply(f"{WIDGETS}/a", widget("a", {"size": None})),
        apply(f"{WIDGETS}/a", widget("a", {"nested": None})),
        apply(f"{WIDGETS}/a", widget("a", {"maybe": None})),
        apply(f"{WIDGETS}/a", widget("a", {"labels": {"x": None}})),
        apply(f"{WIDGETS}/b", widget("b", {"items": [{"name": "a", "value": None}]})),
        apply(f"{WIDGETS}/b", widget("b") | {"spec": None}),
        post(WIDGETS, widget("c", {"size": None, "nested": None, "labels": {"x": None}, "maybe": None})),
        patch(f"{WIDGETS}/c", {"spec": {"labels": {"x": None}}}),
    ),
    case("apply creates", spec({"size": 2, "tags": ["a"]}), get(A)),
    case("apply creates a ConfigMap", apply(f"{CM}/a", cm("a", {"a": "1"})), apply(f"{CM}/a", cm("a", {"b": "1"}))),
    case("apply again", spec({"size": 2}), spec({"size": 2}), get(A)),
    case("apply changes", spec({"size": 2, "color": "red"}), spec({"size": 3, "color": "red"})),
    case("apply leaves out a field", spec({"size": 2, "color": "red"}), spec({"size": 2})),
    case("apply leaves out everything", spec({"size": 2, "color": "red"}), spec()),
    case("apply conflicts", spec({"size": 2}), spec({"size": 3}, "bob"), spec({"size": 2}, "bob")),
    case("apply conflicts in two fields", spec({"size": 2, "color": "red"}), spec({"size": 3, "color": "blue"}, "bob")),
    case(
        "apply conflicts with two managers",
        spec({"size": 2, "color": "red"}),
        spec({"size": 2}, "bob"),
        spec({"size": 3, "color": "blue"}, "carol"),
    ),
    case(
        "apply with force",
        spec({"size": 2, "color": "red"}),
        spec({"size": 3}, "bob", "&force=true"),
        spec({"size": 2, "color": "red"}),
    ),
    case("two share a field", spec({"size": 2}), spec({"size": 2}, "bob"), spec({}), spec({}, "bob")),
    case(
        "apply conflicts with an update",
        post(WIDGETS, widget("a", {"size": 2})),
        spec({"size": 3}),
        spec({"size": 3}, more="&force=true"),
        patch(A, {"spec": {"size": 4}}),
        spec({"size": 3}),
    ),
    case(
        "apply conflicts with the status",
        spec({"size": 2}),
        patch(f"{A}/status?fieldManager=ctl", {"status": {"phase": "Up"}}),
        apply(f"{A}/status", widget("a") | {"status": {"phase": "Down"}}, "bob"),
        apply(f"{A}/status", widget("a") | {"status": {"phase": "Down"}}, "bob", "&force=true"),
        get(A),
    ),
    case(
        "apply of a status does not change the spec",
        spec({"size": 2}),
        apply(f"{A}/status", widget("a", {"size": 9}) | {"status": {"replicas": 1}}, "bob"),
    ),
    case(
        "apply does not change the status",
        spec({"size": 2}),
        apply(A, widget("a", {"size": 3}) | {"status": {"phase": "Up"}}),
    ),
    case(
        "apply merges a list by key",
        spec({"items": [{"name": "x", "value": "1"}]}),
        spec({"items": [{"name": "y", "value": "2"}]}, "bob"),
        spec({"items": [{"name": "x", "value": "3"}, {"name": "z"}]}),
        spec({"items": [{"name": "z"}]}),
        spec({"items": [{"name": "y", "value": "9"}]}),
    ),
    case(
        "apply merges a set",
        spec({"tags": ["a", "b"]}),
        spec({"tags": ["c", "b"]}, "bob"),
        spec({"tags": ["a"]}),
        spec({}),
    ),
    case(
        "apply replaces an atomic list",
        spec({"plain": [1, 2]}),
        spec({"plain": [3]}, "bob"),
        spec({"plain": [3]}, "bob", "&force=true"),
    ),
    case(
        "apply replaces an atomic map",
        spec({"atom": {"a": "1"}}),
        spec({"atom": {"b": "2"}}, "bob"),
        spec({"atom": {"b": "2"}}),
    ),
    case(
        "apply merges a map",
        spec({"labels": {"a": "1"}}),
        spec({"labels": {"b": "2"}}, "bob"),
        spec({"labels": {}}),
        spec({}),
    ),
    case(
        "apply merges what is free",
        spec({"free": {"a": {"b": 1}, "l": [1]}}),
        spec({"free": {"a": {"c": 2}, "l": [2]}}, "bob"),
    ),
    case("apply of duplicates", spec({"items": [{"name": "x"}, {"name": "x"}]}), spec({"tags": ["a", "a"]})),
    case("apply of an element without its key", spec({"items": [{"value": "1"}]})),
    case("apply of a wrong type", spec({"size": "big"}), spec({"items": "a"}), spec({"labels": ["a"]})),
    case(
        "apply of an unknown field",
        spec({"nothing": 1}),
        spec({"size": 2, "nothing": 1}, more="&fieldValidation=Strict"),
    ),
    case("apply of an invalid object", spec({"size": 99}), spec({"color": "pink"})),
    case("apply without a manager", Send("PATCH", A, widget("a"), APPLY)),
    case("apply with another name", apply(A, widget("b"))),
    case("apply without a name", apply(A, {"apiVersion": "conformance.example.com/v1", "kind": "Widget"})),
    case("apply without a kind", apply(A, {"apiVersion": "conformance.example.com/v1", "metadata": {"name": "a"}})),
    case("apply without an apiVersion", apply(A, {"kind": "Widget", "metadata": {"name": "a"}})),
    case("apply of another kind", apply(A, widget("a") | {"kind": "Gadget"})),
    case("apply of another version", apply(A, widget("a") | {"apiVersion": "conformance.example.com/v1beta1"})),
    case("apply in another namespace", apply(A, widget("a", namespace="other"))),
    case("apply with managed fields", apply(A, widget("a", managedFields=[{"manager": "x"}]))),
    case("apply with a revision", apply(A, widget("a", resourceVersion="1"))),
    case(
        "apply with a stale revision",
        spec({"size": 1}),
        spec({"size": 2}),
        apply(A, widget("a", {"size": 3}, resourceVersion="$(0.metadata.resourceVersion)")),
    ),
    case("apply with a uid", apply(A, widget("a", uid="11111111-2222-3333-4444-555555555555"))),
    case(
        "apply of YAML",
        apply(A, b"apiVersion: conformance.example.com/v1\nkind: Widget\nmetadata: {name: a}\nspec: {size: 4}\n"),
    ),
    case("apply of broken YAML", apply(A, b"a: [b\n"), apply(A, b"a: b\na: c\n"), apply(A, b"- a\n"), apply(A, b"")),
    case("apply to a status that is not there", apply(f"{A}/status", widget("a") | {"status": {}})),
    case("apply to a namespace that is not there", apply("/api/v1/namespaces/$(ns)-none/configmaps/a", cm("a"))),
    case("apply of a ConfigMap without its kind", apply(f"{CM}/a", {"metadata": {"name": "a"}})),
    case(
        "apply of a ConfigMap with a wrong type",
        apply(f"{CM}/a", cm("a", {"a": 1})),
        apply(f"{CM}/a", cm("a") | {"data": []}),
    ),
    case("apply of a ConfigMap with an unknown field", apply(f"{CM}/a", cm("a") | {"nothing": 1})),
    case(
        "apply labels and finalizers",
        apply(A, widget("a", labels={"a": "1"}, finalizers=["example.com/a"])),
        apply(A, widget("a", labels={"b": "2"})),
    ),
    case(
        "apply takes over from kubectl's client",
        post(
            CM,
            cm(
                "a",
                {"a": "1", "b": "2"},
                annotations={
                    "kubectl.kubernetes.io/last-applied-configuration": '{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"a":"1","b":"2"}}'
                },
            ),
        ),
        apply(f"{CM}/a", cm("a", {"a": "1"}), "kubectl"),
    ),
    case(
        "managers of updates",
        post(f"{CM}?fieldManager=one", cm("a", {"a": "1"})),
        put(f"{CM}/a?fieldManager=two", cm("a", {"a": "1", "b": "2"})),
        patch(f"{CM}/a?fieldManager=three", {"data": {"a": "3"}}),
        patch(f"{CM}/a?fieldManager=four", {"data": {"a": None, "b": None}}),
    ),
    case(
        "managed fields are taken away",
        post(WIDGETS, widget("a", {"size": 2})),
        patch(A, {"metadata": {"managedFields": [{}]}}),
        patch(A, {"spec": {"size": 3}}),
        patch(A, {"metadata": {"managedFields": []}}),
    ),
    case(
        "managed fields are wrong",
        post(WIDGETS, widget("a", {"size": 2})),
        patch(
            A,
            {
                "metadata": {
                    "managedFields": [
                        {
                            "manager": "x",
                            "operation": "Twist",
                            "apiVersion": "v1",
                            "fieldsType": "FieldsV1",
                            "fieldsV1": {},
                        }
                    ]
                }
            },
        ),
        patch(
            A,
            {
                "metadata": {
                    "managedFields": [
                        {"manager": "x", "operation": "Update", "apiVersion": "v1", "fieldsType": "FieldsV2"}
                    ]
                }
            },
        ),
    ),
    case(
        "a manager in both versions",
        spec({"size": 2}),
        apply(
            A.replace("/v1/", "/v1beta1/"),
            widget("a", {"size": 2, "color": "red"}) | {"apiVersion": "conformance.example.com/v1beta1"},
        ),
        spec({"color": "red"}),
    ),
    case("a dry apply", spec({"size": 2}, more="&dryRun=All"), get(A)),
    case(
        "apply of a model, as an operator does",
        apply(
            f"{MODELS}/a",
            {
                "apiVersion": "aim.silogen.ai/v1alpha1",
                "kind": "AIMModel",
                "metadata": {"name": "a"},
                "spec": {"image": "i:1"},
            },
        ),
        patch(f"{MODELS}/a/status", {"status": {"status": "Progressing", "observedGeneration": 1}}),
        patch(
            f"{MODELS}/a/status",
            {
                "status": {
                    "conditions": [
                        {
                            "type": "Ready",
                            "status": "True",
                            "reason": "R",
                            "message": "",
                            "lastTransitionTime": "2001-01-01T00:00:00Z",
                        }
                    ]
                }
            },
        ),
        get(f"{MODELS}/a"),
    ),
)

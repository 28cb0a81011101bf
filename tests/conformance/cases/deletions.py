"""Deletion: preconditions, finalizers, propagation, collections, garbage, namespaces."""

from typing import Any

from conformance.script import CM, CORE, WIDGETS, Send, case, cm, delete, get, gone, patch, post, put, watch, widget

A = f"{WIDGETS}/a"
HELD = widget("a", finalizers=["example.com/a"])
OPTIONS: dict[str, Any] = {
    "background": {"propagationPolicy": "Background"},
    "an unknown policy": {"propagationPolicy": "Sideways"},
    "a grace period": {"gracePeriodSeconds": 30},
    "no grace period": {"gracePeriodSeconds": 0},
    "a negative grace period": {"gracePeriodSeconds": -1},
    "a grace period that is text": {"gracePeriodSeconds": "soon"},
    "dependents both ways": {"orphanDependents": True, "propagationPolicy": "Background"},
    "an unknown field": {"nothing": 1},
    "a dry run": {"dryRun": ["All"]},
    "an unknown dry run": {"dryRun": ["Some"]},
    "kind and version": {"apiVersion": "v1", "kind": "DeleteOptions"},
    "another kind": {"apiVersion": "v1", "kind": "Pod"},
    "a uid": {"preconditions": {"uid": "$(1.metadata.uid)"}},
    "another uid": {"preconditions": {"uid": "11111111-2222-3333-4444-555555555555"}},
    "a revision": {"preconditions": {"resourceVersion": "$(1.metadata.resourceVersion)"}},
    "another revision": {"preconditions": {"resourceVersion": "1"}},
    "a list": [],
}

CASES = (
    *(
        case(f"deletion with {words}", post(CM, cm("a")), post(WIDGETS, widget("a")), delete(A, body), get(A))
        for words, body in OPTIONS.items()
    ),
    case("deletion of a ConfigMap with another uid", post(CM, cm("a")), delete(f"{CM}/a", OPTIONS["another uid"])),
    case(
        "deletion of a ConfigMap with an unknown policy",
        post(CM, cm("a")),
        delete(f"{CM}/a", OPTIONS["an unknown policy"]),
    ),
    case(
        "deletion with options in the query",
        post(CM, cm("a")),
        delete(f"{CM}/a?dryRun=All&propagationPolicy=Orphan"),
        get(f"{CM}/a"),
    ),
    case(
        "deletion with a bad option in the query",
        post(CM, cm("a")),
        delete(f"{CM}/a?gracePeriodSeconds=soon"),
        delete(f"{CM}/a?propagationPolicy=Sideways"),
    ),
    case("deletion with a broken body", post(CM, cm("a")), delete(f"{CM}/a", b"{"), delete(f"{CM}/a", b"garbage")),
    case(
        "a finalizer holds an object",
        post(WIDGETS, HELD),
        delete(A),
        get(A),
        delete(A),
        patch(A, {"spec": {"size": 4}}),
        patch(A, {"metadata": {"finalizers": ["example.com/a", "example.com/b"]}}),
        patch(A, {"metadata": {"finalizers": []}}),
        get(A),
    ),
    case(
        "a finalizer holds a ConfigMap",
        post(CM, cm("a", finalizers=["example.com/a"])),
        delete(f"{CM}/a"),
        post(CM, cm("a")),
        put(f"{CM}/a", cm("a", {"k": "v"}, finalizers=["example.com/a"])),
        put(f"{CM}/a", cm("a")),
        get(f"{CM}/a"),
    ),
    case(
        "a dry end of an object",
        post(WIDGETS, HELD),
        delete(A),
        patch(f"{A}?dryRun=All", {"metadata": {"finalizers": None}}),
        get(A),
    ),
    case(
        "two finalizers go one by one",
        post(WIDGETS, widget("a", finalizers=["example.com/a", "example.com/b"])),
        watch(f"{WIDGETS}?watch=true&resourceVersion=$(0.metadata.resourceVersion)"),
        delete(A),
        patch(A, {"metadata": {"finalizers": ["example.com/b"]}}),
        patch(A, {"metadata": {"finalizers": None}}),
    ),
    case(
        "foreground deletion of one without dependents",
        post(WIDGETS, widget("a")),
        delete(A, {"propagationPolicy": "Foreground"}),
        gone(A),
    ),
    case(
        "orphaning of one without dependents",
        post(WIDGETS, widget("a")),
        delete(A, {"propagationPolicy": "Orphan"}),
        gone(A),
    ),
    case("orphaned dependents", post(WIDGETS, widget("a")), delete(A, {"orphanDependents": True}), gone(A)),
    case("a collection", *(post(WIDGETS, widget(name)) for name in "ab"), delete(WIDGETS), get(WIDGETS)),
    case(
        "a collection of ConfigMaps",
        *(post(CM, cm(name, labels={"x": "y"})) for name in "ab"),
        delete(f"{CM}?labelSelector=x"),
        get(f"{CM}?labelSelector=x"),
    ),
    case(
        "a part of a collection",
        post(WIDGETS, widget("a", labels={"x": "1"})),
        post(WIDGETS, widget("b", labels={"x": "2"})),
        delete(f"{WIDGETS}?labelSelector=x=1"),
        get(WIDGETS),
    ),
    case("a collection of held ones", post(WIDGETS, HELD), post(WIDGETS, widget("b")), delete(WIDGETS), get(WIDGETS)),
    case("an empty collection", delete(WIDGETS)),
    case("a dry deletion of a collection", post(WIDGETS, widget("a")), delete(f"{WIDGETS}?dryRun=All"), get(WIDGETS)),
    case(
        "a bad selector of a collection",
        delete(f"{WIDGETS}?labelSelector=a+in"),
        delete(f"{WIDGETS}?fieldSelector=spec.nothing=1"),
    ),
    case(
        "dependents go with their owner",
        post(WIDGETS, widget("a")),
        post(
            CM,
            cm(
                "b",
                ownerReferences=[
                    {
                        "apiVersion": "conformance.example.com/v1",
                        "kind": "Widget",
                        "name": "a",
                        "uid": "$(0.metadata.uid)",
                    }
                ],
            ),
        ),
        delete(A),
        gone(f"{CM}/b"),
    ),
    case(
        "dependents go first in the foreground",
        post(CM, cm("a")),
        post(
            CM,
            cm(
                "b",
                ownerReferences=[
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "name": "a",
                        "uid": "$(0.metadata.uid)",
                        "blockOwnerDeletion": True,
                    }
                ],
            ),
        ),
        delete(f"{CM}/a", {"propagationPolicy": "Foreground"}),
        gone(f"{CM}/a"),
        get(f"{CM}/b"),
    ),
    case(
        "dependents stay as orphans",
        post(CM, cm("a")),
        post(
            CM,
            cm(
                "b",
                ownerReferences=[{"apiVersion": "v1", "kind": "ConfigMap", "name": "a", "uid": "$(0.metadata.uid)"}],
            ),
        ),
        delete(f"{CM}/a", {"propagationPolicy": "Orphan"}),
        gone(f"{CM}/a"),
        get(f"{CM}/b"),
    ),
    case(
        "an owner that never was",
        post(
            CM,
            cm(
                "b",
                ownerReferences=[
                    {
                        "apiVersion": "v1",
                        "kind": "ConfigMap",
                        "name": "a",
                        "uid": "11111111-2222-3333-4444-555555555555",
                    }
                ],
            ),
        ),
        gone(f"{CM}/b"),
    ),
    case("a namespace's end", post(CM, cm("a")), delete(CORE), gone(CORE), get(f"{CM}/a")),
    case(
        "a namespace's end in stages",
        post(WIDGETS, HELD),
        delete(A),
        delete(CORE),
        post(WIDGETS, widget("b")),
        Send("PATCH", A, {"metadata": {"finalizers": None}}, "application/merge-patch+json"),
        gone(CORE),
    ),
    case("namespaces that stay", delete("/api/v1/namespaces/default"), delete("/api/v1/namespaces/kube-system")),
    case("a collection of namespaces", delete("/api/v1/namespaces?labelSelector=nobody=1")),
    case("deletion of a status", post(WIDGETS, widget("a")), delete(f"{A}/status")),
)

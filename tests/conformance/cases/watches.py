"""Watches: what they say, in order, and where they begin."""

from conformance.script import CM, WIDGETS, apply, case, cm, delete, get, patch, post, watch, widget

SECRETS = CM.replace("configmaps", "secrets")
FROM = "resourceVersion=$(0.metadata.resourceVersion)"
BAD = {
    "a revision that is none": "resourceVersion=abc",
    "a match": "resourceVersion=1&resourceVersionMatch=Exact",
    "a match that is not older": "resourceVersion=1&resourceVersionMatch=NotOlderThan",
    "initial events without a match": "sendInitialEvents=true",
    "an unknown match": "sendInitialEvents=true&resourceVersionMatch=Nearly",
    "a bad selector": "labelSelector=a+in",
    "a bad field selector": "fieldSelector=spec.nothing=1",
    "a token": "continue=abc",
}

CASES = (
    case(
        "a watch from a revision",
        post(CM, cm("a", {"k": "1"})),
        watch(f"{CM}?watch=true&fieldSelector=metadata.name!=kube-root-ca.crt&{FROM}"),
        patch(f"{CM}/a", {"data": {"k": "2"}}),
        post(CM, cm("b")),
        delete(f"{CM}/a"),
        delete(f"{CM}/b"),
    ),
    case(
        "a watch of Widgets",
        post(WIDGETS, widget("a", {"size": 1})),
        watch(f"{WIDGETS}?watch=true&{FROM}"),
        patch(f"{WIDGETS}/a", {"spec": {"size": 2}}),
        patch(f"{WIDGETS}/a/status", {"status": {"phase": "Up"}}),
        post(WIDGETS, widget("b")),
        delete(f"{WIDGETS}/a"),
        delete(f"{WIDGETS}/b"),
    ),
    case(
        "a watch replays",
        post(WIDGETS, widget("a", {"size": 1})),
        patch(f"{WIDGETS}/a", {"spec": {"size": 2}}),
        post(WIDGETS, widget("b")),
        delete(f"{WIDGETS}/a"),
        watch(f"{WIDGETS}?watch=true&{FROM}"),
        watch(f"{WIDGETS}?watch=1&resourceVersion=$(1.metadata.resourceVersion)"),
    ),
    case(
        "a watch from no revision begins with what is there",
        post(WIDGETS, widget("b")),
        post(WIDGETS, widget("a")),
        watch(f"{WIDGETS}?watch=true"),
        watch(f"{WIDGETS}?watch=true&resourceVersion=0"),
        post(WIDGETS, widget("c")),
    ),
    case(
        "nothing new is no event",
        post(WIDGETS, widget("a", {"size": 1})),
        watch(f"{WIDGETS}?watch=true&{FROM}", silent=True),
        patch(f"{WIDGETS}/a", {"spec": {"size": 1}}),
        apply(f"{WIDGETS}/z", widget("z"), more="&dryRun=All"),
    ),
    case(
        "a watch of one object",
        post(WIDGETS, widget("a", {"size": 1})),
        watch(f"{WIDGETS}?watch=true&fieldSelector=metadata.name=a&{FROM}"),
        post(WIDGETS, widget("b")),
        patch(f"{WIDGETS}/a", {"spec": {"size": 2}}),
        delete(f"{WIDGETS}/b"),
        delete(f"{WIDGETS}/a"),
    ),
    case(
        "a watch of a name in the path",
        post(WIDGETS, widget("a", {"size": 1})),
        watch(f"{WIDGETS}/a?watch=true&{FROM}"),
        post(WIDGETS, widget("b")),
        delete(f"{WIDGETS}/a"),
    ),
    case(
        "a watch by the old path",
        post(CM, cm("a")),
        watch("/api/v1/watch/namespaces/$(ns)/configmaps?fieldSelector=metadata.name!=kube-root-ca.crt&" + FROM),
        delete(f"{CM}/a"),
    ),
    case(
        "an object by the old path",
        post(CM, cm("a")),
        post(CM, cm("b")),
        watch("/api/v1/watch/namespaces/$(ns)/configmaps/a?" + FROM),
        watch("/apis/conformance.example.com/v1/watch/namespaces/$(ns)/widgets"),
        delete(f"{CM}/b"),
        delete(f"{CM}/a"),
        post(WIDGETS, widget("a")),
    ),
    case(
        "the old paths are for watches",
        post("/api/v1/watch/namespaces/$(ns)/configmaps", cm("c")),
        delete("/api/v1/watch/namespaces/$(ns)/configmaps/a"),
        get("/api/v1/watch/namespaces/$(ns)/nothing"),
        get("/api/v1/watch/namespaces/$(ns)/configmaps/a/status"),
        get("/api/v1/watch/namespaces/$(ns)/configmaps/a", Impersonate_User="alice"),
    ),
    case(
        "objects enter and leave a label selector",
        post(WIDGETS, widget("a", {"size": 1})),
        watch(f"{WIDGETS}?watch=true&labelSelector=on&{FROM}"),
        patch(f"{WIDGETS}/a", {"metadata": {"labels": {"on": "1"}}}),
        patch(f"{WIDGETS}/a", {"spec": {"size": 2}}),
        patch(f"{WIDGETS}/a", {"metadata": {"labels": None}, "spec": {"size": 3}}),
        patch(f"{WIDGETS}/a", {"spec": {"size": 4}}),
        patch(f"{WIDGETS}/a", {"metadata": {"labels": {"on": "2"}}}),
        delete(f"{WIDGETS}/a"),
    ),
    case(
        "objects enter and leave a field selector",
        post(WIDGETS, widget("a", {"color": "red"})),
        watch(f"{WIDGETS}?watch=true&fieldSelector=spec.color=blue&{FROM}"),
        patch(f"{WIDGETS}/a", {"spec": {"color": "blue"}}),
        patch(f"{WIDGETS}/a", {"spec": {"color": "red"}}),
    ),
    case(
        "a deletion in steps",
        post(WIDGETS, widget("a", finalizers=["example.com/a"])),
        watch(f"{WIDGETS}?watch=true&{FROM}"),
        delete(f"{WIDGETS}/a"),
        patch(f"{WIDGETS}/a", {"metadata": {"finalizers": None}}),
    ),
    case(
        "a collection is deleted",
        post(WIDGETS, widget("a")),
        post(WIDGETS, widget("b")),
        watch(f"{WIDGETS}?watch=true&{FROM}"),
        delete(WIDGETS),
    ),
    case(
        "a watch of everywhere",
        post(WIDGETS, widget("a")),
        watch(f"/apis/conformance.example.com/v1/widgets?watch=true&fieldSelector=metadata.namespace=$(ns)&{FROM}"),
        delete(f"{WIDGETS}/a"),
    ),
    case(
        "a watch in another version",
        post(WIDGETS, widget("a")),
        watch(f"{WIDGETS.replace('/v1/', '/v1beta1/')}?watch=true&{FROM}"),
        delete(f"{WIDGETS}/a"),
    ),
    case(
        "initial events end with a bookmark",
        post(WIDGETS, widget("a")),
        watch(
            f"{WIDGETS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        ),
        post(WIDGETS, widget("b")),
    ),
    case(
        "initial events from a revision",
        post(WIDGETS, widget("a")),
        watch(
            f"{WIDGETS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&{FROM}"
        ),
    ),
    case(
        "initial events of nothing",
        watch(
            f"{WIDGETS}?watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true"
        ),
    ),
    case(
        "no initial events",
        post(WIDGETS, widget("a")),
        watch(
            f"{WIDGETS}?watch=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&{FROM}"
        ),
        post(WIDGETS, widget("b")),
    ),
    *(
        case(
            f"watch with {words}",
            get(f"{SECRETS}?watch=true&timeoutSeconds=1&{text}"),
            get(f"{WIDGETS}?watch=true&timeoutSeconds=1&{text}"),
        )
        for words, text in BAD.items()
    ),
    case("a revision of the past", watch(f"{WIDGETS}?watch=true&resourceVersion=1")),
    case(
        "a watch of metadata",
        post(WIDGETS, widget("a")),
        watch(
            f"{WIDGETS}?watch=true&{FROM}",
            Accept="application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1",
        ),
        patch(f"{WIDGETS}/a", {"spec": {"size": 2}}),
        delete(f"{WIDGETS}/a"),
    ),
    case(
        "a watch of rows",
        post(WIDGETS, widget("a")),
        watch(f"{WIDGETS}?watch=true&{FROM}", Accept="application/json;as=Table;g=meta.k8s.io;v=v1"),
        patch(f"{WIDGETS}/a", {"spec": {"color": "red"}}),
        delete(f"{WIDGETS}/a"),
    ),
)

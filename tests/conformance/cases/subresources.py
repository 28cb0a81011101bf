"""Status and scale."""

from typing import Any

from conformance.script import APPLY, CM, JSON_PATCH, STRATEGIC, WIDGETS, Send, case, cm, get, patch, post, put, widget

A = f"{WIDGETS}/a"
MADE = post(WIDGETS, widget("a", {"size": 2, "replicas": 1}) | {"status": {"phase": "Up"}})
DEPLOYMENTS = "/apis/apps/v1/namespaces/$(ns)/deployments"
DEPLOYMENT = {
    "metadata": {"name": "a"},
    "spec": {
        "replicas": 2,
        "selector": {"matchLabels": {"a": "b"}},
        "template": {"metadata": {"labels": {"a": "b"}}, "spec": {"containers": [{"name": "x", "image": "i"}]}},
    },
}


def scale(replicas: Any, **meta: str) -> dict[str, Any]:
    return {
        "kind": "Scale",
        "apiVersion": "autoscaling/v1",
        "metadata": {"name": "a", "namespace": "$(ns)", **meta},
        "spec": {"replicas": replicas},
    }


CASES = (
    case("a status is dropped on creation", MADE, get(f"{A}/status")),
    case("a status is not changed by an update", MADE, patch(A, {"status": {"phase": "Up"}, "spec": {"size": 3}})),
    case("a status is changed by its own", MADE, patch(f"{A}/status", {"status": {"phase": "Up"}}), get(A)),
    case(
        "a status changes nothing else",
        MADE,
        patch(f"{A}/status", {"spec": {"size": 5}, "status": {"replicas": 1}, "metadata": {"labels": {"a": "b"}}}),
    ),
    case(
        "a status is replaced",
        MADE,
        put(
            f"{A}/status",
            widget("a", {"size": 9}, resourceVersion="$(0.metadata.resourceVersion)") | {"status": {"phase": "Up"}},
        ),
    ),
    case(
        "a status is replaced without a revision", MADE, put(f"{A}/status", widget("a") | {"status": {"phase": "Up"}})
    ),
    case(
        "a status is replaced with a stale revision",
        MADE,
        patch(A, {"spec": {"size": 3}}),
        put(f"{A}/status", widget("a", resourceVersion="$(0.metadata.resourceVersion)") | {"status": {}}),
    ),
    case(
        "a bad status",
        MADE,
        patch(f"{A}/status", {"status": {"phase": "Odd"}}),
        patch(f"{A}/status", {"status": {"replicas": "x"}}),
    ),
    case(
        "an unknown field of a status",
        MADE,
        patch(f"{A}/status", {"status": {"nothing": 1}}),
        patch(f"{A}/status?fieldValidation=Strict", {"status": {"nothing": 1}}),
    ),
    case(
        "duplicates in a status", MADE, patch(f"{A}/status", {"status": {"conditions": [{"type": "A"}, {"type": "A"}]}})
    ),
    case(
        "a status that changes nothing",
        MADE,
        patch(f"{A}/status", {"status": {"phase": "Up"}}),
        patch(f"{A}/status", {"status": {"phase": "Up"}}),
    ),
    case(
        "a status taken away",
        MADE,
        patch(f"{A}/status", {"status": {"phase": "Up"}}),
        patch(f"{A}/status", {"status": None}),
    ),
    case(
        "a status by JSON patch",
        MADE,
        patch(f"{A}/status", [{"op": "add", "path": "/status", "value": {"phase": "Up"}}], JSON_PATCH),
    ),
    case(
        "a status of what is not there",
        patch(f"{A}/status", {"status": {}}),
        get(f"{A}/status"),
        put(f"{A}/status", widget("a", resourceVersion="1")),
    ),
    case("a status without one", post(CM, cm("a")), get(f"{CM}/a/status"), patch(f"{CM}/a/status", {})),
    case("a dry status", MADE, patch(f"{A}/status?dryRun=All", {"status": {"phase": "Up"}}), get(A)),
    case("a post to a status", MADE, post(f"{A}/status", widget("a"))),
    case(
        "an applied status",
        MADE,
        Send(
            "PATCH",
            f"{A}/status?fieldManager=ctl",
            widget("a") | {"status": {"conditions": [{"type": "A", "status": "True"}]}},
            APPLY,
        ),
        Send(
            "PATCH",
            f"{A}/status?fieldManager=ctl",
            widget("a") | {"status": {"conditions": [{"type": "B", "status": "True"}]}},
            APPLY,
        ),
    ),
    case("a scale", MADE, get(f"{A}/scale")),
    case("a scale is patched", MADE, patch(f"{A}/scale", {"spec": {"replicas": 3}}), get(A)),
    case(
        "a scale is replaced",
        MADE,
        get(f"{A}/scale"),
        put(
            f"{A}/scale",
            {
                "kind": "Scale",
                "apiVersion": "autoscaling/v1",
                "metadata": {"name": "a", "namespace": "$(ns)", "resourceVersion": "$(1.metadata.resourceVersion)"},
                "spec": {"replicas": 4},
            },
        ),
        get(A),
    ),
    case(
        "a scale without replicas",
        post(WIDGETS, widget("a")),
        get(f"{A}/scale"),
        patch(f"{A}/scale", {"spec": {"replicas": 3}}),
    ),
    case("a negative scale", MADE, patch(f"{A}/scale", {"spec": {"replicas": -1}})),
    case(
        "a scale with a selector",
        MADE,
        patch(f"{A}/status", {"status": {"selector": "a=b", "replicas": 1}}),
        get(f"{A}/scale"),
    ),
    case("a scale of what is not there", get(f"{A}/scale"), patch(f"{A}/scale", {"spec": {"replicas": 3}})),
    case(
        "a scale of a Deployment",
        post(DEPLOYMENTS, DEPLOYMENT),
        get(f"{DEPLOYMENTS}/a/scale"),
        patch(f"{DEPLOYMENTS}/a/scale", {"spec": {"replicas": 5}}),
        get(f"{DEPLOYMENTS}/a"),
    ),
    case(
        "a scale of a Deployment is applied",
        post(DEPLOYMENTS, DEPLOYMENT),
        Send("PATCH", f"{DEPLOYMENTS}/a/scale?fieldManager=alice", scale(3), APPLY),
        Send("PATCH", f"{DEPLOYMENTS}/a/scale?fieldManager=alice&force=true", scale(3), APPLY),
        get(f"{DEPLOYMENTS}/a"),
        Send("PATCH", f"{DEPLOYMENTS}/a/scale?fieldManager=bob", scale(4), APPLY),
        Send("PATCH", f"{DEPLOYMENTS}/a/scale?fieldManager=alice", {"spec": {"replicas": 3}}, APPLY),
        Send("PATCH", f"{DEPLOYMENTS}/none/scale?fieldManager=alice", scale(3), APPLY),
    ),
    case(
        "a scale of a Widget is applied",
        MADE,
        Send("PATCH", f"{A}/scale?fieldManager=alice", scale(3), APPLY),
        Send("PATCH", f"{A}/scale?fieldManager=alice&force=true", scale(3), APPLY),
    ),
    case(
        "a scale that is none",
        MADE,
        put(f"{A}/scale", []),
        put(f"{A}/scale", scale("x")),
        put(f"{A}/scale", scale(1) | {"kind": "Other"}),
        put(f"{A}/scale", scale(1, resourceVersion="1")),
        put(f"{A}/scale", scale(1, uid="another")),
        patch(f"{A}/scale", {"spec": {"replicas": 2}}, STRATEGIC),
        post(DEPLOYMENTS, DEPLOYMENT),
        put(f"{DEPLOYMENTS}/a/scale", []),
        put(f"{DEPLOYMENTS}/a/scale", scale(-1)),
        put(f"{DEPLOYMENTS}/a/scale", scale(1) | {"kind": "Other"}),
    ),
    case(
        "replicas that are none",
        MADE,
        patch(f"{A}/status", {"status": {"replicas": -1}}),
        patch(f"{A}/status", {"status": {"replicas": 2**32}}),
        patch(f"{A}/status", {"status": {"selector": 5}}),
        patch(f"{A}/status", {"status": "x"}),
        post(WIDGETS, widget("b", {"replicas": "x"})),
        post(WIDGETS, widget("b", "x")),
        post(WIDGETS, widget("b", {"replicas": 2**32})),
        patch(A, {"spec": {"replicas": -1}}),
    ),
    case(
        "a status of a Deployment",
        post(DEPLOYMENTS, DEPLOYMENT),
        patch(f"{DEPLOYMENTS}/a/status", {"status": {"replicas": 1}}),
        patch(f"{DEPLOYMENTS}/a", {"status": {"replicas": 7}}),
    ),
)

"""Schemas of CRDs: types, bounds, lists, defaults, pruning, rules."""

from typing import Any

from conformance.script import WIDGETS, Case, case, get, patch, post, put, widget
from e2e.crd_cases import BAD, CHANGES, GOOD

A = f"{WIDGETS}/a"
SPECS: dict[str, Any] = {
    "nothing": {},
    "all": {
        "size": 1,
        "ratio": 0.5,
        "color": "red",
        "title": "abc",
        "enabled": True,
        "maybe": None,
        "port": 80,
        "since": "2001-01-01T00:00:00Z",
        "tags": ["a"],
        "items": [{"name": "a"}],
        "plain": [1],
        "labels": {"a": "b"},
        "atom": {"a": "b"},
        "nested": {"a": "x"},
        "free": {"x": [1, {"y": None}]},
        "replicas": 0,
    },
    "too small": {"size": 0},
    "too large": {"size": 11},
    "a fraction": {"size": 1.5},
    "a whole fraction": {"size": 2.0},
    "text for a number": {"size": "2"},
    "a bool for a number": {"size": True},
    "a huge number": {"size": 99999999999999999999},
    "at the exclusive bound": {"ratio": 0},
    "a whole number for a fraction": {"ratio": 2},
    "not of the enum": {"color": "pink"},
    "a number for text": {"color": 1},
    "too short": {"title": "a"},
    "too long": {"title": "abcdefghi"},
    "not of the pattern": {"title": "ABC"},
    "two faults of one field": {"title": "A"},
    "text for a bool": {"enabled": "true"},
    "null for what is nullable": {"maybe": None},
    "null for what is not": {"enabled": None},
    "null for what has a default": {"size": None},
    "null for a list": {"tags": None},
    "null in a list": {"tags": [None]},
    "null in a map": {"labels": {"a": None}},
    "text for a port": {"port": "http"},
    "a fraction for a port": {"port": 1.5},
    "a bool for a port": {"port": True},
    "a bad moment": {"since": "yesterday"},
    "a date for a moment": {"since": "2001-01-01"},
    "a moment with an offset": {"since": "2001-01-01T00:00:00+02:00"},
    "duplicates in a set": {"tags": ["a", "b", "a"]},
    "too many in a set": {"tags": ["a", "b", "c", "d", "e"]},
    "a number in a set": {"tags": [1]},
    "text for a list": {"tags": "a"},
    "an object for a list": {"tags": {}},
    "duplicates by key": {"items": [{"name": "a"}, {"name": "a", "value": "b"}]},
    "an item without its key": {"items": [{"value": "b"}]},
    "text for an item": {"items": ["a"]},
    "too many items": {"items": [{"name": str(n)} for n in range(6)]},
    "an unknown field of an item": {"items": [{"name": "a", "nothing": 1}]},
    "a number in a map": {"labels": {"a": 1}},
    "a list for a map": {"labels": []},
    "a nested field that is required": {"nested": {}},
    "a nested default": {"nested": {"a": "x"}},
    "unknown fields": {"nothing": 1, "more": {"a": 1}, "size": 2},
    "unknown fields at several depths": {
        "nested": {"a": "x", "c": 1},
        "items": [{"name": "a"}, {"name": "b", "z": {}}],
    },
    "free fields": {"free": {"nothing": 1, "metadata": {"a": None}}},
    "text for an object": {"free": "a"},
    "low above high": {"low": 2, "high": 1},
    "low below high": {"low": 1, "high": 2},
    "a rule and a wrong type": {"low": "x", "high": 1},
    "a negative number": {"replicas": -1},
}
CHANGED: dict[str, tuple[Any, Any]] = {
    "a fixed field stays": ({"fixed": "a"}, {"fixed": "a", "size": 2}),
    "a fixed field changes": ({"fixed": "a"}, {"fixed": "b"}),
    "a fixed field goes": ({"fixed": "a"}, {"fixed": None}),
    "a fixed field comes": ({}, {"fixed": "a"}),
    "a default comes back": ({"size": 5}, {"size": None}),
}


def made(id_: str, spec: Any) -> Case:
    strict = post(f"{WIDGETS}?fieldValidation=Strict", widget("b", spec))
    ignore = post(f"{WIDGETS}?fieldValidation=Ignore", widget("c", spec))
    return case(f"schema: {id_}", post(WIDGETS, widget("a", spec)), strict, ignore)


def of_ours(kind: Any, name: str, spec: Any) -> tuple[str, dict[str, Any]]:
    path = kind.path("NAMESPACE").replace("NAMESPACE", "$(ns)")
    return path, {"apiVersion": kind.api_version, "kind": kind.name, "metadata": {"name": name}, "spec": spec}


def bad(number: int, id_: str, kind: Any, spec: Any, name: str = "bad") -> Case:
    path, thing = of_ours(kind, name, spec)
    path = path.replace("$(ns)", "default")
    return case(
        f"AIM {number}: {id_}",
        post(f"{path}?dryRun=All", thing),
        post(f"{path}?dryRun=All&fieldValidation=Strict", thing),
    )


def change(number: int, id_: str, kind: Any, before: Any, after: Any) -> Case:
    path, thing = of_ours(kind, "$(ns)", before)
    return case(f"AIM change {number}: {id_}", post(path, thing), patch(f"{path}/$(ns)", {"spec": after}))


CASES = (
    *(made(words, spec) for words, spec in SPECS.items()),
    *(
        case(f"schema: {words}", post(WIDGETS, widget("a", before)), patch(A, {"spec": after}))
        for words, (before, after) in CHANGED.items()
    ),
    case("an unknown validation", post(f"{WIDGETS}?fieldValidation=Perhaps", widget("a"))),
    case(
        "unknown fields of a ConfigMap",
        *(
            post(
                f"/api/v1/namespaces/$(ns)/configmaps?dryRun=All&fieldValidation={v}",
                {"metadata": {"name": "a", "x": 1}, "y": 2},
            )
            for v in ("Strict", "Warn", "Ignore")
        ),
    ),
    case(
        "duplicate keys",
        *(
            post(
                f"{WIDGETS}?dryRun=All&fieldValidation={v}",
                b'{"apiVersion":"conformance.example.com/v1","kind":"Widget","metadata":{"name":"a"},"spec":{"size":1,"size":2}}',
            )
            for v in ("Strict", "Warn", "Ignore")
        ),
    ),
    case(
        "a field at the root",
        *(post(f"{WIDGETS}?dryRun=All&fieldValidation={v}", widget("a") | {"nothing": 1}) for v in ("Strict", "Warn")),
    ),
    case(
        "a fault that was there already is let be", post(WIDGETS, widget("a", {"tags": ["a"]})), put(A, "$(0)"), get(A)
    ),
    *(bad(number, each.id, each.kind, each.spec, each.name) for number, each in enumerate(BAD, 1)),
    *(change(number, each.id, each.kind, each.before, each.patch) for number, each in enumerate(CHANGES, 1)),
    *(bad(number + len(BAD), each.id, each.kind, each.spec, each.name) for number, each in enumerate(GOOD, 1)),
)

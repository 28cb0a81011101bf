"""The HTTPRoute of a service: what is wanted of it, whose path it is, and what the gateway says."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from aimctrl.aim.service.decide import decide
from aimctrl.aim.service.route import Wanted, conflict, gateway_word, places, wanted
from aimctrl.api.config import GatewayRef, Routing
from aimctrl.kube.external import HTTPRoute
from aimctrl.kube.kinds import Key
from aimctrl.kube.lookup import Found, Missing
from aimctrl.kube.meta import Meta
from aimctrl.runtime.plan import Plan
from unit.aim.service.samples import (
    after,
    config,
    decoded,
    http_route,
    isvc,
    kinds,
    manifest,
    model,
    said,
    seen,
    service,
    template,
)

GATEWAY = {"name": "gw", "namespace": "gateways"}
ROUTED: dict[str, Any] = {"enabled": True, "gatewayRef": GATEWAY}
READY = {"runtime": isvc(ready=True)}


def path(plan: Plan) -> str | None:
    assert plan.status is not None
    found: str | None = plan.status.get("routing", {}).get("path")
    return found


def test_the_route_leads_from_the_gateways_path_to_the_predictor() -> None:
    plan = decide(seen(service(routing=ROUTED | {"requestTimeout": "90s", "annotations": {"a": "b"}}), template()))
    assert manifest(plan, "HTTPRoute") == {
        "apiVersion": "gateway.networking.k8s.io/v1",
        "kind": "HTTPRoute",
        "metadata": {
            "name": "chat",
            "namespace": "ml",
            "labels": {"aim.silogen.ai/service-name": "chat", "app.kubernetes.io/managed-by": "aim"},
            "annotations": {"a": "b"},
            "ownerReferences": [
                {
                    "apiVersion": "aim.silogen.ai/v1alpha1", "kind": "AIMService", "name": "chat", "uid": "chat-uid",
                    "controller": True, "blockOwnerDeletion": True,
                },
            ],
        },
        "spec": {
            "parentRefs": [GATEWAY],
            "rules": [
                {
                    "matches": [{"path": {"type": "PathPrefix", "value": "/ml/chat-uid"}}],
                    "filters": [
                        {
                            "type": "URLRewrite",
                            "urlRewrite": {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}},
                        }
                    ],
                    "backendRefs": [{"name": "chat-predictor", "port": 80}],
                    "timeouts": {"request": "90s"},
                }
            ],
        },
    }  # fmt: skip
    assert path(plan) == "/ml/chat-uid"


def test_a_gateway_without_a_namespace_is_the_services_neighbour() -> None:
    gateway = {"name": "gw", "sectionName": "https", "port": 443, "kind": "Gateway"}
    plan = decide(seen(service(routing={"enabled": True, "gatewayRef": gateway}), template()))
    assert manifest(plan, "HTTPRoute")["spec"]["parentRefs"] == [{"namespace": "ml", **gateway}]


def test_the_route_gets_the_labels_that_are_propagated() -> None:
    rules = config(labelPropagation={"enabled": True, "match": ["team*"]})
    plan = decide(seen(service(routing=ROUTED, labels={"team": "a", "x": "y"}), template(), config=rules))
    labels = manifest(plan, "HTTPRoute")["metadata"]["labels"]
    assert labels["team"] == "a"
    assert "x" not in labels


FULL = Routing(
    enabled=True, gateway_ref=GatewayRef(name="c"), route_template="/c", annotations={"c": "c"}, request_timeout="1s"
)

MERGES: dict[str, tuple[Routing | None, Routing | None, Wanted]] = {
    "nobody says anything": (None, None, Wanted()),
    "the runtime config's": (None, FULL, Wanted(enabled=True, gateway=GatewayRef(name="c"), template="/c", annotations={"c": "c"}, timeout="1s")),
    "the service's": (FULL, None, Wanted(enabled=True, gateway=GatewayRef(name="c"), template="/c", annotations={"c": "c"}, timeout="1s")),
    "switched off by the service": (
        Routing(enabled=False), FULL, Wanted(enabled=False, gateway=GatewayRef(name="c"), template="/c", annotations={"c": "c"}, timeout="1s"),
    ),
    "each field on its own": (
        Routing(path_template="/s", annotations={"s": "s"}), FULL,
        Wanted(enabled=True, gateway=GatewayRef(name="c"), template="/s", annotations={"s": "s"}, timeout="1s"),
    ),
    "the older word counts as the newer": (
        Routing(path_template="/s"), Routing(enabled=True, route_template="/c"), Wanted(enabled=True, gateway=None, template="/s"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("own", "default", "expected"), MERGES.values(), ids=list(MERGES))
def test_each_field_of_routing_is_the_services_else_the_runtime_configs(
    own: Routing | None, default: Routing | None, expected: Wanted
) -> None:
    assert wanted(own, default) == expected


def test_the_route_template_sees_the_service_as_the_api_server_shows_it() -> None:
    text = "/{.kind}/{.metadata.namespace}/{.metadata.labels['team']}/{.spec.model}/"
    subject = service(routing=ROUTED | {"routeTemplate": text}, labels={"team": "A b"})
    document = {"kind": "AIMService", **subject.wire()}
    assert path(decide(seen(subject, template(), document=document))) == "/aimservice/ml/a%20b/llama"


def test_the_model_in_a_path_is_the_resolved_one() -> None:
    subject = service(model={"image": "i:1"}, routing=ROUTED | {"routeTemplate": "/{.spec.model}"})
    named = replace(model(), name="found")
    plan = decide(seen(subject, template(modelName="found"), model=Found(named)))
    assert path(plan) == "/found"


# Whose path it is.


def aged(day: int, name: str = "chat", namespace: str = "ml") -> Meta:
    return Meta(name=name, namespace=namespace, creation_timestamp=datetime(2030, 1, day, tzinfo=UTC))


@pytest.mark.parametrize(
    ("rivals", "keeper"),
    [
        ((), None),
        ((aged(3, "young"),), None),
        ((aged(1, "old"),), "ml/old"),
        ((aged(1, "old", "z"), aged(1, "old", "a"), aged(3, "young")), "a/old"),
        ((aged(2, "a"),), "ml/a"),
        ((aged(2, "z"),), None),
    ],
    ids=["alone", "younger", "older", "the first of the older", "as old, before in the alphabet", "as old, after it"],
)
def test_the_older_service_keeps_the_path(rivals: tuple[Meta, ...], keeper: str | None) -> None:
    found = conflict(aged(2), rivals)
    assert (str(found) if found else None) == keeper


def test_a_place_is_a_gateway_and_a_path() -> None:
    spec = {
        "parentRefs": [{"name": "a", "sectionName": "x"}, {"name": "b", "namespace": "other"}],
        "rules": [{"matches": [{"path": {"value": "/p"}}, {"path": {"value": "/q"}}]}],
    }
    found = places(Meta(name="r", namespace="ml"), decoded(HTTPRoute, {"spec": spec}))
    assert found == ("ml/a /p", "ml/a /q", "other/b /p", "other/b /q")


# What becomes of it.

GONE: dict[str, dict[str, Any]] = {
    "switched off": {"routing": {"enabled": False}},
    "never asked for": {},
    "no gateway any more": {"routing": {"enabled": True}},
    "a broken template": {"routing": ROUTED | {"routeTemplate": "/{.metadata.labels['none']}"}},
    "too long a path": {"routing": ROUTED | {"routeTemplate": "/" + "x" * 200}},
}


@pytest.mark.parametrize("spec", GONE.values(), ids=list(GONE))
def test_a_route_goes_when_routing_does_and_the_runtime_stays(spec: dict[str, Any]) -> None:
    plan = decide(seen(service(**spec), template(), route=http_route(accepted="True"), **READY))
    assert kinds(plan) == ["apply InferenceService chat", "remove HTTPRoute chat"]
    assert plan.removals[0].uid == "route-uid"
    assert path(plan) is None


def test_a_displaced_route_goes() -> None:
    route = replace(http_route(accepted="True"), rivals=(Meta(name="older"),))
    plan = decide(seen(service(routing=ROUTED), template(), route=route, **READY))
    assert kinds(plan) == ["apply InferenceService chat", "remove HTTPRoute chat"]


def test_somebody_elses_route_stays() -> None:
    plan = decide(seen(service(), template(), route=http_route(owner=""), **READY))
    assert plan.removals == ()


def test_a_route_the_gateway_refuses_stays_for_it_to_think_again() -> None:
    plan = decide(
        seen(service(routing=ROUTED), template(), route=http_route(accepted="False", reason="NotAllowed"), **READY)
    )
    assert kinds(plan) == ["apply InferenceService chat", "apply HTTPRoute chat"]


def test_there_is_no_route_before_there_is_something_to_lead_to() -> None:
    plan = decide(seen(service(routing=ROUTED), template(state="Pending")))
    assert kinds(plan) == []
    assert said(plan, "RoutingReady") == ("False", "ConfiguringRoute")


def test_a_route_is_kept_up_while_the_inputs_of_its_runtime_are_broken() -> None:
    plan = decide(seen(service(routing=ROUTED, templateRef="gone"), route=http_route(accepted="True"), **READY))
    assert kinds(plan) == ["apply HTTPRoute chat"]


@pytest.mark.parametrize("parts", [{"config": Missing("x")}, {"model": Missing("x")}], ids=["config", "model"])
def test_a_route_stays_as_it_is_while_its_path_cannot_be_told(parts: dict[str, Any]) -> None:
    first = seen(service(routing=ROUTED), template(), route=http_route(accepted="True"), **READY)
    first = replace(first, route=http_route(parents=[parent("True")]))
    plan = decide(first)
    assert said(plan, "RoutingReady") == ("True", "RouteReady")
    broken = decide(after(plan, first, **parts))
    assert kinds(broken) == []
    assert said(broken, "RoutingReady") == ("True", "RouteReady")
    assert path(broken) == "/ml/chat-uid"


# What the gateway says.


def parent(
    accepted: str, reason: str = "Accepted", refs: str = "", refs_reason: str = "", **parts: Any
) -> dict[str, Any]:
    conditions = [{"type": "Accepted", "status": accepted, "reason": reason, "message": "m", **parts}]
    if refs:
        conditions.append({"type": "ResolvedRefs", "status": refs, "reason": refs_reason, "message": "r"})
    return {"parentRef": GATEWAY, "conditions": conditions}


WORDS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "nothing": ([], "pending"),
    "accepted": ([parent("True")], "ready"),
    "accepted and resolved": ([parent("True", refs="True")], "ready"),
    "refused": ([parent("False", "NotAllowedByListeners")], "refused: NotAllowedByListeners: m"),
    "pending": ([parent("False", "Pending")], "pending"),
    "unknown": ([parent("Unknown", "Pending")], "pending"),
    "the predictor is not there yet": ([parent("True", refs="False", refs_reason="BackendNotFound")], "pending: r"),
    "a reference is not permitted": (
        [parent("True", refs="False", refs_reason="RefNotPermitted")], "refused: RefNotPermitted: r",
    ),
    "about an older route": ([parent("False", "NoMatchingParent", observedGeneration=1)], "pending"),
    "about this route": ([parent("False", "NoMatchingParent", observedGeneration=2)], "refused: NoMatchingParent: m"),
    "another gateway": ([{**parent("True"), "parentRef": {"name": "gw"}}], "pending"),
    "one of two takes it": ([parent("False", "NoMatchingParent"), parent("True")], "ready"),
}  # fmt: skip


@pytest.mark.parametrize(("parents", "expected"), WORDS.values(), ids=list(WORDS))
def test_what_the_gateway_says(parents: list[dict[str, Any]], expected: str) -> None:
    live = decoded(HTTPRoute, {"metadata": {"namespace": "ml", "generation": 2}, "status": {"parents": parents}})
    word = gateway_word(live, Key("gateways", "gw"))
    assert ": ".join(part for part in (word.verdict, word.message) if part) == expected

"""The HTTPRoute of a service: what is wanted of it, whether its path is free, and what the gateway says (SPEC §5).

Source: https://gateway-api.sigs.k8s.io/reference/spec/ (HTTPRoute).
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from aimctrl.aim.naming import MANAGED_BY, MANAGER, SERVICE_NAME
from aimctrl.api.config import GatewayRef, Routing
from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.external import HTTPROUTES, HTTPRoute, ParentReference
from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta
from aimctrl.kube.names import label_value
from aimctrl.runtime.plan import Child, Target

BACKEND_PORT = 80
"""The port of KServe's predictor Service."""

_EPOCH = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Wanted:
    """The routing in force: each field the service's, else its runtime config's."""

    enabled: bool = False
    gateway: GatewayRef | None = None
    template: str | None = None
    annotations: dict[str, str] = field(default_factory=dict[str, str])
    timeout: str | None = None


def wanted(own: Routing | None, default: Routing | None) -> Wanted:
    """Merge the service's routing with its runtime config's, per field."""
    first, second = own or Routing(), default or Routing()
    return Wanted(
        enabled=bool(second.enabled if first.enabled is None else first.enabled),
        gateway=first.gateway_ref or second.gateway_ref,
        template=first.route_template_text or second.route_template_text,
        annotations=first.annotations or second.annotations,
        timeout=first.request_timeout or second.request_timeout,
    )


def conflict(service: Meta, rivals: Iterable[Meta]) -> Key | None:
    """Of the services with a route in the same place, the one that keeps it: an older one, or the first in the alphabet
    of the same age. None where that is the service itself.
    """
    older = sorted(_age(rival) for rival in rivals if _age(rival) < _age(service))
    return older[0][1] if older else None


def _age(meta: Meta) -> tuple[datetime, Key]:
    return meta.creation_timestamp or _EPOCH, Key(meta.namespace, meta.name)


def gateway_key(gateway: GatewayRef, namespace: str) -> Key:
    """The gateway's name; without a namespace of its own it is in the route's."""
    return Key(gateway.namespace or namespace, gateway.name)


def place(gateway: Key, path: str) -> str:
    """What no two routes may share, as one string: the value routes are indexed under."""
    return f"{gateway.namespace}/{gateway.name} {path}"


def places(meta: Meta, route: HTTPRoute) -> tuple[str, ...]:
    """The places a route takes: each of its gateways with each of its paths."""
    gateways = {Key(ref.namespace or meta.namespace, ref.name) for ref in route.spec.parent_refs}
    paths = {match.path.value for rule in route.spec.rules for match in rule.matches}
    return tuple(sorted(place(gateway, path) for gateway in gateways for path in paths))


@dataclass(frozen=True, slots=True)
class RouteParts:
    """What a route is made of; `labels` are those propagated from the service."""

    wanted: Wanted
    gateway: GatewayRef
    path: str
    backend: str
    labels: dict[str, str]


def http_route(target: Target, parts: RouteParts) -> Child:
    """The HTTPRoute of the service's name."""
    name, namespace = target.meta.name, target.meta.namespace
    labels = {**parts.labels, MANAGED_BY: MANAGER, SERVICE_NAME: label_value(name)}
    metadata: dict[str, Any] = {
        "name": name,
        "namespace": namespace,
        "labels": dict(sorted(labels.items())),
        "ownerReferences": [target.owner_reference()],
    }
    if parts.wanted.annotations:
        metadata["annotations"] = dict(sorted(parts.wanted.annotations.items()))
    spec = {"parentRefs": [_parent(parts.gateway, namespace)], "rules": [_rule(parts)]}
    kind = HTTPROUTES
    return Child(kind, {"apiVersion": kind.api_version, "kind": kind.name, "metadata": metadata, "spec": spec})


def _parent(gateway: GatewayRef, namespace: str) -> dict[str, Any]:
    return {"namespace": namespace, **gateway.wire()}


def _rule(parts: RouteParts) -> dict[str, Any]:
    rewrite = {"path": {"type": "ReplacePrefixMatch", "replacePrefixMatch": "/"}}
    rule: dict[str, Any] = {
        "matches": [{"path": {"type": "PathPrefix", "value": parts.path}}],
        "filters": [{"type": "URLRewrite", "urlRewrite": rewrite}],
        "backendRefs": [{"name": parts.backend, "port": BACKEND_PORT}],
    }
    if parts.wanted.timeout:
        rule["timeouts"] = {"request": parts.wanted.timeout}
    return rule


@dataclass(frozen=True, slots=True)
class Word:
    """What the gateway says of the route: taken up, refused, or nothing yet."""

    verdict: Literal["ready", "pending", "refused"]
    message: str = ""


def gateway_word(route: HTTPRoute, gateway: Key) -> Word:
    """What the controllers of a gateway say of the route as it is now; one that takes it up is enough."""
    parents = [p for p in route.status.parents if _is_about(p.parent_ref, route.metadata.namespace, gateway)]
    words = [_word(parent.conditions, route.metadata.generation) for parent in parents]
    order = ("ready", "refused", "pending")
    return min(words, key=lambda word: order.index(word.verdict), default=Word("pending"))


def _is_about(reference: ParentReference, namespace: str, gateway: Key) -> bool:
    return Key(reference.namespace or namespace, reference.name) == gateway


def _word(conditions: tuple[Condition, ...], generation: int) -> Word:
    accepted, refs = (_current(conditions, kind, generation) for kind in ("Accepted", "ResolvedRefs"))
    for said in (accepted, refs):
        # A route that waits for its gateway, or for KServe to make the Service, is on its way.
        if said and said.status == "False" and said.reason not in {"Pending", "BackendNotFound"}:
            return Word("refused", f"{said.reason}: {said.message}" if said.message else said.reason)
    unresolved = refs is not None and not refs.is_true
    if accepted and accepted.is_true and not unresolved:
        return Word("ready")
    return Word("pending", refs.message if refs and unresolved else "")


def _current(conditions: tuple[Condition, ...], kind: str, generation: int) -> Condition | None:
    said = find(conditions, kind)
    stale = said is not None and 0 < said.observed_generation < generation
    return None if stale else said

"""Policies in force: those that are bound are asked about each write.

They hold from the moment in which they and their bindings are stored; kube-apiserver takes about a second. Where
several refuse a request, it is told of the first by name. Audit annotations are made by nobody.
Source: https://kubernetes.io/docs/reference/access-authn-authz/validating-admission-policy/.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aimctrl.sandbox.apiserver.cluster import Cluster
from aimctrl.sandbox.apiserver.errors import StatusError, forbidden
from aimctrl.sandbox.apiserver.policies.attempt import Attempt, namespace_object
from aimctrl.sandbox.apiserver.policies.decisions import Decision, decisions
from aimctrl.sandbox.apiserver.policies.matching import matched
from aimctrl.sandbox.apiserver.policies.params import ConfigurationError, param_type, params
from aimctrl.sandbox.apiserver.schema.node import Object

GROUP = "admissionregistration.k8s.io"
POLICIES, BINDINGS = "validatingadmissionpolicies", "validatingadmissionpolicybindings"


@dataclass(frozen=True, slots=True)
class _Objection:
    """What a policy has against a request, by one of its bindings; `""` where it is wrong for all of them."""

    decision: Decision
    policy: str
    binding: str
    actions: tuple[str, ...]

    @property
    def named(self) -> str:
        binding = f" with binding '{self.binding}'" if self.binding else ""
        return f"ValidatingAdmissionPolicy '{self.policy}'{binding}"


def admit(cluster: Cluster, attempt: Attempt) -> None:
    """Has all policies look at what is about to happen; their warnings are added to those of the call.

    Raises:
        StatusError: where one refuses it.
    """
    if not len(cluster.storage.collection(GROUP, BINDINGS)) or attempt.call.type.group == GROUP:
        return
    found = [*_objections(cluster, attempt)]
    attempt.call.warnings.extend(
        f"Validation failed for {each.named}: {each.decision.message}" for each in found if "Warn" in each.actions
    )
    for each in found:
        if "Deny" in each.actions:
            raise _refusal(attempt, each)


def _objections(cluster: Cluster, attempt: Attempt) -> Iterator[_Objection]:
    bound: dict[str, list[Object]] = {}
    for stored in cluster.storage.collection(GROUP, BINDINGS).all():
        bound.setdefault(stored.object["spec"]["policyName"], []).append(stored.object)
    for stored in cluster.storage.collection(GROUP, POLICIES).all():
        bindings = bound.get(stored.object["metadata"]["name"])
        if bindings:
            yield from _of_policy(cluster, attempt, stored.object, bindings)


def _of_policy(cluster: Cluster, attempt: Attempt, policy: Object, bindings: list[Object]) -> Iterator[_Objection]:
    name, spec = policy["metadata"]["name"], policy["spec"]
    type_ = matched(cluster, spec["matchConstraints"], attempt)
    if type_ is None:
        return
    try:
        if kind := spec.get("paramKind"):
            param_type(cluster, kind)
    except ConfigurationError as error:
        yield from _misconfigured(spec, f"failed to configure policy: {error}", name, "")
        return
    given = {
        "object": attempt.seen_as(attempt.thing, type_),
        "oldObject": attempt.seen_as(attempt.old, type_),
        "request": attempt.request(type_),
        "namespaceObject": namespace_object(cluster, attempt),
    }
    for binding in bindings:
        if matched(cluster, binding["spec"].get("matchResources") or {}, attempt) is not None:
            yield from _by_binding(cluster, policy, binding, given)


def _by_binding(cluster: Cluster, policy: Object, binding: Object, given: Mapping[str, Any]) -> Iterator[_Objection]:
    spec, own = policy["spec"], binding["spec"]
    names = (policy["metadata"]["name"], binding["metadata"]["name"])
    namespace = given["request"].get("namespace", "")
    try:
        found = params(cluster, spec.get("paramKind"), own.get("paramRef"), namespace)
    except ConfigurationError as error:
        yield from _misconfigured(spec, f"failed to configure binding: {error}", *names)
        return
    for each in found:
        for decision in decisions(spec, {**given, "params": each}):
            yield _Objection(decision, *names, tuple(own["validationActions"]))


def _misconfigured(spec: Object, why: str, policy: str, binding: str) -> Iterator[_Objection]:
    """Says what cannot be followed, which refuses the request unless failures are ignored."""
    if spec.get("failurePolicy") != "Ignore":
        yield _Objection(Decision(why), policy, binding, ("Deny",))


def _refusal(attempt: Attempt, objection: _Objection) -> StatusError:
    decision = objection.decision
    message = f"{objection.named} denied request: {decision.message}"
    thing = attempt.thing or {"metadata": {}}
    name = attempt.name or thing["metadata"].get("name") or "Unknown"
    error = forbidden(attempt.call.type.subject(name), message)
    details = {**(error.details or {}), "causes": [{"message": message}]}
    return StatusError(decision.code, decision.reason, error.message, details=details)

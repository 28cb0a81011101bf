"""`pods/binding`, which puts a pod on a node, and `pods/eviction`, which deletes one if its disruption budget allows.

Source: https://kubernetes.io/docs/concepts/scheduling-eviction/api-eviction/.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from aiohttp import web
from msgspec.structs import replace

from aimctrl.sandbox.apiserver.cluster import Answer, Cluster
from aimctrl.sandbox.apiserver.deleting import delete_stored, read_options
from aimctrl.sandbox.apiserver.errors import (
    Cause,
    FieldError,
    StatusError,
    Subject,
    bad_request,
    conflict,
    not_allowed,
    not_found,
)
from aimctrl.sandbox.apiserver.negotiation import decoded
from aimctrl.sandbox.apiserver.policies.admission import admit
from aimctrl.sandbox.apiserver.policies.attempt import Attempt
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.selectors import selected
from aimctrl.sandbox.apiserver.storage import Stored
from aimctrl.sandbox.apiserver.values import copied, deleting, key_of, section, timestamp

_DONE: Object = {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "code": 201}


@dataclass(frozen=True, slots=True)
class PodMoves:
    """Binds and evicts pods."""

    cluster: Cluster

    async def bind(self, request: web.BaseRequest, call: Call) -> Answer:
        """Puts the pod on the node that the body says; its name is in the path, or for `bindings` in the body.

        Raises:
            StatusError: where it is refused.
        """
        del request
        body = _body(call)
        name = body["metadata"].get("name", "")
        if call.name and name != call.name:
            raise bad_request("name in URL does not match name in Binding object")
        target: Object = body.get("target") or {}
        errors = [str(error) for error in _target_errors(target)]
        if errors:
            raise StatusError(500, "", errors[0] if len(errors) == 1 else f"[{', '.join(errors)}]")
        admit(self.cluster, Attempt(call, "CREATE", body, None))
        pod = self._pod(call, name)
        self._check_unbound(pod)
        if not call.dry_run:
            self._write(pod, lambda thing: self._bound(thing, target["name"], body["metadata"]))
        return Answer(_DONE, 201)

    async def evict(self, request: web.BaseRequest, call: Call) -> Answer:
        """Deletes the pod, unless a disruption budget does not allow it.

        Raises:
            StatusError: where it is refused; 429 by a budget.
        """
        del request
        body = _body(call)
        if body["metadata"].get("name", "") != call.name:
            raise bad_request("name in URL does not match name in Eviction object")
        admit(self.cluster, Attempt(call, "CREATE", body, None))
        pod = self._pod(call, call.name)
        options = read_options(replace(call, body=b"", query=_delete_query(call, body)))
        budget = None if _needs_no_budget(pod.object) else self._budget(pod.object)
        if budget is not None and not options.dry_run:
            self._spend(budget, call.name)
        if not options.dry_run:
            self._write(pod, self._targeted)
            pod = self._pod(call, call.name)
        delete_stored(self.cluster, call.type, pod, options)
        return Answer(_DONE, 201)

    def _pod(self, call: Call, name: str) -> Stored:
        pod = self.cluster.storage.collection("", "pods").get(key_of(call.place.namespace, name))
        if pod is None:
            raise not_found(Subject("", "pods", name))
        return pod

    def _write(self, stored: Stored, change: Callable[[Object], None]) -> None:
        """Stores a change of the server's own, of which managedFields say nothing."""
        thing = copied(stored.object)
        change(thing)
        self.cluster.storage.collection("", "pods").put(stored.key, thing)

    def _check_unbound(self, pod: Stored) -> None:
        name, node = pod.object["metadata"]["name"], pod.object["spec"].get("nodeName", "")
        subject = Subject("", "pods/binding", name)
        if deleting(pod.object):
            raise conflict(subject, f"pod {name} is being deleted, cannot be assigned to a host")
        if node:
            raise conflict(subject, f'pod {name} is already assigned to node "{node}"')

    def _bound(self, pod: Object, node: str, said: Object) -> None:
        pod["spec"]["nodeName"] = node
        for part in ("labels", "annotations"):
            if said.get(part):
                pod["metadata"][part] = {**pod["metadata"].get(part, {}), **said[part]}
        self._set(pod, {"type": "PodScheduled", "status": "True", "lastProbeTime": None})

    def _targeted(self, pod: Object) -> None:
        reason = {"reason": "EvictionByEvictionAPI", "message": "Eviction API: evicting"}
        self._set(pod, {"type": "DisruptionTarget", "status": "True", "lastProbeTime": None, **reason})

    def _set(self, thing: Object, condition: Object) -> None:
        status: Object = thing.get("status") or {}
        kept = [each for each in status.get("conditions") or () if each["type"] != condition["type"]]
        since = timestamp(self.cluster.now())
        thing["status"] = {**status, "conditions": [*kept, {**condition, "lastTransitionTime": since}]}

    def _budget(self, pod: Object) -> Stored | None:
        meta = pod["metadata"]
        budgets = self.cluster.storage.collection("policy", "poddisruptionbudgets").all(meta["namespace"])
        found = [b for b in budgets if selected(b.object["spec"].get("selector"), meta.get("labels", {}))]
        if len(found) > 1:
            message = "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support."
            raise StatusError(500, "InternalError", f"Internal error occurred: {message}")
        return found[0] if found else None

    def _spend(self, budget: Stored, pod: str) -> None:
        """Takes one disruption off a budget.

        Raises:
            StatusError: 429, where it has none left, or is not up to date.
        """
        meta, status = budget.object["metadata"], section(budget.object, "status")
        if status.get("observedGeneration", 0) < meta.get("generation", 0):
            raise _over_budget(f"The disruption budget {meta['name']} is still being processed by the server.", 10)
        allowed: int = status.get("disruptionsAllowed", 0)
        if allowed < 1:
            raise _over_budget(
                f"The disruption budget {meta['name']} needs {status.get('desiredHealthy', 0)} healthy pods and has "
                f"{status.get('currentHealthy', 0)} currently",
                0,
            )
        thing = copied(budget.object)
        now = timestamp(self.cluster.now())
        thing["status"]["disruptionsAllowed"] = allowed - 1
        thing["status"].setdefault("disruptedPods", {})[pod] = now
        if allowed == 1:
            seen = meta.get("generation", 0)
            none_left = {"status": "False", "observedGeneration": seen, "reason": "InsufficientPods"}
            self._set(thing, {"type": "DisruptionAllowed", **none_left, "message": ""})
        self.cluster.storage.collection("policy", "poddisruptionbudgets").put(budget.key, thing)


def _body(call: Call) -> Object:
    if call.verb != "create":
        raise not_allowed()
    body: Any = decoded(call.body, call.content_type)
    if not isinstance(body, dict):
        raise bad_request("the body is no object")
    thing: Object = {**body}
    return {**thing, "metadata": section(thing, "metadata")}


def _target_errors(target: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    if target.get("kind", "") not in {"", "Node"}:
        words = 'supported values: "Node", "<empty>"'
        errors.append(FieldError(Cause.NOT_SUPPORTED, "target.kind", words, target["kind"]))
    if not target.get("name"):
        errors.append(FieldError(Cause.REQUIRED, "target.name"))
    return errors


def _delete_query(call: Call, body: Object) -> dict[str, str]:
    options: Object = body.get("deleteOptions") or {}
    query: dict[str, str] = {}
    for key in ("gracePeriodSeconds", "propagationPolicy"):
        if key in options:
            query[key] = str(options[key])
    if call.dry_run or options.get("dryRun"):
        query["dryRun"] = "All"
    return query


def _needs_no_budget(pod: Object) -> bool:
    """Whether a pod does not count as one that a budget keeps."""
    return deleting(pod) or section(pod, "status").get("phase", "") in {"Succeeded", "Failed", "Pending", ""}


def _over_budget(why: str, seconds: int) -> StatusError:
    details: Object = {"causes": [{"reason": "DisruptionBudget", "message": why}]}
    headers: dict[str, str] = {}
    if seconds:
        details["retryAfterSeconds"] = seconds
        headers["Retry-After"] = str(seconds)
    words = "Cannot evict pod as it would violate the pod's disruption budget."
    return StatusError(429, "TooManyRequests", words, details=details, headers=headers)

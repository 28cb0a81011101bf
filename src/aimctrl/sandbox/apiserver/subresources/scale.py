"""`scale`: the replicas of any kind that has them, in the same form for all.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v1/ (Scale) and
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource.
"""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from aimctrl.sandbox.apiserver.bodies import checked_options, named_as
from aimctrl.sandbox.apiserver.cluster import Answer, Cluster, served
from aimctrl.sandbox.apiserver.errors import Cause, FieldError, StatusError, Subject, bad_request, invalid, not_allowed
from aimctrl.sandbox.apiserver.negotiation import decoded, unsupported
from aimctrl.sandbox.apiserver.patch.json_patch import apply_json_patch
from aimctrl.sandbox.apiserver.patch.merge_patch import apply_merge_patch
from aimctrl.sandbox.apiserver.patching import JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.resources import Scale
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.selectors import selector_text
from aimctrl.sandbox.apiserver.values import copied, section
from aimctrl.sandbox.apiserver.writing import updated

_BUILTIN = Scale(".spec.replicas", ".status.replicas")
_SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


@dataclass(frozen=True, slots=True)
class Scales:
    """Reads and writes scales; server-side apply of one is not known here."""

    cluster: Cluster

    async def answer(self, request: web.BaseRequest, call: Call) -> Answer:
        """Answers a get, an update or a patch of a scale.

        Raises:
            StatusError: where it is refused.
        """
        del request
        if call.verb not in {"get", "update", "patch"}:
            raise not_allowed()
        thing = served(self.cluster.find(call), call.type).object
        if call.verb == "get":
            return Answer(_scale(call, thing, must_have=True))
        checked_options("UpdateOptions" if call.verb == "update" else "PatchOptions", call.query)
        wanted = _read(call) if call.verb == "update" else _patched(call, _scale(call, thing))
        return Answer(self._write(call, wanted))

    def _write(self, call: Call, wanted: Object) -> Object:
        replicas = _replicas(call, wanted)
        old = served(self.cluster.find(call), call.type)
        thing = copied(old.object)
        _put(thing, _paths(call).spec_replicas, replicas)
        version = section(wanted, "metadata").get("resourceVersion")
        if version:
            thing["metadata"]["resourceVersion"] = version
        return _scale(call, updated(self.cluster, call, thing, old).object)


def _paths(call: Call) -> Scale:
    return call.type.scale or _BUILTIN


def _scale(call: Call, thing: Object, *, must_have: bool = False) -> Object:
    """The scale of an object.

    Raises:
        StatusError: 500, where it `must_have` replicas and says none.
    """
    paths = _paths(call)
    replicas = _at(thing, paths.spec_replicas)
    if replicas is None and must_have and call.type.custom:
        text = f'the spec replicas field "{paths.spec_replicas}" does not exist'
        message = f"Internal error occurred: {text}"
        raise StatusError(500, "InternalError", message, details={"causes": [{"message": text}]})
    status: Object = {"replicas": _at(thing, paths.status_replicas) or 0}
    selector = _at(thing, paths.selector) if call.type.custom else selector_text(_at(thing, ".spec.selector"))
    if selector:
        status["selector"] = selector
    meta = {key: thing["metadata"][key] for key in _SHOWN if key in thing["metadata"]}
    spec = {"replicas": replicas} if replicas else {}
    return {"kind": "Scale", "apiVersion": "autoscaling/v1", "metadata": meta, "spec": spec, "status": status}


def _read(call: Call) -> Object:
    body: Any = decoded(call.body, call.content_type)
    if not isinstance(body, dict):
        raise bad_request("the body is no Scale")
    thing: Object = {**body}
    if (thing.get("kind", "Scale"), thing.get("apiVersion", "autoscaling/v1")) != ("Scale", "autoscaling/v1"):
        raise bad_request('no kind is registered for the type v1.Scale in scheme "pkg/runtime/scheme.go:111"')
    thing["metadata"] = section(thing, "metadata")
    named_as(call, thing)
    return thing


def _patched(call: Call, scale: Object) -> Object:
    accepted = (JSON_PATCH, MERGE_PATCH) if call.type.custom else (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH)
    if call.content_type not in accepted:
        raise unsupported(call.content_type, *accepted)
    change = decoded(call.body, "application/json")
    patched = apply_json_patch(scale, change) if call.content_type == JSON_PATCH else apply_merge_patch(scale, change)
    if not isinstance(patched, dict):
        raise bad_request("the patched object is no Scale")
    result: Object = {**patched}
    return result


def _replicas(call: Call, wanted: Object) -> int:
    replicas: Any = section(wanted, "spec").get("replicas", 0)
    if not isinstance(replicas, int) or isinstance(replicas, bool):
        raise bad_request("json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32")
    if replicas >= 0:
        return replicas
    if call.type.custom:
        path, words = _paths(call).spec_replicas, "should be a non-negative integer"
        raise invalid(call.type.kind, call.type.subject(call.name), [FieldError(Cause.INVALID, path, words, replicas)])
    error = FieldError(Cause.INVALID, "spec.replicas", "must be greater than or equal to 0", replicas)
    raise invalid("Scale", Subject("autoscaling", "scales", call.name), [error])


def _at(thing: Object, path: str) -> Any:
    """What is under a path such as `.spec.replicas`; None for nothing."""
    *parents, last = path.removeprefix(".").split(".")
    return section(thing, *parents).get(last)


def _put(thing: Any, path: str, value: int) -> None:
    *parents, last = filter(None, path.split("."))
    for part in parents:
        thing = thing.setdefault(part, {})
    thing[last] = value

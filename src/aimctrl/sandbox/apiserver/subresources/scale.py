"""`scale`: the replicas of any kind that has them, in the same form for all.

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/horizontal-pod-autoscaler-v1/ (Scale) and
https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definitions/#scale-subresource.
"""

from dataclasses import dataclass
from typing import Any

from aiohttp import web

from aimctrl.sandbox.apiserver.bodies import checked_options, excerpt, named_as, no_object
from aimctrl.sandbox.apiserver.cluster import Answer, Cluster, served
from aimctrl.sandbox.apiserver.errors import Cause, FieldError, StatusError, Subject, bad_request, invalid, not_allowed
from aimctrl.sandbox.apiserver.fields.apply import applied
from aimctrl.sandbox.apiserver.negotiation import decoded, unsupported
from aimctrl.sandbox.apiserver.patch.json_patch import apply_json_patch
from aimctrl.sandbox.apiserver.patch.merge_patch import apply_merge_patch
from aimctrl.sandbox.apiserver.patching import APPLY_PATCH, JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, read_intent
from aimctrl.sandbox.apiserver.policies.admission import admit
from aimctrl.sandbox.apiserver.policies.attempt import Attempt
from aimctrl.sandbox.apiserver.request import Call, flag
from aimctrl.sandbox.apiserver.resources import Scale
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.selectors import selector_text
from aimctrl.sandbox.apiserver.values import group_of, section
from aimctrl.sandbox.apiserver.writing import check_uid, updated, writer_of

_SCHEME = 'in scheme "pkg/runtime/scheme.go:111"'
_KIND = ("autoscaling/v1", "Scale")
_BUILTIN = Scale(".spec.replicas", ".status.replicas")
_SHOWN = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


@dataclass(frozen=True, slots=True)
class Scales:
    """Reads and writes scales."""

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
        if call.content_type == APPLY_PATCH and call.verb == "patch":
            return Answer(self._apply(call))
        wanted = _read(call) if call.verb == "update" else _patched(call, _scale(call, thing))
        return Answer(self._write(call, wanted))

    def _apply(self, call: Call) -> Object:
        """Server-side apply, of the replicas in the object itself."""
        intent = read_intent(call)
        if (intent.get("apiVersion"), intent.get("kind")) != _KIND:
            group, version = group_of(intent.get("apiVersion", ""))
            raise bad_request(f"invalid object type: {group}/{version}, Kind={intent.get('kind', '')}")
        old = served(self.cluster.find(call), call.type)
        wanted: Object = {"apiVersion": call.type.api_version, "kind": call.type.kind}
        replicas = section(intent, "spec").get("replicas")
        if replicas is not None:
            _put(wanted, _paths(call).spec_replicas, _replicas(call, intent))
        try:
            writer = writer_of(self.cluster, call, "Apply")
            thing = applied(call.type.node, old.object, wanted, writer, force=flag(call.query, "force"))
        except StatusError as error:
            raise _of_scale(error, call) from error
        named_as(call, {"metadata": section(intent, "metadata")})
        admit(self.cluster, Attempt(call, "UPDATE", _scale(call, thing), _scale(call, old.object)))
        return _scale(call, updated(self.cluster, call, thing, old, applied=True).object)

    def _write(self, call: Call, wanted: Object) -> Object:
        replicas = _replicas(call, wanted)
        old = served(self.cluster.find(call), call.type)
        thing = old.copy()
        _put(thing, _paths(call).spec_replicas, replicas)
        admit(self.cluster, Attempt(call, "UPDATE", _scale(call, thing), _scale(call, old.object)))
        check_uid(call, section(wanted, "metadata").get("uid", ""), old)
        version = section(wanted, "metadata").get("resourceVersion")
        if version:
            thing["metadata"]["resourceVersion"] = version
        return _scale(call, updated(self.cluster, call, thing, old).object)


def _of_scale(error: StatusError, call: Call) -> StatusError:
    """A conflict about the replicas of an object as one about those of its scale."""
    own, shown = f"using {call.type.api_version}", f"using {_KIND[0]}"
    causes = (error.details or {}).get("causes", ())
    told = [{**cause, "message": cause["message"].replace(own, shown), "field": ".spec.replicas"} for cause in causes]
    message = error.message.replace(own, shown).replace(_paths(call).spec_replicas, ".spec.replicas")
    return StatusError(error.code, error.reason, message, details={"causes": told} if told else error.details)


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
    thing: Object = {**body} if isinstance(body, dict) else {}
    version, kind = thing.get("apiVersion") or _KIND[0], thing.get("kind") or _KIND[1]
    if call.type.custom and ((version, kind) != _KIND or not isinstance(body, dict)):
        raise _no_scale()
    if not isinstance(body, dict):
        start = "the object provided is unrecognized (must be of type Scale): "
        raise bad_request(f"{start}{no_object(body).message} ({excerpt(call.body)})")
    if (version, kind) != _KIND:
        start = f'{kind} in version "{group_of(version)[1]}" cannot be handled as a Scale'
        raise bad_request(f'{start}: no kind "{kind}" is registered for version "{version}" {_SCHEME}')
    thing["metadata"] = section(thing, "metadata")
    named_as(call, thing)
    return thing


def _no_scale() -> StatusError:
    return bad_request(f"no kind is registered for the type v1.Scale {_SCHEME}")


def _patched(call: Call, scale: Object) -> Object:
    accepted = (JSON_PATCH, MERGE_PATCH, APPLY_PATCH if call.type.custom else STRATEGIC_PATCH)
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
        raise (
            _no_scale()
            if call.type.custom
            else bad_request("json: cannot unmarshal into Go struct field ScaleSpec.spec.replicas of type int32")
        )
    if replicas >= 0 or call.type.custom:
        return replicas
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

"""Deletion: at once, after a grace period, or once the finalizers are gone.

Source: https://kubernetes.io/docs/concepts/architecture/garbage-collection/ and
https://kubernetes.io/docs/concepts/overview/working-with-objects/finalizers/.
"""

from dataclasses import dataclass
from datetime import timedelta

from msgspec.structs import replace

from aimctrl.sandbox.apiserver.bodies import no_object
from aimctrl.sandbox.apiserver.builtin.small import SYSTEM_CLASSES
from aimctrl.sandbox.apiserver.cluster import Answer, Cluster, served
from aimctrl.sandbox.apiserver.errors import (
    Cause,
    FieldError,
    Subject,
    bad_options,
    bad_request,
    conflict,
    forbidden,
)
from aimctrl.sandbox.apiserver.metadata import go_type
from aimctrl.sandbox.apiserver.negotiation import decoded
from aimctrl.sandbox.apiserver.policies.admission import admit
from aimctrl.sandbox.apiserver.policies.attempt import Attempt
from aimctrl.sandbox.apiserver.reading import list_objects
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Json, Object, is_object
from aimctrl.sandbox.apiserver.storage import Stored
from aimctrl.sandbox.apiserver.values import deleting, section, timestamp
from aimctrl.sandbox.apiserver.writing import finished

ORPHAN = "orphan"
FOREGROUND = "foregroundDeletion"

_LASTING = ("default", "kube-public", "kube-system")
"""The namespaces that a cluster always has."""

_POLICIES = ("Foreground", "Background", "Orphan")

_ORPHANING = {("batch", "jobs"), ("", "replicationcontrollers")}


@dataclass(frozen=True, slots=True)
class DeleteOptions:
    """How to delete. `grace_seconds` is None where the kind's default holds; `policy` is `""` for its default."""

    grace_seconds: int | None = None
    policy: str = ""
    uid: str = ""
    version: str = ""
    dry_run: bool = False


def delete(cluster: Cluster, call: Call) -> Answer:
    """Deletes the object, or begins to; answers with a Status where it is gone, else with the object.

    Raises:
        StatusError: where it is refused.
    """
    options = read_options(call)
    old = served(cluster.find(call), call.type)
    if (call.type.group, call.type.plural) == ("", "namespaces") and call.name in _LASTING:
        raise forbidden(call.type.subject(call.name), "this namespace may not be deleted")
    if call.type.plural == "priorityclasses" and call.name in SYSTEM_CLASSES:
        raise forbidden(call.type.subject(call.name), "this is a system priority class and cannot be deleted")
    _check_preconditions(call, old, options)
    admit(cluster, Attempt(call, "DELETE", None, old.object))
    left, kept = _delete(cluster, call.type, old, options)
    if kept or call.type.returned:
        return Answer(left.object, 200, left.raw)
    return Answer(_gone(call.type, old))


def delete_collection(cluster: Cluster, call: Call) -> Answer:
    """Deletes every object of the collection that the selectors let through; answers with those, as they were.

    Raises:
        StatusError: where a selector or an option is refused.
    """
    options = read_options(call)
    page = list_objects(cluster, replace(call, verb="list", body=b""))
    for item in page.items:
        old = served(item, call.type)
        admit(cluster, Attempt(call, "DELETE", None, old.object))
        delete_stored(cluster, call.type, old, options)
    return Answer(page.body())


def delete_stored(cluster: Cluster, type_: ResourceType, old: Stored, options: DeleteOptions) -> Stored | None:
    """Deletes an object; gives it where it stays, for its finalizers or its grace period, None where it is gone."""
    left, kept = _delete(cluster, type_, old, options)
    return left if kept else None


def _delete(cluster: Cluster, type_: ResourceType, old: Stored, options: DeleteOptions) -> tuple[Stored, bool]:
    """Deletes an object; gives it as it is then, or was last, and whether it stays."""
    thing = old.copy()
    meta = thing["metadata"]
    _set_policy(meta, options.policy or _default_policy(type_, meta))
    grace = type_.strategy.grace_seconds(thing, options.grace_seconds)
    namespace_kept = type_.plural == "namespaces" and not type_.group and bool(thing["spec"].get("finalizers"))
    if not deleting(thing):
        _mark(cluster, type_, thing, grace)
        type_.strategy.begin_deletion(thing)
    elif grace < meta.get("deletionGracePeriodSeconds", 0):
        meta["deletionGracePeriodSeconds"] = grace
        meta["deletionTimestamp"] = timestamp(cluster.now() + timedelta(seconds=grace))
    if finished(thing):
        return _removed(cluster, type_, old, thing, dry_run=options.dry_run), False
    if namespace_kept:
        thing["status"] = {**(thing.get("status") or {}), "phase": "Terminating"}
    if thing == old.object:
        return old, True
    if options.dry_run:
        return Stored(old.key, old.version, thing, b""), True
    return served(cluster.collection(type_).put(old.key, thing), type_), True


def _removed(cluster: Cluster, type_: ResourceType, old: Stored, thing: Object, *, dry_run: bool) -> Stored:
    """Takes an object out; one with a grace period is shown without it first, as a real server does."""
    graceful = type_.strategy.graceful
    if dry_run:
        return Stored(old.key, old.version, thing, b"") if graceful else old
    collection = cluster.collection(type_)
    if graceful:
        collection.put(old.key, thing)
    return served(collection.remove(old.key), type_)


def read_options(call: Call) -> DeleteOptions:
    """The options of a deletion, from its body or its query.

    Raises:
        StatusError: 400 or 422, where they cannot be read.
    """
    body = _read_body(call)
    policy = body.get("propagationPolicy") or call.query.get("propagationPolicy", "")
    orphan = body.get("orphanDependents")
    dry = body.get("dryRun") or ([call.query["dryRun"]] if "dryRun" in call.query else [])
    _check_options(policy, dry, orphan=orphan)
    if orphan is not None:
        policy = "Orphan" if orphan else "Background"
    conditions = section(body, "preconditions")
    return DeleteOptions(
        _grace(body, call), policy, conditions.get("uid", ""), conditions.get("resourceVersion", ""), bool(dry)
    )


def _read_body(call: Call) -> Object:
    body: Json = decoded(call.body, call.content_type) if call.body.strip() else {}
    if not is_object(body):
        raise no_object(body)
    kind, version = body.get("kind") or "DeleteOptions", body.get("apiVersion") or "v1"
    if kind != "DeleteOptions":
        scheme = 'in scheme "pkg/runtime/scheme.go:111"'
        raise bad_request(f'no kind "{kind}" is registered for version "{version}" {scheme}')
    return body


def _check_options(policy: str, dry: Json, *, orphan: bool | None) -> None:
    if dry and dry != ["All"]:
        error = FieldError(Cause.NOT_SUPPORTED, "dryRun", 'supported values: "All"', dry)
    elif policy and orphan is not None:
        words = "orphanDependents and deletionPropagation cannot be both set"
        error = FieldError(Cause.INVALID, "propagationPolicy", words, policy)
    elif policy and policy not in _POLICIES:
        words = 'supported values: "Foreground", "Background", "Orphan", "nil"'
        error = FieldError(Cause.NOT_SUPPORTED, "propagationPolicy", words, policy)
    else:
        return
    raise bad_options("DeleteOptions", error)


def _grace(body: Object, call: Call) -> int | None:
    wanted, asked = body.get("gracePeriodSeconds"), call.query.get("gracePeriodSeconds")
    if wanted is not None and type(wanted) is not int:
        field = "Go struct field DeleteOptions.gracePeriodSeconds"
        raise bad_request(f"json: cannot unmarshal {go_type(wanted)} into {field} of type int64")
    if wanted is None and asked is not None:
        if not asked.lstrip("-").isdigit():
            raise bad_request(f'strconv.ParseInt: parsing "{asked}": invalid syntax')
        wanted = int(asked)
    return None if wanted is None else max(0, wanted)


def _check_preconditions(call: Call, old: Stored, options: DeleteOptions) -> None:
    meta = old.object["metadata"]
    subject = Subject(call.type.group, call.type.kind, call.name)
    if options.uid and options.uid != meta["uid"]:
        raise conflict(
            subject,
            f"the UID in the precondition ({options.uid}) does not match the UID in record ({meta['uid']}). "
            "The object might have been deleted and then recreated",
        )
    if options.version and options.version != meta["resourceVersion"]:
        raise conflict(
            subject,
            f"the ResourceVersion in the precondition ({options.version}) does not match the ResourceVersion in record "
            f"({meta['resourceVersion']}). The object might have been modified",
        )


def _default_policy(type_: ResourceType, meta: Object) -> str:
    """The policy of kinds that leave behind what they own, where neither options nor finalizers say otherwise."""
    said = {ORPHAN, FOREGROUND} & set(meta.get("finalizers", []))
    return "Orphan" if (type_.group, type_.plural) in _ORPHANING and not said else ""


def _set_policy(meta: Object, policy: str) -> None:
    if not policy:
        return
    kept = [name for name in meta.get("finalizers", []) if name not in {ORPHAN, FOREGROUND}]
    wanted = {"Orphan": [ORPHAN], "Foreground": [FOREGROUND]}.get(policy, [])
    meta.pop("finalizers", None)
    if [*kept, *wanted]:
        meta["finalizers"] = [*kept, *wanted]


def _mark(cluster: Cluster, type_: ResourceType, thing: Object, grace: int) -> None:
    meta = thing["metadata"]
    meta["deletionTimestamp"] = timestamp(cluster.now() + timedelta(seconds=grace))
    if (type_.group, type_.plural) in _UNMARKED:
        return
    meta["deletionGracePeriodSeconds"] = grace
    if "generation" in meta:
        meta["generation"] += 1


_UNMARKED = frozenset({("", "namespaces"), ("apiextensions.k8s.io", "customresourcedefinitions")})
"""The kinds that nothing but the time of their deletion is noted in."""


def _gone(type_: ResourceType, old: Stored) -> Object:
    meta = old.object["metadata"]
    details = {**type_.subject(meta["name"]).details(), "uid": meta["uid"]}
    return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}

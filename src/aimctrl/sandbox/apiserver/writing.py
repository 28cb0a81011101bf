"""Creates and updates, of objects and their subresources.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/.
"""

from aimctrl.sandbox.apiserver.bodies import checked_options, named_as, placed, read_object
from aimctrl.sandbox.apiserver.cluster import Answer, Cluster, served
from aimctrl.sandbox.apiserver.errors import (
    Cause,
    FieldError,
    StatusError,
    Subject,
    already_exists,
    bad_request,
    conflict,
    forbidden,
    invalid,
    modified,
    not_found,
)
from aimctrl.sandbox.apiserver.escalation import check_escalation
from aimctrl.sandbox.apiserver.fields.managers import settle, tracked
from aimctrl.sandbox.apiserver.fields.writers import Writer, writer
from aimctrl.sandbox.apiserver.metadata import finalizer_warnings, metadata_errors
from aimctrl.sandbox.apiserver.policies.admission import admit
from aimctrl.sandbox.apiserver.policies.attempt import Attempt
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.scale_paths import scale_errors
from aimctrl.sandbox.apiserver.schema.node import NOTHING, Object
from aimctrl.sandbox.apiserver.schema.validate import validate_rules, validate_shape
from aimctrl.sandbox.apiserver.storage import Stored
from aimctrl.sandbox.apiserver.values import deleting, key_of, new_uid, random_suffix, section, timestamp

_LONGEST_BASE = 58

_SYSTEM = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "selfLink")
_ANY_VERSION = ("", "0")
_CONDITIONAL = frozenset(
    {
        ("admissionregistration.k8s.io", "validatingadmissionpolicies"),
        ("admissionregistration.k8s.io", "validatingadmissionpolicybindings"),
        ("apiextensions.k8s.io", "customresourcedefinitions"),
        ("coordination.k8s.io", "leases"),
    }
)
"""The built-in kinds whose updates must say which version they change, as those of custom objects must."""

_KEPT = ("creationTimestamp", "generation", "selfLink")


def create(cluster: Cluster, call: Call) -> Answer:
    """Creates the object of the body.

    Raises:
        StatusError: where it is refused.
    """
    checked_options("CreateOptions", call.query)
    thing = read_object(call)
    placed(call, thing)
    stored = created(cluster, call, thing)
    return Answer(stored.object, 201, stored.raw)


def created(cluster: Cluster, call: Call, thing: Object, *, applied: bool = False) -> Stored:
    """Creates an object that is shaped already; with a dry run it is made, and not kept.

    `applied` says that server-side apply has set the managed fields.

    Raises:
        StatusError: where it is refused.
    """
    type_, meta = call.type, thing["metadata"]
    check_escalation(cluster, call, thing, None)
    if meta.pop("resourceVersion", ""):
        raise StatusError(500, "", "resourceVersion should not be set on objects to be created")
    for key in _SYSTEM:
        meta.pop(key, None)
    if "name" not in meta and meta.get("generateName"):
        meta["name"] = _generated(meta["generateName"])
    _check_namespace(cluster, call, meta.get("name", ""))
    _check_definition(cluster, call, meta.get("name", ""))
    if not applied:
        tracked(type_.node, None, thing, writer_of(cluster, call, "Update"))
    type_.strategy.admit(cluster.storage, thing, None)
    _begin(cluster, type_, thing)
    errors = _errors(type_, thing, None, "")
    if errors:
        raise _refused(type_, meta.get("name", ""), errors)
    call.warnings.extend(finalizer_warnings(type_, thing, None))
    type_.strategy.permit(cluster.storage, thing, None)
    admit(cluster, Attempt(call, "CREATE", thing, None))
    key = key_of(meta.get("namespace", ""), meta["name"])
    collection = cluster.collection(type_)
    there = collection.get(key)
    if there is not None:
        raise already_exists(type_.subject(meta["name"]), going=deleting(there.object))
    if call.dry_run:
        return Stored(key, 0, thing, b"")
    return collection.put(key, thing)


def update(cluster: Cluster, call: Call) -> Answer:
    """Puts the object of the body in place of what is stored.

    Raises:
        StatusError: where it is refused.
    """
    checked_options("UpdateOptions", call.query)
    thing = read_object(call)
    named_as(call, thing)
    placed(call, thing)
    old = served(cluster.find(call), call.type)
    version = thing["metadata"].get("resourceVersion", "")
    conditional = call.type.custom or (call.type.group, call.type.plural) in _CONDITIONAL
    if version in _ANY_VERSION and conditional:
        error = FieldError(Cause.INVALID, "metadata.resourceVersion", "must be specified for an update", 0)
        raise invalid(call.type.plural, call.type.subject(call.name), [error])
    check_uid(call, thing["metadata"].get("uid", ""), old)
    stored = updated(cluster, call, thing, old)
    return Answer(stored.object, 200, stored.raw)


def updated(cluster: Cluster, call: Call, thing: Object, old: Stored, *, applied: bool = False) -> Stored:
    """Stores a changed object that is shaped already; what changes nothing is not written.

    One that is on its way out and has no finalizer left is removed. `applied` says that server-side apply has set the
    managed fields.

    Raises:
        StatusError: where it is refused.
    """
    type_ = call.type
    check_escalation(cluster, call, thing, old.object)
    _check_version(type_, call.name, thing, old)
    if not applied:
        tracked(type_.node, old.object, thing, writer_of(cluster, call, "Update"))
    if not call.place.subresource:
        type_.strategy.admit(cluster.storage, thing, old.object)
    _merge(type_, thing, old.object, call.place.subresource)
    errors = _errors(type_, thing, old.object, call.place.subresource)
    if errors:
        raise _refused(type_, call.name, errors)
    _permit(cluster, call, thing, old.object)
    thing["metadata"]["resourceVersion"] = old.object["metadata"]["resourceVersion"]
    settle(old.object, thing)
    if thing == old.object:
        return old
    if call.dry_run:
        return Stored(old.key, old.version, thing, b"")
    if deleting(thing) and finished(thing):
        last = {**thing, "metadata": {**thing["metadata"]}}
        cluster.collection(type_).remove(old.key)
        return Stored(old.key, old.version, last, b"")
    return served(cluster.collection(type_).put(old.key, thing), type_)


def _permit(cluster: Cluster, call: Call, thing: Object, old: Object) -> None:
    """Has others look at a changed object that is valid; who changes a scale has them look at that."""
    call.warnings.extend(finalizer_warnings(call.type, thing, old))
    if not call.place.subresource:
        call.type.strategy.permit(cluster.storage, thing, old)
    if call.place.subresource != "scale":
        admit(cluster, Attempt(call, "UPDATE", thing, old))


def finished(thing: Object) -> bool:
    """Whether nothing keeps an object that is on its way out: no finalizer, no grace period."""
    meta = thing["metadata"]
    kept: object = meta.get("finalizers") or (thing["kind"] == "Namespace" and section(thing, "spec").get("finalizers"))
    return not kept and not meta.get("deletionGracePeriodSeconds")


def _begin(cluster: Cluster, type_: ResourceType, thing: Object) -> None:
    meta = thing["metadata"]
    meta["uid"] = new_uid()
    meta["creationTimestamp"] = timestamp(cluster.now())
    if type_.generations:
        meta["generation"] = 1
    if type_.status and type_.custom:
        thing.pop("status", None)
    type_.strategy.prepare_create(thing)


def _merge(type_: ResourceType, thing: Object, old: Object, subresource: str) -> None:
    """Takes from the stored object what this update may not change."""
    meta, before = thing["metadata"], old["metadata"]
    _keep(meta, before)
    if subresource == "status":
        _merge_status(type_, thing, old)
    elif subresource == "finalize":
        _take(thing, old, "status")
    else:
        if type_.status:
            _take(thing, old, "status")
        type_.strategy.prepare_update(thing, old)
        if type_.generations and type_.strategy.generation_changed(thing, old):
            meta["generation"] = before.get("generation", 0) + 1


def _keep(meta: Object, before: Object) -> None:
    """Takes from the stored metadata what is the server's own."""
    for key in (*_KEPT, "deletionTimestamp") if "deletionTimestamp" in before else _KEPT:
        meta.pop(key, None)
        if key in before:
            meta[key] = before[key]
    for key in ("uid", "deletionGracePeriodSeconds"):
        if key in before:
            meta.setdefault(key, before[key])


def _merge_status(type_: ResourceType, thing: Object, old: Object) -> None:
    for key in {*thing, *old} - {"metadata", "status", "apiVersion", "kind"}:
        _take(thing, old, key)
    if type_.custom:
        managed = thing["metadata"].get("managedFields")
        thing["metadata"] = {**old["metadata"]}
        thing["metadata"].pop("managedFields", None)
        if managed:
            thing["metadata"]["managedFields"] = managed
    type_.strategy.prepare_status(thing, old)


def _take(thing: Object, old: Object, key: str) -> None:
    thing.pop(key, None)
    if key in old:
        thing[key] = old[key]


def _errors(type_: ResourceType, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
    errors = metadata_errors(type_, thing, old)
    errors += type_.strategy.validate(thing, old, subresource)
    if type_.custom:
        before = NOTHING if old is None else old
        errors += validate_shape(type_.node, thing, before, path="status" if subresource == "status" else "")
        if type_.scale is not None:
            errors += scale_errors(type_.scale, thing, subresource)
        errors += validate_rules(type_.node, thing, before, errors)
    return errors


def _refused(type_: ResourceType, name: str, errors: list[FieldError]) -> StatusError:
    group = type_.group if type_.stored_group is None else type_.stored_group
    return invalid(type_.kind, Subject(group, type_.plural, name), errors)


def _check_version(type_: ResourceType, name: str, thing: Object, old: Stored) -> None:
    version = thing["metadata"].get("resourceVersion", "")
    if version in _ANY_VERSION or version == str(old.object["metadata"]["resourceVersion"]):
        return
    if not version.isdigit():
        raise StatusError(500, "", f'strconv.ParseUint: parsing "{version}": invalid syntax')
    raise modified(type_.subject(name))


def _other_uid(old: Stored, uid: str, call: Call) -> str:
    where = f"{call.type.group}/" if call.type.group else ""
    return (
        f"StorageError: invalid object, Code: 4, Key: /registry/{where}{call.type.plural}/{old.key}, "
        f"ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: {uid}, UID in object meta: "
        f"{old.object['metadata']['uid']}"
    )


def _check_namespace(cluster: Cluster, call: Call, name: str) -> None:
    if not call.type.namespaced:
        return
    if not call.namespace:
        raise bad_request("an empty namespace may not be set during creation")
    namespace = cluster.namespace(call.namespace)
    if namespace is None:
        raise not_found(Subject("", "namespaces", call.namespace))
    if deleting(namespace):
        error = forbidden(
            call.type.subject(name),
            f"unable to create new content in namespace {call.namespace} because it is being terminated",
        )
        cause = {
            "reason": "NamespaceTerminating",
            "message": f"namespace {call.namespace} is being terminated",
            "field": "metadata.namespace",
        }
        raise StatusError(403, error.reason, error.message, details={**(error.details or {}), "causes": [cause]})


def _check_definition(cluster: Cluster, call: Call, name: str) -> None:
    """Refuses a new custom object whose definition is on its way out."""
    if not call.type.custom:
        return
    crds = cluster.storage.collection("apiextensions.k8s.io", "customresourcedefinitions")
    crd = crds.get(f"{call.type.plural}.{call.type.group}")
    if crd is not None and deleting(crd.object):
        why = "create not allowed while custom resource definition is terminating"
        raise forbidden(call.type.subject(name), why)


def check_uid(call: Call, uid: str, old: Stored) -> None:
    """Refuses an update of another object than the one that is stored; without an uid it is that one.

    Raises:
        StatusError: 409.
    """
    if uid and uid != old.object["metadata"]["uid"]:
        raise conflict(call.type.subject(call.name), _other_uid(old, uid, call))


def writer_of(cluster: Cluster, call: Call, operation: str) -> Writer:
    """Who manages what a call writes; `operation` is Update or Apply."""
    return writer(call.type, call.place.subresource, call.manager, operation, timestamp(cluster.now()))


def _generated(base: str) -> str:
    return base[:_LONGEST_BASE] + random_suffix()

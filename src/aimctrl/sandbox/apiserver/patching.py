"""Patches of all four kinds.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#patch-and-apply.
"""

import msgspec

from aimctrl.sandbox.apiserver.bodies import checked_options, named_as, placed, recognise, shaped
from aimctrl.sandbox.apiserver.cluster import Answer, Cluster, served
from aimctrl.sandbox.apiserver.doubles import NONE, doubles_of_json, doubles_of_yaml, yaml_errors
from aimctrl.sandbox.apiserver.errors import (
    Cause,
    FieldError,
    StatusError,
    Subject,
    bad_options,
    bad_request,
    conflict,
    invalid,
    not_found,
)
from aimctrl.sandbox.apiserver.fields.apply import applied
from aimctrl.sandbox.apiserver.gotext import printed
from aimctrl.sandbox.apiserver.metadata import go_type
from aimctrl.sandbox.apiserver.negotiation import YAML, decoded, unsupported
from aimctrl.sandbox.apiserver.patch.json_patch import apply_json_patch
from aimctrl.sandbox.apiserver.patch.merge_patch import apply_merge_patch
from aimctrl.sandbox.apiserver.patch.strategic import apply_strategic
from aimctrl.sandbox.apiserver.request import Call, flag
from aimctrl.sandbox.apiserver.schema.node import Json, Object, is_object
from aimctrl.sandbox.apiserver.storage import Stored
from aimctrl.sandbox.apiserver.values import key_of
from aimctrl.sandbox.apiserver.writing import created, updated, writer_of

JSON_PATCH = "application/json-patch+json"
MERGE_PATCH = "application/merge-patch+json"
STRATEGIC_PATCH = "application/strategic-merge-patch+json"
APPLY_PATCH = "application/apply-patch+yaml"

_META_ORDER = (
    *("name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp"),
    *("deletionTimestamp", "deletionGracePeriodSeconds", "labels", "annotations", "ownerReferences", "finalizers"),
    "managedFields",
)

_ACCEPTED = (JSON_PATCH, MERGE_PATCH, STRATEGIC_PATCH, APPLY_PATCH)


def patch(cluster: Cluster, call: Call) -> Answer:
    """Changes the object as the patch says; server-side apply creates it where it is missing.

    Raises:
        StatusError: where it is refused.
    """
    accepted = tuple(media for media in _ACCEPTED if not (call.type.custom and media == STRATEGIC_PATCH))
    if call.content_type not in _ACCEPTED and not call.type.custom:
        raise StatusError(415, "UnsupportedMediaType", "415: Unsupported Media Type", details={})
    if call.content_type not in accepted:
        raise unsupported(call.content_type, *accepted)
    _check_options(call)
    if call.content_type == APPLY_PATCH:
        return _apply(cluster, call)
    old = served(cluster.find(call), call.type)
    thing = _patched(call, old)
    if call.type.custom:
        _check_kind(call, thing)
    call.warnings.extend(_shaped(call, old, thing))
    named_as(call, thing)
    placed(call, thing)
    stored = updated(cluster, call, thing, old)
    return Answer(stored.object, 200, stored.raw)


def _check_kind(call: Call, thing: Object) -> None:
    """Refuses a patch that makes another kind of an object."""
    errors = [
        FieldError(Cause.INVALID, part, f"must be {wanted}", thing.get(part))
        for part, wanted in (("apiVersion", call.type.api_version), ("kind", call.type.kind))
        if thing.get(part) != wanted
    ]
    if errors:
        raise invalid(thing.get("kind", ""), call.type.subject(call.name), errors)


def _check_options(call: Call) -> None:
    checked_options("PatchOptions", call.query)
    apply = call.content_type == APPLY_PATCH
    if apply and not call.query.get("fieldManager"):
        raise bad_options("PatchOptions", FieldError(Cause.REQUIRED, "fieldManager", "is required for apply patch"))
    if not apply and "force" in call.query:
        raise bad_options(
            "PatchOptions", FieldError(Cause.FORBIDDEN, "force", "may not be specified for non-apply patch")
        )


def _patched(call: Call, old: Stored) -> Object:
    """The stored object with the patch applied, as a value that may be changed."""
    change, live = _read_patch(call), old.copy()
    if call.content_type == JSON_PATCH:
        thing = apply_json_patch(live, change)
    elif call.content_type == MERGE_PATCH:
        thing = apply_merge_patch(live, change)
    else:
        thing = apply_strategic(call.type.node, live, change)
    if not is_object(thing):
        raise bad_request("the patched object is no JSON object")
    return thing


def _shaped(call: Call, old: Stored, thing: Object) -> tuple[str, ...]:
    """Shapes a patched object, in place; where that fails, the patch is what is refused, as a field of its own."""
    try:
        if not call.type.custom and call.content_type != STRATEGIC_PATCH:
            recognise(call, thing, "")
        doubles = NONE
        if call.validates and call.content_type != JSON_PATCH:
            doubles = doubles_of_json(call.body, _read_patch(call))
        return shaped(call.type, thing, call.query.get("fieldValidation", "Warn"), doubles)
    except StatusError as error:
        if error.code != 400:
            raise
        strategic = call.content_type == STRATEGIC_PATCH
        text = printed(_read_patch(call)) if strategic else _text(call, _patched(call, old))
        why = error.message.partition(f"cannot be handled as a {call.type.kind}: ")[2] or error.message
        raise invalid("", Subject("", ""), [FieldError(Cause.INVALID, "patch", why, text)]) from error


def _text(call: Call, thing: Object) -> str:
    """A patched object as a refusal shows it; what is built in keeps the order of the Go struct in its metadata."""
    if call.type.custom:
        return msgspec.json.encode(thing, order="sorted").decode()
    meta = thing.get("metadata")
    if is_object(meta):
        thing = {**thing, "metadata": {key: meta[key] for key in sorted(meta, key=_META_ORDER.index)}}
    return msgspec.json.encode({key: thing[key] for key in sorted(thing)}).decode()


def _read_patch(call: Call) -> Json:
    try:
        return decoded(call.body, "application/json")
    except StatusError as error:
        why = error.message.partition("error: ")[2]
        start = "" if call.content_type == STRATEGIC_PATCH else "error decoding patch: "
        raise bad_request(f"{start}{why}") from error


def _apply(cluster: Cluster, call: Call) -> Answer:
    intent = read_intent(call)
    stored = cluster.collection(call.type).get(key_of(call.namespace, call.name))
    old = served(stored, call.type) if stored else None
    if old is None and call.place.subresource:
        raise not_found(call.type.subject(call.name))
    live = old.object if old else None
    thing = applied(call.type.node, live, intent, writer_of(cluster, call, "Apply"), force=_forced(call))
    _check_doubles(call, intent)
    call.warnings.extend(shaped(call.type, thing, call.query.get("fieldValidation", "Warn"), applied=True))
    if old is None:
        _check_new(call, thing)
    named_as(call, thing)
    placed(call, thing)
    if old is None:
        made = created(cluster, call, thing, applied=True)
        return Answer(made.object, 201, made.raw)
    changed = updated(cluster, call, thing, old, applied=True)
    return Answer(changed.object, 200, changed.raw)


def _check_doubles(call: Call, intent: Object) -> None:
    """Warns of keys that are there twice; refuses them where a call wants that."""
    lines = doubles_of_yaml(call.body, intent).lines if call.validates else ()
    if lines and call.query.get("fieldValidation") == "Strict":
        raise bad_request(f"error strict decoding YAML: error converting YAML to JSON: {yaml_errors(lines)[0]}")
    call.warnings.extend(lines)


def _check_new(call: Call, thing: Object) -> None:
    """Refuses an applied object that says which one it means where there is none; its resourceVersion is ignored."""
    thing["metadata"].pop("resourceVersion", None)
    if uid := thing["metadata"].get("uid"):
        why = f"uid mismatch: the provided object specified uid {uid}, and no existing object was found"
        raise conflict(call.type.subject(call.name), why)


def read_intent(call: Call) -> Object:
    """What a call applies.

    Raises:
        StatusError: 400.
    """
    try:
        intent = decoded(call.body, YAML)
    except StatusError as error:
        raise bad_request(f"error decoding YAML: error converting YAML to JSON: {error.message}") from error
    if intent is None:
        return {}
    if not is_object(intent):
        raise bad_request(
            "error decoding YAML: error unmarshaling JSON: while decoding JSON: json: cannot unmarshal "
            f"{go_type(intent)} into Go value of type map[string]interface {{}}"
        )
    return intent


def _forced(call: Call) -> bool:
    return flag(call.query, "force")

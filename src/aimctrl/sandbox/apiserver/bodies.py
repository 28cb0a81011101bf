"""The object in the body of a create or an update: read, recognised, pruned and defaulted."""

from collections.abc import Mapping
from typing import Any

from aimctrl.sandbox.apiserver.builtin.documents import document
from aimctrl.sandbox.apiserver.builtin.object_meta import read_metadata
from aimctrl.sandbox.apiserver.doubles import NONE, Doubles, doubles_of_json, doubles_of_yaml, yaml_errors
from aimctrl.sandbox.apiserver.errors import (
    Cause,
    FieldError,
    StatusError,
    Subject,
    bad_options,
    bad_request,
    invalid,
)
from aimctrl.sandbox.apiserver.metadata import go_type, without_double_owners
from aimctrl.sandbox.apiserver.negotiation import PROTOBUF, YAML, decoded
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.default import default
from aimctrl.sandbox.apiserver.schema.node import Json, Object, is_object
from aimctrl.sandbox.apiserver.schema.prune import drop_nulls, prune
from aimctrl.sandbox.apiserver.values import section

_EXCERPT = 30
_VALIDATION = ("", "Ignore", "Strict", "Warn")


def checked_options(kind: str, query: Mapping[str, str]) -> None:
    """Refuses what the options of a write may not be; `kind` is such as CreateOptions.

    Raises:
        StatusError: 422, naming each option.
    """
    if not query:
        return
    errors: list[FieldError] = []
    dry = query.get("dryRun", "All")
    if dry != "All":
        errors.append(FieldError(Cause.NOT_SUPPORTED, "dryRun", 'supported values: "All"', [dry]))
    validation = query.get("fieldValidation", "")
    if validation not in _VALIDATION:
        words = ", ".join(f'"{word}"' for word in _VALIDATION)
        errors.append(FieldError(Cause.NOT_SUPPORTED, "fieldValidation", f"supported values: {words}", validation))
    if len(query.get("fieldManager", "")) > 128:
        errors.append(
            FieldError(Cause.TOO_LONG, "fieldManager", "may not be more than 128 bytes", query["fieldManager"])
        )
    for at, char in enumerate(query.get("fieldManager", "")):
        if not char.isprintable():
            words = f"invalid character U+{ord(char):04X} (at position {at})"
            errors.append(FieldError(Cause.INVALID, "fieldManager", words, query["fieldManager"]))
    if errors:
        raise bad_options(kind, *errors)


def read_object(call: Call) -> Object:
    """The object that a call brings, which may be changed; the call is warned of fields that nobody knows.

    Raises:
        StatusError: 400, 415 or 422, where it is no object of the resource.
    """
    start = f"the object provided is unrecognized (must be of type {call.type.kind}): "
    try:
        thing = decoded(call.body, call.content_type)
    except StatusError as error:
        if error.code != 400:
            raise
        raise bad_request(f"{start}{error.message} ({excerpt(call.body)})") from error
    if thing is None:
        thing = {}
    if not is_object(thing):
        raise bad_request(f"{start}{no_object(thing).message} ({excerpt(call.body)})")
    doubles = NONE
    if call.validates:
        find = doubles_of_yaml if call.content_type == YAML else doubles_of_json
        doubles = NONE if call.content_type == PROTOBUF else find(call.body, thing)
    recognise(call, thing, start)
    call.warnings.extend(shaped(call.type, thing, call.query.get("fieldValidation", "Warn"), doubles))
    return thing


def no_object(value: Json) -> StatusError:
    """What is said to a body that is JSON, but no object."""
    return bad_request(
        f"couldn't get version/kind; json parse error: json: cannot unmarshal {go_type(value)} into Go value of "
        'type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }'
    )


def shaped(
    type_: ResourceType, thing: Object, validation: str, doubles: Doubles = NONE, *, applied: bool = False
) -> tuple[str, ...]:
    """Checks the types of an object's metadata, drops unknown fields and fills in defaults, in place.

    Gives warnings of what was dropped, and of `doubles`; with `Strict` that is an error, with `Ignore` nothing. Nulls
    that have no meaning are dropped; where the object was `applied`, only those that have a default.

    Raises:
        StatusError: 400.
    """
    thing["apiVersion"], thing["kind"] = type_.api_version, type_.kind
    said = doubles.complaints(_recognised(type_, thing), in_order=not type_.custom)
    if said and validation == "Strict":
        said = (*yaml_errors(said[: len(doubles.lines)]), *said[len(doubles.lines) :])
        raise bad_request(
            f'{type_.kind} in version "{type_.version}" cannot be handled as a {type_.kind}: strict decoding error: '
            + ", ".join(said)
        )
    if type_.custom:
        if not applied:
            drop_nulls(type_.node, thing)
        default(type_.node, thing)
    type_.strategy.default(thing)
    double = without_double_owners(thing)
    return (*said, *double) if validation != "Ignore" else double


def _recognised(type_: ResourceType, thing: Object) -> list[str]:
    """Checks the types of an object's fields and drops the unknown ones; gives their paths."""
    if type_.decode is not None:
        return type_.decode(thing)
    return [*read_metadata(type_, thing), *prune(type_.node, thing)]


def placed(call: Call, thing: Object) -> None:
    """Puts the object where the path says, if it does not say otherwise.

    Raises:
        StatusError: 400, where it does.
    """
    meta = thing["metadata"]
    if call.type.namespaced:
        if meta.setdefault("namespace", call.namespace) != call.namespace:
            raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    elif meta.pop("namespace", ""):
        raise bad_request("namespace is not allowed on this type")


def named_as(call: Call, thing: Object) -> None:
    """Checks that an update's object has the name of the path.

    Raises:
        StatusError: 400.
    """
    name = thing["metadata"].get("name", "")
    if not name:
        raise bad_request(
            f"the name of the object ({call.name} based on URL) was undeterminable: name must be provided"
        )
    if name != call.name:
        raise bad_request(f"the name of the object ({name}) does not match the name on the URL ({call.name})")


def recognise(call: Call, thing: dict[str, Any], start: str) -> None:
    """Checks that an object is of the kind and the version of a call's resource.

    Raises:
        StatusError: 400, or 422 for another custom kind; what a body lacks is told behind `start`.
    """
    type_ = call.type
    version, kind = thing.get("apiVersion", ""), thing.get("kind", "")
    if type_.custom:
        if not kind or not version:
            missing = "Kind" if not kind else "apiVersion"
            text = call.body.decode(errors="replace")
            raise bad_request(f"{start}Object '{missing}' is missing in '{text}' ({excerpt(call.body)})")
        if kind != type_.kind:
            error = FieldError(Cause.INVALID, "kind", f"must be {type_.kind}", kind)
            name = section(thing, "metadata").get("name", "")
            raise invalid(kind, Subject(type_.group, type_.plural, name), [error])
        if version != type_.api_version:
            raise bad_request(
                f"the API version in the data ({version}) does not match the expected API version ({type_.api_version})"
            )
        return
    wrong_version, wrong_kind = version not in {"", type_.api_version}, kind not in {"", type_.kind}
    if wrong_version or wrong_kind:
        named = kind or type_.kind
        short = version.rpartition("/")[2] or type_.version
        scheme = 'in scheme "pkg/runtime/scheme.go:111"'
        internal = f"{type_.group.partition('.')[0] or 'core'}.{type_.kind}"
        why = (
            f'no kind "{named}" is registered for version "{version or type_.api_version}" {scheme}'
            if wrong_version or not _known(type_, named)
            else f"converting ({short}.{named}) to ({internal}): unknown conversion"
        )
        raise bad_request(f'{named} in version "{short}" cannot be handled as a {type_.kind}: {why}')


def _known(type_: ResourceType, kind: str) -> bool:
    """Whether a built-in resource of that kind is in the version of another."""
    place = (type_.group, type_.version, kind)
    return any((entry["group"], entry["version"], entry["kind"]) == place for entry in document()["resources"])


def excerpt(body: bytes) -> str:
    """The beginning of a body as error messages end with it: itself where it looks like JSON, else in hex."""
    if not body:
        return "<empty>"
    part = body[:_EXCERPT]
    text = part.decode(errors="replace") if body.startswith(b"{") else part.hex()
    return text if len(body) <= _EXCERPT else f"{text} ..."

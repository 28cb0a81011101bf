"""`metadata` of every kind: what it must look like, and what an update may not change.

Source: https://kubernetes.io/docs/concepts/overview/working-with-objects/names/ and
https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/.
"""

import re
from collections.abc import Iterator
from functools import lru_cache

from aimctrl.sandbox.apiserver.errors import Cause, FieldError, Literal
from aimctrl.sandbox.apiserver.gotext import compact
from aimctrl.sandbox.apiserver.names import LABEL, OLD_LABEL, SUBDOMAIN
from aimctrl.sandbox.apiserver.resources import NameStyle, ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object

_KEY_PART = r"([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]"
_VALUE = r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?"

_PART_WORDS = (
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    f"(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '{_KEY_PART}')"
)
_VALUE_WORDS = (
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and "
    "end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    f"'{_VALUE}')"
)
_SHAPES = {
    NameStyle.SUBDOMAIN: SUBDOMAIN,
    NameStyle.LABEL: LABEL,
    NameStyle.OLD_LABEL: OLD_LABEL,
}
_FINALIZERS = frozenset({"kubernetes", "orphan", "foregroundDeletion"})
_LONGEST_ANNOTATIONS = 256 * 1024


_JSON_TYPES: dict[type, str] = {
    bool: "bool",
    str: "string",
    int: "number",
    float: "number",
    dict: "object",
    list: "array",
}


def go_type(value: object) -> str:
    """A JSON value as Go's decoder names its type."""
    return _JSON_TYPES.get(type(value), "null")


def metadata_errors(type_: ResourceType, new: Object, old: Object | None) -> list[FieldError]:
    """What is wrong with an object's metadata; `old` is what is stored, None on creation.

    An update is checked by several layers of the server, so that one fault is several causes.
    """
    meta = new["metadata"]
    whole = [*_label_errors(meta), *_annotation_errors(meta), *_owner_errors(meta), *_finalizer_errors(meta)]
    extension = type_.custom or type_.group == "apiextensions.k8s.io"
    plain = [] if extension else [*_plain_finalizer_errors(meta)]
    if old is None:
        return [*_name_errors(type_, meta), *whole, *plain]
    update = _update_errors(meta, old["metadata"])
    if type_.custom:
        return [*whole, *update, *update]
    return [*whole, *update, *update, *plain, *_base_errors(type_.names, meta), *whole, *plain]


def _name_errors(type_: ResourceType, meta: Object) -> Iterator[FieldError]:
    yield from _base_errors(type_.names, meta)
    name = meta.get("name", "")
    if not name:
        yield FieldError(Cause.REQUIRED, "metadata.name", "name or generateName is required")
        return
    for fault in _name_faults(type_.names, name):
        yield FieldError(Cause.INVALID, "metadata.name", fault, name)


def _base_errors(style: NameStyle, meta: Object) -> Iterator[FieldError]:
    """What is wrong with the base of a generated name, which may end as a name may not."""
    base = meta.get("generateName", "")
    if base:
        for fault in _name_faults(style, f"{base[:-1]}a" if base.endswith("-") else base):
            yield FieldError(Cause.INVALID, "metadata.generateName", fault, base)


def _name_faults(style: NameStyle, name: str) -> Iterator[str]:
    if style is NameStyle.SEGMENT:
        if name in {".", ".."}:
            yield f"may not be '{name}'"
        yield from (f"may not contain '{char}'" for char in "/%" if char in name)
        return
    faults = [*_SHAPES[style].faults(name, "characters")]
    if style is NameStyle.LABEL and "." in name and SUBDOMAIN.fits(name):
        faults[-1] = "must not contain dots"
    yield from faults


@lru_cache(maxsize=4096)
def key_faults(key: str) -> tuple[str, ...]:
    """What is wrong with a key of labels, annotations or finalizers."""
    return tuple(_key_faults(key))


def _key_faults(key: str) -> Iterator[str]:
    prefix, slash, name = key.rpartition("/")
    if prefix.count("/"):
        key = f"a valid label key {_PART_WORDS}"
        yield f"{key} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
        return
    if slash and not prefix:
        yield "prefix part must be non-empty"
    elif slash and not SUBDOMAIN.fits(prefix):
        yield f"prefix part {SUBDOMAIN.words}"
    elif len(prefix) > 253:
        yield "prefix part must be no more than 253 bytes"
    if not name:
        yield "name part must be non-empty"
    elif len(name) > 63:
        yield "name part must be no more than 63 bytes"
    if re.fullmatch(_KEY_PART, name) is None:
        yield f"name part {_PART_WORDS}"


@lru_cache(maxsize=4096)
def value_faults(value: str) -> tuple[str, ...]:
    """What is wrong with the value of a label."""
    return tuple(_value_faults(value))


def _value_faults(value: str) -> Iterator[str]:
    if len(value) > 63:
        yield "must be no more than 63 bytes"
    if re.fullmatch(_VALUE, value) is None:
        yield _VALUE_WORDS


def _label_errors(meta: Object) -> Iterator[FieldError]:
    for key, value in meta.get("labels", {}).items():
        for faults, part in ((key_faults(key), key), (value_faults(value), value)):
            for fault in faults:
                yield FieldError(Cause.INVALID, "metadata.labels", fault, part)


def _annotation_errors(meta: Object) -> Iterator[FieldError]:
    annotations = meta.get("annotations")
    if not annotations:
        return
    for key in annotations:
        for fault in key_faults(key.lower()):
            yield FieldError(Cause.INVALID, "metadata.annotations", fault, key)
    size = sum(len(key.encode()) + len(value.encode()) for key, value in annotations.items())
    if size > _LONGEST_ANNOTATIONS:
        yield FieldError(Cause.TOO_LONG, "metadata.annotations", f"may not be more than {_LONGEST_ANNOTATIONS} bytes")


_OWNER_PARTS = ("apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion")


def _owner_errors(meta: Object) -> Iterator[FieldError]:
    path, controllers = "metadata.ownerReferences", list[str]()
    for owner in meta.get("ownerReferences", []):
        version = owner.get("apiVersion", "")
        if not version.rpartition("/")[2] or version.count("/") > 1:
            yield FieldError(Cause.INVALID, f"{path}.apiVersion", "version must not be empty", version)
        for part in ("kind", "name", "uid"):
            if not owner.get(part):
                yield FieldError(Cause.INVALID, f"{path}.{part}", "must not be empty", "")
        if (version, owner.get("kind")) == ("v1", "Event"):
            words = "/v1, Kind=Event is disallowed from being an owner"
            yield FieldError(Cause.INVALID, path, words, Literal(_owner_text(owner)))
        if owner.get("controller"):
            controllers.append(f"{owner.get('kind')}/{owner.get('name')}")
    if len(controllers) > 1:
        words = 'Only one reference can have Controller set to true. Found "true" in references for '
        texts = ",".join(_owner_text(owner) for owner in meta["ownerReferences"])
        yield FieldError(Cause.INVALID, path, words + " and ".join(controllers[:2]), Literal(f"[{texts}]"))


def _owner_text(owner: Object) -> str:
    """An owner as messages show it: with its parts in their order."""
    return compact({part: owner[part] for part in _OWNER_PARTS if part in owner}, ordered=True)


def _finalizer_errors(meta: Object) -> Iterator[FieldError]:
    names = meta.get("finalizers")
    if not names:
        return
    for name in names:
        for fault in key_faults(name):
            yield FieldError(Cause.INVALID, "metadata.finalizers", fault, name)
    if {"orphan", "foregroundDeletion"} <= set(names):
        words = "finalizer orphan and foregroundDeletion cannot be both set"
        yield FieldError(Cause.INVALID, "metadata.finalizers", words, names)


def _plain_finalizer_errors(meta: Object) -> Iterator[FieldError]:
    """What the built-in kinds say to finalizers without a domain."""
    for index, name in enumerate(meta.get("finalizers", [])):
        if "/" not in name and name not in _FINALIZERS:
            words = "name is neither a standard finalizer name nor is it fully qualified"
            yield FieldError(Cause.INVALID, f"metadata.finalizers[{index}]", words, name)


def finalizer_warnings(type_: ResourceType, new: Object, old: Object | None) -> tuple[str, ...]:
    """What is said to finalizers of a custom object that were added and have no domain."""
    if not type_.custom:
        return ()
    before = old["metadata"].get("finalizers", ()) if old else ()
    return tuple(
        f'metadata.finalizers: "{name}": prefer a domain-qualified finalizer name to avoid accidental conflicts with '
        "other finalizer writers"
        for name in new["metadata"].get("finalizers", ())
        if "/" not in name and name not in before and name not in _FINALIZERS
    )


def _update_errors(meta: Object, old: Object) -> list[FieldError]:
    errors: list[FieldError] = []
    if "deletionTimestamp" in old:
        added = [name for name in meta.get("finalizers", []) if name not in old.get("finalizers", [])]
        if added:
            names = ", ".join(f'"{name}"' for name in added)
            why = (
                "no new finalizers can be added if the object is being deleted, "
                f"found new finalizers []string{{{names}}}"
            )
            errors.append(FieldError(Cause.FORBIDDEN, "metadata.finalizers", why))
    errors += [
        FieldError(Cause.INVALID, f"metadata.{part}", "field is immutable", meta.get(part))
        for part in ("uid", "deletionTimestamp", "deletionGracePeriodSeconds")
        if meta.get(part) != old.get(part)
    ]
    return [*errors, *_label_errors(meta), *_annotation_errors(meta), *_owner_errors(meta)]


def without_double_owners(thing: Object) -> tuple[str, ...]:
    """Takes owners out that are there twice; gives a warning of them."""
    owners: list[Object] = thing["metadata"].get("ownerReferences") or []
    kept = [owner for index, owner in enumerate(owners) if owner not in owners[:index]]
    if len(kept) == len(owners):
        return ()
    twice = dict.fromkeys(str(owner.get("uid", "")) for index, owner in enumerate(owners) if owner in owners[:index])
    thing["metadata"]["ownerReferences"] = kept
    return (
        ".metadata.ownerReferences contains duplicate entries; API server dedups owner references in 1.20+, and may "
        "reject such requests as early as 1.24; please fix your requests; duplicate UID(s) observed: "
        + ", ".join(twice),
    )

"""Objects as they arrive: the few fields decoded on arrival, and `managedFields` cut out of the bytes that are kept."""

import re
from sys import intern

import msgspec

from aimctrl.kube.kinds import Key
from aimctrl.runtime.nesting import flattened
from aimctrl.runtime.store import Entry

_FIELD = b'"managedFields":'

_leads_with_metadata = re.compile(rb'\{(?:"(?:apiVersion|kind)":"[^"\\]*",){0,2}"metadata":\{').match
"""Nothing but the type comes before `metadata`, so that the first `"managedFields":[` is the one in it: before it in
the metadata are only strings (where quotes are escaped) and maps of strings (where no array can follow)."""


class _Meta(msgspec.Struct, gc=False, rename="camel"):
    name: str
    resource_version: str
    namespace: str = ""
    generation: int = 0
    creation_timestamp: str | None = ""
    managed_fields: msgspec.Raw = msgspec.Raw()


class _Object(msgspec.Struct, gc=False):
    metadata: _Meta


_decode = msgspec.json.Decoder(_Object).decode


class Arrival(msgspec.Struct, gc=False):
    """An object just read: its key, what is kept of it, and its creation time (RFC 3339, which sorts as text)."""

    key: Key
    entry: Entry
    created: str


def arrive(raw: bytes | msgspec.Raw, *, keep_managed_fields: bool = False) -> Arrival:
    """Read one object's JSON; of one that is nested too deep the metadata, and that the rest cannot be read.

    Raises msgspec.DecodeError where it is no Kubernetes object, ValueError where its version is no integer.
    """
    text = bytes(raw)
    try:
        meta = _decode(text).metadata
    except RecursionError:
        text = flattened(text)
        meta = _decode(text).metadata
    if not keep_managed_fields:
        managed = bytes(meta.managed_fields)
        if managed:
            text = without_managed_fields(text, managed)
    entry = Entry(text, int(meta.resource_version), meta.generation)
    return Arrival(Key(intern(meta.namespace), meta.name), entry, meta.creation_timestamp or "")


def without_managed_fields(text: bytes, managed: bytes) -> bytes:
    """The object's JSON without `metadata.managedFields`, whose value is `managed`.

    The same text elsewhere in the object stays: a place that is not surely the right one is tried and looked at.
    """
    at = text.find(_FIELD)
    value = at + len(_FIELD)
    if at >= 0 and text.startswith(managed, value) and _leads_with_metadata(text) is not None:
        return _cut(text, at, value + len(managed))
    field = _FIELD + managed
    at = text.find(field)
    while at >= 0:
        shorter = _cut(text, at, at + len(field))
        if not bytes(_decode(shorter).metadata.managed_fields):
            return shorter
        at = text.find(field, at + 1)
    return text


def _cut(text: bytes, start: int, end: int) -> bytes:
    """Without that, and without the comma that parted it from what follows or, at the end, from what precedes."""
    if text.startswith(b",", end):
        return text[:start] + text[end + 1 :]
    return text[: start - text.startswith(b",", start - 1)] + text[end:]

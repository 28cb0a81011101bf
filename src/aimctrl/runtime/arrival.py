"""Objects as they arrive: the few fields decoded on arrival, and `managedFields` cut out of the bytes that are kept."""

import re
from sys import intern

import msgspec

from aimctrl.kube.kinds import Key
from aimctrl.runtime.nesting import flattened
from aimctrl.runtime.store import Entry
from aimctrl.runtime.watch import BrokenLineError, Event, read_event

_FIELD = b'"managedFields":'

_TYPED = rb'\{(?:"(?:apiVersion|kind)":"[^"\\]*",){0,2}"metadata":\{'
"""Nothing but the type comes before `metadata`, so that the first `"managedFields":[` is the one in it: before it in
the metadata are only strings (where quotes are escaped) and maps of strings (where no array can follow)."""

_leads_with_metadata = re.compile(_TYPED).match

_begins_as_usual = re.compile(rb'(\{"type":"(ADDED|MODIFIED|DELETED)","object":)' + _TYPED).match
"""How the API server begins the line of a watch about an object; after the object it ends with one more brace."""

_Head = tuple[bytes, int, bool]
"""What `_begins_as_usual` finds in a line, where in it the object begins, and whether that is gone."""

_HEADS_KNOWN = 16

_ABOUT_NO_OBJECT = ("BOOKMARK", "ERROR")


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


class _Line(msgspec.Struct, gc=False, forbid_unknown_fields=True):
    type: str
    object: _Object


_decode_line = msgspec.json.Decoder(_Line).decode


class Arrival(msgspec.Struct, gc=False):
    """An object just read: its key, what is kept of it, and its creation time (RFC 3339, which sorts as text).

    Those made at once share the text of the time. `gone` says that it is there no more, and this is how it was last.
    """

    key: Key
    entry: Entry
    created: str
    gone: bool = False


def arrive(raw: bytes | msgspec.Raw, *, keep_managed_fields: bool = False, gone: bool = False) -> Arrival:
    """Read one object's JSON; of one that is nested too deep the metadata, and that the rest cannot be read.

    Raises BrokenLineError where it is no Kubernetes object, or its version no integer.
    """
    text = bytes(raw)
    try:
        try:
            meta = _decode(text).metadata
        except RecursionError:
            text = flattened(text)
            meta = _decode(text).metadata
        version = int(meta.resource_version)
    except ValueError as error:  # msgspec's errors are ValueErrors
        raise BrokenLineError(f"an object: {error}") from error
    if not keep_managed_fields:
        managed = bytes(meta.managed_fields)
        if managed:
            text = without_managed_fields(text, managed)
    entry = Entry(text, version, meta.generation)
    return Arrival(Key(intern(meta.namespace), meta.name), entry, intern(meta.creation_timestamp or ""), gone)


class LineReader:
    """Reads the lines of one watch; they are about objects of one kind, so that nearly all of them begin alike."""

    def __init__(self) -> None:
        self._heads: tuple[_Head, ...] = ()

    def read(self, line: bytes, *, keep_managed_fields: bool = False) -> Arrival | Event:
        """The object that a line is about, or the event where it is about none: a bookmark, an error.

        Raises BrokenLineError.
        """
        head = self._head(line)
        if head is None or not line.endswith(b"}}"):
            return _read(line, keep_managed_fields=keep_managed_fields)
        text, start, gone = head
        try:
            meta = _decode_line(line).object.metadata
            version = int(meta.resource_version)
        except (ValueError, RecursionError):  # msgspec's errors are ValueErrors
            return _read(line, keep_managed_fields=keep_managed_fields)
        managed = b"" if keep_managed_fields else bytes(meta.managed_fields)
        if managed:
            at = _place(line, managed, len(text))
            if at < 0:
                return _read(line, keep_managed_fields=keep_managed_fields)
            raw = _cut(line, at, at + len(_FIELD) + len(managed), first=start, last=-1)
        else:
            raw = line[start:-1]
        key = Key(intern(meta.namespace), meta.name)
        return Arrival(key, Entry(raw, version, meta.generation), intern(meta.creation_timestamp or ""), gone)

    def _head(self, line: bytes) -> _Head | None:
        for head in self._heads:
            if line.startswith(head[0]):
                return head
        found = _begins_as_usual(line)
        if found is None:
            return None
        head = found.group(), found.end(1), found.group(2) == b"DELETED"
        if len(self._heads) < _HEADS_KNOWN:
            self._heads = (*self._heads, head)
        return head


def _read(line: bytes, *, keep_managed_fields: bool) -> Arrival | Event:
    """As `LineReader.read`, whatever form the line has."""
    event = read_event(line)
    if event.type in _ABOUT_NO_OBJECT:
        return event
    return arrive(event.object, keep_managed_fields=keep_managed_fields, gone=event.type == "DELETED")


def without_managed_fields(text: bytes, managed: bytes) -> bytes:
    """The object's JSON without `metadata.managedFields`, whose value is `managed`.

    The same text elsewhere in the object stays: a place that is not surely the right one is tried and looked at.
    """
    field = _FIELD + managed
    at = _place(text, managed, 0)
    if at >= 0 and _leads_with_metadata(text) is not None:
        return _cut(text, at, at + len(field))
    at = text.find(field)
    while at >= 0:
        shorter = _cut(text, at, at + len(field))
        if not bytes(_decode(shorter).metadata.managed_fields):
            return shorter
        at = text.find(field, at + 1)
    return text


def _place(text: bytes, managed: bytes, start: int) -> int:
    """Where the first field of that name is, -1 where that is none or has another value."""
    at = text.find(_FIELD, start)
    return at if at >= 0 and text.startswith(managed, at + len(_FIELD)) else -1


def _cut(text: bytes, start: int, end: int, *, first: int = 0, last: int | None = None) -> bytes:
    """What lies between `first` and `last`, without what lies between `start` and `end`.

    Nor with the comma that parted that from what follows or, at the end, from what precedes.
    """
    if text.startswith(b",", end):
        return text[first:start] + text[end + 1 : last]
    return text[first : start - text.startswith(b",", start - 1)] + text[end:last]

"""The entries of `metadata.managedFields`: who manages which fields, by which operation.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/object-meta/ (ManagedFieldsEntry).
"""

from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from aimctrl.sandbox.apiserver.fields.elements import ElementError
from aimctrl.sandbox.apiserver.fields.fieldset import LEAF, FieldSet, difference, read, union
from aimctrl.sandbox.apiserver.schema.node import Json

APPLY = "Apply"
UPDATE = "Update"

_MOST_UPDATERS = 10
_ANCIENT = "ancient-changes"


class Manager(NamedTuple):
    """Whose an entry is. `version` is the `apiVersion` of an update; an apply has `""`, and one entry for all."""

    name: str
    operation: str
    version: str
    subresource: str

    @property
    def order(self) -> tuple[str, str, str, bool, str]:
        """Where it stands among others: by name, and a subresource before the object itself."""
        return f'{self.name}"', self.operation, self.version, not self.subresource, self.subresource

    @property
    def text(self) -> str:
        """How conflicts name it."""
        text = f'"{self.name}"'
        if self.subresource:
            text += f' with subresource "{self.subresource}"'
        return f"{text} using {self.version}" if self.operation == UPDATE else text


class Entry(msgspec.Struct, frozen=True):
    """What a manager manages, in terms of which `api_version`, and when it last changed anything: `""` for never."""

    fields: FieldSet
    api_version: str
    time: str = ""


Entries = dict[Manager, Entry]


def decoded(sent: Sequence[Json], *, trusted: bool = False) -> Entries | None:
    """The entries of an object; None where any is malformed. `trusted` are those that this server has written.

    Entries of the same manager are one, the last.
    """
    entries: Entries = {}
    for item in sent:
        try:
            manager, entry = _decoded(item, trusted=trusted)
        except (ElementError, KeyError, TypeError, AttributeError):
            return None
        entries[manager] = entry
    return entries


def encoded(entries: Entries) -> list[dict[str, Any]]:
    """The entries as an object has them: appliers first, then by time and by name."""
    order = sorted(
        entries.items(),
        key=lambda item: (item[0].operation, item[1].time, item[0].name, item[1].api_version, item[0].subresource),
    )
    return [_encoded(manager, entry) for manager, entry in order]


def give_up(entries: Entries, fields: Iterable[FieldSet], *, but: Manager | None = None) -> Entries:
    """The entries without these fields, in all but one of them; those that are left with nothing go."""
    lost = [part for part in fields if part]
    left: Entries = {}
    for manager, entry in entries.items():
        rest = entry.fields
        if manager != but:
            for part in lost:
                rest = difference(rest, part)
        if rest:
            left[manager] = entry if rest is entry.fields else replace(entry, fields=rest)
    return left


def capped(entries: Entries) -> Entries:
    """At most ten updaters: the oldest are put together under a name of their own, by apiVersion."""
    updaters = [manager for manager in entries if manager.operation == UPDATE]
    excess = len(updaters) - _MOST_UPDATERS
    if excess <= 0:
        return entries
    left = dict(entries)
    first: dict[str, Manager] = {}
    for manager in sorted(updaters, key=lambda manager: (entries[manager].time, manager.order)):
        if not excess:
            break
        if manager.version not in first:
            first[manager.version] = manager
            continue
        bucket = Manager(_ANCIENT, UPDATE, manager.version, "")
        if bucket not in left:
            left[bucket] = left.pop(first[manager.version])
        gone = left.pop(manager)
        left[bucket] = replace(gone, fields=union(gone.fields, left[bucket].fields))
        excess -= 1
    return left


def same_but_times(old: Sequence[Json], new: Sequence[Json]) -> bool:
    """Whether the same managers manage the same fields, in the same order."""
    return len(old) == len(new) and all(
        {**before, "time": ""} == {**now, "time": ""} for before, now in zip(old, new, strict=True)
    )


def _decoded(item: Json, *, trusted: bool) -> tuple[Manager, Entry]:
    operation, api_version = item["operation"], item["apiVersion"]
    if operation not in {APPLY, UPDATE} or not api_version or item["fieldsType"] != "FieldsV1":
        raise KeyError(operation)
    fields = item.get("fieldsV1") or LEAF
    version = api_version if operation == UPDATE else ""
    manager = Manager(item.get("manager", ""), operation, version, item.get("subresource", ""))
    return manager, Entry(fields if trusted else read(fields), api_version, item.get("time") or "")


def _encoded(manager: Manager, entry: Entry) -> dict[str, Any]:
    item: dict[str, Any] = {}
    if manager.name:
        item["manager"] = manager.name
    item["operation"] = manager.operation
    item["apiVersion"] = entry.api_version
    if entry.time:
        item["time"] = entry.time
    item["fieldsType"] = "FieldsV1"
    item["fieldsV1"] = entry.fields
    if manager.subresource:
        item["subresource"] = manager.subresource
    return item

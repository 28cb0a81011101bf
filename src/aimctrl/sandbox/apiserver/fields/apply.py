"""Server-side apply.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/.
"""

from dataclasses import dataclass

from msgspec.structs import replace

from aimctrl.sandbox.apiserver.errors import StatusError, bad_request
from aimctrl.sandbox.apiserver.fields.comparison import compared
from aimctrl.sandbox.apiserver.fields.contents import named, of, ownable
from aimctrl.sandbox.apiserver.fields.entries import UPDATE, Entries, Entry, Manager, encoded, give_up
from aimctrl.sandbox.apiserver.fields.fieldset import (
    LEAF,
    FieldSet,
    Path,
    difference,
    difference_below,
    intersection,
    path_text,
    paths,
    union,
)
from aimctrl.sandbox.apiserver.fields.grain import metadata_of
from aimctrl.sandbox.apiserver.fields.last_applied import KUBECTL, noted, vouched
from aimctrl.sandbox.apiserver.fields.managers import managed, written
from aimctrl.sandbox.apiserver.fields.merging import merged, without
from aimctrl.sandbox.apiserver.fields.typed import faults
from aimctrl.sandbox.apiserver.fields.writers import Writer
from aimctrl.sandbox.apiserver.schema.node import Node, Object
from aimctrl.sandbox.apiserver.values import group_of

_BEFORE = "before-first-apply"


@dataclass(frozen=True, slots=True)
class _Request:
    """An apply: the stored object, or `{}`, and what is wanted of it."""

    node: Node
    live: Object
    intent: Object
    writer: Writer


def applied(node: Node, live: Object | None, intent: Object, writer: Writer, *, force: bool) -> Object:
    """The stored object with the applied one in it, and with who manages what; it may share parts with both.

    `live` is None where there is none yet. What the writer applied before and does not any more is gone, unless
    somebody else has it too. The result has no defaults yet; it is not checked beyond what follows.

    Raises:
        StatusError: 400 for another kind and for managed fields in the intent, 500 where it does not fit the schema,
            and 409 where it changes, without force, what others manage.
    """
    _check_type(intent, writer)
    if metadata_of(intent).get("managedFields") is not None:
        raise bad_request("metadata.managedFields must be nil")
    if wrong := faults(node, intent):
        text = wrong[0] if len(wrong) == 1 else "\n  ".join(["errors:", *wrong])
        raise StatusError(500, "", f"failed to create typed patch object ({_label(intent)}): {text}")
    request = _Request(node, live or {}, intent, writer)
    entries = _entries(request)
    thing = _merged(request, entries)
    after = _taken(request, thing, entries, force=force)
    same = thing == request.live
    fields = after.pop(writer.identity, None)
    if fields:
        old = entries.get(writer.identity)
        time = (old.time if old else "") if same else writer.time
        after[writer.identity] = Entry(fields.fields, writer.api_version, time)
    if writer.manager == KUBECTL:
        thing = noted(thing, intent)
    return _with_managers(thing, after)


def _entries(request: _Request) -> Entries:
    """Who manages what now. Where nobody does yet, one that stands for all there were before manages everything."""
    entries = managed(request.live)
    if entries or not request.live:
        return entries
    earlier = replace(request.writer, manager=_BEFORE, operation=UPDATE)
    return written(request.node, earlier.blank, request.live, ({}, earlier))


def _merged(request: _Request, entries: Entries) -> Object:
    """The stored object with the intent in it, and without what the writer gives up and nobody else has."""
    node, writer = request.node, request.writer
    thing: Object = merged(node, request.live, request.intent)
    old = entries.get(writer.identity)
    if old is None:
        return thing
    last, now = named(node, old.fields), _claimed(request)
    kept = now
    for entry in entries.values():
        kept = union(kept, entry.fields) if entry is not old else kept
    if not difference(last, named(node, now)):
        return thing
    return _pruned(node, thing, last, named(node, kept))


def _pruned(node: Node, thing: Object, last: FieldSet, kept: FieldSet) -> Object:
    """The object without what was applied last, but for what somebody keeps and for what was never applied."""
    there = named(node, of(node, thing))
    left = named(node, of(node, without(node, thing, last) or {}))
    owned: Object = without(node, thing, difference(there, union(left, kept))) or {}
    gone = difference(there, named(node, of(node, owned)))
    return without(node, thing, intersection(gone, last)) or {}


def _claimed(request: _Request) -> FieldSet:
    return difference_below(of(request.node, request.intent), request.writer.reset)


def _taken(request: _Request, thing: Object, entries: Entries, *, force: bool) -> Entries:
    """Who manages what after the apply.

    Raises:
        StatusError: 409.
    """
    writer = request.writer
    changes = compared(request.node, request.live, thing)
    changed = difference_below(changes.changed, writer.reset)
    conflicts = {
        manager: shared
        for manager, entry in entries.items()
        if manager != writer.identity and (shared := intersection(entry.fields, changed))
    }
    if conflicts and not force:
        _refuse(request, conflicts)
    lost = changed, difference_below(changes.removed, writer.reset)
    after = give_up(entries, lost, but=writer.identity)
    after.pop(writer.identity, None)
    if claimed := ownable(_claimed(request)):
        after[writer.identity] = Entry(claimed, writer.api_version)
    return after


def _refuse(request: _Request, conflicts: dict[Manager, FieldSet]) -> None:
    """Refuses what others manage; kubectl may take over what it applied by itself before.

    Raises:
        StatusError: 409, with a cause for each field.
    """
    found: list[tuple[Manager, Path]] = [
        (manager, path) for manager in sorted(conflicts, key=_by_order) for path in paths(conflicts[manager])
    ]
    if request.writer.manager == KUBECTL and (own := vouched(request.node, request.live)):
        found = [(manager, path) for manager, path in found if not _in(own, path)]
    if not found:
        return
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {manager.text}", "field": path_text(path)}
        for manager, path in found
    ]
    raise StatusError(409, "Conflict", _conflict_text(found), details={"causes": causes})


def _by_order(manager: Manager) -> tuple[str, str, str, bool, str]:
    return manager.order


def _conflict_text(found: list[tuple[Manager, Path]]) -> str:
    if len(found) == 1:
        manager, path = found[0]
        return f"Apply failed with 1 conflict: conflict with {manager.text}: {path_text(path)}"
    lines: list[str] = []
    for manager in dict.fromkeys(manager for manager, _ in found):
        lines.append(f"conflicts with {manager.text}:")
        lines += [f"- {path_text(path)}" for other, path in found if other == manager]
    return f"Apply failed with {len(found)} conflicts: " + "\n".join(lines)


def _in(fields: FieldSet, path: Path) -> bool:
    for element in path:
        part = fields.get(element)
        if part is None:
            return False
        fields = part
    return fields == LEAF or "." in fields


def _check_type(intent: Object, writer: Writer) -> None:
    version, kind = intent.get("apiVersion") or "", intent.get("kind") or ""
    if (version, kind) != (writer.api_version, writer.kind):
        raise bad_request(f"invalid object type: {_kind_text(version, kind)}")


def _kind_text(version: str, kind: str) -> str:
    group, short = group_of(version)
    return f"{group}/{short}, Kind={kind}"


def _label(intent: Object) -> str:
    metadata = metadata_of(intent)
    where = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
    return f"{where}; {_kind_text(intent['apiVersion'], intent['kind'])}"


def _with_managers(thing: Object, entries: Entries) -> Object:
    metadata = {key: part for key, part in metadata_of(thing).items() if key != "managedFields"}
    if entries:
        metadata["managedFields"] = encoded(entries)
    return {**thing, "metadata": metadata}

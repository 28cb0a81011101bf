"""Keeping `metadata.managedFields` when an object is created, updated or patched.

Source: https://kubernetes.io/docs/reference/using-api/server-side-apply/#field-management.
"""

from collections.abc import Sequence

from aimctrl.sandbox.apiserver.fields.comparison import compared
from aimctrl.sandbox.apiserver.fields.contents import ownable
from aimctrl.sandbox.apiserver.fields.elements import ElementError
from aimctrl.sandbox.apiserver.fields.entries import (
    Entries,
    Entry,
    capped,
    decoded,
    encoded,
    give_up,
    same_but_times,
)
from aimctrl.sandbox.apiserver.fields.fieldset import difference_below, union
from aimctrl.sandbox.apiserver.fields.grain import metadata_of
from aimctrl.sandbox.apiserver.fields.writers import Writer
from aimctrl.sandbox.apiserver.schema.node import Json, Node, Object


def tracked(node: Node, old: Object | None, new: Object, writer: Writer) -> None:
    """Sets the managed fields of a new object, in place: what it changes is the writer's, and nobody else's.

    `old` is what is stored, None on creation. The new object is as the request wants it: with defaults, before the
    server sets or keeps anything of its own accord. An object whose fields nobody manages stays like that until it is
    applied. A writer that changes nothing is not noted.
    """
    before = _managed(old or {})
    sent = new["metadata"].pop("managedFields", None)
    entries = _known(before, None if writer.subresource else sent)
    if not entries and old is not None:
        return
    try:
        after = encoded(written(node, writer.blank if old is None else old, new, (entries, writer)))
    except ElementError:
        return
    if after:
        new["metadata"]["managedFields"] = after


def written(node: Node, old: Object, new: Object, by: tuple[Entries, Writer]) -> Entries:
    """Who manages what after an update, given who did before it and who makes it.

    Raises:
        ElementError: where an item of a list cannot be told from the others.
    """
    entries, writer = by
    changes = compared(node, _bare(old), _bare(new))
    changed = difference_below(ownable(changes.changed), writer.reset)
    left = give_up(entries, (changed, difference_below(changes.removed, writer.reset)))
    if changed:
        mine = left.get(writer.identity)
        fields = union(mine.fields, changed) if mine else changed
        left[writer.identity] = Entry(fields, writer.api_version, writer.time)
    return capped(left)


def settle(old: Object, new: Object) -> None:
    """Takes back, in place, new times of the managed fields of an object that is otherwise as it was."""
    before, after = _managed(old), _managed(new)
    if before == after or not same_but_times(before, after):
        return
    as_before = {**new, "metadata": {**new["metadata"], "managedFields": before}}
    if as_before == old:
        new["metadata"]["managedFields"] = before


def managed(thing: Object) -> Entries:
    """Who manages what of a stored object."""
    return decoded(_managed(thing), trusted=True) or {}


def _managed(thing: Object) -> Sequence[Json]:
    return metadata_of(thing).get("managedFields") or ()


def _bare(thing: Object) -> Object:
    """The object without its managed fields, which nobody manages."""
    metadata = metadata_of(thing)
    if "managedFields" not in metadata:
        return thing
    return {**thing, "metadata": {key: part for key, part in metadata.items() if key != "managedFields"}}


def _known(before: Sequence[Json], sent: Sequence[Json] | None) -> Entries:
    """The entries to go on from: those that were sent, unless they are none or malformed, else those there were.

    An empty list, and one of an empty entry, is a wish to have none.
    """
    if sent is not None and sent != before:
        if not sent or (len(sent) == 1 and not sent[0]):
            return {}
        if entries := decoded(sent):
            return entries
    return decoded(before, trusted=True) or {}

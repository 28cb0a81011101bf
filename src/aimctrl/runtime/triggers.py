"""What makes a controller look at an object: predicates drop changes, mappers name the keys a change is about."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.index import steered_alike
from aimctrl.runtime.store import Change

Predicate = Callable[[Change], bool]
Mapper = Callable[[Change], Iterable[Key]]


def any_change(change: Change) -> bool:
    """Every change, resyncs too."""
    del change
    return True


@dataclass(frozen=True, slots=True)
class Watch:
    """Look at the keys that `map` names when an object of `kind` changes in a way that `predicate` lets through.

    `reason` is for the log, `<kind> changed` where empty. `keep_managed_fields` is for children that are applied:
    the applier sees in them which fields it owns.
    """

    kind: Kind[Any]
    map: Mapper
    predicate: Predicate = any_change
    selector: str = ""
    reason: str = ""
    keep_managed_fields: bool = False

    @property
    def label(self) -> str:
        """The reason given to the queue."""
        return self.reason or f"{self.kind.name} changed"


def owns(
    kind: Kind[Any],
    owner: Kind[Any],
    *,
    selector: str = "",
    controller_only: bool = True,
    keep_managed_fields: bool = True,
) -> Watch:
    """Look at the `owner` of an object of `kind` whenever that object changes in any way.

    Children that no applier writes need no `managedFields` in the cache, which are up to half of a small object.
    """
    return Watch(
        kind,
        owner_of(owner, controller_only=controller_only),
        selector=selector,
        reason=f"{kind.name} owned",
        keep_managed_fields=keep_managed_fields,
    )


def owner_of(owner: Kind[Any], *, controller_only: bool = True) -> Mapper:
    """The owners of kind `owner`: that of the controller reference, or of every reference; old and new ones alike.

    An owner's version is not compared: a reference outlives the version it was written with.
    """
    kind, group, namespaced = owner.name, owner.group, owner.namespaced

    def mapper(change: Change) -> Iterable[Key]:
        names: set[str] = set()
        for entry in (change.new,) if change.old is change.new else (change.old, change.new):
            for ref in entry.owners() if entry is not None else ():
                of_kind = ref.kind == kind and ref.api_version.rpartition("/")[0] == group
                if of_kind and (ref.controller or not controller_only):
                    names.add(ref.name)
        namespace = change.key.namespace if namespaced else ""
        return [Key(namespace, name) for name in sorted(names)]

    return mapper


def to(keys: Callable[[Meta], Iterable[Key]]) -> Mapper:
    """The keys that `keys` reads from the metadata before and after the change: who was left hears of it too."""

    def mapper(change: Change) -> Iterable[Key]:
        metas = (change.old_meta, change.new_meta) if change.old is not change.new else (change.new_meta,)
        return sorted({key for meta in metas if meta is not None for key in keys(meta)})

    return mapper


def came_or_went(change: Change) -> bool:
    """The object is new or gone, or another one took its name."""
    old, new = change.old, change.new
    return old is None or new is None or old.uid != new.uid


def spec_changed(change: Change) -> bool:
    """Whether there is something to do: all but changes of status, managed fields and resource version alone.

    Lets through what comes and goes, resyncs (a look at everything is what they are for), and changes of generation,
    labels, annotations, finalizers, owner references or deletion. Kinds without a generation (ConfigMap, Secret, Node)
    pass at every change, and so does what another schema shows otherwise in the same version.
    """
    old, new = change.old, change.new
    if old is None or new is None or old is new:
        return True
    if old.generation != new.generation or old.version == new.version or not new.generation:
        return True
    return not steered_alike(old.raw, new.raw)

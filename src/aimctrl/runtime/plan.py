"""What `decide` gives: the world as it should be, and nothing about how to get there."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta

Json = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Target:
    """The object a plan is about, as it was observed: `status` is its JSON then, empty where unset."""

    kind: Kind[Any]
    meta: Meta
    status: Json = field(default_factory=dict[str, Any])

    @property
    def key(self) -> Key:
        """The object's name within its kind."""
        return Key(self.meta.namespace, self.meta.name)

    def owner_reference(self, *, controller: bool = True) -> dict[str, Any]:
        """The entry a child's `metadata.ownerReferences` takes."""
        ref: dict[str, Any] = {
            "apiVersion": self.kind.api_version,
            "kind": self.kind.name,
            "name": self.meta.name,
            "uid": self.meta.uid,
        }
        return ref | {"controller": True, "blockOwnerDeletion": True} if controller else ref


@dataclass(frozen=True, slots=True)
class Note:
    """An event to record about the target."""

    reason: str
    message: str
    type: Literal["Normal", "Warning"] = "Normal"


@dataclass(frozen=True, slots=True)
class Child:
    """An object to have: a whole manifest (metadata with name, namespace, owner references; no status).

    `apply`: server-side apply with force, skipped where it would change nothing. An object that exists already is
    touched where it carries one of the manifest's owner references, where `uid` pins it, or where the manifest has no
    owner references; what is somebody else's, or nobody's, is never adopted.
    `create`: POST, and what exists already is left as it is.
    `patch`: a merge patch of an object known to exist; its absence is no error.
    `uid` pins the object that was observed; another one of that name is left alone (a conflict, retried).
    `manager` is the field manager of an apply, the operator's own where empty.
    """

    kind: Kind[Any]
    manifest: Json
    mode: Literal["apply", "create", "patch"] = "apply"
    uid: str = ""
    manager: str = ""
    created: Note | None = None
    changed: Note | None = None

    @property
    def key(self) -> Key:
        """The child's name within its kind."""
        meta = self.manifest["metadata"]
        return Key(meta.get("namespace", ""), meta["name"])


@dataclass(frozen=True, slots=True)
class Removal:
    """An object to be gone; `uid` pins which one, so that a namesake survives. Absence is no error.

    `version`, its resourceVersion, pins how it was: an object that has changed since stays, and is looked at again.
    """

    kind: Kind[Any]
    key: Key
    uid: str
    note: Note | None = None
    version: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """The state to bring about.

    `status` is the whole status to have (None leaves it alone, its fields that are None are left out); `notes` are
    recorded once it is written; `requeue_after` is in seconds. `finalizers` are all that the target is to have (None
    leaves them alone): a new one is there before any child, and one goes once the removals were tried.
    """

    target: Target
    status: Json | None = None
    children: tuple[Child, ...] = ()
    removals: tuple[Removal, ...] = ()
    notes: tuple[Note, ...] = ()
    requeue_after: float | None = None
    finalizers: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """A child the API server would not take, for a reason somebody can mend."""

    child: Child
    reason: str
    message: str

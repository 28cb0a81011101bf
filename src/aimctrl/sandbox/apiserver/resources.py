"""The kinds that the server serves, and what is peculiar to each."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from aimctrl.sandbox.apiserver.errors import FieldError, Subject
from aimctrl.sandbox.apiserver.schema.node import ANY, Json, Node, Object
from aimctrl.sandbox.apiserver.storage import Storage
from aimctrl.sandbox.apiserver.values import api_version

ALL_VERBS = ("create", "delete", "deletecollection", "get", "list", "patch", "update", "watch")


class NameStyle(StrEnum):
    """What names of objects look like: RFC 1123 subdomains or labels, RFC 1035 labels, or any segment of a path."""

    SUBDOMAIN = "subdomain"
    LABEL = "label"
    OLD_LABEL = "old label"
    SEGMENT = "segment"


class Strategy:
    """What is peculiar to a kind; this one has nothing. Objects are changed in place before they are stored.

    `old` is what is stored. None of these await. `graceful` is whether objects have a grace period when they go.
    """

    graceful = False

    def default(self, thing: Object) -> None:
        """Fill in what the user left open and the schema does not default."""

    def convert(self, thing: Object, api_version: str) -> Object:
        """The object in another version; `thing` stays as it is."""
        return {**thing, "apiVersion": api_version}

    def admit(self, storage: Storage, thing: Object, old: Object | None) -> None:
        """Set what depends on other objects; `old` is None on creation.

        Raises:
            StatusError: where they do not allow it.
        """

    def permit(self, storage: Storage, thing: Object, old: Object | None) -> None:
        """Refuse a valid object for what others say.

        Raises:
            StatusError: where it is refused.
        """

    def prepare_create(self, thing: Object) -> None:
        """Set and clear what is not the creator's to say."""

    def prepare_update(self, thing: Object, old: Object) -> None:
        """Keep what an update of the object itself does not change."""

    def prepare_status(self, thing: Object, old: Object) -> None:
        """Keep what an update of the status does not change, beyond everything but status and metadata."""

    def validate(self, thing: Object, old: Object | None, subresource: str) -> list[FieldError]:
        """What is wrong with it beyond the schema; `old` is None on creation."""
        del thing, old, subresource
        return []

    def generation_changed(self, thing: Object, old: Object) -> bool:
        """Whether an update of the object is one of what is asked of it: anything but metadata and status."""
        return any(
            thing.get(key) != old.get(key) for key in {*thing, *old} - {"metadata", "status", "apiVersion", "kind"}
        )

    def begin_deletion(self, thing: Object) -> None:
        """Change an object that is about to be deleted for the first time, such as by a finalizer."""

    def grace_seconds(self, thing: Object, asked: int | None) -> int:
        """How long a deletion waits for somebody to end the object; 0: not at all."""
        del thing, asked
        return 0


@dataclass(frozen=True, slots=True)
class Column:
    """One additional printer column; `path` is a JSONPath below the object, without braces."""

    name: str
    type: str
    path: str
    format: str = ""
    priority: int = 0
    description: str = ""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a kind has its replicas, as JSONPaths such as `.spec.replicas`."""

    spec_replicas: str
    status_replicas: str
    selector: str = ""


@dataclass(frozen=True, slots=True)
class ResourceType:
    """One resource of one version. `schema` gives that of whole objects; `custom` is whether a CRD declared it.

    `selectable` gives, for each field selector beyond name and namespace, the path of its field. `generations` is
    whether `metadata.generation` is kept. `decode` reads an object of a built-in kind in place and gives the paths of
    its unknown fields; it raises StatusError. `declared` is the schema as a CRD has it, with descriptions.
    `stored_group` is the group under which its objects are kept, where that is not its own; `returned` is whether a
    deletion answers with the object. `deprecation` is what everybody is told who asks for it in that version.
    """

    group: str
    version: str
    kind: str
    plural: str
    singular: str
    namespaced: bool
    schema: Callable[[], Node] = lambda: ANY
    list_kind: str = ""
    short_names: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    verbs: tuple[str, ...] = ALL_VERBS
    status: bool = False
    scale: Scale | None = None
    subresources: tuple[str, ...] = ()
    columns: tuple[Column, ...] = ()
    selectable: Mapping[str, str] = field(default_factory=dict[str, str])
    strategy: Strategy = field(default_factory=Strategy)
    custom: bool = False
    generations: bool = False
    names: NameStyle = NameStyle.SUBDOMAIN
    stored_version: str = ""
    decode: Callable[[Object], list[str]] | None = None
    stored_group: str | None = None
    returned: bool = False
    deprecation: str = ""
    declared: Mapping[str, Json] = field(default_factory=dict[str, Json])

    @property
    def node(self) -> Node:
        """The schema of its objects."""
        return self.schema()

    @property
    def api_version(self) -> str:
        """The `apiVersion` of its objects."""
        return api_version(self.group, self.version)

    @property
    def lists(self) -> str:
        """The kind of its lists."""
        return self.list_kind or f"{self.kind}List"

    def subject(self, name: str = "") -> Subject:
        """What errors about it, or about an object of it, name."""
        return Subject(self.group, self.plural, name)


class Registry:
    """All that is served now, by group, version and plural."""

    def __init__(self, types: Iterable[ResourceType] = ()) -> None:
        self._types: dict[tuple[str, str, str], ResourceType] = {}
        self.revision = 0
        for type_ in types:
            self.add(type_)

    def __iter__(self) -> Iterator[ResourceType]:
        return iter(tuple(self._types.values()))

    def add(self, type_: ResourceType) -> None:
        """Serve it, in place of what was served under its name."""
        self._types[type_.group, type_.version, type_.plural] = type_
        self.revision += 1

    def remove(self, group: str, plural: str) -> None:
        """Serve no version of it any more."""
        for key in [key for key in self._types if (key[0], key[2]) == (group, plural)]:
            del self._types[key]
        self.revision += 1

    def find(self, group: str, version: str, plural: str) -> ResourceType | None:
        """The resource of that name."""
        return self._types.get((group, version, plural))

    def of_kind(self, apiversion: str, kind: str) -> ResourceType | None:
        """The resource whose objects have that apiVersion and kind."""
        return next((t for t in self if t.api_version == apiversion and t.kind == kind), None)

    def versions(self, group: str) -> tuple[str, ...]:
        """The versions of a group, the preferred one first."""
        names = {type_.version for type_ in self if type_.group == group}
        return tuple(sorted(names, key=version_priority))

    def groups(self) -> tuple[str, ...]:
        """All named groups, sorted."""
        return tuple(sorted({type_.group for type_ in self if type_.group}))


def version_priority(version: str) -> tuple[int, int, int, str]:
    """Sorts versions as Kubernetes prefers them: v2, v1, v2beta1, v1beta2, v1alpha1, others by name.

    Source: https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/custom-resource-definition-versioning/.
    """
    for rank, word in enumerate(("", "beta", "alpha")):
        major, found, minor = version.removeprefix("v").partition(word) if word else (version.removeprefix("v"), "", "")
        if version.startswith("v") and major.isdigit() and (not word or (found and minor.isdigit())):
            return rank, -int(major), -int(minor or 0), version
    return 3, 0, 0, version

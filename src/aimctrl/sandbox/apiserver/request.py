"""Requests as the API server understands them: which resource, which verb, whose.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.negotiation import Form
from aimctrl.sandbox.apiserver.resources import ResourceType

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}

_NAMESPACE_SUBRESOURCES = ("status", "finalize")


@dataclass(frozen=True, slots=True)
class User:
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])


@dataclass(frozen=True, slots=True)
class Place:
    """What a path of a resource names: its parts are `""` where the path does not have them."""

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request for a resource. `sender` is its User-Agent, `content_type` has no parameters."""

    verb: str
    type: ResourceType
    place: Place
    user: User
    query: Mapping[str, str] = field(default_factory=dict[str, str])
    body: bytes = b""
    content_type: str = ""
    form: Form = field(default_factory=Form)
    sender: str = ""

    @property
    def namespace(self) -> str:
        """The namespace of the path; `""` for all, and for cluster-scoped objects."""
        return self.place.namespace if self.type.namespaced else ""

    @property
    def name(self) -> str:
        """The name of the path."""
        return self.place.name

    @property
    def dry_run(self) -> bool:
        """Whether nothing is to be stored."""
        return bool(self.query.get("dryRun"))

    @property
    def manager(self) -> str:
        """The field manager: as the request names it, else the User-Agent up to its first slash."""
        return self.query.get("fieldManager") or self.sender.partition("/")[0][:128] or "unknown"


def place_of(path: str) -> Place | None:
    """The resource that a path names; None where it is no path of a resource (`/api/v1`, `/version`, `/apis/apps`)."""
    parts = [part for part in path.split("/") if part]
    if len(parts) >= 3 and parts[0] == "api":
        return _place("", parts[1], parts[2:])
    if len(parts) >= 4 and parts[0] == "apis":
        return _place(parts[1], parts[2], parts[3:])
    return None


def flag(query: Mapping[str, str], name: str) -> bool:
    """Whether a request says yes: by anything that is not no.

    Source: https://pkg.go.dev/k8s.io/apimachinery/pkg/runtime#Convert_Slice_string_To_bool.
    """
    return query.get(name, "false").lower() not in {"false", "0"}


def verb_of(method: str, place: Place, query: Mapping[str, str]) -> str:
    """The verb of a request for that place, as RBAC knows it.

    Raises:
        StatusError: 405, for a method that no resource has.
    """
    if method == "GET":
        return "get" if place.name else ("watch" if flag(query, "watch") else "list")
    if method == "DELETE":
        return "delete" if place.name else "deletecollection"
    if method in _VERBS:
        return _VERBS[method]
    message = "the server does not allow this method on the requested resource"
    raise StatusError(405, "MethodNotAllowed", message, details={})


def _place(group: str, version: str, parts: list[str]) -> Place:
    namespace = ""
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    plural, name, subresource = (*parts[:2], "", "")[:3] if len(parts) < 3 else (*parts[:2], "/".join(parts[2:]))
    return Place(group, version, plural, namespace, name, subresource)

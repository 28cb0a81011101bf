"""Requests as the API server understands them: which resource, which verb, whose.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-uris.
"""

from collections.abc import Mapping

import msgspec

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.negotiation import Form
from aimctrl.sandbox.apiserver.resources import ResourceType

_VERBS = {"POST": "create", "PUT": "update", "PATCH": "patch"}

_NAMESPACE_SUBRESOURCES = ("status", "finalize")


class User(msgspec.Struct, frozen=True):
    """Who asks."""

    name: str
    groups: tuple[str, ...] = ()
    uid: str = ""
    extra: Mapping[str, tuple[str, ...]] = msgspec.field(default_factory=dict[str, tuple[str, ...]])


class Place(msgspec.Struct, frozen=True):
    """What a path of a resource names: its parts are `""` where the path does not have them.

    `watched` is whether it is one of the deprecated paths below `/watch/`.
    """

    group: str
    version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""
    watched: bool = False


class Target(msgspec.Struct, frozen=True):
    """What a request is for: a resource, None where the path names none; and its options."""

    place: Place | None
    query: Mapping[str, str]


class Call(msgspec.Struct, frozen=True):
    """One request for a resource. `sender` is its User-Agent, `content_type` has no parameters.

    `warnings` are what somebody has against it, and lets pass: they are told with the answer, or with a refusal.
    """

    verb: str
    type: ResourceType
    place: Place
    user: User
    query: Mapping[str, str] = msgspec.field(default_factory=dict[str, str])
    body: bytes = b""
    content_type: str = ""
    form: Form = msgspec.field(default_factory=Form)
    sender: str = ""
    warnings: list[str] = msgspec.field(default_factory=list[str])

    @property
    def namespace(self) -> str:
        """The namespace of the path; `""` for all, and for cluster-scoped objects."""
        return self.place.namespace if self.type.namespaced else ""

    @property
    def name(self) -> str:
        """The name of the path."""
        return self.place.name

    @property
    def validates(self) -> bool:
        """Whether something is said to fields that nobody knows, or that are there twice."""
        return self.query.get("fieldValidation") != "Ignore"

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
    if place.watched and method == "GET":
        return "watch"
    if method == "GET":
        return "get" if place.name else ("watch" if flag(query, "watch") else "list")
    if method == "DELETE" and not place.watched:
        return "delete" if place.name else "deletecollection"
    if method in _VERBS and not place.watched:
        return _VERBS[method]
    message = "the server does not allow this method on the requested resource"
    raise StatusError(405, "MethodNotAllowed", message, details={})


def _place(group: str, version: str, parts: list[str]) -> Place:
    namespace, watched = "", parts[0] == "watch" and len(parts) > 1
    if watched:
        parts = parts[1:]
    if parts[0] == "namespaces" and len(parts) > 1:
        namespace = parts[1]
        if len(parts) > 2 and parts[2] not in _NAMESPACE_SUBRESOURCES:
            parts = parts[2:]
    plural, name, subresource = (*parts[:2], "", "")[:3] if len(parts) < 3 else (*parts[:2], "/".join(parts[2:]))
    return Place(group, version, plural, namespace, name, subresource, watched)

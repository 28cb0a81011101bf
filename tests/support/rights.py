"""What an audit log says of a user's rights: which were used, and which were missing.

A right is a verb on a resource. RBAC only ever adds, no two rules of a role allow the same (`policy_rules`), and the
audit log names the binding by which each request was allowed: so a right that is in the log as used is one that, taken
away, has that request refused; and a refusal by the authoriser, unlike a quota's, is in the log as one.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec

from aimctrl import rbac
from aimctrl.kube.core import LEASES
from support.embedded import EmbeddedPlane, Plane

ALLOWED: Final = "authorization.k8s.io/reason"
DECISION: Final = "authorization.k8s.io/decision"


class Right(NamedTuple):
    """A verb on a resource, as a rule has them: with the subresource, and the name where it is limited to one."""

    group: str
    resource: str
    verb: str
    name: str = ""

    def __str__(self) -> str:
        return f"{self.verb} {self.resource} {self.name}".rstrip() + (f" of {self.group}" if self.group else "")


class _Object(msgspec.Struct):
    resource: str = ""
    namespace: str = ""
    name: str = ""
    apiGroup: str = ""  # noqa: N815 - the wire's
    subresource: str = ""


class _Status(msgspec.Struct):
    code: int = 0
    message: str = ""


class _User(msgspec.Struct):
    username: str = ""


class _Event(msgspec.Struct):
    verb: str
    requestURI: str  # noqa: N815 - the wire's
    user: _User = msgspec.field(default_factory=_User)
    objectRef: _Object | None = None  # noqa: N815 - the wire's
    responseStatus: _Status = msgspec.field(default_factory=_Status)  # noqa: N815 - the wire's
    annotations: dict[str, str] = {}


class Log(NamedTuple):
    """What a user did: the rights that let it, and those it would have needed where it was refused."""

    used: frozenset[Right]
    missed: frozenset[Right]


class Rights:
    """What one user did with its rights on control planes that are over, and on those at work."""

    def __init__(self, user: str) -> None:
        self._user = user
        self._over: list[Log] = []
        self._at_work: list[Plane] = []

    @contextmanager
    def looked_at(self, plane: Plane) -> Iterator[None]:
        """Look at that control plane's audit log, at the latest when the block ends."""
        self._at_work.append(plane)
        try:
            yield
        finally:
            self._at_work.remove(plane)
            self._over.append(log(plane, self._user))

    @property
    def log(self) -> Log:
        """All of it, so far."""
        logs = [*self._over, *(log(plane, self._user) for plane in self._at_work)]
        return Log(
            frozenset(right for one in logs for right in one.used),
            frozenset(right for one in logs for right in one.missed),
        )


_decode = msgspec.json.Decoder(_Event).decode


def granted(roles: Iterable[Any]) -> frozenset[Right]:
    """The rights that these roles give."""
    return frozenset(
        Right(group, resource, verb, name)
        for role in roles
        for rule in role.get("rules", ())
        for group in rule["apiGroups"]
        for resource in rule["resources"]
        for verb in rule["verbs"]
        for name in rule.get("resourceNames", ("",))
    )


def operators() -> frozenset[Right]:
    """The rights of an operator of the whole cluster."""
    return granted(rbac.operator_roles())


def shown(plane: Plane, rights: Iterable[Right]) -> frozenset[Right]:
    """Those whose use the audit log shows in time: the embedded API server writes of a watch when it has ended.

    What admission asks for is no request: of owners' finalizers test_rbac.py shows that they are needed.
    """
    embedded = isinstance(plane, EmbeddedPlane)
    unseen = {"watch"} if embedded else set[str]()
    return frozenset(r for r in rights if r.verb not in unseen and not r.resource.endswith("/finalizers"))


def log(plane: Plane, user: str) -> Log:
    """What the audit log has of a user so far."""
    used: set[Right] = set()
    missed: set[Right] = set()
    for event in _events(plane, user):
        if event.annotations.get(DECISION) == "forbid":
            missed |= set(_rights(event))
        elif unmade := _CANNOT_CREATE.search(event.responseStatus.message):
            missed.add(Right(unmade["group"], unmade["resource"], "create"))
        elif _by_its_role(event):
            used |= set(_rights(event))
    return Log(frozenset(used), frozenset(missed))


_CANNOT_CREATE = re.compile(r'cannot create resource "(?P<resource>[^"]+)" in API group "(?P<group>[^"]*)"')
"""Of an apply that may patch: whether it may create is asked only once there turns out to be nothing to patch."""


def _events(plane: Plane, user: str) -> Iterator[_Event]:
    told = f'"username":"{user}"'.encode()
    for file in plane.folder.glob("audit*.log"):
        with file.open("rb") as lines:
            for line in lines:
                if told in line:
                    event = _decode(line)
                    if event.user.username == user:
                        yield event


def _by_its_role(event: _Event) -> bool:
    """The embedded API server does not say by which; what everybody may is not among the rights in question."""
    return f'Binding "{rbac.OPERATOR}' in event.annotations.get(ALLOWED, f'Binding "{rbac.OPERATOR}')


def _rights(event: _Event) -> Iterator[Right]:
    """An apply that made something needed the right to create it as well."""
    about = event.objectRef
    if about is None:
        yield Right("", event.requestURI, event.verb)
        return
    resource = "/".join(part for part in (about.resource, about.subresource) if part)
    name = about.name if about.resource == LEASES.plural and event.verb != "create" else ""
    yield Right(about.apiGroup, resource, event.verb, name)
    if event.verb == "patch" and event.responseStatus.code == 201:
        yield Right(about.apiGroup, resource, "create")

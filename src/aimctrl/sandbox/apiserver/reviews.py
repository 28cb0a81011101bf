"""Reviews: what somebody may do, and who somebody is. They are answered and never stored.

Source: https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from aimctrl.sandbox.apiserver.access import Access
from aimctrl.sandbox.apiserver.bodies import placed, read_object
from aimctrl.sandbox.apiserver.cluster import Answer
from aimctrl.sandbox.apiserver.errors import Cause, FieldError, Literal, Subject, bad_request, invalid
from aimctrl.sandbox.apiserver.fields.managers import tracked
from aimctrl.sandbox.apiserver.gotext import compact
from aimctrl.sandbox.apiserver.rbac import MASTERS, Attributes
from aimctrl.sandbox.apiserver.request import Call, User
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import section, timestamp
from aimctrl.sandbox.apiserver.writing import writer_of


@dataclass(frozen=True, slots=True)
class Reviews:
    """Answers reviews."""

    access: Access

    async def self_subject_access(self, request: web.BaseRequest, call: Call) -> Answer:
        """Whether the caller may do something."""
        del request
        thing = self._read(call)
        _check(_attribute_errors(section(thing, "spec")))
        return self._allowed(thing, call.user)

    async def subject_access(self, request: web.BaseRequest, call: Call) -> Answer:
        """Whether somebody may do something."""
        del request
        thing = self._read(call)
        spec = section(thing, "spec")
        _check([*_attribute_errors(spec), *_user_errors(spec)])
        return self._allowed(thing, _user(spec))

    async def local_subject_access(self, request: web.BaseRequest, call: Call) -> Answer:
        """Whether somebody may do something in a namespace."""
        del request
        thing = self._read(call)
        placed(call, thing)
        spec = section(thing, "spec")
        _check([*_attribute_errors(spec), *_user_errors(spec), *_local_errors(spec, call.namespace)])
        return self._allowed(thing, _user(spec))

    async def self_subject_rules(self, request: web.BaseRequest, call: Call) -> Answer:
        """What the caller may do in a namespace."""
        del request
        thing = read_object(call)
        namespace: str = section(thing, "spec").get("namespace", "")
        if not namespace:
            raise bad_request("no namespace on request")
        rules = [grant.rule for grant in self.access.rbac.grants(call.user, namespace)]
        status = {
            "resourceRules": [rule for rule in rules if rule.get("resources")],
            "nonResourceRules": [rule for rule in rules if rule.get("nonResourceURLs")],
            "incomplete": False,
        }
        return Answer({**thing, "status": status, "spec": {}}, 201)

    async def self_subject(self, request: web.BaseRequest, call: Call) -> Answer:
        """Who the caller is."""
        del request
        now = timestamp(self.access.cluster.now())
        head: Object = {"kind": call.type.kind, "apiVersion": call.type.api_version}
        return Answer(
            {**head, "metadata": {"creationTimestamp": now}, "status": {"userInfo": user_info(call.user)}}, 201
        )

    def _read(self, call: Call) -> Object:
        """The review that is asked for, with its author as a field manager."""
        thing = read_object(call)
        tracked(call.type.node, None, thing, writer_of(self.access.cluster, call, "Update"))
        return thing

    def _allowed(self, thing: Object, user: User) -> Answer:
        status: Object = {"allowed": MASTERS in user.groups}
        grant = None if status["allowed"] else self.access.rbac.grant(user, _attributes(section(thing, "spec")))
        if grant is not None:
            status = {"allowed": True, "reason": grant.reason}
        return Answer({**thing, "status": status}, 201)


def user_info(user: User) -> Object:
    """A user as reviews show one."""
    extra = {key: list(values) for key, values in user.extra.items()}
    info: Object = {"username": user.name, "uid": user.uid, "groups": list(user.groups), "extra": extra}
    return {key: value for key, value in info.items() if value}


def _user(spec: Object) -> User:
    return User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""))


def _attributes(spec: Object) -> Attributes:
    path = spec.get("nonResourceAttributes")
    if path is not None:
        return Attributes(path.get("verb", ""), path=path.get("path", ""))
    of = section(spec, "resourceAttributes")
    resource = "/".join(filter(None, (of.get("resource", ""), of.get("subresource", ""))))
    return Attributes(of.get("verb", ""), of.get("group", ""), resource, of.get("namespace", ""), of.get("name", ""))


def _check(errors: Iterable[FieldError]) -> None:
    found = list(errors)
    if found:
        raise invalid("", Subject("authorization.k8s.io", ""), found)


def _attribute_errors(spec: Object) -> Iterator[FieldError]:
    path, resource = spec.get("nonResourceAttributes"), spec.get("resourceAttributes")
    if path is not None and resource is not None:
        words = "cannot be specified in combination with resourceAttributes"
        yield FieldError(Cause.INVALID, "spec.nonResourceAttributes", words, _path_text(path))
    elif path is None and resource is None:
        words = "exactly one of nonResourceAttributes or resourceAttributes must be specified"
        yield FieldError(Cause.INVALID, "spec.resourceAttributes", words, None)


def _user_errors(spec: Object) -> Iterator[FieldError]:
    if not spec.get("user") and not spec.get("groups"):
        yield FieldError(Cause.INVALID, "spec.user", "at least one of user or group must be specified", "")


def _local_errors(spec: Object, namespace: str) -> Iterator[FieldError]:
    path, resource = spec.get("nonResourceAttributes"), spec.get("resourceAttributes")
    if resource is not None and resource.get("namespace", "") != namespace:
        where, words = "spec.resourceAttributes.namespace", "must match metadata.namespace"
        yield FieldError(Cause.INVALID, where, words, resource.get("namespace", ""))
    if path is not None:
        words = "disallowed on this kind of request"
        yield FieldError(Cause.INVALID, "spec.nonResourceAttributes", words, _path_text(path))


def _path_text(path: dict[str, Any]) -> Literal:
    """A path and a verb as messages show them: as the Go struct."""
    return Literal(compact({"Path": path.get("path", ""), "Verb": path.get("verb", "")}))

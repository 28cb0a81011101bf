"""Reviews of access and identity, which are answered and never stored.

Source: https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/ and
https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/.
"""

import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from aiohttp import web

from aimctrl.sandbox.apiserver.access import Access, Attributes, service_account
from aimctrl.sandbox.apiserver.bodies import read_object
from aimctrl.sandbox.apiserver.cluster import Answer
from aimctrl.sandbox.apiserver.errors import Cause, FieldError, Subject, bad_request, invalid, not_allowed
from aimctrl.sandbox.apiserver.fields.managers import tracked
from aimctrl.sandbox.apiserver.negotiation import decoded
from aimctrl.sandbox.apiserver.request import Call, User
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.values import section, timestamp
from aimctrl.sandbox.apiserver.writing import writer_of

_DEFAULT_LIFETIME = 3600
_SHORTEST_LIFETIME, _LONGEST_LIFETIME = 600, 2**32


@dataclass(frozen=True, slots=True)
class Reviews:
    """Answers reviews, and hands out tokens of ServiceAccounts."""

    access: Access

    def _read(self, call: Call) -> Object:
        """The review that is asked for, with its author as a field manager."""
        thing, _ = read_object(call)
        tracked(call.type.node, None, thing, writer_of(self.access.cluster, call, "Update"))
        return thing

    async def self_subject_access(self, request: web.BaseRequest, call: Call) -> Answer:
        """Whether the caller may do something."""
        del request
        thing = self._read(call)
        return Answer(_reviewed(thing, {"allowed": self.access.allows(call.user, _attributes(thing))}), 201)

    async def subject_access(self, request: web.BaseRequest, call: Call) -> Answer:
        """Whether somebody may do something."""
        del request
        thing = self._read(call)
        spec = section(thing, "spec")
        user = User(spec.get("user", ""), tuple(spec.get("groups") or ()), spec.get("uid", ""))
        return Answer(_reviewed(thing, {"allowed": self.access.allows(user, _attributes(thing))}), 201)

    async def self_subject_rules(self, request: web.BaseRequest, call: Call) -> Answer:
        """What the caller may do in a namespace."""
        del request
        thing, _ = read_object(call)
        rules = list(self.access.rules(call.user, section(thing, "spec").get("namespace", "")))
        status = {
            "resourceRules": [rule for rule in rules if rule.get("resources")],
            "nonResourceRules": [rule for rule in rules if rule.get("nonResourceURLs")],
            "incomplete": False,
        }
        return Answer({**_reviewed(thing, status), "spec": {}}, 201)

    async def self_subject(self, request: web.BaseRequest, call: Call) -> Answer:
        """Who the caller is."""
        del request
        now = timestamp(self.access.cluster.now())
        body = _head(call.type.api_version, call.type.kind)
        return Answer(
            {**body, "metadata": {"creationTimestamp": now}, "status": {"userInfo": _user_info(call.user)}}, 201
        )

    async def token(self, request: web.BaseRequest, call: Call) -> Answer:
        """Who has a token."""
        del request
        thing = self._read(call)
        user = self.access.tokens.get(section(thing, "spec").get("token", ""))
        status: Object = {"user": {}, "error": "invalid bearer token"}
        if user is not None:
            status = {"authenticated": True, "user": _user_info(user), "audiences": [_AUDIENCE]}
        return Answer(_reviewed(thing, status), 201)

    async def token_request(self, request: web.BaseRequest, call: Call) -> Answer:
        """A new token of a ServiceAccount, which stays valid while the server runs or until it is taken away."""
        del request
        if call.verb != "create":
            raise not_allowed()
        account = self.access.cluster.find(call)
        meta = account.object["metadata"]
        audiences, seconds = _token_wishes(call)
        token = secrets.token_urlsafe(32)
        self.access.tokens[token] = service_account(call.namespace, call.name, meta["uid"])
        now = self.access.cluster.now()
        body: Object = {
            "kind": "TokenRequest",
            "apiVersion": "authentication.k8s.io/v1",
            "metadata": {
                "name": call.name,
                "namespace": call.namespace,
                "uid": meta["uid"],
                "creationTimestamp": timestamp(now),
            },
            "spec": {"audiences": audiences, "expirationSeconds": seconds, "boundObjectRef": None},
            "status": {"token": token, "expirationTimestamp": timestamp(now + timedelta(seconds=seconds))},
        }
        return Answer(body, 201)


_AUDIENCE = "https://kubernetes.default.svc"


def _token_wishes(call: Call) -> tuple[list[str], int]:
    """For whom a token is to be good, and for how many seconds.

    Raises:
        StatusError: 422.
    """
    body: Any = decoded(call.body, call.content_type) if call.body.strip() else {}
    if not isinstance(body, dict):
        raise bad_request("the body is no TokenRequest")
    spec = section({**body}, "spec")
    seconds: int = spec.get("expirationSeconds") or _DEFAULT_LIFETIME
    words = ""
    if seconds < _SHORTEST_LIFETIME:
        words = "may not specify a duration less than 10 minutes"
    elif seconds > _LONGEST_LIFETIME:
        words = "may not specify a duration larger than 2^32 seconds"
    if words:
        error = FieldError(Cause.INVALID, "spec.expirationSeconds", words, seconds)
        raise invalid("TokenRequest", Subject("authentication.k8s.io", ""), [error])
    return spec.get("audiences") or [_AUDIENCE], seconds


def _attributes(thing: Object) -> Attributes:
    spec: dict[str, Any] = thing.get("spec") or {}
    path = spec.get("nonResourceAttributes")
    if path:
        return Attributes(path.get("verb", ""), path=path.get("path", ""))
    of = section(spec, "resourceAttributes")
    resource = "/".join(filter(None, (of.get("resource", ""), of.get("subresource", ""))))
    return Attributes(of.get("verb", ""), of.get("group", ""), resource, of.get("namespace", ""), of.get("name", ""))


def _reviewed(thing: Object, status: Object) -> Object:
    return {**thing, "status": status}


def _head(api_version: str, kind: str) -> Object:
    return {"kind": kind, "apiVersion": api_version}


def _user_info(user: User) -> Object:
    info: Object = {"username": user.name, "uid": user.uid, "groups": list(user.groups)}
    return {key: value for key, value in info.items() if value}

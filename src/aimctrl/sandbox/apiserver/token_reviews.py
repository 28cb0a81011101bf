"""Tokens of ServiceAccounts on request, and whose a token is.

Source: https://kubernetes.io/docs/reference/kubernetes-api/authentication-resources/token-request-v1/.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from uuid import uuid4

from aiohttp import web

from aimctrl.sandbox.apiserver.access import Access, service_account
from aimctrl.sandbox.apiserver.bodies import excerpt, no_object, read_object
from aimctrl.sandbox.apiserver.cluster import Answer
from aimctrl.sandbox.apiserver.errors import (
    Cause,
    FieldError,
    Subject,
    bad_request,
    conflict,
    invalid,
    not_allowed,
    not_found,
)
from aimctrl.sandbox.apiserver.fields.managers import tracked
from aimctrl.sandbox.apiserver.negotiation import decoded
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.reviews import user_info
from aimctrl.sandbox.apiserver.schema.node import Json, Object, is_object
from aimctrl.sandbox.apiserver.tokens import AUDIENCE, Bond, Credential, TokenError
from aimctrl.sandbox.apiserver.values import key_of, section, timestamp
from aimctrl.sandbox.apiserver.writing import writer_of

_DEFAULT_LIFETIME = 3600
_SHORTEST_LIFETIME, _LONGEST_LIFETIME = 600, 2**32
_EXTRA = "authentication.kubernetes.io"
_HEAD = {"kind": "TokenRequest", "apiVersion": "authentication.k8s.io/v1"}

_BOUND: Mapping[str, tuple[str, bool]] = {"Pod": ("pods", True), "Secret": ("secrets", True), "Node": ("nodes", False)}
"""What a token may be bound to beside its account, with whether it has a namespace."""


@dataclass(frozen=True, slots=True)
class TokenReviews:
    """Says whose tokens are, and hands out those of ServiceAccounts."""

    access: Access

    async def review(self, request: web.BaseRequest, call: Call) -> Answer:
        """Who has a token."""
        del request
        thing = read_object(call)
        tracked(call.type.node, None, thing, writer_of(self.access.cluster, call, "Update"))
        token = section(thing, "spec").get("token", "")
        if not token:
            raise bad_request("token is required for TokenReview in authentication")
        try:
            user = self.access.tokens.user(token)
        except TokenError as error:
            return Answer({**thing, "status": {"user": {}, "error": str(error)}}, 201)
        status: Object = {"authenticated": True, "user": user_info(user), "audiences": [AUDIENCE]}
        return Answer({**thing, "status": status}, 201)

    async def request(self, request: web.BaseRequest, call: Call) -> Answer:
        """A new token of a ServiceAccount: good until it expires, and while account and bound object are there."""
        del request
        if call.verb != "create":
            raise not_allowed()
        cluster = self.access.cluster
        account, spec = cluster.find(call).object["metadata"], _read(call)
        bonds = [Bond("", "serviceaccounts", key_of(call.namespace, call.name), account["uid"])]
        extra = {f"{_EXTRA}/credential-id": (f"JTI={uuid4()}",)}
        bound = spec.get("boundObjectRef")
        if bound is not None:
            bonds.append(self._bond(call, bound))
        if bound is not None and bound.get("kind") == "Pod":
            extra |= {f"{_EXTRA}/pod-name": (bound["name"],), f"{_EXTRA}/pod-uid": (bonds[-1].uid,)}
        wanted: Object = {
            "audiences": spec.get("audiences") or [AUDIENCE],
            "expirationSeconds": _seconds(spec),
            "boundObjectRef": bound,
        }
        expires = cluster.now() + timedelta(seconds=wanted["expirationSeconds"])
        user = service_account(call.namespace, call.name, account["uid"], extra)
        token = self.access.tokens.new(Credential(user, expires, tuple(bonds), tuple(wanted["audiences"])))
        status = {"token": token, "expirationTimestamp": timestamp(expires)}
        return Answer({**_HEAD, "metadata": self._metadata(call, account, spec), "spec": wanted, "status": status}, 201)

    def _bond(self, call: Call, ref: Object) -> Bond:
        """What a token is bound to beside its account.

        Raises:
            StatusError: 400 for what no token is bound to, 404 and 409 where the object is not there.
        """
        kind, name = ref.get("kind", ""), ref.get("name", "")
        if ref.get("apiVersion") != "v1" or kind not in _BOUND:
            group, _, version = ref.get("apiVersion", "").rpartition("/")
            raise bad_request(f"cannot bind token to object of type {group}/{version}, Kind={kind}")
        plural, namespaced = _BOUND[kind]
        key = key_of(call.namespace if namespaced else "", name)
        stored = self.access.cluster.storage.collection("", plural).get(key)
        if stored is None:
            raise not_found(Subject("", plural, name))
        uid = stored.object["metadata"]["uid"]
        if ref.get("uid", uid) != uid:
            why = f"the UID in the bound object reference ({ref['uid']}) does not match the UID in record. "
            raise conflict(Subject("", kind, name), why + "The object might have been deleted and then recreated")
        return Bond("", plural, key, uid)

    def _metadata(self, call: Call, account: Object, spec: Object) -> Object:
        now = timestamp(self.access.cluster.now())
        fields: Object = {f"f:{key}": {} for key in ("expirationSeconds", *spec)}
        if spec.get("boundObjectRef"):
            fields["f:boundObjectRef"] = {f"f:{key}": {} for key in spec["boundObjectRef"]}
        managed = {
            "manager": call.manager,
            "operation": "Update",
            "apiVersion": _HEAD["apiVersion"],
            "time": now,
            "fieldsType": "FieldsV1",
            "fieldsV1": {"f:spec": fields},
            "subresource": "token",
        }
        names = {"name": call.name, "namespace": call.namespace, "uid": account["uid"]}
        return {**names, "creationTimestamp": now, "managedFields": [managed]}


def _read(call: Call) -> Object:
    """What is asked of a token.

    Raises:
        StatusError: 400.
    """
    body: Json = decoded(call.body, call.content_type) if call.body.strip() else {}
    if not is_object(body):
        start = "the object provided is unrecognized (must be of type TokenRequest): "
        raise bad_request(f"{start}{no_object(body).message} ({excerpt(call.body)})")
    return section(body, "spec")


def _seconds(spec: Object) -> int:
    """For how long a token is to be good.

    Raises:
        StatusError: 422.
    """
    seconds: int = spec.get("expirationSeconds") or _DEFAULT_LIFETIME
    words = ""
    if seconds < _SHORTEST_LIFETIME:
        words = "may not specify a duration less than 10 minutes"
    elif seconds > _LONGEST_LIFETIME:
        words = "may not specify a duration larger than 2^32 seconds"
    if words:
        error = FieldError(Cause.INVALID, "spec.expirationSeconds", words, seconds)
        raise invalid("TokenRequest", Subject("authentication.k8s.io", ""), [error])
    return seconds

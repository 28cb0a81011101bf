"""The audit log: one line of JSON for each request that was answered.

Source: https://kubernetes.io/docs/reference/config-api/apiserver-audit.v1/.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import uuid4

import msgspec

from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.negotiation import JSON, YAML, decoded
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.schema.node import Object


def _nothing(call: Call) -> bool:
    del call
    return False


@dataclass(frozen=True, slots=True)
class Answered:
    """How a request was answered: the HTTP status, and of a refusal why."""

    code: int
    message: str = ""


@dataclass(frozen=True, slots=True)
class AuditLog:
    """Writes lines; `with_body` says of which requests the log holds what was sent, of none by default."""

    write: Callable[[bytes], object]
    with_body: Callable[[Call], bool] = _nothing

    def note(self, call: Call, uri: str, answer: Answered, times: tuple[datetime, datetime], *, allowed: bool) -> None:
        """Writes the line of a request that came and was answered at these times."""
        level = "Request" if self.with_body(call) else "Metadata"
        event: Object = {
            "kind": "Event",
            "apiVersion": "audit.k8s.io/v1",
            "level": level,
            "auditID": str(uuid4()),
            "stage": "ResponseComplete",
            "requestURI": uri,
            "verb": call.verb,
            "user": {"username": call.user.name, "groups": list(call.user.groups)},
            "userAgent": call.sender,
            "objectRef": _reference(call),
            "responseStatus": {"metadata": {}, "code": answer.code} | _why(answer),
            "requestReceivedTimestamp": _moment(times[0]),
            "stageTimestamp": _moment(times[1]),
            "annotations": {"authorization.k8s.io/decision": "allow" if allowed else "forbid"},
        }
        if level == "Request" and call.body:
            with suppress(StatusError):  # what cannot be read is left out
                event["requestObject"] = decoded(call.body, YAML if call.content_type.endswith("yaml") else JSON)
        self.write(msgspec.json.encode(event) + b"\n")


def _why(answer: Answered) -> Object:
    return {"status": "Failure", "message": answer.message} if answer.message else {}


def _reference(call: Call) -> Object:
    place = call.place
    parts = {
        "resource": place.plural,
        "namespace": place.namespace,
        "name": place.name,
        "apiGroup": place.group,
        "apiVersion": place.version,
        "subresource": place.subresource,
    }
    return {key: value for key, value in parts.items() if value}


def _moment(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

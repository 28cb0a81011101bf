"""From an API server's refusal to the error that says what to do about it."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import msgspec

from aimctrl.runtime import errors

JSON = "application/json"
SLIM = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"
"""Metadata is enough: asked of writes, whose answers nobody reads, and of kinds of which only the metadata counts."""

_TEXT_LIMIT = 300


class Call(msgspec.Struct, frozen=True):
    """One HTTP request; `limit` is the number of bytes of the answer to read, 0 for all."""

    method: str
    path: str
    query: Mapping[str, str] = MappingProxyType({})
    body: bytes | None = None
    content_type: str = JSON
    accept: str = JSON
    limit: int = 0

    @property
    def reads(self) -> bool:
        """Whether it changes nothing, so that it may be sent again without a second thought."""
        return self.method == "GET"


class _Status(msgspec.Struct):
    kind: str = ""
    reason: str = ""
    message: str = ""
    details: dict[str, Any] | None = None


_decode_status = msgspec.json.Decoder(_Status).decode

_BY_CODE: dict[int, type[errors.ApiError]] = {
    401: errors.UnauthorizedError,
    403: errors.ForbiddenError,
    404: errors.NotFoundError,
    409: errors.ConflictError,
    410: errors.ExpiredError,
    429: errors.ThrottledError,
}


def refusal(call: Call, code: int, body: bytes, retry_after: str | None = None) -> errors.ApiError:
    """The error for an answer that is no success; `retry_after` is the header of that name.

    Anything but a Status object (a proxy's page, say) is quoted, cut short.
    """
    status = _status(body)
    details = status.details or {}
    answer = errors.Answer(
        code=code,
        reason=status.reason,
        message=status.message or _quoted(call, code, body),
        details=details,
        method=call.method,
        path=call.path,
        retry_after=_seconds(retry_after, details.get("retryAfterSeconds")),
    )
    return _class(answer)(answer)


def silence(call: Call, cause: BaseException) -> errors.ConnectionFailedError:
    """The error for a request without an answer; the caller chains the cause."""
    name = type(cause).__name__
    answer = errors.Answer(reason=name, message=str(cause) or name, method=call.method, path=call.path)
    return errors.ConnectionFailedError(answer)


def gibberish(call: Call, body: bytes) -> errors.ServerError:
    """The error for a success that is nothing the API server says: something stands between it and us."""
    message = f"not understood: {_quoted(call, 200, body)}"
    return errors.ServerError(errors.Answer(200, "NotUnderstood", message, method=call.method, path=call.path))


def from_status(raw: bytes, call: Call) -> errors.ApiError:
    """The error for a Status object sent inside a stream (a watch's ERROR event)."""
    code = msgspec.json.decode(raw, type=_Code).code
    return refusal(call, code, raw)


class _Code(msgspec.Struct):
    code: int = 500


def _class(answer: errors.Answer) -> type[errors.ApiError]:
    if answer.code == 409 and answer.reason == "AlreadyExists":
        return errors.AlreadyExistsError
    if answer.code == 503 and answer.retry_after is not None:
        return errors.ThrottledError
    if answer.code >= 500:
        return errors.ServerError
    return _BY_CODE.get(answer.code, errors.InvalidError)


def _status(body: bytes) -> _Status:
    try:
        status = _decode_status(body)
    except msgspec.DecodeError:
        return _Status()
    return status if status.kind in {"Status", ""} else _Status()


def _quoted(call: Call, code: int, body: bytes) -> str:
    if code == 403:
        return f"{call.method} {call.path} is forbidden"
    return body[:_TEXT_LIMIT].decode(errors="replace").strip()


def _seconds(header: str | None, detail: object) -> float | None:
    if header is not None and header.strip().isdecimal():
        return float(header)
    return float(detail) if isinstance(detail, int) and detail > 0 else None

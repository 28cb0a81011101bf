"""What the API server refuses, as the Status objects of Kubernetes.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/status/ and the field errors of
https://pkg.go.dev/k8s.io/apimachinery/pkg/util/validation/field.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from aimctrl.sandbox.apiserver.gotext import compact, plain, quoted


class Cause(StrEnum):
    """Why a field is refused, as `details.causes[].reason` says it; the words of the message are in _TEXTS."""

    NOT_FOUND = "FieldValueNotFound"
    REQUIRED = "FieldValueRequired"
    DUPLICATE = "FieldValueDuplicate"
    INVALID = "FieldValueInvalid"
    NOT_SUPPORTED = "FieldValueNotSupported"
    FORBIDDEN = "FieldValueForbidden"
    TOO_LONG = "FieldValueTooLong"
    TOO_MANY = "FieldValueTooMany"
    INTERNAL = "InternalError"
    TYPE_INVALID = "FieldValueTypeInvalid"


_TEXTS = {
    Cause.NOT_FOUND: "Not found",
    Cause.REQUIRED: "Required value",
    Cause.DUPLICATE: "Duplicate value",
    Cause.INVALID: "Invalid value",
    Cause.NOT_SUPPORTED: "Unsupported value",
    Cause.FORBIDDEN: "Forbidden",
    Cause.TOO_LONG: "Too long",
    Cause.TOO_MANY: "Too many",
    Cause.INTERNAL: "Internal error",
    Cause.TYPE_INVALID: "Invalid value",
}

_WITHOUT_VALUE = (Cause.REQUIRED, Cause.FORBIDDEN, Cause.TOO_LONG, Cause.INTERNAL)
OMITTED: Any = object()
"""The value of an error that shows none though its cause would have it shown."""


@dataclass(frozen=True, slots=True)
class Literal:
    """A value of an error that is shown as that text."""

    text: str


NO_PATH = "<nil>"
"""How the path of the object itself is shown."""


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field that is refused; `path` is like `spec.env[0].name`, `shown` the value as the message prints it."""

    cause: Cause
    path: str
    detail: str = ""
    value: Any = None

    @property
    def body(self) -> str:
        """The message without the path."""
        text = _TEXTS[self.cause]
        if self.cause not in _WITHOUT_VALUE and self.value is not OMITTED:
            text = f"{text}: {shown(self.value)}"
        return f"{text}: {self.detail}" if self.detail else text

    def __str__(self) -> str:
        return f"{self.path}: {self.body}"


def shown(value: Any) -> str:
    """A value as a field error shows it: strings quoted, objects and lists as compact JSON."""
    if isinstance(value, str):
        return quoted(value)
    if isinstance(value, Literal):
        return value.text
    return plain(value) if isinstance(value, (bool, int, float)) else compact(value)


class StatusError(Exception):
    """A request that is answered with a Status of that HTTP code.

    `headers` go with it, such as Retry-After, and `warnings` of what was found before it was refused.
    """

    def __init__(
        self,
        code: int,
        reason: str,
        message: str,
        *,
        details: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.reason = reason
        self.message = message
        self.details = details
        self.headers = headers or {}
        self.proceed = ""
        self.warnings: tuple[str, ...] = ()

    def status(self) -> dict[str, Any]:
        """The Status object."""
        body: dict[str, Any] = {
            "kind": "Status",
            "apiVersion": "v1",
            "metadata": {"continue": self.proceed} if self.proceed else {},
            "status": "Failure",
            "message": self.message,
        }
        if self.reason:
            body["reason"] = self.reason
        if self.details is not None:
            body["details"] = self.details
        return {**body, "code": self.code}


@dataclass(frozen=True, slots=True)
class Subject:
    """What a refusal is about: a resource (plural) of a group, and a name where there is one."""

    group: str
    resource: str
    name: str = ""

    @property
    def qualified(self) -> str:
        """The resource as messages name it: `pods`, `jobs.batch`."""
        return f"{self.resource}.{self.group}" if self.group else self.resource

    def details(self, kind: str = "") -> dict[str, Any]:
        """`details` of the Status; its `kind` is the plural, but for invalid objects, where it is the kind."""
        parts = {"name": self.name, "group": self.group, "kind": kind or self.resource}
        return {key: value for key, value in parts.items() if value}


def not_found(subject: Subject) -> StatusError:
    """No object has that name."""
    message = f'{subject.qualified} "{subject.name}" not found'
    return StatusError(404, "NotFound", message, details=subject.details())


def already_exists(subject: Subject, *, going: bool = False) -> StatusError:
    """An object has that name already, though it may be on its way out."""
    message = f'{"object is being deleted: " if going else ""}{subject.qualified} "{subject.name}" already exists'
    return StatusError(409, "AlreadyExists", message, details=subject.details())


def conflict(subject: Subject, why: str) -> StatusError:
    """The object is not what the request took it for."""
    message = f'Operation cannot be fulfilled on {subject.qualified} "{subject.name}": {why}'
    return StatusError(409, "Conflict", message, details=subject.details())


def modified(subject: Subject) -> StatusError:
    """The object has another resourceVersion than the request says."""
    return conflict(
        subject, "the object has been modified; please apply your changes to the latest version and try again"
    )


def forbidden(subject: Subject, why: str) -> StatusError:
    """Not allowed, to this user or now."""
    name = f' "{subject.name}"' if subject.name else ""
    return StatusError(403, "Forbidden", f"{subject.qualified}{name} is forbidden: {why}", details=subject.details())


def not_allowed() -> StatusError:
    """A method that the resource does not have."""
    message = "the server does not allow this method on the requested resource"
    return StatusError(405, "MethodNotAllowed", message, details={})


def bad_request(message: str) -> StatusError:
    """A request that makes no sense."""
    return StatusError(400, "BadRequest", message)


def bad_options(kind: str, *errors: FieldError) -> StatusError:
    """Options of a request that are refused; `kind` is such as `ListOptions`."""
    return invalid(kind, Subject("meta.k8s.io", ""), errors)


def expired(message: str, *, proceed: str = "") -> StatusError:
    """A resourceVersion that is too old; `proceed` is a token to go on with a list at the latest one."""
    error = StatusError(410, "Expired", message)
    error.proceed = proceed
    return error


def invalid(kind: str, subject: Subject, errors: Sequence[FieldError]) -> StatusError:
    """An object whose fields are refused; each is a cause, and the message names them all, once."""
    texts = list(dict.fromkeys(str(error) for error in errors))
    summed = texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"
    named = f"{kind}.{subject.group}" if subject.group else kind
    causes = [{"reason": error.cause.value, "message": error.body, "field": error.path} for error in errors]
    return StatusError(
        422,
        "Invalid",
        f'{named} "{subject.name}" is invalid: {summed}',
        details={**subject.details(kind), "causes": causes},
    )

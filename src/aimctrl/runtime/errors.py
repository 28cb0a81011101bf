"""The errors of the runtime; an error's class is its retry policy.

ControllerError
├── TransientError            try again with backoff; never shown as a failure of the user's object
│   ├── ConnectionFailedError no answer: refused, reset, timed out, TLS
│   ├── ThrottledError        429, or 503 with Retry-After; carries `retry_after` seconds
│   ├── ServerError           5xx
│   ├── ConflictError         409 Conflict: the object moved on; read again
│   └── ExpiredError          410: a resourceVersion or continue token is too old
├── MendableError             somebody has to change something; a condition, then wait for the change
│   ├── ForbiddenError        403, naming the verb and resource
│   ├── UnauthorizedError     401
│   ├── InvalidError          400, 415, 422: the API server or a webhook refuses the object
│   ├── NotFoundError         404
│   ├── ConfigurationError    no usable kubeconfig or in-cluster configuration; the message says what is wrong
│   └── AlreadyExistsError    409 AlreadyExists
└── TerminalError             no retry until the object changes
    ├── NotLeaderError        a write was refused here because leadership has ended
    └── LeadershipLostError   the Lease could not be renewed in time, or went to somebody else; the program ends
"""

from collections.abc import Mapping
from typing import Any

import msgspec


class ControllerError(Exception):
    """The root of the tree."""


class TransientError(ControllerError):
    """It will pass; try again with backoff."""


class MendableError(ControllerError):
    """Somebody has to change something before trying again helps."""


class ConfigurationError(MendableError):
    """How to reach the API server cannot be told from the configuration; the message says what is wrong."""


class TerminalError(ControllerError):
    """Trying again will not help; raised by a reconciler, the request waits for the object's next change."""


class NotLeaderError(TerminalError):
    """A write was held back because this process no longer leads."""


class LeadershipLostError(TerminalError):
    """Leadership has ended for this run of the program; a new run may lead again."""


class Answer(msgspec.Struct, frozen=True):
    """What the API server said in a failed request: the fields of its Status object, and of the request."""

    code: int = 0
    reason: str = ""
    message: str = ""
    details: Mapping[str, Any] = {}
    method: str = ""
    path: str = ""
    retry_after: float | None = None


class ApiError(ControllerError):
    """The API server answered a request with an error, or did not answer; `answer` has the details."""

    def __init__(self, answer: Answer) -> None:
        told = f"{answer.code or 'no answer'} {answer.reason}: {answer.message}"
        super().__init__(f"{answer.method} {answer.path}: {told}")
        self.answer = answer


class ConnectionFailedError(ApiError, TransientError):
    """No answer came: refused, reset, timed out, or TLS failed. A write may have been carried out."""


class ThrottledError(ApiError, TransientError):
    """429, or 503 with Retry-After."""


class ServerError(ApiError, TransientError):
    """Any other 5xx."""


class ConflictError(ApiError, TransientError):
    """409 Conflict: a precondition (resourceVersion, uid, field ownership) did not hold."""


class ExpiredError(ApiError, TransientError):
    """410: the resourceVersion or continue token is too old."""


class ForbiddenError(ApiError, MendableError):
    """403: RBAC or admission refuses; the message names verb and resource."""


class UnauthorizedError(ApiError, MendableError):
    """401: the credentials are not accepted."""


class InvalidError(ApiError, MendableError):
    """400, 413, 415 or 422: the object is refused; the message names the field."""


class NotFoundError(ApiError, MendableError):
    """404: the object, or the kind itself, is not there."""


class AlreadyExistsError(ApiError, MendableError):
    """409 AlreadyExists."""

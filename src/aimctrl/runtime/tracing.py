"""What a tracer is told, where a program has one: each reconcile, and each request to the API server made in it.

A trace follows one change: how long it waited in the queue, the reconcile, and its requests, whose `traceparent` lets
the API server's own spans join in. Nothing here imports a tracing library; `otel` has the tracer for OpenTelemetry.
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Protocol

import msgspec


class Work(msgspec.Struct, frozen=True):
    """A reconcile that begins: the fields of its log lines, and the seconds its object has waited for a worker."""

    controller: str
    namespace: str
    name: str
    reconcile_id: str
    reasons: tuple[str, ...]
    waited: float


class Tracer(Protocol):
    """Given to a Client and to a Manager. What it raises ends the reconcile or the request."""

    def reconcile(self, work: Work) -> AbstractContextManager[Callable[[str], None]]:
        """Entered around a reconcile; gives what is to be told how it ended."""
        ...

    def failed(self, error: Exception) -> None:
        """The current reconcile raised that."""
        ...

    def request(self, method: str, path: str, host: str) -> AbstractContextManager[None]:
        """Entered around one attempt at a request."""
        ...

    def headers(self) -> str:
        """What the current request's head is to have besides: whole lines, `""` for nothing."""
        ...

    def answered(self, status: int) -> None:
        """The current request was answered with that HTTP status."""
        ...

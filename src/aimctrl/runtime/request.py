"""What a reconcile is asked for and what it answers."""

from collections.abc import Awaitable
from datetime import datetime
from typing import Protocol

import msgspec

from aimctrl.kube.kinds import Key


class Request(msgspec.Struct, frozen=True):
    """One object to reconcile: its key, the time to reason with (UTC), why it was queued, and failures in a row."""

    key: Key
    now: datetime
    reasons: tuple[str, ...] = ()
    failures: int = 0

    @property
    def namespace(self) -> str:
        """The namespace, `""` for cluster-scoped kinds."""
        return self.key.namespace

    @property
    def name(self) -> str:
        """The name."""
        return self.key.name


class Result(msgspec.Struct, frozen=True):
    """Done; look again after that many seconds, or only when something changes."""

    requeue_after: float | None = None


class Reconciler(Protocol):
    """The plain form: make the world fit the object of that key, and be safe to call again at any time."""

    def reconcile(self, request: Request) -> Awaitable[Result]:
        """Reconcile one object.

        Raises TransientError (or anything unforeseen) to be retried with backoff, TerminalError to wait for a change.
        """
        ...

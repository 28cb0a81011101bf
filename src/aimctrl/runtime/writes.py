"""What a reconcile wrote, so that its next run can wait until the caches have seen it (read your own writes).

The Client records every write that succeeded or may have; whoever runs a reconcile wraps it in `collect()` and reads
the list. The collector is a context variable: tasks started inside the block share it, other reconciles do not.
"""

from collections.abc import Mapping
from contextvars import ContextVar, Token
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from aimctrl.kube.kinds import Key, Kind


@dataclass(frozen=True, slots=True)
class Write:
    """One write the API server has acknowledged; or, `doubtful`, may have carried out, though its answer was lost.

    `version` is the resourceVersion it gave. With `deleted` the object is gone and the server names no version
    (0); `uid` then says which object it was, where that is known. `labels` are the object's since then.
    """

    kind: Kind[Any]
    key: Key
    version: int
    deleted: bool = False
    uid: str = ""
    labels: Mapping[str, str] = field(default_factory=dict[str, str], compare=False)
    doubtful: bool = False


_collector: ContextVar[list[Write] | None] = ContextVar("aimctrl_writes", default=None)


class collect:  # noqa: N801 - called as a function is
    """Gathers the writes made inside the block, in the order they were acknowledged."""

    __slots__ = ("_token", "_writes")

    def __init__(self) -> None:
        self._writes: list[Write] = []
        self._token: Token[list[Write] | None]

    def __enter__(self) -> list[Write]:
        self._token = _collector.set(self._writes)
        return self._writes

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        _collector.reset(self._token)


def record(write: Write) -> None:
    """Note a write with the innermost collector; outside of any it is dropped."""
    writes = _collector.get()
    if writes is not None:
        writes.append(write)

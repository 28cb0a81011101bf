"""What a reconcile wrote, so that its next run can wait until the caches have seen it (read your own writes).

The Client records every write that succeeded or may have; whoever runs a reconcile wraps it in `collect()` and reads
the list. The collector is a context variable: tasks started inside the block share it, other reconciles do not.
"""

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
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


@contextmanager
def collect() -> Generator[list[Write]]:
    """Gather the writes made inside the block, in the order they were acknowledged."""
    writes: list[Write] = []
    token = _collector.set(writes)
    try:
        yield writes
    finally:
        _collector.reset(token)


def record(write: Write) -> None:
    """Note a write with the innermost collector; outside of any it is dropped."""
    writes = _collector.get()
    if writes is not None:
        writes.append(write)

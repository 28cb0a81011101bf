"""What a reconcile wrote, so that its next run can wait until the caches have seen it (read your own writes).

The Client records every write that succeeded or may have; whoever runs a reconcile wraps it in `collect()` and reads
the list. The collector is a context variable: tasks started inside the block share it, other reconciles do not.
"""

from collections.abc import Iterable, Mapping
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Any

import msgspec

from aimctrl.kube.kinds import Key, Kind


class Write(msgspec.Struct, frozen=True):
    """One write the API server has acknowledged; or, `doubtful`, may have carried out, though its answer was lost.

    `version` is the resourceVersion it gave. With `deleted` the object is gone and the server names no version
    (0); `uid` then says which object it was, where that is known. `labels` are the object's since then.
    `generate_name` is what the name of one that was created was completed from.
    """

    kind: Kind[Any]
    key: Key
    version: int
    deleted: bool = False
    uid: str = ""
    labels: Mapping[str, str] = {}
    doubtful: bool = False
    generate_name: str = ""


class collect:  # noqa: N801 - called as a function is
    """Gathers the writes made inside the block, in the order they were acknowledged.

    `unborn` are creations of before that were in doubt and cannot be seen: their names are given to what is created
    inside the block, so that what is carried out after all is not there twice.
    """

    __slots__ = ("_token", "unborn", "writes")

    def __init__(self, unborn: Iterable[Write] = ()) -> None:
        self.writes: list[Write] = []
        self.unborn = list(unborn)
        self._token: Token[collect | None]

    def __enter__(self) -> list[Write]:
        self._token = _collector.set(self)
        return self.writes

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        _collector.reset(self._token)


_collector: ContextVar[collect | None] = ContextVar("aimctrl_writes", default=None)


def record(write: Write) -> None:
    """Note a write with the innermost collector; outside of any it is dropped."""
    collector = _collector.get()
    if collector is not None:
        collector.writes.append(write)


def name_in_doubt(kind: Kind[Any], namespace: str, generate_name: str) -> str:
    """The name that such an object was to have whose creation is in doubt, once for each; `""` where there is none."""
    collector = _collector.get()
    if collector is None:
        return ""
    for write in collector.unborn:
        if (write.kind, write.key.namespace, write.generate_name) == (kind, namespace, generate_name):
            collector.unborn.remove(write)
            return write.key.name
    return ""

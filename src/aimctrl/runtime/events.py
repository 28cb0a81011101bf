"""Kubernetes events about objects: recorded without waiting, repeats counted in one event, never in anybody's way.

The same note about the same object within six minutes is one event with a series; an object that talks without end is
cut short; when the API server cannot keep up the oldest notes are dropped.
Source: https://kubernetes.io/docs/reference/kubernetes-api/cluster-resources/event-v1/ .
"""

import asyncio
import re
import socket
import uuid
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

import msgspec
import structlog

from aimctrl.kube.core import EVENTS
from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta
from aimctrl.runtime.children import is_terminating
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import ControllerError, NotFoundError, TransientError
from aimctrl.runtime.pacing import TokenBucket
from aimctrl.runtime.plan import Note, Target

if TYPE_CHECKING:
    from tenacity import AsyncRetrying

log = structlog.get_logger(__name__)

NOTE_LIMIT = 1024
"""Bytes of UTF-8 the API server takes."""

SERIES_WINDOW = 360.0
"""Seconds after which a repeat is a new event."""

SERIES_PAUSE = 30.0
"""Seconds between two writes of one series."""

OBJECT_BURST, OBJECT_RATE = 25, 1 / 300
"""New events about one object: that many at once, then one in five minutes."""

AT_ONCE = 8
"""Events written at a time: where the API server or this process is slow, one by one is a few a second."""

WAITING_LIMIT = 1000
REMEMBERED = 4096

_dns_labels = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?").findall

Outcome = Literal["sent", "dropped", "failed"]
_Same = tuple[str, str, str, str]


class _Series(msgspec.Struct):
    """One event and its repeats; times in seconds of the loop, but for the stamps."""

    name: str
    target: Target
    note: Note
    first: datetime
    last: datetime
    heard: float
    count: int = 1
    written: float | None = None
    timer: asyncio.TimerHandle | None = None


class EventRecorder:
    """Records notes as events of `component`; `clock` stamps them (UTC), `observe` is told what became of each."""

    def __init__(
        self,
        client: Client,
        *,
        component: str,
        clock: Callable[[], datetime],
        observe: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._client = client
        self._component = component
        self._instance = f"{component}-{socket.gethostname()}"[:128]
        self._clock = clock
        self._observe = observe
        self._series: OrderedDict[_Same, _Series] = OrderedDict()
        self._buckets: OrderedDict[str, TokenBucket] = OrderedDict()
        self._waiting: OrderedDict[str, _Series] = OrderedDict()
        self._wake = asyncio.Event()
        self._stopped = False

    def note(self, target: Target, note: Note) -> None:
        """Record a note about the target; never waits, never raises for what the API server thinks of it."""
        now = asyncio.get_running_loop().time()
        note = replace(note, message=_cut(note.message))
        same = (target.meta.uid, note.reason, note.type, note.message)
        series = self._series.get(same)
        if series is not None and now - series.heard < SERIES_WINDOW:
            self._series.move_to_end(same)
            series.count += 1
            series.last, series.heard = self._clock(), now
            self._repeat(series, now)
            return
        if not self._bucket(target.meta.uid).allow(now):
            self._drop(target, note)
            return
        stamp = self._clock()
        named = _named(target)
        series = self._series[same] = _Series(_name(named.meta.name), named, note, stamp, stamp, now)
        self._series.move_to_end(same)
        _trim(self._series, REMEMBERED)
        self._queue(series)

    def stop(self) -> None:
        """Let `run` return once everything recorded so far is written, counts that were being held back too."""
        self._stopped = True
        for series in self._series.values():
            if series.timer is not None:
                series.timer.cancel()
                self._queue(series)
        self._wake.set()

    async def run(self) -> None:
        """Write what is recorded, a few at once, until `stop`; cancelling drops what is not written yet."""
        async with asyncio.TaskGroup() as writers:
            for number in range(AT_ONCE):
                writers.create_task(self._write_all(), name=f"events/{number}")

    async def _write_all(self) -> None:
        while self._waiting or not self._stopped:
            if not self._waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            _, series = self._waiting.popitem(last=False)
            await self._write(series)

    def _repeat(self, series: _Series, now: float) -> None:
        if series.name in self._waiting or series.timer is not None:
            return
        due = now if series.written is None else series.written + SERIES_PAUSE
        series.timer = asyncio.get_running_loop().call_at(max(due, now), self._queue, series)

    def _queue(self, series: _Series) -> None:
        series.timer = None
        self._waiting[series.name] = series
        while len(self._waiting) > WAITING_LIMIT:
            _, oldest = self._waiting.popitem(last=False)
            self._drop(oldest.target, oldest.note)
        self._wake.set()

    def _bucket(self, uid: str) -> TokenBucket:
        bucket = self._buckets.get(uid)
        if bucket is None:
            bucket = self._buckets[uid] = TokenBucket(OBJECT_RATE, OBJECT_BURST)
        self._buckets.move_to_end(uid)
        _trim(self._buckets, REMEMBERED)
        return bucket

    def _drop(self, target: Target, note: Note) -> None:
        self._observe("dropped")
        log.debug("event dropped", kind=target.kind.name, key=str(target.key), reason=note.reason)

    async def _write(self, series: _Series) -> None:
        again = series.written is not None
        series.written = asyncio.get_running_loop().time()
        try:
            async for attempt in _retrying():
                with attempt:
                    await self._send(series, again=again)
        except ControllerError as error:
            self._observe("failed")
            tell = log.debug if is_terminating(error) else log.warning
            tell("event not written", reason=series.note.reason, key=str(series.target.key), error=str(error))
        else:
            self._observe("sent")

    async def _send(self, series: _Series, *, again: bool) -> None:
        key = Key(series.target.meta.namespace or "default", series.name)
        if again:
            try:
                await self._client.patch(EVENTS, key, {"series": _counted(series)})
            except NotFoundError:  # the API server keeps events for an hour; this one is gone
                series.name = _name(series.target.meta.name)
            else:
                return
        await self._client.create(EVENTS, self._manifest(series))

    def _manifest(self, series: _Series) -> dict[str, Any]:
        kind, meta, note = series.target.kind, series.target.meta, series.note
        regarding = {"apiVersion": kind.api_version, "kind": kind.name, "name": meta.name, "uid": meta.uid}
        manifest: dict[str, Any] = {
            "apiVersion": EVENTS.api_version,
            "kind": EVENTS.name,
            "metadata": {"name": series.name, "namespace": meta.namespace or "default"},
            "eventTime": _micro(series.first),
            "reportingController": self._component,
            "reportingInstance": self._instance,
            "action": "Reconcile",
            "reason": note.reason,
            "type": note.type,
            "note": note.message,
            "regarding": regarding | ({"namespace": meta.namespace} if meta.namespace else {}),
        }
        return manifest | ({"series": _counted(series)} if series.count > 1 else {})


def _retrying() -> "AsyncRetrying":
    from tenacity import AsyncRetrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

    return AsyncRetrying(
        retry=retry_if_exception_type(TransientError),
        stop=stop_after_attempt(4),
        wait=wait_random_exponential(multiplier=0.5, max=10),
        reraise=True,
    )


def _counted(series: _Series) -> dict[str, Any]:
    return {"count": series.count, "lastObservedTime": _micro(series.last)}


def _micro(stamp: datetime) -> str:
    return stamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def _cut(text: str) -> str:
    raw = text.encode()
    return text if len(raw) <= NOTE_LIMIT else raw[: NOTE_LIMIT - 3].decode(errors="ignore") + "…"


def _named(target: Target) -> Target:
    """The target as far as an event says which one it is: thousands are remembered, and objects may be large."""
    meta = target.meta
    return Target(target.kind, Meta(name=meta.name, namespace=meta.namespace, uid=meta.uid))


def _name(regarding: str) -> str:
    """A name of its own for an event about that object, at most 253 characters.

    Some kinds allow almost any name (`system:node` is a ClusterRole); an event's is always a DNS subdomain.
    """
    unique = uuid.uuid4().hex[:16]
    lowered = ".".join(_dns_labels(regarding.lower()))
    return f"{lowered[: 252 - len(unique)].rstrip('.-')}.{unique}".lstrip(".")


def _trim(kept: OrderedDict[Any, Any], limit: int) -> None:
    while len(kept) > limit:
        kept.popitem(last=False)

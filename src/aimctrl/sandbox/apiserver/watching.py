"""Watches: what happens to a collection, as lines of JSON, from a revision on.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes.
"""

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable

import msgspec

from aimctrl.sandbox.apiserver.cluster import Cluster, served
from aimctrl.sandbox.apiserver.errors import StatusError, expired
from aimctrl.sandbox.apiserver.reading import check_list_options
from aimctrl.sandbox.apiserver.request import Call, flag
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.selectors import selection
from aimctrl.sandbox.apiserver.storage import Collection, Event, EventType, Stored

BOOKMARK_SECONDS = 60.0

_AT_ONCE = 500

View = Callable[[Stored], bytes]
"""How an object is written in a line: whole, as a row of a Table, or only its metadata."""


class Watch:
    """One open watch. It listens from the moment it is made, so that nothing is lost before `lines` is read.

    A revision that is forgotten ends it, with a refusal in place of further lines.
    """

    def __init__(self, cluster: Cluster, call: Call, view: View) -> None:
        """Begins to listen.

        Raises:
            StatusError: 400 or 422 for options that make no sense.
        """
        check_list_options(call)
        self._cluster, self._call, self._view = cluster, call, view
        self._written = f"{call.type.version} {call.form.kind} {call.form.version}"
        self._matches = selection(call.type, call.query)
        self._prefix = f"{call.namespace}/" if call.namespace else ""
        self._collection: Collection = cluster.collection(call.type)
        self._pending: deque[Event] = deque()
        self._wake = asyncio.Event()
        self._closed = False
        self._failure: StatusError | None = None
        self._initial: list[Stored] = []
        self._bookmarks = flag(call.query, "allowWatchBookmarks")
        self._mark_initial = flag(call.query, "sendInitialEvents")
        self._begin(int(call.query.get("resourceVersion") or 0))
        self._collection.listen(self._hear)

    def close(self) -> None:
        """End it; what was not sent is lost."""
        self._closed = True
        self._collection.unlisten(self._hear)
        self._wake.set()

    def expire(self) -> None:
        """Have it refused: where it is in the history was forgotten, and what was not sent is lost."""
        self._failure = expired("The resourceVersion for the provided watch is too old.")
        self.close()

    async def lines(self) -> AsyncGenerator[bytes]:
        """The lines as they come, several at once where there are; bookmarks every minute; ends when it is closed.

        Raises:
            StatusError: 410, once the revision it goes on from is forgotten.
        """
        if self._initial:
            yield b"".join(_line(EventType.ADDED, self._view(stored)) for stored in self._initial)
            self._initial = []
        if self._mark_initial and self._bookmarks:
            yield self._bookmark(initial=True)
        while not self._closed:
            try:
                async with asyncio.timeout(BOOKMARK_SECONDS):
                    await self._wake.wait()
            except TimeoutError:
                if self._bookmarks:
                    yield self._bookmark(initial=False)
                continue
            chunk = self._taken()
            if chunk:
                yield chunk
                await asyncio.sleep(0)
        if self._failure is not None:
            raise self._failure

    def _begin(self, version: int) -> None:
        replay = version and not self._mark_initial
        if not replay:
            sends = self._mark_initial or "sendInitialEvents" not in self._call.query
            stored = self._collection.all(self._call.namespace) if sends else []
            self._initial = [s for s in stored if self._matches is None or self._matches(s.object)]
            return
        if version < self._collection.expired:
            self._failure = expired(f"too old resource version: {version} ({self._collection.expired})")
            self._closed = True
            return
        self._pending.extend(self._collection.since(version))
        if self._pending:
            self._wake.set()

    def _hear(self, event: Event) -> None:
        self._pending.append(event)
        self._wake.set()

    def _taken(self) -> bytes:
        parts: list[bytes] = []
        while self._pending and not self._closed and len(parts) < _AT_ONCE:
            line = self._event_line(self._pending.popleft())
            if line:
                parts.append(line)
        if not self._pending and not self._closed:
            self._wake.clear()
        return b"".join(parts)

    def _event_line(self, event: Event) -> bytes:
        if self._prefix and not event.now.key.startswith(self._prefix):
            return b""
        kind = event.type if self._matches is None else self._transition(event)
        if kind is None:
            return b""
        cached = kind, self._written
        line = event.lines.get(cached)
        if line is None:
            line = event.lines[cached] = _line(kind, self._view(self._shown(event, kind)))
        return line

    def _transition(self, event: Event) -> EventType | None:
        """What an event is to one who sees only what the selectors let through."""
        assert self._matches is not None
        before = event.before is not None and self._matches(event.before.object)
        now = event.type is not EventType.DELETED and self._matches(event.now.object)
        if before and now:
            return EventType.MODIFIED
        if now:
            return EventType.ADDED
        return EventType.DELETED if before else None

    def _shown(self, event: Event, kind: EventType) -> Stored:
        """The object of an event; one that left the selection is shown as it last was in it, at the new revision."""
        if kind is EventType.DELETED and event.type is not EventType.DELETED and event.before is not None:
            last = event.before.object
            meta = {**last["metadata"], "resourceVersion": str(event.now.version)}
            return Stored(event.now.key, event.now.version, {**last, "metadata": meta}, b"")
        return served(event.now, self._call.type)

    def _bookmark(self, *, initial: bool) -> bytes:
        meta: Object = {"resourceVersion": str(self._cluster.storage.version)}
        if initial:
            meta["annotations"] = {"k8s.io/initial-events-end": "true"}
        type_ = self._call.type
        thing = {"kind": type_.kind, "apiVersion": type_.api_version, "metadata": meta}
        return _line("BOOKMARK", msgspec.json.encode(thing))


def error_line(status: Object) -> bytes:
    """A Status as the last line of a watch."""
    return _line("ERROR", msgspec.json.encode(status))


def _line(kind: str, raw: bytes) -> bytes:
    return b'{"type":"%s","object":%s}\n' % (kind.encode(), raw)

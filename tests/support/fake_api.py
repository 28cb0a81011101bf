"""Collections as an API server serves them, in memory: lists, pages, watches with bookmarks; and its faults, on request."""

import asyncio
from contextlib import asynccontextmanager
from itertools import takewhile

import msgspec

from aimctrl.runtime.answers import Call, refusal, silence
from aimctrl.runtime.client import Page

END_OF_LIST = {"k8s.io/initial-events-end": "true"}


def no_answer() -> Exception:
    """The error a client raises where nobody answers."""
    return silence(Call("GET", "/fake"), ConnectionRefusedError("refused"))


def failure(code: int, *, reason: str = "", message: str = "no", retry_after: int | None = None) -> Exception:
    """The error a client raises for such an answer."""
    body = msgspec.json.encode({"kind": "Status", "code": code, "reason": reason, "message": message})
    return refusal(Call("GET", "/fake"), code, body, None if retry_after is None else str(retry_after))


class FakeApi:
    """A client's list_page and stream over objects that tests put in; `asked` holds what was requested."""

    def __init__(self, *, streams: bool = True, page_size: int = 500) -> None:
        self.version = 100
        self.streams = streams
        self.page_size = page_size
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.faults: dict[str, Exception] = {}
        self.forgotten = 0
        self._objects: dict[str, dict[tuple[str, str], dict]] = {}
        self._log: list[tuple[int, str, str, dict]] = []
        self._open: list[tuple[str, asyncio.Queue]] = []

    def put(self, resource: str, name: str, namespace: str = "", *, created: str = "2026-01-01T00:00:00Z", **fields):
        """Add or change an object; returns it as served."""
        held = self._objects.setdefault(resource, {})
        known = held.get((namespace, name))
        self.version += 1
        meta = {
            "name": name,
            "uid": known["metadata"]["uid"] if known else f"uid-{self.version}",
            "resourceVersion": str(self.version),
            "creationTimestamp": created,
        }
        if namespace:
            meta["namespace"] = namespace
        thing = {"metadata": meta, **fields}
        held[namespace, name] = thing
        self._tell(resource, "MODIFIED" if known else "ADDED", thing)
        return thing

    def remove(self, resource: str, name: str, namespace: str = "", *, quietly: bool = False) -> None:
        """Delete an object; quietly, no watch hears of it."""
        thing = self._objects[resource].pop((namespace, name))
        self.version += 1
        thing = thing | {"metadata": thing["metadata"] | {"resourceVersion": str(self.version)}}
        if not quietly:
            self._tell(resource, "DELETED", thing)

    def bookmark(self) -> None:
        """Send every watch a bookmark of the current version."""
        for _, queue in self._open:
            queue.put_nowait(_bookmark(self.version))

    def send(self, line: bytes | Exception | None) -> None:
        """Send every watch a line, break it with an error, or (None) close it in good order."""
        for _, queue in self._open:
            queue.put_nowait(line)

    def forget(self) -> None:
        """Expire every version there has been."""
        self.forgotten = self.version

    def open_watches(self) -> list[str]:
        """The paths of the watches that are open."""
        return sorted(path for path, _ in self._open)

    def objects(self, resource: str) -> dict[tuple[str, str], dict]:
        """What there is, by namespace and name."""
        return self._objects.get(resource, {})

    async def list_page(self, kind, namespace="", *, selector="", token="", accept=""):
        """A page; the token is the index of its first object."""
        path = kind.path(namespace)
        self.asked.append((path, {"token": token}))
        self._fail(kind.plural)
        if token and self.forgotten >= self.version:
            raise failure(410, reason="Expired")
        things = self._things(kind.plural, namespace)
        start = int(token or 0)
        end = start + self.page_size
        items = [msgspec.Raw(msgspec.json.encode(thing)) for thing in things[start:end]]
        meta = {"resourceVersion": str(self.version), "continue": str(end) if end < len(things) else ""}
        page = msgspec.json.decode(msgspec.json.encode({"metadata": meta, "items": []}), type=Page)
        page.items = items
        return page

    @asynccontextmanager
    async def stream(self, path, query, *, accept=""):
        """A watch."""
        self.asked.append((path, dict(query)))
        namespace, resource = _parts(path)
        self._fail(resource)
        initial = "sendInitialEvents" in query
        if initial and not self.streams:
            raise failure(422, reason="Invalid", message="sendInitialEvents is forbidden")
        if not initial and not query["resourceVersion"].isdecimal():
            raise failure(400, reason="BadRequest", message="Invalid resource version")
        if not initial and int(query["resourceVersion"]) < self.forgotten:
            raise failure(410, reason="Expired")
        queue: asyncio.Queue = asyncio.Queue()
        if initial:
            for thing in self._things(resource, namespace):
                queue.put_nowait(_line("ADDED", thing))
            queue.put_nowait(_bookmark(self.version, END_OF_LIST))
        else:
            for version, other, verb, thing in self._log:
                if other == resource and version > int(query["resourceVersion"]) and _in(thing, namespace):
                    queue.put_nowait(_line(verb, thing))
        entry = (path, queue)
        self._open.append(entry)
        try:
            yield _Lines(queue)
        finally:
            self._open.remove(entry)

    def _things(self, resource, namespace):
        return [t for _, t in sorted(self._objects.get(resource, {}).items()) if _in(t, namespace)]

    def _fail(self, resource):
        if resource in self.faults:
            raise self.faults[resource]

    def _tell(self, resource, verb, thing):
        self._log.append((self.version, resource, verb, thing))
        for path, queue in self._open:
            namespace, other = _parts(path)
            if other == resource and _in(thing, namespace):
                queue.put_nowait(_line(verb, thing))


def _in(thing, namespace):
    return not namespace or thing["metadata"].get("namespace") == namespace


def _parts(path):
    parts = path.split("/")
    return (parts[-2] if "namespaces" in parts[:-1] else ""), parts[-1]


def _line(verb, thing):
    return msgspec.json.encode({"type": verb, "object": thing})


def _bookmark(version, annotations=None):
    return _line("BOOKMARK", {"metadata": {"resourceVersion": str(version), "annotations": annotations or {}}})


class _Lines:
    def __init__(self, queue):
        self._queue = queue

    async def each(self, take):
        """Whatever has come by then is one batch."""
        while True:
            lines = [await self._queue.get()]
            while not self._queue.empty():
                lines.append(self._queue.get_nowait())
            if whole := list(takewhile(_is_line, lines)):
                take(whole)
            end = next((line for line in lines if not _is_line(line)), b"")
            if end is None:
                return
            if isinstance(end, Exception):
                raise end


def _is_line(line):
    return isinstance(line, bytes)

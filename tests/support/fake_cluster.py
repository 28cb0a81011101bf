"""An API server and its caches in a few lines, for tests of what sits on a client and informers.

Writes follow the API server's rules as far as those tests look: versions, generations, server-side apply with field
managers, preconditions. A write reaches the caches at once, or with `lagging` when `deliver` is called.
"""

import asyncio
import copy
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec

from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.errors import AlreadyExistsError, Answer, ApiError, ConflictError, InvalidError, NotFoundError
from aimctrl.runtime.index import Index
from aimctrl.runtime.lister import Availability, Available, Lister
from aimctrl.runtime.plan import Note, Target
from aimctrl.runtime.store import Change, Entry, Store
from aimctrl.runtime.writes import Write, record

Json = dict[str, Any]


class FakeInformer:
    def __init__(self, kind: Kind[Any], selector: str = "") -> None:
        self.kind = kind
        self.selector = selector
        self.store = Store()
        self.availability: Availability = Available()
        self.lister: Lister[Any] = Lister(kind, self.store, lambda: self.availability)
        self.settled = asyncio.Event()
        self.settled.set()
        self.keep_managed_fields = False
        self.handlers: list[Callable[[Change], None]] = []
        self.served_handlers: list[Callable[[], None]] = []
        self.opened: float | None = 0.0
        self.nudged = 0

    def open_since(self, namespace: str) -> float | None:
        return self.opened

    def nudge(self) -> None:
        self.nudged += 1

    def add_index(self, index: Index[Any]) -> None:
        self.store.add_index(index)

    def sees(self, labels: Mapping[str, str]) -> bool:
        return True

    def add_handler(self, handler: Callable[[Change], None]) -> None:
        self.handlers.append(handler)

    def add_served_handler(self, handler: Callable[[], None]) -> None:
        self.served_handlers.append(handler)

    def see(self, key: Key, live: Json | None, version: int, *, initial: bool = False) -> None:
        """The watch brings the object as it is in that version, or that it is gone."""
        if live is None:
            change = self.store.remove(key)
        else:
            kept = copy.deepcopy(live)
            if not self.keep_managed_fields:
                kept["metadata"].pop("managedFields", None)
            meta = kept["metadata"]
            raw = json.dumps(kept).encode()
            change = self.store.put(key, Entry(raw, version, meta.get("generation", 0)))
        if change is not None:
            change.initial = initial
            for handler in self.handlers:
                handler(change)
        self.store.advance(version)


class FakeInformers:
    """Caches of the kinds that were asked for."""

    def __init__(self, namespaces: Iterable[str] = ()) -> None:
        self.namespaces = tuple(namespaces)
        self.held: dict[str, FakeInformer] = {}
        self.ask: Callable[[Kind[Any], Key], Awaitable[bytes]]

    def informer(self, kind: Kind[Any], *, selector: str = "") -> FakeInformer:
        return self.held.setdefault(kind.resource, FakeInformer(kind, selector))

    def find(self, kind: Kind[Any]) -> FakeInformer | None:
        return self.held.get(kind.resource)

    def all_of(self, kind: Kind[Any]) -> list[FakeInformer]:
        found = self.find(kind)
        return [found] if found else []


class FakeRecorder:
    def __init__(self) -> None:
        self.notes: list[tuple[str, Note]] = []

    def note(self, target: Target, note: Note) -> None:
        self.notes.append((str(target.key), note))

    @property
    def reasons(self) -> list[str]:
        return [note.reason for _, note in self.notes]


class FakeCluster:
    """The client. `calls` lists what was asked of the server; `refuse` raises what a test wants instead of an answer."""

    def __init__(self, informers: FakeInformers) -> None:
        self.informers = informers
        informers.ask = self.get
        self.objects: dict[tuple[str, Key], Json] = {}
        self.calls: list[str] = []
        self.bodies: list[Any] = []
        self.lagging = False
        self.refuse: Callable[[str, Kind[Any], Key], Exception | None] = lambda _verb, _kind, _key: None
        self.admit: Callable[[Json], None] = lambda _live: None
        self._version = 100
        self._late: list[tuple[Kind[Any], Key, Json | None, int]] = []

    # What tests do behind the operator's back.

    def put(self, kind: Kind[Any], live: Json, *, manager: str = "somebody") -> Json:
        """Store an object as somebody else wrote it."""
        key = _key(live)
        before = self.objects.get((kind.resource, key))
        after = copy.deepcopy(live)
        after["metadata"].setdefault("managedFields", [{"manager": manager, "operation": "Update", "fieldsV1": {}}])
        return self._store(kind, key, before, after)

    def live(self, kind: Kind[Any], name: str, namespace: str = "ns") -> Json:
        return self.objects[kind.resource, Key(namespace, name)]

    def drop(self, kind: Kind[Any], key: Key) -> None:
        self.objects.pop((kind.resource, key))
        self._version += 1
        self._send(kind, key, None, self._version)

    def deliver(self) -> None:
        """Let the watches bring all that has happened."""
        late, self._late = self._late, []
        for kind, key, live, version in late:
            self._see(kind, key, live, version)

    # What the client does.

    async def get(self, kind: Kind[Any], key: Key) -> bytes:
        await self._asked("get", kind, key)
        return json.dumps(self._there(kind, key)).encode()

    async def create(self, kind: Kind[Any], manifest: Json, *, field_manager: str = "") -> Meta:
        manifest = _plain(manifest)
        key = _key(manifest)
        await self._asked("create", kind, key, manifest)
        if (kind.resource, key) in self.objects:
            raise AlreadyExistsError(Answer(409, "AlreadyExists", f'{kind} "{key.name}" already exists'))
        manifest["metadata"]["managedFields"] = [{"manager": field_manager, "operation": "Update", "fieldsV1": {}}]
        return self._written(kind, key, None, manifest)

    async def apply(self, kind: Kind[Any], manifest: Json, *, field_manager: str = "", force: bool = True) -> Meta:
        assert force
        manifest = _plain(manifest)
        key = _key(manifest)
        await self._asked("apply", kind, key, manifest)
        before = self.objects.get((kind.resource, key))
        wanted = {k: v for k, v in manifest.items() if k not in {"apiVersion", "kind"}}
        self._precondition(before, wanted["metadata"])
        after = copy.deepcopy(before) if before is not None else {"metadata": {}}
        managed = after["metadata"].setdefault("managedFields", [])
        mine = next((m for m in managed if m["manager"] == field_manager and m["operation"] == "Apply"), None)
        if mine is not None:
            managed.remove(mine)
            _take_away(after, mine["fieldsV1"], wanted)
        _merge(after, wanted)
        managed.append({"manager": field_manager, "operation": "Apply", "fieldsV1": _fields(wanted)})
        return self._written(kind, key, before, after)

    async def patch(self, kind: Kind[Any], key: Key, body: Json | list[Json], *, subresource: str = "") -> Meta:
        body = _plain(body)
        await self._asked(f"patch/{subresource}" if subresource else "patch", kind, key, body)
        before = self._there(kind, key)
        after = copy.deepcopy(before)
        if isinstance(body, list):
            _json_patch(after, body)
        else:
            self._precondition(before, body.get("metadata", {}))
            _merge(after, {"status": body["status"]} if subresource == "status" else body)
        return self._written(kind, key, before, after)

    async def delete(
        self, kind: Kind[Any], key: Key, *, uid: str = "", version: str = "", propagation: str = "Background"
    ) -> None:
        assert propagation == "Background"
        await self._asked("delete", kind, key)
        live = self.objects.get((kind.resource, key))
        if live is not None:
            if uid and live["metadata"]["uid"] != uid:
                raise ConflictError(Answer(409, "Conflict", "the UID in the precondition does not match"))
            if version and live["metadata"]["resourceVersion"] != version:
                raise ConflictError(Answer(409, "Conflict", "the ResourceVersion in the precondition does not match"))
            self.drop(kind, key)
        record(Write(kind, key, 0, deleted=True, uid=uid))

    async def _asked(self, verb: str, kind: Kind[Any], key: Key, body: Any = None) -> None:
        self.calls.append(f"{verb} {kind.name} {key}")
        self.bodies.append(copy.deepcopy(body) if body is not None else {})
        await asyncio.sleep(0)
        error = self.refuse(verb, kind, key)
        if error is not None:
            raise error

    def _there(self, kind: Kind[Any], key: Key) -> Json:
        live = self.objects.get((kind.resource, key))
        if live is None:
            details = {"name": key.name, "kind": kind.plural}
            raise NotFoundError(Answer(404, "NotFound", f'{kind} "{key.name}" not found', details))
        return live

    def _precondition(self, before: Json | None, meta: Json) -> None:
        uid = meta.get("uid")
        if uid and before is None:
            raise ConflictError(Answer(409, "Conflict", "uid mismatch"))
        if uid and before is not None and before["metadata"]["uid"] != uid:
            raise InvalidError(Answer(422, "Invalid", "metadata.uid: Invalid value: field is immutable"))
        version = meta.get("resourceVersion")
        if version and before is not None and before["metadata"]["resourceVersion"] != version:
            raise ConflictError(Answer(409, "Conflict", "the object has been modified"))

    def _written(self, kind: Kind[Any], key: Key, before: Json | None, after: Json) -> Meta:
        self.admit(after)
        stored = self._store(kind, key, before, after)
        meta = msgspec.convert({k: v for k, v in stored["metadata"].items() if k != "managedFields"}, Meta)
        record(Write(kind, key, int(meta.resource_version), uid=meta.uid))
        return meta

    def _store(self, kind: Kind[Any], key: Key, before: Json | None, after: Json) -> Json:
        if before == after:
            return after
        self._version += 1
        meta = after["metadata"]
        if before is None:
            meta.setdefault("uid", f"uid-{key.name}-{self._version}")
            meta.setdefault("creationTimestamp", datetime.now(UTC).isoformat())
            meta["generation"] = 1
        elif _spec(before) != _spec(after):
            meta["generation"] = before["metadata"]["generation"] + 1
        meta["resourceVersion"] = str(self._version)
        self.objects[kind.resource, key] = after
        self._send(kind, key, after, self._version)
        return after

    def _send(self, kind: Kind[Any], key: Key, live: Json | None, version: int) -> None:
        if self.lagging:
            self._late.append((kind, key, copy.deepcopy(live), version))
        else:
            self._see(kind, key, live, version)

    def _see(self, kind: Kind[Any], key: Key, live: Json | None, version: int) -> None:
        informer = self.informers.find(kind)
        if informer is not None:
            informer.see(key, live, version)


def refused(error: type[ApiError], code: int, message: str = "no", **details: Any) -> ApiError:
    """An answer of the API server as the client raises it."""
    return error(Answer(code, error.__name__, message, details))


def _key(manifest: Json) -> Key:
    meta = manifest["metadata"]
    return Key(meta.get("namespace", ""), meta["name"])


def _plain(value: Any) -> Any:
    return msgspec.json.decode(msgspec.json.encode(value))


def _spec(live: Json) -> Json:
    return {k: v for k, v in live.items() if k not in {"metadata", "status"}}


def _merge(into: Json, more: Json) -> None:
    for name, value in more.items():
        if value is None:
            into.pop(name, None)
        elif isinstance(value, dict) and isinstance(into.get(name), dict):
            _merge(into[name], value)
        else:
            into[name] = value


def _json_patch(live: Json, operations: list[Json]) -> None:
    for operation in operations:
        *folders, name = operation["path"].strip("/").split("/")
        parent = live
        for folder in folders:
            parent = parent[folder]
        if operation["op"] == "test" and parent.get(name) != operation["value"]:
            raise InvalidError(Answer(422, "Invalid", "the server rejected our request due to an error in our request"))
        if operation["op"] == "add":
            parent[name] = operation["value"]


def _fields(wanted: Json, *, top: bool = True) -> Json:
    """`fieldsV1` of a manifest; lists are atomic here."""
    if top and "metadata" in wanted:
        owned = {"labels", "annotations", "ownerReferences", "finalizers"}
        wanted = {**wanted, "metadata": {k: v for k, v in wanted["metadata"].items() if k in owned}}
    return {f"f:{name}": _fields(value, top=False) if isinstance(value, dict) else {} for name, value in wanted.items()}


def _take_away(live: Json, owned: Json, wanted: Json) -> None:
    for path, below in owned.items():
        name = path.removeprefix("f:")
        if name not in wanted:
            live.pop(name, None)
        elif below and isinstance(wanted[name], dict):
            _take_away(live.get(name, {}), below, wanted[name])

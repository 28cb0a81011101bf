"""The API server's verbs on kinds and keys: bytes out, manifests in.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/
"""

import asyncio
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

import msgspec

from aimctrl.kube.core import PODS
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.answers import JSON, SLIM, Call, gibberish
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.errors import AlreadyExistsError, ConnectionFailedError, NotFoundError, ServerError
from aimctrl.runtime.lines import Lines
from aimctrl.runtime.nesting import member, parts
from aimctrl.runtime.tracing import Tracer
from aimctrl.runtime.transport import NoRequestMetrics, RequestMetrics, Transport
from aimctrl.runtime.writes import Write, name_in_doubt, record

T = TypeVar("T")

Json = Mapping[str, Any]

_APPLY = "application/apply-patch+yaml"
_MERGE = "application/merge-patch+json"
_JSON_PATCH = "application/json-patch+json"


_IN_DOUBT = (ConnectionFailedError, ServerError, asyncio.CancelledError)
"""A write that ends so ends without the API server's word on it."""

PAGE_SIZE = 500
"""Objects in a page of a list: what client-go asks for."""

_SUFFIX_LETTERS = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX_LENGTH, _GENERATED_LENGTH = 5, 63


class _ListMeta(msgspec.Struct, rename={"token": "continue", "version": "resourceVersion"}):
    version: str = ""
    token: str = ""


class Page(msgspec.Struct):
    """One page of a list: its objects' JSON, the list's version, and the token for the next page, `""` on the last."""

    metadata: _ListMeta
    items: list[msgspec.Raw] = []

    @property
    def version(self) -> str:
        """The resourceVersion to watch from."""
        return self.metadata.version

    @property
    def token(self) -> str:
        """What to ask the next page with."""
        return self.metadata.token


class _Details(msgspec.Struct):
    uid: str = ""


class _Slim(msgspec.Struct):
    """The answer to a write: an object's metadata, or a Status."""

    kind: str = ""
    metadata: Meta = Meta()
    details: _Details | None = None


_decode_page = msgspec.json.Decoder(Page).decode
_decode_slim = msgspec.json.Decoder(_Slim).decode


class Client:
    """One API server; an async context manager.

    Every write that succeeded, or may have though its answer was lost, is recorded for `writes.collect`.

    `fence`, where set, is asked before every write (each attempt of it); while it says False, NotLeaderError is raised
    and nothing sent. Cancelling a write leaves open whether it was carried out.

    All methods raise ApiError by what the server answered (errors.py); ConnectionFailedError where it did not.
    """

    def __init__(
        self,
        connection: Connection,
        *,
        field_manager: str = "aimctrl",
        metrics: RequestMetrics | None = None,
        tracer: Tracer | None = None,
        timeout: float = 30.0,
    ) -> None:
        self.connection = connection
        self.field_manager = field_manager
        self.fence: Callable[[], bool] | None = None
        self._transport = Transport(
            connection,
            sender=field_manager,
            metrics=metrics or NoRequestMetrics(),
            tracer=tracer,
            timeout=timeout,
            may_write=self._may_write,
        )

    async def __aenter__(self) -> Self:
        await self._transport.open()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._transport.close()
        await self.connection.close()

    async def get(self, kind: Kind[Any], key: Key) -> bytes:
        """An object's JSON, managedFields included."""
        return await self._transport.send(Call("GET", kind.path(key.namespace, key.name)))

    async def create(self, kind: Kind[Any], manifest: Json, *, field_manager: str = "") -> Meta:
        """POST an object; AlreadyExistsError where there is one of that name.

        A `generateName` is completed here and not by the API server: so the object can be found if the answer is lost,
        and gets the same name where it is created again since it was not found.
        """
        generate_name = _generate_name(manifest)
        again = name_in_doubt(kind, _key(manifest).namespace, generate_name) if generate_name else ""
        if generate_name:
            manifest = {**manifest, "metadata": {**manifest["metadata"], "name": again or _completed(generate_name)}}
        key = _key(manifest)
        query = {"fieldManager": field_manager or self.field_manager}
        call = Call("POST", kind.path(key.namespace), query, _encode(kind, manifest), JSON, SLIM)
        try:
            return await self._write(kind, key, call, generate_name)
        except AlreadyExistsError:
            if again:  # so it was carried out; the caches have to show it before it is missed again
                record(Write(kind, key, 0, doubtful=True, generate_name=generate_name))
            raise

    async def apply(self, kind: Kind[Any], manifest: Json, *, field_manager: str = "", force: bool = True) -> Meta:
        """Server-side apply: the fields in the manifest become ours, those we had and left out are removed."""
        key = _key(manifest)
        query = {"fieldManager": field_manager or self.field_manager}
        if force:
            query["force"] = "true"
        call = Call("PATCH", kind.path(key.namespace, key.name), query, _encode(kind, manifest), _APPLY, SLIM)
        return await self._write(kind, key, call)

    async def patch(self, kind: Kind[Any], key: Key, body: Json | Sequence[Json], *, subresource: str = "") -> Meta:
        """A JSON merge patch: nulls remove, lists are replaced; a resourceVersion or uid in it is a precondition.

        A list is a JSON patch (RFC 6902); InvalidError where one of its tests fails.
        """
        query = {"fieldManager": self.field_manager}
        path = kind.path(key.namespace, key.name, subresource)
        sort = _MERGE if isinstance(body, Mapping) else _JSON_PATCH
        return await self._write(kind, key, Call("PATCH", path, query, msgspec.json.encode(body), sort, SLIM))

    async def replace(self, kind: Kind[Any], manifest: Json, *, subresource: str = "") -> Meta:
        """PUT a whole object; with a resourceVersion in its metadata, ConflictError where it has moved on."""
        key = _key(manifest)
        query = {"fieldManager": self.field_manager}
        path = kind.path(key.namespace, key.name, subresource)
        return await self._write(kind, key, Call("PUT", path, query, _encode(kind, manifest), JSON, SLIM))

    async def delete(
        self,
        kind: Kind[Any],
        key: Key,
        *,
        uid: str = "",
        version: str = "",
        propagation: Literal["Background", "Foreground", "Orphan"] = "Background",
        grace_seconds: int | None = None,
    ) -> None:
        """Delete an object; that it is gone already is success.

        Raises ConflictError where `uid` is given and the object of that name is another one, or `version` (its
        resourceVersion) and it has changed since.
        """
        options: dict[str, Any] = {"apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": propagation}
        pinned = {name: value for name, value in (("uid", uid), ("resourceVersion", version)) if value}
        if pinned:
            options["preconditions"] = pinned
        if grace_seconds is not None:
            options["gracePeriodSeconds"] = grace_seconds
        path = kind.path(key.namespace, key.name)
        call = Call("DELETE", path, {}, msgspec.json.encode(options), JSON, SLIM)
        try:
            answer = await self._ask(_decode_slim, call)
        except _IN_DOUBT:
            record(Write(kind, key, 0, doubtful=True))
            raise
        except NotFoundError:
            record(Write(kind, key, 0, deleted=True, uid=uid))
            return
        if answer.kind == "Status":
            told = answer.details.uid if answer.details else ""
            record(Write(kind, key, 0, deleted=True, uid=uid or told))
        else:  # finalizers or a grace period keep it for now
            _record(kind, answer.metadata)

    async def pod_log(self, key: Key, *, container: str = "", limit_bytes: int, tail_lines: int | None = None) -> bytes:
        """What a pod's container has written so far, the first `limit_bytes` of it at most.

        A caller that must know whether there is more asks for one byte more than it wants.
        """
        query = {"limitBytes": str(limit_bytes)}
        if container:
            query["container"] = container
        if tail_lines is not None:
            query["tailLines"] = str(tail_lines)
        path = f"{PODS.path(key.namespace, key.name)}/log"
        return await self._transport.send(Call("GET", path, query, accept="*/*", limit=limit_bytes))

    async def list_page(
        self, kind: Kind[Any], namespace: str = "", *, selector: str = "", token: str = "", accept: str = JSON
    ) -> Page:
        """One page of a list, of a namespace or everywhere; ExpiredError where the token is too old."""
        query = {"limit": str(PAGE_SIZE)}
        if selector:
            query["labelSelector"] = selector
        if token:
            query["continue"] = token
        return await self._ask(_read_page, Call("GET", kind.path(namespace), query, accept=accept))

    @asynccontextmanager
    async def stream(self, path: str, query: Mapping[str, str], *, accept: str = JSON) -> AsyncGenerator[Lines]:
        """The whole lines of an answer as they come, in batches; leaving the block ends it.

        Silence never ends it: the reader sets the limit.
        """
        call = Call("GET", path, query, accept=accept)
        async with self._transport.stream(call) as pieces:
            yield Lines(pieces)

    async def request(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        query: Mapping[str, str] | None = None,
        content_type: str = JSON,
    ) -> bytes:
        """Any request, for what has no method here; the body is encoded as JSON unless it is bytes.

        Such a write is fenced, but not recorded.
        """
        data = body if body is None or isinstance(body, bytes) else msgspec.json.encode(body)
        return await self._transport.send(Call(method, path, query or {}, data, content_type))

    async def _write(self, kind: Kind[Any], key: Key, call: Call, generate_name: str = "") -> Meta:
        try:
            meta = (await self._ask(_decode_slim, call)).metadata
        except _IN_DOUBT:
            record(Write(kind, key, 0, doubtful=True, generate_name=generate_name))
            raise
        _record(kind, meta)
        return meta

    async def _ask(self, decode: Callable[[bytes], T], call: Call) -> T:
        raw = await self._transport.send(call)
        try:
            return decode(raw)
        except msgspec.DecodeError as error:
            raise gibberish(call, raw) from error

    def _may_write(self) -> bool:
        return self.fence is None or self.fence()


async def all_items(page: Callable[[str], Awaitable[Page]]) -> AsyncGenerator[bytes]:
    """The JSON of each object of a list; `page` asks for the page of a token, `""` for the first.

    Raises what `page` raises.
    """
    token, more = "", True
    while more:
        found = await page(token)
        for raw in found.items:
            yield bytes(raw)
        token, more = found.token, bool(found.token)


def _read_page(raw: bytes) -> Page:
    """A page, though an object in it be nested too deep for the decoder."""
    try:
        return _decode_page(raw)
    except RecursionError:
        metadata = msgspec.json.decode(member(raw, b"metadata"), type=_ListMeta)
        return Page(metadata, [msgspec.Raw(part.value) for part in parts(member(raw, b"items"))])


def _key(manifest: Json) -> Key:
    meta = manifest["metadata"]
    return Key(meta.get("namespace", ""), meta.get("name", ""))


def _generate_name(manifest: Json) -> str:
    """What the API server would complete a name from; `""` where there is a name, or nothing."""
    meta = manifest["metadata"]
    return "" if meta.get("name") else meta.get("generateName", "")


def _completed(generate_name: str) -> str:
    """A name as the API server would complete it."""
    suffix = "".join(secrets.choice(_SUFFIX_LETTERS) for _ in range(_SUFFIX_LENGTH))
    return generate_name[: _GENERATED_LENGTH - _SUFFIX_LENGTH] + suffix


def _encode(kind: Kind[Any], manifest: Json) -> bytes:
    return msgspec.json.encode({"apiVersion": kind.api_version, "kind": kind.name, **manifest})


def _record(kind: Kind[Any], meta: Meta) -> None:
    record(Write(kind, Key(meta.namespace, meta.name), _version(meta), uid=meta.uid, labels=meta.labels))


def _version(meta: Meta) -> int:
    return int(meta.resource_version) if meta.resource_version.isdecimal() else 0

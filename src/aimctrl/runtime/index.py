"""Indexes: which objects carry a value, kept up to date on arrival so that asking costs one dictionary access."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec
import structlog

from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta, OwnerReference
from aimctrl.runtime.nesting import decoded

log = structlog.get_logger(__name__)

V = TypeVar("V", bound=msgspec.Struct)


class NoView(msgspec.Struct, gc=False):
    """The view of an index that needs nothing but metadata."""


_NO_VIEW = NoView()


class _Metadata(msgspec.Struct):
    metadata: Meta


_decode_metadata = msgspec.json.Decoder(_Metadata).decode


def decode_meta(raw: bytes) -> Meta:
    """The `metadata` of an object's JSON, however deep the rest is nested."""
    return decoded(_decode_metadata, raw).metadata


class _SteeringMetadata(msgspec.Struct, rename="camel"):
    uid: msgspec.Raw = msgspec.Raw()
    labels: msgspec.Raw = msgspec.Raw()
    annotations: msgspec.Raw = msgspec.Raw()
    finalizers: msgspec.Raw = msgspec.Raw()
    owner_references: msgspec.Raw = msgspec.Raw()
    deletion_timestamp: msgspec.Raw = msgspec.Raw()


class _Steered(msgspec.Struct):
    metadata: _SteeringMetadata


_decode_steered = msgspec.json.Decoder(_Steered).decode


def steered_alike(one: bytes, other: bytes) -> bool:
    """Whether the metadata that people steer controllers with is the same in two JSON texts of the same object.

    That is labels, annotations, finalizers, owner references and the time of deletion. Namesakes are not the same.
    """
    return decoded(_decode_steered, one) == decoded(_decode_steered, other)


class _NamedMetadata(msgspec.Struct):
    uid: str = ""


class _Named(msgspec.Struct):
    metadata: _NamedMetadata


_decode_named = msgspec.json.Decoder(_Named).decode


def decode_uid(raw: bytes) -> str:
    """The `metadata.uid` of an object's JSON, however deep the rest is nested."""
    return decoded(_decode_named, raw).metadata.uid


class _OwnedMetadata(msgspec.Struct, rename="camel"):
    owner_references: tuple[OwnerReference, ...] = ()


class _Owned(msgspec.Struct):
    metadata: _OwnedMetadata


_decode_owned = msgspec.json.Decoder(_Owned).decode


def decode_owners(raw: bytes) -> tuple[OwnerReference, ...]:
    """The `metadata.ownerReferences` of an object's JSON, however deep the rest is nested."""
    return decoded(_decode_owned, raw).metadata.owner_references


@dataclass(frozen=True, slots=True)
class Index(Generic[V]):
    """Values to find objects by, computed from metadata and a small struct decoded out of the whole object.

    `keys` is pure: it gives the same values for the same object, each time. An object whose view cannot be decoded
    has none. Indexes of one view type share the decoding.
    """

    name: str
    view: type[V]
    keys: Callable[[Meta, V], Iterable[str]]


def _owner_uids(meta: Meta, _view: NoView) -> Iterable[str]:
    return (ref.uid for ref in meta.owner_references)


BY_OWNER = Index("owner-uid", NoView, _owner_uids)
"""The objects with an owner reference, controller or not, to a uid."""


class Indexes:
    """The indexes of one store; the store tells it of each object that comes and goes."""

    def __init__(self) -> None:
        self._indexes: dict[str, Index[Any]] = {}
        self._decoders: dict[type[msgspec.Struct], Callable[[bytes], Any]] = {}
        self._found: dict[str, dict[str, Key | dict[Key, None]]] = {}

    def define(self, index: Index[Any]) -> bool:
        """Take up an index; False where it is here already.

        Raises ValueError where another index has its name.
        """
        held = self._indexes.get(index.name)
        if held is not None:
            if held != index:
                raise ValueError(f"another index is called {index.name!r}")
            return False
        self._indexes[index.name] = index
        self._found[index.name] = {}
        if index.view is not NoView:
            self._decoders.setdefault(index.view, msgspec.json.Decoder(index.view).decode)
        return True

    def add(self, key: Key, raw: bytes, *, only: str = "") -> None:
        """File an object under its values, in all indexes or only in that one."""
        self._file(key, self._values(key, raw, only))

    def move(self, key: Key, old: bytes | None, new: bytes | None) -> bool:
        """File an object under the values it has now rather than those it had; whether those are others."""
        if not self._indexes:
            return False
        before = set(self._values(key, old, "")) if old is not None else set[tuple[str, str]]()
        after = dict.fromkeys(self._values(key, new, "")) if new is not None else {}
        if before == after.keys():
            return False
        self._discard(key, before - after.keys())
        self._file(key, (value for value in after if value not in before))
        return True

    def _file(self, key: Key, values: Iterable[tuple[str, str]]) -> None:
        for name, value in values:
            bucket = self._found[name]
            held = bucket.get(value)
            if held is None:
                bucket[value] = key
            elif isinstance(held, dict):
                held[key] = None
            elif held != key:
                bucket[value] = {held: None, key: None}

    def _discard(self, key: Key, values: Iterable[tuple[str, str]]) -> None:
        for name, value in values:
            bucket = self._found[name]
            held = bucket.get(value)
            if isinstance(held, dict):
                held.pop(key, None)
                if not held:
                    del bucket[value]
            elif held == key:
                del bucket[value]

    def find(self, name: str, value: str) -> list[Key]:
        """The keys filed under a value, sorted.

        Raises KeyError, naming the index, where it was never defined.
        """
        if name not in self._indexes:
            raise KeyError(f"no index {name!r}; there are {sorted(self._indexes)}")
        held = self._found[name].get(value)
        if held is None:
            return []
        return sorted(held) if isinstance(held, dict) else [held]

    def _values(self, key: Key, raw: bytes, only: str) -> Iterator[tuple[str, str]]:
        meta = decode_meta(raw)
        views: dict[type[msgspec.Struct], Any] = {NoView: _NO_VIEW}
        for name, index in self._indexes.items():
            if only and name != only:
                continue
            try:
                view = views.get(index.view)
                if view is None:
                    view = views[index.view] = self._decoders[index.view](raw)
                values = dict.fromkeys(index.keys(meta, view))
            except Exception as error:  # noqa: BLE001 - one object or a faulty function must not end the watch
                log.warning("object not indexed", index=name, key=str(key), error=str(error))
                continue
            for value in values:
                yield name, value

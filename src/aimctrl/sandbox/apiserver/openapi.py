"""The OpenAPI v3 documents of what is served, for `kubectl explain` and for clients that validate.

Source: https://kubernetes.io/docs/concepts/overview/kubernetes-api/#openapi-v3.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field

import msgspec
from aiohttp import web

from aimctrl.sandbox.apiserver.negotiation import JSON
from aimctrl.sandbox.apiserver.openapi_paths import paths
from aimctrl.sandbox.apiserver.openapi_schemas import components
from aimctrl.sandbox.apiserver.resources import Registry, ResourceType
from aimctrl.sandbox.apiserver.values import path_of_version

_INDEX = "/openapi/v3"

_TAKEN = ("*/*", "application/*", JSON)


@dataclass(frozen=True, slots=True)
class _Document:
    """The document of one group and version, and what it was made of."""

    types: tuple[ResourceType, ...]
    raw: bytes
    tag: str


@dataclass(frozen=True, slots=True)
class OpenApi:
    """Answers requests below `/openapi`; documents are made when they are first asked for, or their kinds changed."""

    registry: Registry
    _made: dict[str, _Document] = field(default_factory=dict[str, _Document])

    def answer(self, request: web.BaseRequest) -> web.Response:
        """The document of a group and version, or the list of them all."""
        if request.path == _INDEX:
            return web.Response(body=msgspec.json.encode({"paths": self._index()}), content_type="text/plain")
        path = request.path.removeprefix(f"{_INDEX}/")
        types = self._served().get(path)
        if types is None:
            return web.Response(status=404)
        return self._document_answer(request, self._document(path, types))

    def _document_answer(self, request: web.BaseRequest, document: _Document) -> web.Response:
        headers = {"ETag": f'"{document.tag}"', "Vary": "Accept", "Content-Type": JSON}
        accepted = [clause.partition(";")[0].strip() for clause in request.headers.get("Accept", "*/*").split(",")]
        if not any(media in _TAKEN for media in accepted):
            return web.Response(status=406, headers={"Vary": "Accept"})
        asked = request.query.get("hash", "")
        if asked and asked != document.tag:
            return web.Response(status=301, headers={**headers, "Location": _link(request.path, document.tag)})
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers=headers)
        if asked:
            headers["Cache-Control"] = "public, immutable"
        return web.Response(body=document.raw, headers=headers)

    def _index(self) -> dict[str, dict[str, str]]:
        return {
            path: {"serverRelativeURL": _link(f"{_INDEX}/{path}", self._document(path, types).tag)}
            for path, types in sorted(self._served().items())
        }

    def _served(self) -> dict[str, list[ResourceType]]:
        found: dict[str, list[ResourceType]] = {}
        for type_ in sorted(self.registry, key=lambda type_: type_.plural):
            found.setdefault(path_of_version(type_.group, type_.version), []).append(type_)
        return found

    def _document(self, path: str, types: Sequence[ResourceType]) -> _Document:
        known = self._made.get(path)
        if known is not None and _same(known.types, types):
            return known
        raw = msgspec.json.encode(
            {
                "openapi": "3.0.0",
                "info": {"title": "Kubernetes", "version": types[0].version},
                "paths": {way: part for type_ in types for way, part in paths(type_)},
                "components": {"schemas": components(types)},
            }
        )
        made = self._made[path] = _Document(tuple(types), raw, hashlib.sha512(raw).hexdigest().upper())
        return made


def _same(some: Sequence[ResourceType], others: Sequence[ResourceType]) -> bool:
    return len(some) == len(others) and all(one is other for one, other in zip(some, others, strict=True))


def _link(path: str, tag: str) -> str:
    return f"{path}?hash={tag}"

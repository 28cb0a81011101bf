"""The way from a reference to the labels of its image: manifests, down an index where there is one, then the config.

Source: https://github.com/opencontainers/distribution-spec/blob/main/spec.md#pull
"""

import re
from typing import Final

import msgspec
from yarl import URL

from aimctrl.aim.registry.auth import Authorization
from aimctrl.aim.registry.docker_config import Credential
from aimctrl.aim.registry.hosts import place
from aimctrl.aim.registry.manifest import (
    ACCEPT,
    CONFIG_LIMIT,
    MANIFEST_LIMIT,
    Image,
    Index,
    check_digest,
    choose,
    parse_manifest,
    read_config,
)
from aimctrl.aim.registry.outcomes import FailedError, ImageNotFound, Malformed
from aimctrl.aim.registry.reference import Reference, is_digest
from aimctrl.aim.registry.transport import Response, Transport

DEPTH: Final = 4
"""Manifests from the one that is named to that of an image: indexes may hold indexes, but not without end."""

_MESSAGE_LIMIT = 200
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")


class _Error(msgspec.Struct):
    code: str = ""
    message: str = ""


class _Errors(msgspec.Struct):
    errors: tuple[_Error, ...] = ()


class Pull:
    """One image read with one credential; `base` is the registry's address. Everything here raises FailedError."""

    def __init__(self, transport: Transport, base: URL, reference: Reference, credential: Credential) -> None:
        self._transport = transport
        self._base = base
        self._reference = reference
        self._authorization = Authorization(transport, base, reference, credential)

    async def labels(self) -> dict[str, str]:
        """The labels of the image."""
        config = (await self._image()).config
        response = await self._get("blobs", config.digest, "*/*", CONFIG_LIMIT)
        return read_config(response.body, config.digest)

    async def _image(self) -> Image:
        version, digest = self._reference.version, self._reference.digest
        for _ in range(DEPTH):
            match await self._manifest(version, digest):
                case Image() as image:
                    return image
                case Index() as index:
                    version = digest = self._chosen(index)
        raise FailedError(Malformed(f"the indexes of {self._reference.name} are nested too deeply"))

    def _chosen(self, index: Index) -> str:
        entry = choose(index)
        if entry is None:
            raise FailedError(ImageNotFound(f"{self._reference.name} has no image for linux"))
        if not is_digest(entry.digest):
            raise FailedError(Malformed("the index names an image by no sha256 or sha512 digest"))
        return entry.digest

    async def _manifest(self, version: str, digest: str) -> Image | Index:
        response = await self._get("manifests", version, ACCEPT, MANIFEST_LIMIT)
        manifest = parse_manifest(response.body, response.content_type)
        if digest:
            check_digest(response.body, digest, "the manifest")
        return manifest

    async def _get(self, sort: str, version: str, accept: str, limit: int) -> Response:
        """A success; a challenge is answered once."""
        url = self._base.with_path(f"/v2/{self._reference.repository}/{sort}/{version}", encoded=True)
        response = await self._ask(url, accept, limit)
        if response.status == 401:
            await self._authorization.answer(response)
            response = await self._ask(url, accept, limit)
        if response.status in {401, 403}:
            raise self._authorization.refusal(_said(response))
        if response.status == 404:
            raise FailedError(ImageNotFound(_with(f"{self._reference.name} has no {version}", _said(response))))
        if response.status != 200:
            told = f"{place(response.url)} answers {response.status}"
            raise FailedError(Malformed(_with(told, _said(response))))
        return response

    async def _ask(self, url: URL, accept: str, limit: int) -> Response:
        headers = {"Accept": accept, **self._authorization.headers}
        return await self._transport.get(url, headers, limit=limit)


def _said(response: Response) -> str:
    """The first error in the registry's words, which people get to read: of one line, and of limited length."""
    try:
        errors = msgspec.json.decode(response.body, type=_Errors).errors
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return ""
    told = ": ".join(part for part in (errors[0].code, errors[0].message) if part) if errors else ""
    return _CONTROL.sub(" ", told)[:_MESSAGE_LIMIT].strip()


def _with(told: str, said: str) -> str:
    return f"{told}: {said}" if said else told

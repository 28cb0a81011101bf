"""Manifests, indexes and configs as registries serve them: untrusted bytes in, what leads on to the labels out; pure.

Sources: https://github.com/opencontainers/image-spec (manifest.md, image-index.md, config.md),
https://distribution.github.io/distribution/spec/manifest-v2-2/ (Docker's forms of the same).
"""

import hashlib
import zlib
from dataclasses import dataclass
from typing import Final

import msgspec

from aimctrl.aim.registry.outcomes import FailedError, Malformed
from aimctrl.aim.registry.reference import is_digest

MANIFEST_LIMIT: Final = 4 * 2**20
"""Bytes of the largest manifest: what registries have to take at least (distribution-spec, Pushing Manifests)."""

CONFIG_LIMIT: Final = 4 * 2**20
"""Bytes of the largest config, unpacked."""

INDEXES: Final = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
)
IMAGES: Final = (
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT: Final = ", ".join((*INDEXES, *IMAGES))

_CONFIGS = frozenset(
    {
        "application/vnd.oci.image.config.v1+json",
        "application/vnd.docker.container.image.v1+json",
        "application/octet-stream",  # by some old builders
    }
)
_GZIP = b"\x1f\x8b"


class Platform(msgspec.Struct, frozen=True):
    """What an image runs on."""

    os: str = ""
    architecture: str = ""


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """What a manifest says of something else in the registry; `size` in bytes."""

    digest: str
    media_type: str = ""
    size: int = 0
    platform: Platform | None = None


class _Manifest(msgspec.Struct, rename="camel"):
    schema_version: int = 0
    media_type: str = ""
    config: Descriptor | None = None
    manifests: tuple[Descriptor, ...] | None = None


class _Container(msgspec.Struct):
    labels: dict[str, str] | None = msgspec.field(default=None, name="Labels")


class _Config(msgspec.Struct):
    config: _Container | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """The manifest of one image: where its config is."""

    config: Descriptor


@dataclass(frozen=True, slots=True)
class Index:
    """The manifest of several images, or of further indexes."""

    entries: tuple[Descriptor, ...]


def parse_manifest(body: bytes, content_type: str) -> Image | Index:
    """What a manifest is; FailedError (Malformed) where it is none, or one that cannot be told apart."""
    if len(body) > MANIFEST_LIMIT:
        raise _malformed(f"the manifest is larger than {MANIFEST_LIMIT // 2**20} MiB")
    try:
        found = msgspec.json.decode(body, type=_Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed("the manifest is not valid") from error
    media_type = found.media_type or content_type.partition(";")[0].strip()
    if found.schema_version == 1:
        raise _malformed("the manifest is of Docker's schema 1, which has no labels of its own")
    if found.manifests is not None and found.config is None and media_type not in IMAGES:
        return Index(found.manifests)
    if found.config is not None and found.manifests is None and media_type not in INDEXES:
        return Image(_checked_config(found.config))
    raise _malformed("the manifest is neither that of an image nor an index")


def choose(index: Index) -> Descriptor | None:
    """The entry for linux/amd64, else for any linux, else the first that names no platform (an index, say)."""
    for fits in (_is_linux_amd64, _is_linux, _is_open):
        for entry in index.entries:
            if fits(entry.platform):
                return entry
    return None


def check_digest(data: bytes, digest: str, what: str) -> None:
    """FailedError (Malformed) unless the data has that digest."""
    if not has_digest(data, digest):
        raise _malformed(f"{what} does not have the digest {digest}")


def has_digest(data: bytes, digest: str) -> bool:
    """Whether the data has that digest, which is one that can be verified."""
    algorithm, _, wanted = digest.partition(":")
    return is_digest(digest) and hashlib.new(algorithm, data).hexdigest() == wanted


def read_config(body: bytes, digest: str) -> dict[str, str]:
    """The labels in an image's config, which may be packed with gzip in the registry or on the way from it.

    FailedError (Malformed) where it is too large, not what the manifest named, or no config.
    """
    if len(body) > CONFIG_LIMIT:
        raise config_too_large()
    if not has_digest(body, digest):
        body = _unpacked(body)
        check_digest(body, digest, "the image's config")
    try:
        container = msgspec.json.decode(_unpacked(body), type=_Config).config
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _malformed("the image's config is not valid") from error
    return (container.labels if container else None) or {}


def config_too_large() -> FailedError:
    """The error for a config over the limit."""
    return _malformed(f"the image's config is larger than {CONFIG_LIMIT // 2**20} MiB")


def _checked_config(config: Descriptor) -> Descriptor:
    if config.media_type and config.media_type not in _CONFIGS:
        raise _malformed(f"it is no container image but an artifact of type {config.media_type[:100]!r}")
    if not is_digest(config.digest):
        raise _malformed("the manifest names its config by no sha256 or sha512 digest")
    if config.size > CONFIG_LIMIT:
        raise config_too_large()
    return config


def _unpacked(data: bytes) -> bytes:
    if not data.startswith(_GZIP):
        return data
    unpacker = zlib.decompressobj(wbits=31)
    try:
        unpacked = unpacker.decompress(data, CONFIG_LIMIT + 1)
    except zlib.error as error:
        raise _malformed("the image's config is damaged gzip") from error
    if len(unpacked) > CONFIG_LIMIT:
        raise config_too_large()
    return unpacked


def _is_linux_amd64(platform: Platform | None) -> bool:
    return platform is not None and (platform.os, platform.architecture) == ("linux", "amd64")


def _is_linux(platform: Platform | None) -> bool:
    return platform is not None and platform.os == "linux"


def _is_open(platform: Platform | None) -> bool:
    return platform is None


def _malformed(message: str) -> FailedError:
    return FailedError(Malformed(message))

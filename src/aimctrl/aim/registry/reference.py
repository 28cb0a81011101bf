"""References to container images, as container runtimes read them.

Sources: https://github.com/distribution/reference (grammar, Docker Hub's defaults),
https://github.com/opencontainers/image-spec/blob/main/descriptor.md#digests.
"""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

DOCKER_HUB: Final = "docker.io"
LATEST: Final = "latest"

_DOCKER_HUB_HOST = "registry-1.docker.io"
_DOCKER_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io"})
_NAME_LIMIT = 255
_LABEL = r"(?:[A-Za-z0-9]|[A-Za-z0-9][A-Za-z0-9-]*[A-Za-z0-9])"
_REGISTRY = re.compile(rf"(?:{_LABEL}(?:\.{_LABEL})*|\[[0-9A-Fa-f:.]+\])(?::(?P<port>[0-9]{{1,5}}))?")
_COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
_REPOSITORY = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")
_TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")


class InvalidReferenceError(ValueError):
    """The text names no image; the message says what is wrong with it."""


@dataclass(frozen=True, slots=True)
class Reference:
    """An image in a registry; `registry` is `host[:port]` as it was written, `tag` or `digest` may be empty, not both.

    Where both are there the digest counts.
    """

    registry: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def host(self) -> str:
        """The `host[:port]` that serves the registry."""
        return _DOCKER_HUB_HOST if self.registry == DOCKER_HUB else self.registry

    @property
    def version(self) -> str:
        """The digest, else the tag: what the manifest is asked for by."""
        return self.digest or self.tag

    @property
    def name(self) -> str:
        """`registry/repository`: what pull secrets are matched against."""
        return f"{self.registry}/{self.repository}"


def parse_reference(text: str) -> Reference:
    """`[registry/]repository[:tag][@digest]`, with Docker Hub, `library/` and `latest` where nothing is said.

    Raises InvalidReferenceError.
    """
    if "://" in text:
        raise InvalidReferenceError(f"{text!r} is an address; an image has no scheme")
    rest, at, digest = text.partition("@")
    if at and not is_digest(digest):
        raise InvalidReferenceError(f"{digest!r} is no sha256 or sha512 digest")
    head, colon, tag = rest.rpartition(":")
    if not colon or "/" in tag:
        head, tag = rest, ""
    elif not _TAG.fullmatch(tag):
        raise InvalidReferenceError(f"{tag!r} is no tag: at most 128 letters, digits, '_', '.' and '-'")
    registry, repository = _split(head)
    if not tag and not digest:
        tag = LATEST
    return Reference(_checked_registry(registry), _checked_repository(registry, repository), tag, digest)


def is_digest(text: str) -> bool:
    """Whether this is a digest that can be verified: SHA-256 or SHA-512 in lowercase hex."""
    return _DIGEST.fullmatch(text) is not None


def _split(name: str) -> tuple[str, str]:
    first, slash, rest = name.partition("/")
    is_host = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if slash and is_host:
        registry, repository = (DOCKER_HUB if first in _DOCKER_HUB_NAMES else first), rest
    else:
        registry, repository = DOCKER_HUB, name
    if registry == DOCKER_HUB and "/" not in repository:
        repository = f"library/{repository}"
    return registry, repository


def _checked_registry(registry: str) -> str:
    match = _REGISTRY.fullmatch(registry)
    if match is None:
        raise InvalidReferenceError(f"{registry!r} is no registry: a host, or host:port")
    if registry.startswith("[") and not _is_ipv6(registry):
        raise InvalidReferenceError(f"{registry!r} has no IPv6 address in its brackets")
    if match["port"] and not 0 < int(match["port"]) < 65536:
        raise InvalidReferenceError(f"{registry!r} has a port above 65535")
    return registry


def _is_ipv6(registry: str) -> bool:
    try:
        ipaddress.IPv6Address(registry[1:].partition("]")[0])
    except ValueError:
        return False
    return True


def _checked_repository(registry: str, repository: str) -> str:
    if _REPOSITORY.fullmatch(repository) is None:
        if _REPOSITORY.fullmatch(repository.lower()):
            raise InvalidReferenceError(f"the repository {repository!r} has uppercase letters")
        raise InvalidReferenceError(f"{repository!r} is no repository: lowercase words with '.', '_' or '-', and '/'")
    if len(registry) + 1 + len(repository) > _NAME_LIMIT:
        raise InvalidReferenceError(f"the image's name is longer than {_NAME_LIMIT} characters")
    return repository

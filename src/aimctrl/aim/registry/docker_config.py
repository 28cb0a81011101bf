"""The credentials in pull secrets, and which of them the kubelet would use for an image.

Sources: https://kubernetes.io/docs/concepts/containers/images/#config-json (matching), kubernetes
`pkg/credentialprovider` (order, Docker Hub's key, what is left out), docker/cli `cli/config/types` (fields).
"""

import base64
import binascii
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import NamedTuple

import msgspec

from aimctrl.aim.registry.reference import DOCKER_HUB, Reference
from aimctrl.kube.core import Secret

_DOCKER_HUB_KEY = "index.docker.io"
_SCHEME = re.compile(r"^[a-z]+://")
_VERSION = re.compile(r"^(/v[12])(?=/|$)")


class PullSecretError(ValueError):
    """The secret is no pull secret; the message says why, and never what it holds."""


@dataclass(frozen=True, slots=True)
class Credential:
    """A user name and password, or a token that buys tokens (`identity_token`)."""

    username: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)


class Grant(NamedTuple):
    """A credential and what it is for: `host[:port][/path]`, the host's labels may be globs."""

    place: str
    credential: Credential


class _Entry(msgspec.Struct):
    username: str = ""
    password: str = ""
    auth: str = ""
    identitytoken: str = ""


class _Config(msgspec.Struct):
    auths: dict[str, _Entry] = {}


_FORMATS = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}


def read_grants(secret: Secret) -> tuple[Grant, ...]:
    """The credentials in a pull secret of either type; entries without any are left out.

    Raises PullSecretError.
    """
    key = _FORMATS.get(secret.type)
    if key is None:
        raise PullSecretError(f"its type is {secret.type or 'not set'}, not {' or '.join(sorted(_FORMATS))}")
    if key not in secret.data:
        raise PullSecretError(f"it has no key {key}")
    grants = ((place, _credential(place, entry)) for place, entry in _entries(key, secret.data[key]).items())
    return tuple(Grant(_normalised(place), credential) for place, credential in grants if credential != Credential())


def credentials_for(reference: Reference, grants: Iterable[Grant]) -> tuple[Credential, ...]:
    """All credentials that fit, each once, in the order they are to be tried: the most specific place first."""
    ordered = sorted(grants, key=lambda grant: grant.place, reverse=True)
    fitting = [grant for grant in ordered if _fits(grant.place, reference.name)]
    if not fitting and reference.registry == DOCKER_HUB:
        fitting = [grant for grant in ordered if grant.place == _DOCKER_HUB_KEY]
    return tuple(dict.fromkeys(grant.credential for grant in fitting))


def _entries(key: str, data: bytes) -> dict[str, _Entry]:
    try:
        if key == ".dockercfg":
            return msgspec.json.decode(data, type=dict[str, _Entry])
        return msgspec.json.decode(data, type=_Config).auths
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PullSecretError(f"{key} is not a Docker configuration in JSON") from error


def _credential(place: str, entry: _Entry) -> Credential:
    if not entry.auth:
        return Credential(entry.username, entry.password, entry.identitytoken)
    packed = "".join(entry.auth.split()).rstrip("=")
    try:
        text = base64.b64decode(packed + "=" * (-len(packed) % 4), validate=True).decode()
    except (binascii.Error, UnicodeDecodeError) as error:
        raise PullSecretError(f"auth of {place!r} is not base64 of a user name and password") from error
    username, colon, password = text.partition(":")
    if not colon:
        raise PullSecretError(f"auth of {place!r} is not base64 of a user name and password")
    return Credential(username, password.rstrip("\0"), entry.identitytoken)


def _normalised(place: str) -> str:
    """Without scheme, and without the version of the API that `docker login` writes."""
    host, slash, path = _SCHEME.sub("", place).partition("/")
    return host + _VERSION.sub("", slash + path).rstrip("/")


def _fits(place: str, name: str) -> bool:
    """Port and number of the host's labels equal, each label as the glob says, the path a prefix."""
    glob, _, prefix = place.partition("/")
    host, _, path = name.partition("/")
    if not path.startswith(prefix):
        return False
    if glob == host:
        return True
    globs, hosts = glob.split("."), host.split(".")
    if glob.partition(":")[2] != host.partition(":")[2] or len(globs) != len(hosts):
        return False
    return all(fnmatchcase(label, wanted) for wanted, label in zip(globs, hosts, strict=True))

"""Small things that are done to objects all over the server."""

import os
import secrets
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from math import floor
from typing import Any, cast

from aimctrl.sandbox.apiserver.schema.node import Json, Object

_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"
_SUFFIX = 5


def copied(value: Json) -> Any:
    """The same value, of which every part may be changed."""
    if isinstance(value, dict):
        return {key: copied(part) for key, part in cast("Object", value).items()}
    if isinstance(value, list):
        return [copied(part) for part in cast("Sequence[Json]", value)]
    return value


def random_suffix() -> str:
    """The end of a generated name: five letters and digits of which no words can be made."""
    return "".join(secrets.choice(_ALPHABET) for _ in range(_SUFFIX))


def timestamp(now: datetime) -> str:
    """A moment as `metadata.creationTimestamp` has it: UTC, whole seconds."""
    return _written(floor(now.timestamp()))


@lru_cache(maxsize=64)
def _written(second: int) -> str:
    """A second since 1970, of which many writes have the same."""
    return datetime.fromtimestamp(second, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def new_uid() -> str:
    """A random UUID (RFC 9562, version 4), for an object of which there was none before."""
    digits = os.urandom(16).hex()
    variant = "89ab"[int(digits[16], 16) & 3]
    return f"{digits[:8]}-{digits[8:12]}-4{digits[13:16]}-{variant}{digits[17:20]}-{digits[20:]}"


def key_of(namespace: str, name: str) -> str:
    """The key under which a collection keeps an object."""
    return f"{namespace}/{name}" if namespace else name


def group_of(api_version: str) -> tuple[str, str]:
    """Group and version of an `apiVersion`."""
    group, _, version = api_version.rpartition("/")
    return group, version


def api_version(group: str, version: str) -> str:
    """The `apiVersion` of a group and version."""
    return f"{group}/{version}" if group else version


def path_of_version(group: str, version: str) -> str:
    """The path of a group and version, without a slash before it."""
    return f"apis/{group}/{version}" if group else f"api/{version}"


def deleting(thing: Object) -> bool:
    """Whether it is on its way out."""
    return "deletionTimestamp" in thing["metadata"]


def section(thing: Object, *path: str) -> Object:
    """The object under these keys, one below the other; an empty one where there is none."""
    found: Object = thing
    for key in path:
        found = found.get(key) or {}
    return found


def entries(thing: Object, *path: str) -> list[Object]:
    """The objects in the list under these keys; none where there is no list."""
    found: list[Object] = section(thing, *path[:-1]).get(path[-1]) or []
    return found

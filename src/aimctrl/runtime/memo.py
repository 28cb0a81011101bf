"""What has been applied, so that it is not applied again and again where the server stores it in other words."""

import hashlib
from collections import OrderedDict
from typing import Any

import msgspec

from aimctrl.kube.kinds import Key
from aimctrl.kube.meta import Meta
from aimctrl.runtime.diff import Json

REMEMBERED = 50_000

Subject = tuple[str, Key, str]
"""An object and a field manager: the kind's resource, the key, the manager."""


def fingerprint(meta: Meta) -> bytes:
    """The same for two states of an object that differ in status alone; for kinds without generation, in nothing."""
    if not meta.generation:
        return _digest([meta.uid, meta.resource_version])
    steered = [meta.labels, meta.annotations, meta.owner_references, meta.finalizers]
    return _digest([meta.uid, meta.generation, meta.deletion_timestamp, *steered])


class Memo:
    """The last manifest applied to each object, by digest, and the state that came of it; the oldest are forgotten."""

    def __init__(self) -> None:
        self._applied: OrderedDict[Subject, tuple[bytes, bytes]] = OrderedDict()

    def knows(self, subject: Subject, manifest: Json, live: Meta) -> bool:
        """Whether this manifest was the last one applied, and what came of it is what is there."""
        return self._applied.get(subject) == (_digest(manifest), fingerprint(live))

    def keep(self, subject: Subject, manifest: Json, after: Meta) -> None:
        """Applying the manifest led to this."""
        self._applied[subject] = (_digest(manifest), fingerprint(after))
        self._applied.move_to_end(subject)
        while len(self._applied) > REMEMBERED:
            self._applied.popitem(last=False)


def _digest(value: Any) -> bytes:
    return hashlib.blake2b(msgspec.json.encode(value, order="sorted"), digest_size=16).digest()

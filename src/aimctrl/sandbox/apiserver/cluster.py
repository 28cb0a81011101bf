"""What all requests work on, and what the parts of the server say to each other."""

from dataclasses import dataclass, field
from datetime import datetime

import msgspec

from aimctrl.sandbox.apiserver.clock import Clock
from aimctrl.sandbox.apiserver.errors import not_found
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.resources import Registry, ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Collection, Storage, Stored
from aimctrl.sandbox.apiserver.values import api_version, key_of


@dataclass(frozen=True, slots=True)
class Cluster:
    """The state of a server."""

    storage: Storage = field(default_factory=Storage)
    registry: Registry = field(default_factory=Registry)
    clock: Clock = field(default_factory=Clock)

    def now(self) -> datetime:
        """The moment, by the server's clock."""
        return self.clock.now()

    def collection(self, type_: ResourceType) -> Collection:
        """The objects of that resource."""
        group = type_.group if type_.stored_group is None else type_.stored_group
        return self.storage.collection(group, type_.plural)

    def find(self, call: Call) -> Stored:
        """The object that a call names.

        Raises:
            StatusError: 404.
        """
        stored = self.collection(call.type).get(key_of(call.namespace, call.name))
        if stored is None:
            raise not_found(call.type.subject(call.name))
        return stored

    def namespace(self, name: str) -> Object | None:
        """The Namespace of that name."""
        stored = self.storage.collection("", "namespaces").get(name)
        return stored.object if stored else None


class Answer(msgspec.Struct, frozen=True):
    """What a call is answered with: an object. `raw` is the object's JSON where it is at hand."""

    object: Object
    code: int = 200
    raw: bytes = b""


def served(stored: Stored, type_: ResourceType) -> Stored:
    """An object in the version it is asked for, as its kind converts it."""
    wanted = api_version(type_.group, type_.version)
    if stored.object["apiVersion"] == wanted:
        return stored
    return Stored(stored.key, stored.version, type_.strategy.convert(stored.object, wanted), b"")

"""Object metadata as the API server writes it, decoded once and the same for every kind."""

from datetime import datetime
from typing import Annotated, Any

import msgspec
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema


class OwnerReference(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One entry of `metadata.ownerReferences`."""

    api_version: str = ""
    kind: str = ""
    name: str = ""
    uid: str = ""
    controller: bool = False
    block_owner_deletion: bool = False


class Meta(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """`metadata` of an object, without `managedFields`; cluster-scoped objects have the namespace `""`."""

    name: str = ""
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None
    labels: dict[str, str] = {}
    annotations: dict[str, str] = {}
    owner_references: tuple[OwnerReference, ...] = ()
    finalizers: tuple[str, ...] = ()

    @property
    def controller(self) -> OwnerReference | None:
        """The owner reference that is marked as the controller, if there is one."""
        return next((ref for ref in self.owner_references if ref.controller), None)

    def owned_by(self, uid: str) -> bool:
        """Whether any owner reference, controller or not, points at `uid`."""
        return any(ref.uid == uid for ref in self.owner_references)


def _validate(value: Any) -> Meta:
    return value if isinstance(value, Meta) else msgspec.convert(value, Meta)


def _serialize(value: Meta) -> Any:
    return msgspec.to_builtins(value)


SCHEMA: dict[str, Any] = {"type": "object"}

Metadata = Annotated[Meta, PlainValidator(_validate), PlainSerializer(_serialize), WithJsonSchema(SCHEMA)]
"""`Meta` as a field of a pydantic model."""

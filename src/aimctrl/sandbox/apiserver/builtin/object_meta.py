"""`metadata` of custom objects, which is read as that of built-in kinds."""

from typing import Any

from aimctrl.sandbox.apiserver.builtin.decode import read_as
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object

_SCHEMA = "io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"


def read_metadata(type_: ResourceType, thing: Object) -> list[str]:
    """Reads the metadata of an object in place, where what is empty is left out; gives the paths of unknown fields.

    Raises:
        StatusError: 400, where a part has a wrong type.
    """
    metadata = thing.get("metadata")
    unknown: list[str] = []
    read: dict[str, Any] = {} if metadata is None else read_as(_SCHEMA, metadata, unknown, (type_.kind, type_.version))
    thing["metadata"] = {key: value for key, value in read.items() if value not in ("", [], {}, None)}
    return [f"metadata.{path}" for path in unknown]

"""Writing a status the way the component that owns it does: only what differs, and only of that very object."""

from typing import Any

import msgspec

from aimctrl.kube.core import Struct
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import InvalidError, NotFoundError


async def patch_status(client: Client, kind: Kind[Any], meta: Meta, change: tuple[Struct, Struct]) -> None:
    """Write the fields of the status that differ; an object that is gone, or has been replaced, needs none.

    A JSON patch, so that fields known to others stay and a namesake is not stamped.
    """
    before, after = (msgspec.to_builtins(status) for status in change)
    different = [name for name in sorted(after) if after[name] != before.get(name)]
    same = {"op": "test", "path": "/metadata/uid", "value": meta.uid}
    body = [same, *({"op": "add", "path": f"/status/{name}", "value": after[name]} for name in different)]
    try:
        await client.patch(kind, Key(meta.namespace, meta.name), body, subresource="status")
    except NotFoundError:
        return
    except InvalidError as error:
        if error.answer.details:  # which a failed test has not
            raise

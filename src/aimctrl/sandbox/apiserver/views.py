"""The forms in which objects are shown: whole, as rows of a Table, or only their metadata.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from aimctrl.sandbox.apiserver.cluster import Answer, served
from aimctrl.sandbox.apiserver.errors import StatusError
from aimctrl.sandbox.apiserver.negotiation import Form
from aimctrl.sandbox.apiserver.reading import Page
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.storage import Stored
from aimctrl.sandbox.apiserver.tables import column_definitions, row

_METADATA_LIST = "PartialObjectMetadataList"


def object_body(call: Call, answer: Answer, now: datetime) -> bytes:
    """An object in the form that a call wants; a Status is always whole.

    Raises:
        StatusError: 406, or 500 of a custom object, where a list is wanted.
    """
    thing = answer.object
    if call.form.kind and thing.get("kind") != "Status":
        if call.form.kind == "Table":
            return msgspec.json.encode(_table(call, [thing], {}, now))
        if call.form.kind == _METADATA_LIST:
            raise _no_list(call)
        return msgspec.json.encode(partial(thing, call.form))
    return answer.raw or msgspec.json.encode(thing)


def page_body(call: Call, page: Page, now: datetime) -> bytes:
    """A list in the form that a call wants; objects are written as they are stored where that is possible.

    Raises:
        StatusError: 406, where an object is wanted.
    """
    if not call.form.kind:
        return msgspec.json.encode(page.body()) if not page.type.custom else _joined(page)
    things = [served(item, page.type).object for item in page.items]
    if call.form.kind == "Table":
        return msgspec.json.encode(_table(call, things, page.metadata(), now))
    if call.form.kind != _METADATA_LIST:
        raise _a_list(call)
    return msgspec.json.encode(
        {
            "kind": _METADATA_LIST,
            "apiVersion": f"meta.k8s.io/{call.form.version}",
            "metadata": {key: value for key, value in page.metadata().items() if value != ""},
            "items": [partial(thing, call.form) for thing in things] or None,
        }
    )


def _no_list(call: Call) -> StatusError:
    if call.type.custom:
        return StatusError(500, "", "content is not a list")
    why = f"the requested object is not a list ({_go_name(call, call.type.kind)})"
    return StatusError(406, "NotAcceptable", f"you requested {call.form.kind}, but {why}")


def _a_list(call: Call) -> StatusError:
    name = "*unstructured.UnstructuredList" if call.type.custom else _go_name(call, call.type.lists)
    why = f"the requested object is a list ({name})"
    return StatusError(406, "NotAcceptable", f"you requested {call.form.kind}, but {why}")


def _go_name(call: Call, kind: str) -> str:
    return f"*{call.type.group.partition('.')[0] or 'core'}.{kind}"


def event_body(call: Call, stored: Stored, now: datetime, *, first: bool) -> bytes:
    """An object as a watch shows it; only the first row of a Table brings the definitions of its columns."""
    if not call.form.kind:
        return stored.raw or msgspec.json.encode(stored.object)
    if call.form.kind != "Table":
        return msgspec.json.encode(partial(stored.object, call.form))
    meta = {"resourceVersion": stored.object["metadata"].get("resourceVersion", "")}
    table = _table(call, [stored.object], meta, now)
    return msgspec.json.encode(table if first else {**table, "columnDefinitions": None})


def partial(thing: Object, form: Form) -> Object:
    """Only the metadata of an object."""
    return {
        "kind": "PartialObjectMetadata",
        "apiVersion": f"meta.k8s.io/{form.version}",
        "metadata": thing["metadata"],
    }


def _table(call: Call, things: Sequence[Object], meta: Object, now: datetime) -> Object:
    include = call.query.get("includeObject", "Metadata")
    rows = [{**row(call.type, thing, now), **_row_object(thing, include, call.form)} for thing in things]
    if not meta and things:
        meta = {"resourceVersion": things[0]["metadata"].get("resourceVersion", "")}
    return {
        "kind": "Table",
        "apiVersion": f"meta.k8s.io/{call.form.version}",
        "metadata": {key: value for key, value in meta.items() if value != ""},
        "columnDefinitions": column_definitions(call.type),
        "rows": rows,
    }


def _row_object(thing: Object, include: str, form: Form) -> Object:
    if include == "None":
        return {"object": None}
    return {"object": thing if include == "Object" else partial(thing, form)}


def _joined(page: Page) -> bytes:
    parts: list[bytes] = []
    for item in page.items:
        stored = served(item, page.type)
        parts.append(stored.raw or msgspec.json.encode(stored.object))
    head = msgspec.json.encode(
        {"apiVersion": page.type.api_version, "kind": page.type.lists, "metadata": page.metadata()}
    )
    return head[:-1] + b',"items":[' + b",".join(parts) + b"]}"

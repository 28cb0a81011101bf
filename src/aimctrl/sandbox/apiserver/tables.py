"""Tables: objects as the rows that kubectl prints.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#receiving-resources-as-tables.
"""

from datetime import datetime
from functools import cache

import msgspec
from jsonpath_ng.ext.parser import parse as parse_path
from jsonpath_ng.jsonpath import JSONPath

from aimctrl.sandbox.apiserver.builtin.printers import PRINTERS
from aimctrl.sandbox.apiserver.printing import age
from aimctrl.sandbox.apiserver.resources import Column, ResourceType
from aimctrl.sandbox.apiserver.schema.node import Json, Object

_NAME = Column("Name", "string", ".metadata.name", "name")
_AGE = Column("Age", "date", ".metadata.creationTimestamp")
_CREATED = Column("Created At", "date", ".metadata.creationTimestamp")


def column_definitions(type_: ResourceType) -> list[Object]:
    """The columns of a kind's Table."""
    return [
        {
            "name": column.name,
            "type": column.type,
            "format": column.format,
            "description": column.description,
            "priority": column.priority,
        }
        for column in _columns(type_)
    ]


def row(type_: ResourceType, thing: Object, now: datetime) -> Object:
    """An object's row, without the object."""
    printer = PRINTERS.get((type_.group, type_.plural))
    if printer is not None:
        return printer.row(thing, now)
    return {"cells": [_cell(column, thing, now) for column in _columns(type_)]}


def _columns(type_: ResourceType) -> tuple[Column, ...]:
    printer = PRINTERS.get((type_.group, type_.plural))
    if printer is not None:
        return printer.columns
    if not type_.custom:
        return (_NAME, _CREATED)
    return (_NAME, *(type_.columns or (_AGE,)))


def _cell(column: Column, thing: Object, now: datetime) -> Json:
    found = [match.value for match in _path(column.path).find(thing)]
    value = found[0] if found else None
    if value is None:
        return None
    if column.type == "date":
        return value if column is _CREATED else age(value, now)
    if column.type == "string":
        return value if isinstance(value, str) else _text(value)
    return value


def _text(value: Json) -> str:
    return msgspec.json.encode(value).decode()


@cache
def _path(path: str) -> JSONPath:
    return parse_path(f"${path}" if path.startswith((".", "[")) else f"$.{path}")

"""Everything AIM in a cluster as one list, what is stuck on top; pure."""

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from aimctrl.aim.shared import CONFIG_KINDS
from aimctrl.api.reasons import ConditionType
from aimctrl.kube.conditions import Condition, find
from aimctrl.kube.kinds import Key, Kind
from aimctrl.kube.meta import Meta

_RANKS = {"Failed": 0, "Degraded": 1, "NotAvailable": 2, "Pending": 3, "Starting": 3, "Progressing": 3}
_MOVING = 3
_FINE = 4

_LONG_AGO = datetime.fromtimestamp(0, UTC)

NOT_LOOKED_AT = "the operator has not looked at it yet"


class Row(msgspec.Struct, frozen=True, rename="camel"):
    """One object: its state in a word, and why it is in it."""

    kind: str
    namespace: str
    name: str
    status: str
    reason: str
    message: str
    created: datetime | None


class _Status(msgspec.Struct):
    status: str = ""
    conditions: tuple[Condition, ...] = ()


class _Seen(msgspec.Struct):
    metadata: Meta
    status: _Status = msgspec.field(default_factory=_Status)


_decode = msgspec.json.Decoder(_Seen).decode


def row(kind: Kind[Any], key: Key, raw: bytes) -> Row:
    """The row of one object; one that cannot be read is Failed."""
    try:
        seen = _decode(raw)
    except msgspec.DecodeError as error:
        return Row(kind.name, key.namespace, key.name, "Failed", "Undecodable", str(error), None)
    created, said = seen.metadata.creation_timestamp, find(seen.status.conditions, ConditionType.READY)
    if said is None and kind not in CONFIG_KINDS:
        return Row(kind.name, key.namespace, key.name, "Pending", "", NOT_LOOKED_AT, created)
    reason, message = (said.reason, said.message) if said is not None else ("", "")
    return Row(kind.name, key.namespace, key.name, seen.status.status, reason, message, created)


def ordered(rows: Iterable[Row]) -> tuple[Row, ...]:
    """Failed, Degraded, NotAvailable, then what is on its way, the oldest first, then what is fine."""
    return tuple(sorted(rows, key=_order))


def _order(one: Row) -> tuple[int, datetime, str, str, str]:
    rank = _RANKS.get(one.status, _FINE)
    age = (one.created or _LONG_AGO) if rank == _MOVING else _LONG_AGO
    return rank, age, one.kind, one.namespace, one.name

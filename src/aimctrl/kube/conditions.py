"""Status conditions and the one rule that keeps them still: a condition moves only when its status does.

Source: https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/condition/ (metav1.Condition).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import PlainSerializer, PlainValidator, WithJsonSchema

Status = Literal["True", "False", "Unknown"]

MESSAGE_LIMIT = 32768
"""Characters metav1.Condition allows in a message; here, so that any number of them can be stored, bytes of UTF-8."""


class Condition(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One entry of `status.conditions`."""

    type: str
    status: str = "Unknown"
    reason: str = ""
    message: str = ""
    observed_generation: int = 0
    last_transition_time: datetime | None = None

    @property
    def is_true(self) -> bool:
        """Whether the status is `True`."""
        return self.status == "True"


def condition(kind: str, status: Status | bool, reason: str, message: str = "") -> Condition:  # noqa: FBT001
    """A condition still without generation and time; `settle` gives it both."""
    text = status if isinstance(status, str) else str(status)
    return Condition(type=kind, status=text, reason=reason, message=_cut(message))


def _cut(message: str) -> str:
    if message.isascii():
        return message[:MESSAGE_LIMIT]
    raw = message.encode(errors="replace")
    return raw[:MESSAGE_LIMIT].decode(errors="ignore")


def settle(
    wanted: Iterable[Condition], before: Sequence[Condition], *, generation: int, now: datetime
) -> tuple[Condition, ...]:
    """`wanted` with `generation`, keeping each old transition time unless the status differs; order as wanted."""
    held = {c.type: c for c in before}
    settled: list[Condition] = []
    for new in wanted:
        old = held.get(new.type)
        since = old.last_transition_time if old is not None and old.status == new.status else None
        since = since or now.replace(microsecond=0)
        settled.append(msgspec.structs.replace(new, observed_generation=generation, last_transition_time=since))
    return tuple(settled)


def find(conditions: Iterable[Condition], kind: str) -> Condition | None:
    """The condition of that type, if it is there."""
    return next((c for c in conditions if c.type == kind), None)


def _validate(value: Any) -> Condition:
    return value if isinstance(value, Condition) else msgspec.convert(value, Condition)


def _serialize(value: Condition) -> Any:
    # The schema requires these even where they have their defaults.
    return {
        **msgspec.to_builtins(value),
        "status": value.status,
        "reason": value.reason,
        "message": value.message,
    }


SCHEMA: dict[str, Any] = {
    "type": "object",
    "description": "One observation of the object's state, in the form of metav1.Condition.",
    "required": ["lastTransitionTime", "message", "reason", "status", "type"],
    "properties": {
        "type": {"type": "string", "maxLength": 316, "description": "What is observed, in CamelCase."},
        "status": {
            "type": "string",
            "enum": ["True", "False", "Unknown"],
            "description": "Whether it holds: True, False or Unknown.",
        },
        "reason": {"type": "string", "maxLength": 1024, "description": "Why, as one stable CamelCase word."},
        "message": {"type": "string", "maxLength": MESSAGE_LIMIT, "description": "Why, for a person to read."},
        "observedGeneration": {
            "type": "integer",
            "format": "int64",
            "minimum": 0,
            "description": "The metadata.generation this condition was computed from.",
        },
        "lastTransitionTime": {
            "type": "string",
            "format": "date-time",
            "description": "When the status last changed.",
        },
    },
}

ConditionField = Annotated[Condition, PlainValidator(_validate), PlainSerializer(_serialize), WithJsonSchema(SCHEMA)]
"""`Condition` as a field of a pydantic model."""

"""What a status has that its kind's model does not know: somebody else wrote it, such as a later release, and it stays.

So an operator that is taken back to an earlier release loses nothing of what the later one had noted.
"""

from collections.abc import Mapping
from typing import Any, TypeGuard

from pydantic import BaseModel

from aimctrl.kube.kinds import Kind
from aimctrl.runtime import diff
from aimctrl.runtime.plan import Target

Json = Mapping[str, Any]


def status_to_write(target: Target, status: Json) -> dict[str, Any] | None:
    """The status that was decided, with what the model does not know of the one before; None where that is there.

    Only a pydantic model says what it knows; below a list nothing is kept.
    """
    wanted, live = diff.without_unset(status), diff.plain(target.status)
    if wanted == live:
        return None
    known = _known(target.kind, live)
    whole = wanted if known is None else _with_unknown(wanted, live, known)
    return None if whole == live else whole


def _known(kind: Kind[Any], live: Json) -> Json | None:
    """The status as the model has it, defaults included; None where that cannot be said."""
    field = kind.model.model_fields.get("status") if issubclass(kind.model, BaseModel) else None
    model = field.annotation if field is not None else None
    if not isinstance(model, type) or not issubclass(model, BaseModel):
        return None
    try:
        return model.model_validate(live).model_dump(mode="json", by_alias=True)
    except ValueError:
        return None


def _with_unknown(wanted: Json, live: Json, known: Json) -> dict[str, Any]:
    whole = dict(wanted)
    for name, value in live.items():
        if name not in known:
            whole.setdefault(name, value)
        elif _are_objects(parts := (whole.get(name), value, known[name])):
            whole[name] = _with_unknown(*parts)
    return whole


def _are_objects(parts: tuple[Any, Any, Any]) -> TypeGuard[tuple[Json, Json, Json]]:
    return all(isinstance(part, dict) for part in parts)

"""What carrying a plan out would come to, told without a single write, so that it can be explained to a person."""

from enum import StrEnum
from typing import Any, Generic, TypeVar

import msgspec

from aimctrl.kube.core import NAMESPACES
from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime import diff
from aimctrl.runtime.children import Live, NameConflictError, check_ours, patch_body, refusal_of, would_keep
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import ForbiddenError, NotFoundError, TransientError
from aimctrl.runtime.index import decode_meta
from aimctrl.runtime.plan import Child, Plan, Refusal, Removal
from aimctrl.runtime.unknown import status_to_write

Observed = TypeVar("Observed")


class Action(StrEnum):
    """What would be done about one object."""

    CREATE = "create"
    """It is not there."""
    APPLY = "apply"
    """It is there and differs from what it should be, as far as can be told without applying it."""
    KEEP = "keep"
    """It is as it should be."""
    REMOVE = "remove"
    """It should not be there."""
    WAIT = "wait"
    """Nothing now: something is in the way that passes by itself."""
    REFUSED = "refused"
    """It cannot be had before somebody mends what is in the way."""
    UNKNOWN = "unknown"
    """It may not be read."""


class Step(msgspec.Struct, frozen=True):
    """What would be done about one child or removal, and why where that is not plain; `refusal` where it is refused."""

    action: Action
    kind: Kind[Any]
    key: Key
    why: str = ""
    refusal: Refusal | None = None


class Foresight(msgspec.Struct, Generic[Observed], frozen=True):
    """What was observed, what was decided once refusals that can be foreseen are known, and what would be done.

    `requeue_after`: seconds until it would be looked at again unasked.
    """

    observed: Observed
    plan: Plan
    steps: tuple[Step, ...]
    requeue_after: float | None

    @property
    def writes_status(self) -> bool:
        """Whether the status would be another one."""
        plan = self.plan
        return plan.status is not None and status_to_write(plan.target, plan.status) is not None


async def foresee(client: Client, plan: Plan, field_manager: str) -> tuple[Step, ...]:
    """The steps for the plan's finalizers, children and removals, as an Applier of that field manager takes them.

    The API server itself is asked about each object, and only read from.
    Raises TransientError where it does not answer.
    """
    children = [await _child(client, child, child.manager or field_manager) for child in plan.children]
    removals = [await _removal(client, removal) for removal in plan.removals]
    return (*_finalizers(plan), *children, *removals)


def _finalizers(plan: Plan) -> tuple[Step, ...]:
    target, wanted = plan.target, plan.finalizers
    if wanted is None or set(wanted) == set(target.meta.finalizers):
        return ()
    return (Step(Action.APPLY, target.kind, target.key, f"its finalizers: {', '.join(sorted(wanted)) or 'none'}"),)


async def _child(client: Client, child: Child, manager: str) -> Step:
    try:
        raw = await client.get(child.kind, child.key)
    except ForbiddenError as error:  # our own rights, not those of whoever carries the plan out
        return Step(Action.UNKNOWN, child.kind, child.key, error.answer.message)
    except NotFoundError as error:
        kind_missing = not error.answer.details.get("name")
        return _refused(refusal_of(child, error)) if kind_missing else await _creation(client, child)
    live = Live(raw, decode_meta(raw))
    try:
        if child.mode != "patch":
            check_ours(child, live.meta)
    except TransientError as error:
        return Step(Action.WAIT, child.kind, child.key, str(error))
    except NameConflictError as error:
        return _refused(refusal_of(child, error))
    return Step(Action.APPLY if _differs(child, live, manager) else Action.KEEP, child.kind, child.key)


def _differs(child: Child, live: Live, manager: str) -> bool:
    match child.mode:
        case "create":
            return False
        case "apply":
            return not would_keep(live.raw, diff.plain(child.manifest), manager)
        case "patch":
            return not diff.patched_already(diff.decode(live.raw), patch_body(child))


async def _creation(client: Client, child: Child) -> Step:
    """A patch of what is gone is no error; all else needs a namespace that stays."""
    if child.mode == "patch":
        return Step(Action.KEEP, child.kind, child.key, "gone already")
    if child.mode == "apply" and child.uid:
        return Step(Action.WAIT, child.kind, child.key, "gone since it was looked at")
    refusal = await _namespace_trouble(client, child) if child.key.namespace else None
    return _refused(refusal) if refusal else Step(Action.CREATE, child.kind, child.key)


async def _namespace_trouble(client: Client, child: Child) -> Refusal | None:
    namespace = child.key.namespace
    try:
        meta = decode_meta(await client.get(NAMESPACES, Key("", namespace)))
    except ForbiddenError:
        return None
    except NotFoundError as error:
        return refusal_of(child, error)
    told = f"namespace {namespace} is being deleted"
    return Refusal(child, "NamespaceTerminating", told) if meta.deletion_timestamp else None


async def _removal(client: Client, removal: Removal) -> Step:
    try:
        meta = decode_meta(await client.get(removal.kind, removal.key))
    except ForbiddenError as error:
        return Step(Action.UNKNOWN, removal.kind, removal.key, error.answer.message)
    except NotFoundError:
        return Step(Action.KEEP, removal.kind, removal.key, "gone already")
    if meta.uid != removal.uid or meta.deletion_timestamp is not None:
        return Step(Action.KEEP, removal.kind, removal.key, "gone already")
    if removal.version and removal.version != meta.resource_version:
        return Step(Action.WAIT, removal.kind, removal.key, "changed since it was looked at")
    return Step(Action.REMOVE, removal.kind, removal.key)


def _refused(refusal: Refusal) -> Step:
    child = refusal.child
    return Step(Action.REFUSED, child.kind, child.key, refusal.message, refusal)

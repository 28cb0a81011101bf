"""Carrying a plan out: children, removals, status, notes, in that order, and nothing that would change nothing.

What exists without one of the owner references a child is to have is somebody else's, and is left alone.
"""

from typing import Any

import structlog

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime import diff
from aimctrl.runtime.caches import reliable
from aimctrl.runtime.children import Live, check_ours, patch_body, refusal_of, would_keep
from aimctrl.runtime.client import Client
from aimctrl.runtime.errors import (
    AlreadyExistsError,
    ConflictError,
    ControllerError,
    InvalidError,
    MendableError,
    NotFoundError,
    TransientError,
    UnauthorizedError,
)
from aimctrl.runtime.events import EventRecorder
from aimctrl.runtime.foresight import Step, foresee
from aimctrl.runtime.index import decode_meta
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.memo import Memo, fingerprint
from aimctrl.runtime.plan import Child, Note, Plan, Refusal, Removal, Target
from aimctrl.runtime.unknown import status_to_write

log = structlog.get_logger(__name__)


class Applier:
    """Brings plans about; shared by all reconcilers, which never write the same object at once."""

    def __init__(self, client: Client, informers: Informers, recorder: EventRecorder, *, field_manager: str) -> None:
        self._client = client
        self._informers = informers
        self._recorder = recorder
        self._field_manager = field_manager
        self._memo = Memo()

    async def carry_out(self, plan: Plan) -> tuple[Refusal, ...]:
        """Bring the plan about; the children that were refused, in the plan's order.

        Where there are any, the status and notes are left to the caller, who knows better now (`conclude`).
        Raises TransientError, after the rest was tried and without a status: a fault that passes is nobody's failure.
        A removal that is refused is raised last of all: it keeps no finalizer from going. Cancelling leaves a part
        done; the next plan finishes it.
        """
        if not await self._hold(plan):
            return ()
        failures: list[ControllerError] = []
        refusals = await self._have_all(plan, failures)
        hindered = await self._remove_all(plan, failures)
        _raise_first(failures)
        await self._let_go(plan)
        if not refusals:
            await self.conclude(plan)
        _raise_first(hindered)
        return tuple(refusals)

    async def conclude(self, plan: Plan) -> None:
        """Write the plan's status, if it differs from the one observed, then record the plan's notes.

        An object that is gone gets neither, nor does a namesake that has taken its place (TransientError).
        """
        if plan.status is not None and not await self._write_status(plan.target, plan.status):
            log.debug("object gone before its status was written", kind=str(plan.target.kind), key=str(plan.target.key))
            return
        for note in plan.notes:
            self._recorder.note(plan.target, note)

    async def foresee(self, plan: Plan) -> tuple[Step, ...]:
        """What `carry_out` would do about the plan's children and removals, in this order; nothing is written.

        What only a write can show (quotas, webhooks, the rights of whoever carries the plan out) is not foreseen.
        Raises TransientError where the API server does not answer.
        """
        return await foresee(self._client, plan, self._field_manager)

    async def _have_all(self, plan: Plan, failures: list[ControllerError]) -> list[Refusal]:
        """The children that were refused; what passes is added to the failures."""
        refusals: list[Refusal] = []
        for child in plan.children:
            try:
                await self._have(plan.target, child)
            except (TransientError, UnauthorizedError) as error:  # our credentials are not the child's fault
                failures.append(error)
            except MendableError as error:
                refusals.append(refusal_of(child, error))
        return refusals

    async def _remove_all(self, plan: Plan, failures: list[ControllerError]) -> list[ControllerError]:
        """The errors of removals that were refused; what passes is added to the failures."""
        hindered: list[ControllerError] = []
        for removal in plan.removals:
            try:
                await self._remove(plan.target, removal)
            except TransientError as error:
                failures.append(error)
            except MendableError as error:
                hindered.append(error)
        return hindered

    async def _hold(self, plan: Plan) -> bool:
        """Put the plan's new finalizers on the target before anything is made that they are for.

        Whether there still is a target to do so.
        """
        wanted = plan.finalizers
        if wanted is None or set(wanted) <= set(plan.target.meta.finalizers):
            return True
        return await self._write_finalizers(plan.target, wanted)

    async def _let_go(self, plan: Plan) -> None:
        """Take the finalizers off the target that the plan does without."""
        wanted, held = plan.finalizers, set(plan.target.meta.finalizers)
        if wanted is not None and set(wanted) < held:
            await self._write_finalizers(plan.target, wanted)

    async def _write_finalizers(self, target: Target, finalizers: tuple[str, ...]) -> bool:
        """Whether the object is still there; one that has changed since it was looked at is a ConflictError."""
        pinned = {"resourceVersion": target.meta.resource_version, "finalizers": list(finalizers)}
        try:
            await self._client.patch(target.kind, target.key, {"metadata": pinned})
        except NotFoundError:
            return False
        return True

    async def _write_status(self, target: Target, status: diff.Json) -> bool:
        """Whether the object is still there.

        A JSON patch, since its test holds: on a status subresource the API server overlooks a uid in a merge patch.
        """
        wanted = status_to_write(target, status)
        if wanted is None:
            return True
        same = {"op": "test", "path": "/metadata/uid", "value": target.meta.uid}
        whole = {"op": "add", "path": "/status", "value": wanted}
        try:
            await self._client.patch(target.kind, target.key, [same, whole], subresource="status")
        except NotFoundError:
            return False
        except InvalidError as error:
            if error.answer.details:
                raise
            raise TransientError(f"{target.kind.name} {target.key} is not the one that was looked at") from error
        return True

    async def _have(self, target: Target, child: Child) -> None:
        match child.mode:
            case "apply":
                note = await self._apply(child)
            case "create":
                note = await self._create(child)
            case "patch":
                note = await self._amend(child)
        if note is not None:
            self._recorder.note(target, note)

    async def _apply(self, child: Child) -> Note | None:
        manager = child.manager or self._field_manager
        live = self._cached(child.kind, child.key) or await self._fetch(child)
        if live is not None:
            check_ours(child, live.meta)
        elif child.uid:
            raise TransientError(f"{child.kind.name} {child.key} is gone since it was looked at")
        manifest = diff.plain(child.manifest)
        subject = (child.kind.resource, child.key, manager)
        if live is not None:
            if self._memo.knows(subject, manifest, live.meta):
                return None
            if would_keep(live.raw, manifest, manager):
                self._memo.keep(subject, manifest, live.meta)  # to compare them field by field takes ten times as long
                return None
        body = manifest if live is None else _pinned(manifest, live.meta.uid)
        with _NoNamesake():
            after = await self._client.apply(child.kind, body, field_manager=manager)
        self._memo.keep(subject, manifest, after)
        if live is None:
            return child.created
        return child.changed if fingerprint(live.meta) != fingerprint(after) else None

    async def _create(self, child: Child) -> Note | None:
        live = self._cached(child.kind, child.key)
        if live is None:
            manager = child.manager or self._field_manager
            try:
                await self._client.create(child.kind, child.manifest, field_manager=manager)
            except AlreadyExistsError:
                live = await self._fetch(child)
            else:
                return child.created
        if live is None:
            raise TransientError(f"{child.kind.name} {child.key} was there and is gone")
        check_ours(child, live.meta)
        return None

    async def _amend(self, child: Child) -> Note | None:
        live = self._cached(child.kind, child.key)
        body = patch_body(child)
        if live is not None and diff.patched_already(diff.decode(live.raw), body):
            return None
        if child.uid:
            body = _pinned(body, child.uid)
        try:
            with _NoNamesake():
                after = await self._client.patch(child.kind, child.key, body)
        except NotFoundError:
            return None
        unchanged = live is not None and fingerprint(live.meta) == fingerprint(after)
        return None if unchanged else child.changed

    async def _remove(self, target: Target, removal: Removal) -> None:
        informer = reliable(self._informers, removal.kind, removal.key.namespace)
        if informer is not None and not informer.selector:
            meta = informer.lister.meta(removal.key)
            if meta is None or meta.uid != removal.uid or meta.deletion_timestamp is not None:
                return
        try:
            await self._client.delete(removal.kind, removal.key, uid=removal.uid, version=removal.version)
        except ConflictError:
            if removal.version:
                raise
            return  # a namesake; the one meant is gone
        if removal.note is not None:
            self._recorder.note(target, removal.note)

    def _cached(self, kind: Kind[Any], key: Key) -> Live | None:
        informer = reliable(self._informers, kind, key.namespace)
        entry = None if informer is None else informer.lister.entry(key)
        return None if entry is None else Live(entry.raw, entry.meta())

    async def _fetch(self, child: Child) -> Live | None:
        """The child as the API server has it.

        Raises NotFoundError where the kind itself is not there.
        """
        try:
            raw = await self._client.get(child.kind, child.key)
        except NotFoundError as error:
            if not error.answer.details.get("name"):
                raise
            return None
        return Live(raw, decode_meta(raw))


class _NoNamesake:
    """Makes what the API server says of a wrong uid (a field that cannot be changed) the conflict that it is."""

    def __enter__(self) -> None:
        return

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _trace: object) -> None:
        if isinstance(error, InvalidError) and "metadata.uid" in str(error):
            raise TransientError("another object has taken the name") from error


def _pinned(manifest: diff.Json, uid: str) -> dict[str, Any]:
    """The manifest for the object of that uid and no other."""
    return {**manifest, "metadata": {**manifest["metadata"], "uid": uid}}


def _raise_first(errors: list[ControllerError]) -> None:
    """Raise the first, with the others as its notes."""
    if errors:
        first, *others = errors
        for other in others:
            first.add_note(str(other))
        raise first

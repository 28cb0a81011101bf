"""What is to be known about a child before it is written: whose it is, whether it differs, what a refusal means."""

from dataclasses import dataclass
from typing import Any

from aimctrl.kube.meta import Meta
from aimctrl.runtime import diff
from aimctrl.runtime.errors import (
    ApiError,
    ForbiddenError,
    InvalidError,
    MendableError,
    NotFoundError,
    TransientError,
)
from aimctrl.runtime.plan import Child, Refusal


class NameConflictError(MendableError):
    """An object of the child's name exists and belongs to somebody else."""


@dataclass(frozen=True, slots=True)
class Live:
    """A child as it is in the cluster."""

    raw: bytes
    meta: Meta


def check_ours(child: Child, live: Meta) -> None:
    """Raise unless the live object may be touched.

    A child pinned by uid was looked at by whoever made the plan; otherwise an owner reference has to match. What a
    namesake of the owner left behind is about to be collected, so that is waited for.
    """
    if child.uid and child.uid != live.uid:
        raise TransientError(f"{_told(child)} is not the one that was looked at")
    wanted = child.manifest["metadata"].get("ownerReferences", ())
    if wanted and not child.uid and not any(live.owned_by(ref["uid"]) for ref in wanted):
        names = {(ref["kind"], ref["name"]) for ref in wanted}
        if any((ref.kind, ref.name) in names for ref in live.owner_references):
            raise TransientError(f"{_told(child)} belongs to a former owner of the same name and is not collected yet")
        raise NameConflictError(f"{_told(child)} exists and belongs to somebody else")
    if live.deletion_timestamp is not None:
        raise TransientError(f"{_told(child)} is being deleted")


def _told(child: Child) -> str:
    return f"{child.kind.name} {child.key}"


def would_keep(raw: bytes, manifest: diff.Json, manager: str) -> bool:
    """Whether applying the manifest would neither set nor take away anything."""
    live = diff.decode(raw)
    mine = diff.applied_fields(live, manager)
    return mine is not None and diff.within(mine, manifest) and diff.covers(live, manifest)


def patch_body(child: Child) -> dict[str, Any]:
    return {name: value for name, value in diff.plain(child.manifest).items() if name not in {"apiVersion", "kind"}}


def refusal_of(child: Child, error: MendableError) -> Refusal:
    reason = _reason(error)
    if reason == "KindMissing":
        return Refusal(child, reason, f"the API server does not know {child.kind.resource} of {child.kind.api_version}")
    message = error.answer.message if isinstance(error, ApiError) else ""
    return Refusal(child, reason, message or str(error))


def _reason(error: MendableError) -> str:
    match error:
        case NameConflictError():
            return "NameConflict"
        case ForbiddenError() if is_terminating(error):
            return "NamespaceTerminating"
        case _ if "custom resource definition is terminating" in str(error):
            return "KindMissing"
        case ForbiddenError():
            return "Forbidden"
        case NotFoundError():
            return "NamespaceMissing" if error.answer.details.get("kind") == "namespaces" else "KindMissing"
        case _:
            return "Invalid" if isinstance(error, InvalidError) else "Refused"


def is_terminating(error: Exception) -> bool:
    """Whether something was not created because its namespace is being deleted, which nobody needs to be told."""
    if not isinstance(error, ForbiddenError):
        return False
    causes = error.answer.details.get("causes") or ()
    named = any(cause.get("reason") == "NamespaceTerminating" for cause in causes)
    return named or "because it is being terminated" in error.answer.message

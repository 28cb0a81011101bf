"""Before the operator starts: what would keep it from working is said at once, and how to mend it."""

import asyncio
from collections.abc import Iterable
from typing import Any

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_random_exponential

from aimctrl.api.kinds import GROUP
from aimctrl.api.revision import REVISION, revision
from aimctrl.kube.core import CRDS
from aimctrl.kube.kinds import Kind
from aimctrl.kube.meta import Meta
from aimctrl.runtime.client import Client, all_items
from aimctrl.runtime.errors import (
    ApiError,
    ControllerError,
    ForbiddenError,
    MendableError,
    NotFoundError,
    TransientError,
    UnauthorizedError,
)
from aimctrl.runtime.index import decode_meta
from aimctrl.runtime.informers import SLIM_LIST

log = structlog.get_logger(__name__)

PATIENCE = 20.0
"""Seconds an API server may take to answer at all, e.g. while it restarts too."""


class PreflightError(ControllerError):
    """The operator cannot work here; the message names the host, and what to do."""


async def preflight(client: Client, kinds: Iterable[Kind[Any]], namespaces: Iterable[str] = ()) -> None:
    """See that the API server answers, and that every kind is there and may be listed (in those namespaces, or all).

    Definitions of ours that are older than this operator are told of.

    Raises PreflightError. Nothing is left behind when cancelled.
    """
    await reach(client)
    places = tuple(namespaces) or ("",)
    asked = [(kind, place) for kind in kinds for place in (places if kind.namespaced else ("",))]
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(_look(client, kind, place)) for kind, place in asked]
        group.create_task(_tell_of_older_definitions(client))
    found = [task.result() for task in tasks]
    host = client.connection.server
    missing = sorted(
        {kind.resource for (kind, _), error in zip(asked, found, strict=True) if isinstance(error, NotFoundError)}
    )
    if missing:
        raise PreflightError(
            f"the API server at {host} does not know {', '.join(missing)}: "
            "install the definitions with `aimctrl crds | kubectl apply --server-side -f -`"
        )
    refused = sorted({error.answer.message for error in found if isinstance(error, ForbiddenError)})
    if refused:
        raise PreflightError(f"RBAC at {host} does not let the operator work: {'; '.join(refused)}")
    for error in found:
        if error is not None:
            raise PreflightError(f"the API server at {host} is in trouble: {error}") from error


async def reach(client: Client, patience: float = PATIENCE) -> None:
    """See that the API server answers within that many seconds, and accepts the credentials.

    Raises PreflightError. Nothing is left behind when cancelled.
    """
    host = client.connection.server
    trouble = f"silent for {patience:g} s"

    def tell(state: RetryCallState) -> None:
        nonlocal trouble
        error = state.outcome.exception() if state.outcome else None
        what = error.answer.message if isinstance(error, ApiError) and error.answer.message else str(error)
        if what != trouble:
            log.warning("the API server does not answer yet", server=host, error=what)
        trouble = what

    attempts = AsyncRetrying(
        retry=retry_if_exception_type(TransientError),
        wait=wait_random_exponential(multiplier=0.5, max=5.0),
        before_sleep=tell,
    )
    try:
        async with asyncio.timeout(patience):
            await attempts(client.request, "GET", "/version")
    except UnauthorizedError as error:
        raise PreflightError(
            f"the API server at {host} does not accept these credentials: {error.answer.message or 'Unauthorized'}; "
            "log in again, or check the user of the kubeconfig's context"
        ) from error
    except TimeoutError as error:
        raise PreflightError(
            f"no answer from the API server at {host}: {trouble}; "
            "is it running and reachable from here, and is this the right --kubeconfig and --context?"
        ) from error
    except MendableError:
        return  # it answered; whether it lets us work is asked next


async def _look(client: Client, kind: Kind[Any], namespace: str) -> ApiError | None:
    try:
        await client.request("GET", kind.path(namespace), query={"limit": "1"})
    except ApiError as error:
        return error
    return None


async def _tell_of_older_definitions(client: Client) -> None:
    """An API server with them drops the fields that they do not know; the operator works as far as it can."""
    definitions = all_items(lambda token: client.list_page(CRDS, token=token, accept=SLIM_LIST))
    try:
        metas = [decode_meta(raw) async for raw in definitions]
    except ApiError:
        return  # the operator works without the right to see them, and trouble is told by what else was asked
    older = [meta.name for meta in metas if _is_ours(meta) and revision(meta.annotations) < REVISION]
    if older:
        mend = "aimctrl crds | kubectl apply --server-side -f -"
        log.warning("definitions are older than this operator", definitions=sorted(older), mend=mend)


def _is_ours(meta: Meta) -> bool:
    return meta.name.endswith(f".{GROUP}")

"""What the commands that look at a cluster share: a connection that cannot write, informers, an output, exit codes."""

import asyncio
import os
import shutil
import sys
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from aimctrl.kube.kinds import Kind
from aimctrl.preflight import reach
from aimctrl.render.tree import Look
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import connect
from aimctrl.runtime.errors import ControllerError, ForbiddenError
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.logs import configure_logging
from aimctrl.settings import Settings, wants_colour

T = TypeVar("T")

NOT_FOUND, CANNOT_LOOK, INTERRUPTED = 1, 3, 130

PATIENCE = 5.0
"""Seconds an API server may take to answer at all: somebody is waiting."""

LISTING = 60.0
"""Seconds until everything has to be listed."""


class UnseenError(ControllerError):
    """The cluster cannot be looked at from here; the message says why."""


def run(command: Coroutine[Any, Any, int]) -> int:
    """Run a command to its exit code; what keeps it from looking is told in a line."""
    configure_logging("console", "error")
    try:
        return asyncio.run(command)
    except ControllerError as error:
        complain(str(error))
        return CANNOT_LOOK
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:  # whoever read has had enough; what is still buffered goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0


def complain(text: str) -> None:
    """Say something that is not part of the output."""
    sys.stderr.write(f"aimctrl: {text}\n")


def say(text: str) -> None:
    """Write output; characters that the terminal's encoding lacks become question marks.

    Raises BrokenPipeError where nobody reads any more.
    """
    encoding = sys.stdout.encoding or "utf-8"
    sys.stdout.write(text.encode(encoding, "replace").decode(encoding))
    sys.stdout.flush()


def look() -> Look:
    """How to draw: on a terminal in its width and, unless NO_COLOR is set, in colour."""
    if not sys.stdout.isatty():
        return Look()
    return Look(wants_colour(), shutil.get_terminal_size().columns)


@asynccontextmanager
async def reader(settings: Settings) -> AsyncGenerator[Client]:
    """A client that answers and never writes.

    Raises ConfigurationError, or PreflightError where the API server does not answer.
    """
    async with writer(settings) as client:
        client.fence = lambda: False
        yield client


@asynccontextmanager
async def writer(settings: Settings) -> AsyncGenerator[Client]:
    """A client that writes, too.

    Raises ConfigurationError, or PreflightError where the API server does not answer.
    """
    connection = await connect(settings.kubeconfig or None, settings.context or None)
    async with Client(connection) as client:
        await reach(client, PATIENCE)
        yield client


async def may_list_everywhere(client: Client, kind: Kind[Any]) -> bool:
    """Whether objects of a namespaced kind may be listed in all namespaces."""
    try:
        await client.request("GET", kind.path(), query={"limit": "1"})
    except ForbiddenError:
        return False
    return True


async def following(informers: Informers, then: Callable[[], Awaitable[T]]) -> T:
    """What `then` gives, called once the informers have settled; they run until it is done.

    Raises UnseenError where they do not settle, and what `then` raises. Cancelling cancels it and ends the watches.
    """
    failure: Exception | None = None
    result: list[T] = []
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(informers.run())
        try:
            await _settled(informers)
            result.append(await then())
        except Exception as error:  # noqa: BLE001 - raised below, out of the group, as itself
            failure = error
        watching.cancel()
    if failure is not None:
        raise failure
    return result[0]


async def _settled(informers: Informers) -> None:
    try:
        async with asyncio.timeout(LISTING):
            await informers.wait_settled()
    except TimeoutError as error:
        slow = sorted({watch.kind for watch in informers.freshness() if not watch.synced})
        raise UnseenError(f"not listed within {LISTING:g} s: {', '.join(slow)}") from error

"""`aimctrl status`: everything AIM in the cluster in one table, what is stuck on top."""

import asyncio
import shutil
import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import msgspec

from aimctrl.aim.overview import Row, ordered, row
from aimctrl.api.kinds import AIM_SERVICE, ALL
from aimctrl.commands.session import (
    INTERRUPTED,
    UnseenError,
    complain,
    following,
    look,
    may_list_everywhere,
    reader,
    say,
)
from aimctrl.commands.session import run as run_command
from aimctrl.render.table import table
from aimctrl.runtime.client import Client
from aimctrl.runtime.informer import Informer
from aimctrl.runtime.informers import Informers
from aimctrl.runtime.lister import Unavailable
from aimctrl.settings import Settings

TICK = 5.0
"""Seconds after which a table that is watched is drawn again, for the ages in it."""

CALM = 0.2
"""Seconds in which changes are drawn together."""

_HOME, _LINE_END, _BELOW = "\x1b[H", "\x1b[K", "\x1b[J"
"""Where to draw, and what to clear, so that nothing flickers (ECMA-48)."""


@dataclass(frozen=True, slots=True)
class Overview:
    """What is to be shown: `namespace` alone, or with `""` everything that may be seen."""

    namespace: str = ""
    watch: bool = False
    output: Literal["table", "json"] = "table"


def status(overview: Overview, settings: Settings) -> int:
    """Show the overview, once or until interrupted; the exit code."""
    code = run_command(_status(overview, settings))
    return 0 if overview.watch and code == INTERRUPTED else code


async def _status(overview: Overview, settings: Settings) -> int:
    async with reader(settings) as client:
        namespace = overview.namespace or await _limit(client)
        informers = Informers(client, namespaces=(namespace,) if namespace else ())
        watched = [informers.informer(kind) for kind in ALL if kind.namespaced or not namespace]
        if overview.watch:
            await following(informers, lambda: _keep_showing(watched))
        else:
            await following(informers, lambda: _show(watched, overview))
    return 0


async def _limit(client: Client) -> str:
    """The namespace to be content with; `""` where all may be seen."""
    if await may_list_everywhere(client, AIM_SERVICE):
        return ""
    namespace = client.connection.namespace
    complain(f"you may not list all namespaces; this is {namespace} alone, -n chooses another one")
    return namespace


async def _show(watched: Sequence[Informer[Any]], overview: Overview) -> None:
    _check(watched)
    rows = _rows(watched)
    say(_json(rows) if overview.output == "json" else table(rows, datetime.now(UTC), look()))


async def _keep_showing(watched: Sequence[Informer[Any]]) -> None:
    """Draw at each change; on a terminal in place, and now and then for the ages. Ends by being cancelled."""
    _check(watched)
    changed = asyncio.Event()
    for informer in watched:
        informer.add_handler(lambda _: changed.set())
    on_terminal = sys.stdout.isatty()
    while True:
        changed.clear()
        _draw(_rows(watched), on_terminal=on_terminal)
        with suppress(TimeoutError):
            async with asyncio.timeout(TICK if on_terminal else None):
                await changed.wait()
        await asyncio.sleep(CALM)


def _draw(rows: Sequence[Row], *, on_terminal: bool) -> None:
    if not on_terminal:
        say(table(rows, datetime.now(UTC), look()) + "\n")
        return
    text = table(rows, datetime.now(UTC), look(), height=shutil.get_terminal_size().lines - 1)
    say(_HOME + text.replace("\n", f"{_LINE_END}\n") + _BELOW)


def _check(watched: Sequence[Informer[Any]]) -> None:
    """Say what cannot be seen.

    Raises UnseenError where that is everything.
    """
    unseen = [(informer.kind, state) for informer in watched if isinstance(state := informer.availability, Unavailable)]
    told = "; ".join(sorted(f"{kind}: {state.message}" for kind, state in unseen))
    if len(unseen) == len(watched):
        missing = all(state.reason == "KindMissing" for _, state in unseen)
        hint = "; install the definitions with `aimctrl crds | kubectl apply --server-side -f -`" if missing else ""
        raise UnseenError(f"nothing of AIM can be seen: {told}{hint}")
    if unseen:
        complain(f"not everything can be seen: {told}")


def _rows(watched: Sequence[Informer[Any]]) -> tuple[Row, ...]:
    return ordered(
        row(informer.kind, key, entry.raw) for informer in watched for key, entry in sorted(informer.store.items())
    )


def _json(rows: Sequence[Row]) -> str:
    raw = msgspec.json.encode({"items": rows}, order="sorted")
    return msgspec.json.format(raw, indent=2).decode() + "\n"

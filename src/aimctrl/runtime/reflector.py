"""Drives one watch machine with a client and keeps a sink, normally an informer's store, like the API server."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import SystemRandom
from time import perf_counter
from typing import Any, Protocol

import msgspec
import structlog

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.alarm import Alarm
from aimctrl.runtime.answers import JSON, Call, from_status
from aimctrl.runtime.arrival import Arrival, LineReader, arrive
from aimctrl.runtime.errors import (
    ApiError,
    ConnectionFailedError,
    ServerError,
    UnauthorizedError,
)
from aimctrl.runtime.lister import Availability, Available, Unavailable
from aimctrl.runtime.silence import silence
from aimctrl.runtime.source import Batches, Source
from aimctrl.runtime.store import Entry
from aimctrl.runtime.watch import (
    Backoff,
    BrokenLineError,
    Effect,
    Event,
    Machine,
    PageAsk,
    Phase,
    Signal,
    StreamAsk,
    read_bookmark,
    signal_of,
)

log = structlog.get_logger(__name__)

IDLE_SECONDS = 90.0
"""Silence after which a watch is taken for dead: the server sends a bookmark about every minute."""

LIST_IDLE_SECONDS = 30.0
"""The same, at most, while a list is streamed, which has a beginning and an end; pages are asked for instead."""

WATCH_SECONDS = (240, 480)
"""Between these the server is asked to end a watch, so that watches spread over its replicas."""

HOPELESS_FAILURES = 5
"""Failures in a row before the first list, after which nobody waits for it any more."""

_SLICE_SECONDS = 0.005

_chance = SystemRandom()


class Sink(Protocol):
    """Where objects go. Nothing here raises."""

    keep_managed_fields: bool

    def entry(self, key: Key) -> Entry | None:
        """What is held of an object, so that an unchanged one need not be held twice."""
        ...

    async def swap(self, arrivals: dict[Key, Arrival], scope: "Scope", *, initial: bool) -> None:
        """These, and no others, are the objects of the scope; `initial` when the sink had none before.

        The sink takes the arrivals over, and may empty them.
        """
        ...

    def put(self, arrival: Arrival) -> None:
        """An object was added or changed."""
        ...

    def remove(self, key: Key) -> None:
        """An object is gone."""
        ...

    def advance(self, version: int, scope: "Scope") -> None:
        """Everything up to that version has been delivered."""
        ...

    def moved(self) -> None:
        """A reflector's state is another one."""
        ...

    def recovered(self) -> None:
        """The API server answers a reflector again that had no answer."""
        ...


@dataclass(frozen=True, slots=True)
class Scope:
    """A collection to follow: a kind, in one namespace or (`""`) everywhere, of the objects a label selector picks.

    A watch that says nothing for `idle_seconds` is taken for dead.
    """

    kind: Kind[Any]
    namespace: str = ""
    selector: str = ""
    list_accept: str = JSON
    watch_accept: str = JSON
    idle_seconds: float = IDLE_SECONDS


class Reflector:
    """Follows one collection for as long as it runs, whatever happens to the connection, the server or the kind."""

    def __init__(self, scope: Scope, source: Source, sink: Sink) -> None:
        self.scope = scope
        self.state: Availability = Unavailable("Syncing", f"{scope.kind} are being listed")
        self.synced = False
        self.open_since: float | None = None
        self.last_contact: float | None = None
        self.relists = 0
        self.failures = 0
        self.broken_lines = 0
        self._in_a_row = 0
        self._source = source
        self._sink = sink
        self._lines = LineReader()
        self._machine = Machine()
        self._backoff = Backoff(_chance.random)
        self._buffer: dict[Key, Arrival] = {}
        self._healthy = False
        self._cut_off = False
        self._expired = False
        self._wake = asyncio.Event()
        self._asked_at = 0.0
        self._urged = False
        self._told_to_wait = False

    @property
    def settled(self) -> bool:
        """Whether it has its first list, or there is no telling when it will."""
        if self.synced:
            return True
        reason = self.state.reason if isinstance(self.state, Unavailable) else ""
        hopeless = reason == "Unreachable" and self._in_a_row >= HOPELESS_FAILURES
        return reason in {"KindMissing", "Forbidden"} or hopeless

    def wake(self) -> None:
        """Try again now: something has happened that may help."""
        if not isinstance(self.state, Available):
            self._backoff.reset()
            self._wake.set()

    def nudge(self) -> None:
        """The API server answers others; try again soon where it did not answer here."""
        if self._cut_off:
            self._urged = True
            self._wake.set()

    async def run(self) -> None:
        """Follow until cancelled; never returns and never raises otherwise."""
        while True:
            await self._rest(await self._turn())

    async def _turn(self) -> float:
        """One request and what comes of it; answers the seconds to wait before the next."""
        self._healthy = self._told_to_wait = False
        self.open_since = None
        self._asked_at = asyncio.get_running_loop().time()
        ask = self._machine.ask()
        try:
            if isinstance(ask, PageAsk):
                await self._page(ask)
                return 0.0
            signal = await self._stream(ask)
        except ApiError as error:
            return await self._failed(signal_of(error), error)
        except (BrokenLineError, msgspec.DecodeError) as error:
            self.broken_lines += 1
            return await self._failed(Signal.BROKEN, error)
        except Exception as error:
            log.exception("watch failed unexpectedly", **self._labels())
            return await self._failed(Signal.BROKEN, error)
        await self._feed(signal)
        return 0.0 if self._healthy else self._backoff.pause()

    async def _page(self, ask: PageAsk) -> None:
        scope = self.scope
        page = await self._source.list_page(
            scope.kind, scope.namespace, selector=scope.selector, token=ask.token, accept=scope.list_accept
        )
        self._contact()
        began = perf_counter()
        for raw in page.items:
            self._keep(arrive(raw, keep_managed_fields=self._sink.keep_managed_fields))
            if perf_counter() - began > _SLICE_SECONDS:
                await asyncio.sleep(0)
                began = perf_counter()
        signal = Signal.MORE if page.token else Signal.LISTED
        await self._feed(signal, version=page.version, token=page.token)

    async def _stream(self, ask: StreamAsk) -> Signal:
        scope = self.scope
        query = ask.query(selector=scope.selector, seconds=_chance.randint(*WATCH_SECONDS))
        path = scope.kind.path(scope.namespace)
        try:
            async with self._source.stream(path, query, accept=scope.watch_accept) as batches:
                self._contact()
                if not self._machine.listing:
                    self._working()
                async with silence(self._patience) as silent:
                    return await self._follow(batches, silent)
        except TimeoutError:
            log.info("watch silent", **self._labels())
            return Signal.REFUSED if self._machine.listing else Signal.ENDED

    async def _follow(self, batches: Batches, silent: Alarm) -> Signal:
        silent.begins()
        if self._machine.listing:
            try:
                await batches.each(partial(self._listing, silent))
            except _ListEndsError as end:
                silent.ends()
                await self._feed(Signal.SYNCED, version=end.version)
                self._arrived(silent, end.rest)
            else:
                return Signal.ENDED
        await batches.each(partial(self._arrived, silent))
        return Signal.ENDED

    def _listing(self, silent: Alarm, lines: list[bytes]) -> None:
        """Take in what a list that streams brings, in the moment it arrives.

        Raises _ListEndsError.
        """
        self.last_contact = silent.begins()
        for at, line in enumerate(lines, 1):
            came = self._lines.read(line, keep_managed_fields=self._sink.keep_managed_fields)
            if isinstance(came, Arrival):
                self._keep(came)
            else:
                version, ends = self._bookmark(came)
                if ends:
                    raise _ListEndsError(version, lines[at:])
            self._healthy = True

    def _arrived(self, silent: Alarm, lines: list[bytes]) -> None:
        """Take in what a watch brings, in the moment it arrives."""
        self.last_contact = silent.begins()
        for line in lines:
            came = self._lines.read(line, keep_managed_fields=self._sink.keep_managed_fields)
            if isinstance(came, Arrival):
                version = came.entry.version
                if came.gone:
                    self._sink.remove(came.key)
                else:
                    self._sink.put(came)
            else:
                version = int(self._bookmark(came)[0])
            self._machine.progress(str(version))
            self._sink.advance(version, self.scope)
            self._healthy = True

    def _patience(self) -> float:
        idle = self.scope.idle_seconds
        return min(idle, LIST_IDLE_SECONDS) if self._machine.listing else idle

    def _bookmark(self, event: Event) -> tuple[str, bool]:
        """Its version, and whether it ends the list.

        Raises ApiError where it is an error of the API server's, BrokenLineError.
        """
        if event.type == "ERROR":
            raise from_status(event.object, Call("GET", self.scope.kind.path(self.scope.namespace)))
        return read_bookmark(event)

    def _keep(self, arrival: Arrival) -> None:
        """Into the buffer; what is held already is not held twice."""
        if arrival.gone:
            self._buffer.pop(arrival.key, None)
            return
        held = self._sink.entry(arrival.key) if self.synced else None
        if held is not None and _same(held, arrival.entry):
            arrival.entry = held
        self._buffer[arrival.key] = arrival

    async def _feed(self, signal: Signal, *, version: str = "", token: str = "") -> None:
        effect = self._machine.feed(signal, version=version, token=token)
        if effect is Effect.SWAP:
            buffer, self._buffer = self._buffer, {}
            initial, self.synced = not self.synced, True
            self.relists += 1
            await self._sink.swap(buffer, self.scope, initial=initial)
            self._sink.advance(int(version), self.scope)
            self._working()
        elif effect is not Effect.NOTHING:
            self._buffer = {}
        if effect is Effect.CLEAR and self.synced:
            self.synced = False
            await self._sink.swap({}, self.scope, initial=False)

    async def _failed(self, signal: Signal, error: Exception) -> float:
        self.failures += 1
        self._in_a_row += 1
        self._cut_off = isinstance(error, ConnectionFailedError | UnauthorizedError | ServerError)
        pause = self._pause(signal, error)
        expected = signal is Signal.EXPIRED or (signal is Signal.REFUSED and self._machine.listing)
        tell = log.warning if self._in_a_row == 1 and not expected else log.debug
        tell("watch failed", error=str(error), retry_in=round(pause, 1), **self._labels())
        await self._feed(signal)
        self._move(self._fault(signal, error))
        return pause

    def _pause(self, signal: Signal, error: Exception) -> float:
        if self._healthy:
            self._backoff.reset()
        if signal is Signal.REFUSED and self._machine.phase is Phase.STREAMING:
            return 0.0  # pages are asked for next
        asked = error.answer.retry_after if isinstance(error, ApiError) else None
        if asked:
            self._told_to_wait = True
            return asked + Backoff.FIRST * _chance.random()
        if signal is Signal.EXPIRED and not self._expired:
            self._expired = True  # the server is well and has said what to do; twice in a row would be odd
            return Backoff.FIRST * _chance.random()
        return self._backoff.pause()

    def _fault(self, signal: Signal, error: Exception) -> Availability:
        if signal is Signal.FORBIDDEN:
            return Unavailable("Forbidden", str(error))
        if self.synced:
            return self.state
        if signal is Signal.ABSENT:
            return Unavailable("KindMissing", f"the API server has no {self.scope.kind}")
        return Unavailable("Unreachable", str(error))

    def _working(self) -> None:
        self._in_a_row = 0
        self._expired = False
        if self._cut_off:
            self._cut_off = False
            self._sink.recovered()
        if not self._machine.listing:
            self.open_since = asyncio.get_running_loop().time()
            self._move(Available())

    def _move(self, state: Availability) -> None:
        changed = type(state) is not type(self.state) or isinstance(state, Unavailable)
        if isinstance(state, Available) and changed:
            log.info("watch established", **self._labels())
        self.state = state
        if changed:
            self._sink.moved()

    def _contact(self) -> None:
        self.last_contact = asyncio.get_running_loop().time()

    async def _rest(self, seconds: float) -> None:
        """Wait that long, or until woken; not less than the API server has asked for."""
        if self._told_to_wait:
            await asyncio.sleep(seconds)
        else:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._wake.wait()
                    if self._urged:  # by each write that is answered, perhaps
                        await asyncio.sleep(self._asked_at + Backoff.FIRST - asyncio.get_running_loop().time())
        self._wake.clear()
        self._urged = False

    def _labels(self) -> dict[str, str]:
        return {"kind": str(self.scope.kind), "namespace": self.scope.namespace}


class _ListEndsError(Exception):
    """The list is complete as of that version; `rest` are the lines that came after it in one batch."""

    def __init__(self, version: str, rest: list[bytes]) -> None:
        super().__init__(version)
        self.version = version
        self.rest = rest


def _same(held: Entry, new: Entry) -> bool:
    """Whether that is what is held; lists of built-in kinds, unlike watches, leave out what each object begins with.

    A new schema (a default, a field that is pruned) shows objects otherwise whose version is what it was.
    """
    if held.version != new.version:
        return False
    return held.raw == new.raw or held.raw.endswith(new.raw[1:])

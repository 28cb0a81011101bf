"""Keeping up with a collection: the list-watch protocol as a state machine, without I/O.

The API server offers a list (everything, as of one resourceVersion) and a watch (every change after a
resourceVersion). A cache that lists and then watches from the list's version misses nothing, until the server has
forgotten that version (410 Expired); then it lists again. Since 1.30 a watch can begin with the list
(`sendInitialEvents`): objects as ADDED events, then a bookmark that says the list is complete. It is tried first;
a server that refuses it is asked for pages.

    EMPTY      nothing to go on: list next, as a stream or, where that was refused, in pages
    STREAMING  the list arrives as events into a buffer; the cache shows the old state
    PAGING     the list arrives in pages into a buffer; the cache shows the old state
    WATCHING   the cache is current as of `version` and changes arrive
    DOUBTING   as WATCHING, but the server has just said there is no such kind. A server that starts may say so of a
               kind it has, and believing it would delete everything, so that it has to say it twice

The driver does what `ask` says and feeds back what came of it as signals; each has one effect on the buffer or the
cache, which the driver carries out. TRANSITIONS is the whole machine.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#efficient-detection-of-changes and
#streaming-lists.
"""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, auto

import msgspec

from aimctrl.runtime.errors import ApiError, ExpiredError, ForbiddenError, InvalidError, NotFoundError
from aimctrl.runtime.nesting import member


class Phase(Enum):
    """Where the machine is; the module's docstring says what each means."""

    EMPTY = auto()
    STREAMING = auto()
    PAGING = auto()
    WATCHING = auto()
    DOUBTING = auto()


class Signal(Enum):
    """What came of the last request."""

    BEGIN_STREAM = auto()  # the driver is about to stream the list
    BEGIN_PAGES = auto()  # the driver is about to ask for the first page
    PROGRESS = auto()  # an object, or a bookmark with a version
    SYNCED = auto()  # the bookmark at the end of a streamed list
    MORE = auto()  # a page, and there are more
    LISTED = auto()  # the last page
    ENDED = auto()  # the server closed the stream in good order, or it fell silent
    BROKEN = auto()  # no answer, 5xx, 401, a connection cut, a line that cannot be read
    EXPIRED = auto()  # 410: the version or the continue token is too old
    REFUSED = auto()  # 400 or 422: the server does not know such a request
    FORBIDDEN = auto()  # 403
    ABSENT = auto()  # 404: no such kind


class Effect(Enum):
    """What the driver does to its buffer and the cache."""

    NOTHING = auto()
    SWAP = auto()  # the buffer becomes the cache's content
    DISCARD = auto()  # the buffer is worth nothing; the cache stays
    CLEAR = auto()  # the buffer is worth nothing, and there are no objects


P, S, E = Phase, Signal, Effect

TRANSITIONS: dict[tuple[Phase, Signal], tuple[Phase, Effect]] = {
    (P.EMPTY, S.BEGIN_STREAM): (P.STREAMING, E.DISCARD),
    (P.EMPTY, S.BEGIN_PAGES): (P.PAGING, E.DISCARD),
    (P.STREAMING, S.PROGRESS): (P.STREAMING, E.NOTHING),
    (P.STREAMING, S.SYNCED): (P.WATCHING, E.SWAP),
    (P.STREAMING, S.ENDED): (P.EMPTY, E.DISCARD),
    (P.STREAMING, S.BROKEN): (P.EMPTY, E.DISCARD),
    (P.STREAMING, S.EXPIRED): (P.EMPTY, E.DISCARD),
    (P.STREAMING, S.REFUSED): (P.EMPTY, E.DISCARD),
    (P.STREAMING, S.FORBIDDEN): (P.EMPTY, E.DISCARD),
    (P.STREAMING, S.ABSENT): (P.EMPTY, E.CLEAR),
    (P.PAGING, S.MORE): (P.PAGING, E.NOTHING),
    (P.PAGING, S.LISTED): (P.WATCHING, E.SWAP),
    (P.PAGING, S.BROKEN): (P.EMPTY, E.DISCARD),
    (P.PAGING, S.EXPIRED): (P.EMPTY, E.DISCARD),
    (P.PAGING, S.REFUSED): (P.EMPTY, E.DISCARD),
    (P.PAGING, S.FORBIDDEN): (P.EMPTY, E.DISCARD),
    (P.PAGING, S.ABSENT): (P.EMPTY, E.CLEAR),
    (P.WATCHING, S.PROGRESS): (P.WATCHING, E.NOTHING),
    (P.WATCHING, S.ENDED): (P.WATCHING, E.NOTHING),
    (P.WATCHING, S.BROKEN): (P.WATCHING, E.NOTHING),
    (P.WATCHING, S.FORBIDDEN): (P.WATCHING, E.NOTHING),
    (P.WATCHING, S.EXPIRED): (P.EMPTY, E.NOTHING),
    (P.WATCHING, S.REFUSED): (P.EMPTY, E.NOTHING),
    (P.WATCHING, S.ABSENT): (P.DOUBTING, E.NOTHING),
    (P.DOUBTING, S.PROGRESS): (P.WATCHING, E.NOTHING),
    (P.DOUBTING, S.ENDED): (P.WATCHING, E.NOTHING),
    (P.DOUBTING, S.BROKEN): (P.DOUBTING, E.NOTHING),
    (P.DOUBTING, S.FORBIDDEN): (P.DOUBTING, E.NOTHING),
    (P.DOUBTING, S.EXPIRED): (P.EMPTY, E.NOTHING),
    (P.DOUBTING, S.REFUSED): (P.EMPTY, E.NOTHING),
    (P.DOUBTING, S.ABSENT): (P.EMPTY, E.CLEAR),
}
"""What follows; a pair that is not here cannot happen."""


@dataclass(frozen=True, slots=True)
class PageAsk:
    """Ask for a page of the list; the token is `""` for the first."""

    token: str = ""


@dataclass(frozen=True, slots=True)
class StreamAsk:
    """Open a watch: after that version, or with the list first where it is `""`."""

    version: str = ""

    def query(self, *, selector: str = "", seconds: int) -> dict[str, str]:
        """The watch's query; the server ends it after `seconds`."""
        query = {"watch": "true", "allowWatchBookmarks": "true", "timeoutSeconds": str(seconds)}
        if selector:
            query["labelSelector"] = selector
        if self.version:
            query["resourceVersion"] = self.version
        else:
            query |= {"sendInitialEvents": "true", "resourceVersionMatch": "NotOlderThan"}
        return query


class Machine:
    """One collection's state; `version` is the one to watch from."""

    def __init__(self) -> None:
        self.phase = Phase.EMPTY
        self.version = ""
        self._token = ""
        self._pages = False

    @property
    def listing(self) -> bool:
        """Whether what arrives goes into the buffer."""
        return self.phase is Phase.STREAMING or self.phase is Phase.PAGING

    def ask(self) -> PageAsk | StreamAsk:
        """What to request next; out of EMPTY this begins a list, and the buffer starts empty."""
        if self.phase is Phase.EMPTY:
            self._token = ""
            self.feed(Signal.BEGIN_PAGES if self._pages else Signal.BEGIN_STREAM)
        if self.phase is Phase.PAGING:
            return PageAsk(self._token)
        return StreamAsk("" if self.phase is Phase.STREAMING else self.version)

    def progress(self, version: str) -> None:
        """Feed PROGRESS, as each event of a watch does."""
        if self.phase is Phase.WATCHING:
            self.version = version  # what TRANSITIONS says, in less time
        else:
            self.feed(Signal.PROGRESS, version=version)

    def feed(self, signal: Signal, *, version: str = "", token: str = "") -> Effect:
        """Take in what came of it, with the version or the token it brought.

        Raises KeyError for a signal that cannot come in this phase.
        """
        if signal is Signal.REFUSED and self.phase is Phase.STREAMING:
            self._pages = True
        self.phase, effect = TRANSITIONS[self.phase, signal]
        self.version = version or self.version
        self._token = token
        return effect


def signal_of(error: ApiError) -> Signal:
    """What a refusal means for the machine."""
    if isinstance(error, ExpiredError) or "Too large resource version" in error.answer.message:
        return Signal.EXPIRED  # too old, or from a future that a restored etcd has forgotten
    if isinstance(error, NotFoundError):
        return Signal.ABSENT
    if isinstance(error, ForbiddenError):
        return Signal.FORBIDDEN
    return Signal.REFUSED if isinstance(error, InvalidError) else Signal.BROKEN


class BrokenLineError(ValueError):
    """A line of a watch that is no watch event."""


class Event(msgspec.Struct, gc=False):
    """One line of a watch: ADDED, MODIFIED, DELETED, BOOKMARK or ERROR, and the JSON of its object."""

    type: str
    object: bytes


class _Line(msgspec.Struct):
    type: str
    object: msgspec.Raw


class _BookmarkMeta(msgspec.Struct, rename="camel"):
    resource_version: str
    annotations: dict[str, str] = {}


class _Bookmark(msgspec.Struct):
    metadata: _BookmarkMeta


_decode_line = msgspec.json.Decoder(_Line).decode
_decode_bookmark = msgspec.json.Decoder(_Bookmark).decode


def read_event(line: bytes) -> Event:
    """A line of a watch, whatever form it has; an object that is nested too deep is not looked at.

    Raises BrokenLineError.
    """
    try:
        read = _decode_line(line)
        return Event(read.type, bytes(read.object))
    except RecursionError:
        return Event(member(line, b"type").strip(b'"').decode(), member(line, b"object"))
    except msgspec.DecodeError as error:
        raise BrokenLineError(f"a watch line of {len(line)} bytes: {error}") from error


def read_bookmark(event: Event) -> tuple[str, bool]:
    """A bookmark's version, and whether it ends the initial list.

    Raises BrokenLineError.
    """
    try:
        meta = _decode_bookmark(event.object).metadata
    except msgspec.DecodeError as error:
        raise BrokenLineError(f"a bookmark: {error}") from error
    if not meta.resource_version.isdecimal():
        raise BrokenLineError(f"a bookmark of version {meta.resource_version!r}")
    return meta.resource_version, meta.annotations.get("k8s.io/initial-events-end") == "true"


class Backoff:
    """Pauses between attempts: from 0.8 s, doubling to 30 s, each stretched at random so that many do not beat in time.

    `chance` gives numbers in [0, 1).
    """

    FIRST = 0.8
    LONGEST = 30.0

    def __init__(self, chance: Callable[[], float]) -> None:
        self._chance = chance
        self._failures = 0

    def pause(self) -> float:
        """Seconds to wait after one more failure."""
        base = min(self.FIRST * float(2**self._failures), self.LONGEST)
        self._failures += 1 if base < self.LONGEST else 0
        return min(base + base * self._chance(), self.LONGEST)

    def reset(self) -> None:
        """It works again."""
        self._failures = 0

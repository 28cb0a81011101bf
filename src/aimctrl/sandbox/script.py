"""What an image does when it is pulled and run, said beforehand and changeable while it happens."""

from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal, TypeVar

T = TypeVar("T")

PullError = Literal["not-found", "auth", "rate-limit", "unreachable"]
Serving = Literal["ready", "loading", "failed"]
RouteVerdict = Literal["accepted", "refused", "ignored"]
ClaimVerdict = Literal["bound", "pending", "lost"]


@dataclass(frozen=True, slots=True)
class ImageScript:
    """The behaviour of an image in one container; times are in seconds.

    A container prints `log` when it starts and ends `run_seconds` later with `exit_code`, unless it `runs_forever`.
    One that is not run again says it ended `ended_ago` before it did: from there on a Job counts its pause before it
    tries again. `pull_error` keeps it from starting. `serving` is what becomes of an InferenceService with this image,
    `load_seconds` after its predictor appeared. The API keeps whole seconds, so that a time may end up to one early.
    """

    log: str | bytes = ""
    exit_code: int = 0
    ended_ago: float = 0.0
    pull_error: PullError | None = None
    pull_seconds: float = 0.0
    run_seconds: float = 0.0
    runs_forever: bool = False
    serving: Serving = "ready"
    load_seconds: float = 0.0

    @property
    def output(self) -> bytes:
        """The log as bytes."""
        return self.log.encode() if isinstance(self.log, str) else self.log


@dataclass(frozen=True, slots=True)
class Launch:
    """One run of a container, the one after so many `restarts`; `name` is that of the Pod or InferenceService."""

    image: str
    namespace: str = ""
    name: str = ""
    container: str = ""
    args: tuple[str, ...] = ()
    env: Mapping[str, str] = field(default_factory=dict[str, str])
    restarts: int = 0


Behaviour = ImageScript | Callable[[Launch], ImageScript]
"""A script, or what gives one for each container, say from its environment."""


_KNOWN: Mapping[str, Behaviour] = {
    "*kserve/storage-initializer*": ImageScript(log="INFO:root:Successfully copied the artifact\n"),
}
"""What images do that are known for it, where nobody says otherwise."""


class Scripts:
    """The behaviour of every image, by glob (`*`, `?`, `[...]`; case counts; `*` also matches `/`).

    Of several globs that match, the one set last counts. Listeners hear of every change, in the thread that made it;
    any thread may.
    """

    def __init__(self, default: Behaviour = ImageScript()) -> None:
        self.default = default
        self._images: Mapping[str, Behaviour] = {}
        self._gateways: Mapping[str, RouteVerdict] = {}
        self._claims: Mapping[str, ClaimVerdict] = {}
        self._listeners: tuple[Callable[[], object], ...] = ()

    def set(self, image: str, behaviour: Behaviour) -> None:
        """From now on, images that match the glob behave so."""
        self._images = {image: behaviour, **_without(self._images, image)}
        self._changed()

    def remove(self, image: str) -> None:
        """Forgets what was set for exactly this glob; it may be absent."""
        self._images = _without(self._images, image)
        self._changed()

    def find(self, launch: Launch) -> ImageScript:
        """The script of one container."""
        behaviour = _first(self._images, launch.image) or _first(_KNOWN, launch.image) or self.default
        return behaviour if isinstance(behaviour, ImageScript) else behaviour(launch)

    def set_gateway(self, name: str, verdict: RouteVerdict) -> None:
        """From now on, gateways that match the glob accept routes, refuse them, or say nothing, as if absent."""
        self._gateways = {name: verdict, **_without(self._gateways, name)}
        self._changed()

    def find_gateway(self, name: str) -> RouteVerdict:
        """What the gateway of that name does with a route; it accepts it where nothing else is said."""
        return _first(self._gateways, name) or "accepted"

    def set_claim(self, name: str, verdict: ClaimVerdict) -> None:
        """From now on, claims that match the glob are bound, stay as they are, or lose the volume they had."""
        self._claims = {name: verdict, **_without(self._claims, name)}
        self._changed()

    def find_claim(self, name: str) -> ClaimVerdict:
        """What becomes of the claim of that name; it is bound where nothing else is said."""
        return _first(self._claims, name) or "bound"

    @contextmanager
    def listening(self, listener: Callable[[], object]) -> Generator[None]:
        """Calls `listener` after every change while the block runs."""
        self._listeners = (*self._listeners, listener)
        try:
            yield
        finally:
            self._listeners = tuple(other for other in self._listeners if other is not listener)

    def _changed(self) -> None:
        for listener in self._listeners:
            listener()


def _without(table: Mapping[str, T], glob: str) -> dict[str, T]:
    return {other: told for other, told in table.items() if other != glob}


def _first(table: Mapping[str, T], text: str) -> T | None:
    return next((told for glob, told in table.items() if fnmatchcase(text, glob)), None)

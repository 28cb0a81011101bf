"""Reading the discovery container's log: untrusted bytes in, typed entries or a reason out (SPEC §3, Output).

The result is a JSON array of entries somewhere in the log; other lines may hold brackets, and arrays, of their own.
What cannot be stored in a status (numbers outside int64 or double, lone surrogates, deep nesting, sheer size) is
refused, so that no log, however hostile, raises here or spoils a status later.
"""

import re
from dataclasses import dataclass
from typing import Annotated, Any, Final, cast

import msgspec

from aimctrl.aim.discovery.arrays import ArraySearch, Unstorable, Weight
from aimctrl.aim.discovery.inputs import DiscoveryInputs
from aimctrl.aim.gpu_names import normalise

LOG_LIMIT: Final = 8 * 2**20
"""Bytes of the longest log that is read; fetch one more to see whether it is longer."""

ENTRY_LIMIT: Final = 512 * 2**10
"""Bytes of the largest entry that is kept: it goes to a status, and etcd takes about 1.5 MB an object."""

_DEPTH_LIMIT = 64
_LINE_LIMIT = 300
_CONTROL = re.compile(r"\x1b\[[0-9;]*[A-Za-z]|[\x00-\x1f\x7f]")


class Artifact(msgspec.Struct, frozen=True):
    """A model artifact as the image names it; `size_gb` is in GiB, None where the image does not say."""

    name: str
    source: str
    size_gb: Annotated[float, msgspec.Meta(ge=0, le=2**32)] | None = None

    @property
    def size_bytes(self) -> int | None:
        """The size in bytes."""
        return None if self.size_gb is None else round(self.size_gb * 2**30)


class Entry(msgspec.Struct, frozen=True):
    """One profile the image offers: `profile` verbatim, and the artifacts it takes."""

    profile: dict[str, Any]
    models: tuple[Artifact, ...]
    filename: str | None = None

    @property
    def metadata(self) -> dict[str, Any]:
        """`profile.metadata`: engine, gpu, precision, gpu_count, metric, type; empty where it is no object."""
        found = self.profile.get("metadata")
        return cast("dict[str, Any]", found) if isinstance(found, dict) else {}


@dataclass(frozen=True, slots=True)
class DiscoveryResult:
    """What the image offers, at least one entry."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Unparsable:
    """The log holds no result; `reason` says why, for a person."""

    reason: str


class _RefusedError(ValueError):
    """An array that is not the result; the message says why."""


def parse_log(log: bytes) -> DiscoveryResult | Unparsable:
    """The last valid array of entries in the log."""
    if len(log) > LOG_LIMIT:
        return Unparsable(f"the log is longer than {LOG_LIMIT // 2**20} MiB")
    text = log.decode("utf-8", "replace")
    if not text.strip():
        return Unparsable("the log is empty")
    search = ArraySearch(text)
    for value in search.arrays():
        try:
            entries = _entries(value)
        except _RefusedError as error:
            search.blame(str(error), Weight.RESEMBLING if _resembles_entries(value) else Weight.UNRELATED)
            continue
        if entries:
            return DiscoveryResult(entries)
        search.blame("the array of profiles is empty", Weight.EMPTY)
    return Unparsable(search.reason or "the log holds no JSON array of profiles")


def choose_entry(entries: tuple[Entry, ...], inputs: DiscoveryInputs) -> Entry:
    """The entry that fits the inputs' metric, precision and GPU (with the GPU count, where one does), else the first.

    What the inputs leave open, the precision `auto` among it, fits anything.
    """
    fitting = [entry for entry in entries if _fits(entry, inputs)]
    counted = [entry for entry in fitting if str(inputs.gpu_count) == str(entry.metadata.get("gpu_count"))]
    return next(iter(counted or fitting or entries))


def last_line(log: bytes) -> str:
    """The last line of a log that is not blank, without control characters, at most 300 characters."""
    tail = log[-64 * 2**10 :].decode("utf-8", "replace")
    lines = (_CONTROL.sub("", line).strip() for line in reversed(tail.splitlines()))
    return next((line[:_LINE_LIMIT] for line in lines if line), "")


def _fits(entry: Entry, inputs: DiscoveryInputs) -> bool:
    said = entry.metadata
    precision = None if inputs.precision == "auto" else inputs.precision
    gpu = normalise(inputs.gpu_model) if inputs.gpu_model else None
    return (
        inputs.metric in (None, _lower(said.get("metric")))
        and precision in (None, _lower(said.get("precision")))
        and gpu in (None, normalise(str(said.get("gpu", ""))))
    )


def _lower(value: object) -> str:
    return str(value).lower()


def _entries(value: Any) -> tuple[Entry, ...]:
    """Raises _RefusedError, saying what is wrong."""
    _check(value, _DEPTH_LIMIT)
    try:
        entries = msgspec.convert(value, tuple[Entry, ...])
        largest = max((len(msgspec.json.encode(entry)) for entry in entries), default=0)
    except msgspec.ValidationError as error:
        raise _RefusedError(f"the array is not one of profiles: {error}") from error
    except UnicodeEncodeError as error:
        raise _RefusedError("the JSON holds text that is not Unicode") from error
    if largest > ENTRY_LIMIT:
        raise _RefusedError(f"a profile is larger than {ENTRY_LIMIT // 2**10} KiB")
    return entries


def _resembles_entries(value: Any) -> bool:
    return any(isinstance(item, dict) and "profile" in item for item in value)


def _check(value: Any, depth: int) -> None:
    if isinstance(value, Unstorable):
        raise _RefusedError(value.reason)
    if not isinstance(value, dict | list):
        return
    if depth == 0:
        raise _RefusedError("the JSON is nested too deeply")
    children: Any = value.values() if isinstance(value, dict) else value  # pyright: ignore[reportUnknownVariableType] - JSON
    for child in children:
        _check(child, depth - 1)

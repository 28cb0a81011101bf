"""Lists in labels: recommended deployments and words, as JSON, as Python writes them, or with commas only; pure.

Real images carry what Python's `str` made of a list, often without its brackets:
`{'gpuModel': 'MI300X', 'gpuCount': 1, 'precision': 'fp8', 'metric': 'latency'}, {…}`.
"""

import ast
import json
import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import msgspec

from aimctrl.api.common import Metric, Precision
from aimctrl.api.model import RecommendedDeployment

TEXT_LIMIT: Final = 64 * 2**10
"""Characters of the longest list that is read."""

MOST_DEPLOYMENTS: Final = 100
"""Each becomes a template, and each template a discovery Job."""

_GPU_MODEL_LIMIT, _GPU_COUNT_LIMIT, _PROFILE_LIMIT = 128, 1024, 253
_QUOTED_LIMIT = 60
# Strings, numbers, names and brackets: nothing that the parser could choke on, and read in one pass (nothing is given
# back once it has matched).
_LITERAL = re.compile(
    r"""(?:[\s\w\[\]{}(),:.]++|'(?:[^'\\\n]|\\.)*+'|"(?:[^"\\\n]|\\.)*+")*+""",
    re.ASCII,
)


class LabelsError(ValueError):
    """The labels do not say what they have to; the message says why, and stays the same for the same labels."""


def parse_deployments(text: str) -> tuple[RecommendedDeployment, ...]:
    """The deployments in a list of objects; none for an empty text.

    Raises LabelsError where it is no such list, or a value is one that no template could have.
    """
    if not text:
        return ()
    values = _parse(text)
    if values is None:
        raise LabelsError(f"the recommended deployments are not a list of objects: {_quoted(text)}")
    if len(values) > MOST_DEPLOYMENTS:
        raise LabelsError(f"the image recommends {len(values)} deployments, more than {MOST_DEPLOYMENTS}")
    return tuple(_deployment(value, number) for number, value in enumerate(values, 1))


def parse_words(text: str) -> tuple[str, ...]:
    """The words of a list in brackets, or between commas; nobody relies on them, so nothing is refused."""
    values = _parse(text) if text.startswith("[") else None
    words = text.strip("[]").split(",") if values is None else [_word(value) for value in values]
    return tuple(word.strip() for word in words if word.strip())


def _word(value: object) -> str:
    if isinstance(value, str):
        return value if _is_unicode(value) else ""
    return str(value) if isinstance(value, int | float) and abs(value) < 2**64 else ""


def _parse(text: str) -> list[object] | None:
    """The list, JSON or Python, in brackets or without them; None where it is none."""
    if len(text) > TEXT_LIMIT:
        return None
    whole = text if text.startswith("[") else f"[{text}]"
    for parse in (_json, _python):
        value = parse(whole)
        if isinstance(value, list):
            return cast("list[object]", value)
    return None


def _json(text: str) -> Any:
    try:
        return msgspec.json.decode(text.encode())
    except (msgspec.DecodeError, RecursionError, UnicodeError):
        return None


def _python(text: str) -> Any:
    """A literal, where it has no operators in it."""
    if not _LITERAL.fullmatch(text):
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, TypeError, SyntaxError, MemoryError, RecursionError):
        return None


def _deployment(value: object, number: int) -> RecommendedDeployment:
    if not isinstance(value, dict):
        raise LabelsError(f"deployment {number} is no object")
    fields = cast("dict[object, object]", value)
    try:
        found = {name: read(fields[key]) for key, name, read in _FIELDS if not _is_unset(fields.get(key))}
    except _ValueRefusedError as error:
        raise LabelsError(f"deployment {number}: {error}") from error
    if found.keys() <= {"gpu_count", "description"}:
        raise LabelsError(f"deployment {number} names no gpuModel, metric, precision or profileId")
    return RecommendedDeployment.model_validate(found)


class _ValueRefusedError(ValueError):
    """A value that no template could have; the message names the field."""


def _one_of(field: str, allowed: tuple[str, ...]) -> Callable[[object], str]:
    def read(value: object) -> str:
        word = value.strip().lower() if isinstance(value, str) else ""
        if word not in allowed:
            raise _ValueRefusedError(f"{field} is {_quoted(value)}, which is none of {', '.join(allowed)}")
        return word

    return read


def _text(field: str, limit: int) -> Callable[[object], str]:
    def read(value: object) -> str:
        text = value.strip() if isinstance(value, str) else ""
        if not text or len(text) > limit or not _is_unicode(text):
            raise _ValueRefusedError(f"{field} is {_quoted(value)}, not text of at most {limit} characters")
        return text

    return read


def _count(value: object) -> int:
    count = int(value) if isinstance(value, str) and re.fullmatch(r"\d{1,4}", value, re.ASCII) else value
    if isinstance(count, bool) or not isinstance(count, int) or not 1 <= count <= _GPU_COUNT_LIMIT:
        raise _ValueRefusedError(f"gpuCount is {_quoted(value)}, not a whole number from 1 to {_GPU_COUNT_LIMIT}")
    return count


_FIELDS: tuple[tuple[str, str, Callable[[object], Any]], ...] = (
    ("gpuModel", "gpu_model", _text("gpuModel", _GPU_MODEL_LIMIT)),
    ("gpuCount", "gpu_count", _count),
    ("metric", "metric", _one_of("metric", tuple(Metric))),
    ("precision", "precision", _one_of("precision", tuple(Precision))),
    ("description", "description", _text("description", TEXT_LIMIT)),
    ("profileId", "profile_id", _text("profileId", _PROFILE_LIMIT)),
)


def _is_unset(value: object) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _quoted(value: object) -> str:
    """The value as JSON in ASCII, or its type; cut short."""
    if isinstance(value, Mapping | list | tuple | set | bytes):
        return f"a {type(cast('object', value)).__name__}"
    text = json.dumps(value, default=str) if not isinstance(value, int) or abs(value) < 2**64 else "too large a number"
    return text if len(text) <= _QUOTED_LIMIT else f"{text[:_QUOTED_LIMIT]}…"

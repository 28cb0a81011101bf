"""Media types: in which form an answer is wanted, and in which one a body is sent.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#alternate-representations-of-resources.
"""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from aimctrl.sandbox.apiserver.errors import StatusError, bad_request
from aimctrl.sandbox.apiserver.gosyntax import syntax_fault
from aimctrl.sandbox.apiserver.protobuf import ProtobufError, object_from
from aimctrl.sandbox.apiserver.schema.node import Json

JSON = "application/json"
YAML = "application/yaml"
PROTOBUF = "application/vnd.kubernetes.protobuf"

_SUPPORTED = (JSON, YAML, "*/*")

_TRANSFORMS = ("Table", "PartialObjectMetadata", "PartialObjectMetadataList")


@dataclass(frozen=True, slots=True)
class Form:
    """How to answer: as `media`, and as `kind` (a Table, or only metadata) where that is not `""`."""

    media: str = JSON
    kind: str = ""
    version: str = "v1"
    pretty: bool = False
    stream: bool = False


@lru_cache(maxsize=256)
def form_of(accept: str, *, pretty: bool = False, routed: bool = True) -> Form:
    """The first form of an Accept header that this server has; `routed` requests are refused by media type first.

    Raises:
        StatusError: 406, where there is none.
    """
    for clause in accept.split(",") if accept.strip() else [JSON]:
        media, _, rest = clause.strip().partition(";")
        parameters = _parameters(rest)
        kind = parameters.get("as", "")
        supported = media in _SUPPORTED or (media == "application/*" and not routed)
        known = supported and (not kind or (kind in _TRANSFORMS and parameters.get("g") == "meta.k8s.io"))
        if known and parameters.get("v", "v1") in {"v1", "v1beta1"}:
            media = JSON if media.endswith("*") else media
            return Form(media, kind, parameters.get("v", "v1"), pretty, parameters.get("stream") == "watch")
    available = f"{JSON}, {YAML}, {PROTOBUF}"
    medias = {clause.partition(";")[0].strip() for clause in accept.split(",")}
    if routed and not medias & {*_SUPPORTED, PROTOBUF}:
        message = f"406: Not Acceptable\n\nAvailable representations: {available}"
        raise StatusError(406, "NotAcceptable", message, details={})
    raise StatusError(406, "NotAcceptable", f"only the following media types are accepted: {available}")


def _parameters(text: str) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for part in text.split(";"):
        key, _, value = part.strip().partition("=")
        found[key] = value
    return found


@lru_cache(maxsize=256)
def media_of(content_type: str) -> str:
    """A Content-Type without its parameters; JSON where there is none."""
    return content_type.partition(";")[0].strip().lower() or JSON


def _number(text: str) -> int | float:
    """A number with a point or an exponent, as Go writes it again: without them where it is whole."""
    value = float(text)
    return int(value) if value.is_integer() and abs(value) < _LARGEST_WHOLE else value


_LARGEST_WHOLE = 1e21
_READER = msgspec.json.Decoder(float_hook=_number)


def decoded(body: bytes, media: str) -> Json:
    """A body as a JSON value.

    Raises:
        StatusError: 415 for another media type, 400 where it cannot be read.
    """
    if media == YAML:
        return _from_yaml(body)
    if media == PROTOBUF:
        return _from_protobuf(body)
    if media not in {JSON, "*/*"}:
        raise unsupported(media)
    try:
        return _READER.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        why = syntax_fault(body) or str(error)
        raise bad_request(f"couldn't get version/kind; json parse error: {why}") from error


def unsupported(media: str, *accepted: str) -> StatusError:
    """A body of a media type that is not taken here."""
    names = ", ".join(accepted or (JSON, YAML, PROTOBUF))
    message = f"the body of the request was in an unknown format - accepted media types include: {names}"
    del media
    return StatusError(415, "UnsupportedMediaType", message)


def _from_yaml(body: bytes) -> Json:
    if body.startswith(b"{"):  # most likely JSON, which is YAML and decodes far faster
        with suppress(msgspec.DecodeError, RecursionError, UnicodeDecodeError):
            return msgspec.json.decode(body)
    try:
        return msgspec.yaml.decode(body)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise bad_request(_yaml_fault(body) or f"yaml: {error}") from error


def _yaml_fault(body: bytes) -> str:
    """What is wrong with a text as YAML, as Go's library says it."""
    import yaml
    from yaml.scanner import ScannerError

    try:
        yaml.load(body, Loader=yaml.CSafeLoader)
    except yaml.MarkedYAMLError as error:
        lines = [mark.line for mark in (error.context_mark, error.problem_mark) if mark is not None and mark.line]
        where = f"line {lines[0] + isinstance(error, ScannerError)}: " if lines else ""
        return f"yaml: {where}{error.problem}"
    except yaml.YAMLError:
        pass
    return ""


def _from_protobuf(body: bytes) -> Json:
    try:
        return object_from(body)
    except ProtobufError as error:
        raise bad_request(str(error)) from error

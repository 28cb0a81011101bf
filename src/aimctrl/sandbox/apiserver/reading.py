"""Gets and lists: pages, selectors, and the revisions at which they look.

Source: https://kubernetes.io/docs/reference/using-api/api-concepts/#resource-versions.
"""

import base64
import re
from dataclasses import dataclass

import msgspec

from aimctrl.sandbox.apiserver.cluster import Answer, Cluster, served
from aimctrl.sandbox.apiserver.errors import Cause, FieldError, StatusError, bad_options, bad_request, expired
from aimctrl.sandbox.apiserver.gosyntax import syntax_fault
from aimctrl.sandbox.apiserver.request import Call
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.schema.node import Object
from aimctrl.sandbox.apiserver.selectors import selection
from aimctrl.sandbox.apiserver.storage import Stored


@dataclass(frozen=True, slots=True)
class Page:
    """A list, or a part of one. `proceed` is the token for the next part."""

    type: ResourceType
    version: int
    items: tuple[Stored, ...]
    proceed: str = ""
    remaining: int | None = None

    def metadata(self) -> Object:
        """The metadata of the list."""
        meta: Object = {"resourceVersion": str(self.version)}
        if self.type.custom or self.proceed:
            meta["continue"] = self.proceed
        if self.remaining is not None:
            meta["remainingItemCount"] = self.remaining
        return meta

    def body(self) -> Object:
        """The list as an object."""
        items = [served(item, self.type).object for item in self.items]
        if not self.type.custom:
            items = [{key: part for key, part in i.items() if key not in {"apiVersion", "kind"}} for i in items]
        return {
            "kind": self.type.lists,
            "apiVersion": self.type.api_version,
            "metadata": self.metadata(),
            "items": items,
        }


_ENCODING = "meta.k8s.io/v1"


class _Token(msgspec.Struct, frozen=True):
    """What a token to go on with says: at which revision, and after which key."""

    v: str
    rv: int
    start: str


@dataclass(frozen=True, slots=True)
class _Window:
    """From where on a list looks, and at which revision; `size` 0 is without limit."""

    version: int
    after: str = ""
    size: int = 0


def get(cluster: Cluster, call: Call) -> Answer:
    """The object that the path names.

    Raises:
        StatusError: 404; 500 or 504 for a resourceVersion that is none, or not yet.
    """
    version = call.query.get("resourceVersion", "")
    if version and not version.isdigit():
        raise StatusError(500, "", _no_version(version))
    if version and int(version) > cluster.storage.version:
        raise _too_large(int(version), cluster.storage.version)
    stored = served(cluster.find(call), call.type)
    return Answer(stored.object, 200, stored.raw)


def list_objects(cluster: Cluster, call: Call) -> Page:
    """The objects that the path and the selectors name, at the revision that is asked for.

    Raises:
        StatusError: 400 or 422 for options that make no sense, 410 for a revision that is forgotten.
    """
    check_list_options(call)
    matches = selection(call.type, call.query)
    window = _window(cluster, call)
    collection = cluster.collection(call.type)
    if window.version < collection.expired and window.version != cluster.storage.version:
        raise _too_old(window)
    found = collection.list_at(window.version, call.namespace)
    if matches is not None:
        found = [stored for stored in found if matches(stored.object)]
    if window.after:
        found = [stored for stored in found if stored.key > window.after]
    if not window.size or len(found) <= window.size:
        return Page(call.type, window.version, tuple(found))
    part = tuple(found[: window.size])
    remaining = len(found) - window.size if matches is None else None
    return Page(call.type, window.version, part, _token(window.version, part[-1].key), remaining)


def check_list_options(call: Call) -> None:
    """Refuses options of lists and watches that contradict each other.

    Raises:
        StatusError: 400 or 422.
    """
    _check_numbers(call)
    watch = call.verb == "watch"
    errors = [
        FieldError(Cause.FORBIDDEN, option, why)
        for holds, option, why in (_watch_faults(call) if watch else _list_faults(call))
        if holds
    ][:1]
    match = call.query.get("resourceVersionMatch", "")
    supported = ("NotOlderThan",) if watch else ("Exact", "NotOlderThan", "")
    if match and match not in supported:
        words = ", ".join(f'"{word}"' for word in supported)
        errors.append(FieldError(Cause.NOT_SUPPORTED, "resourceVersionMatch", f"supported values: {words}", match))
    if errors:
        raise bad_options("ListOptions", *errors)


_Fault = tuple[bool, str, str]
"""Whether it holds, the option, and why it is forbidden."""


def _watch_faults(call: Call) -> tuple[_Fault, ...]:
    option = "resourceVersionMatch"
    match, initial = call.query.get(option, ""), call.query.get("sendInitialEvents") is not None
    return (
        (
            initial and match != "NotOlderThan",
            option,
            "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan",
        ),
        (
            bool(match) and not initial,
            option,
            "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided",
        ),
        (bool(call.query.get("continue")), option, "resourceVersionMatch is forbidden when continue is provided"),
    )


def _list_faults(call: Call) -> tuple[_Fault, ...]:
    option, query = "resourceVersionMatch", call.query
    match, version = query.get(option, ""), query.get("resourceVersion", "")
    return (
        (query.get("sendInitialEvents") is not None, "sendInitialEvents", "sendInitialEvents is forbidden for list"),
        (
            bool(match and query.get("continue")),
            option,
            "resourceVersionMatch is forbidden when continue is provided",
        ),
        (bool(match) and not version, option, "resourceVersionMatch is forbidden unless resourceVersion is provided"),
        (
            match == "Exact" and version == "0",
            option,
            'resourceVersionMatch "exact" is forbidden for resourceVersion "0"',
        ),
    )


def _check_numbers(call: Call) -> None:
    for option in ("limit", "timeoutSeconds"):
        value = call.query.get(option, "")
        if value and not value.lstrip("-").isdigit():
            raise bad_request(f'strconv.ParseInt: parsing "{value}": invalid syntax')
    version = call.query.get("resourceVersion", "")
    if version and not version.isdigit():
        fault = _no_version(version)
        if call.verb == "watch":
            raise StatusError(500, "", fault)
        raise bad_request(f"invalid resource version: {fault}")


def _no_version(text: str) -> str:
    return f'resourceVersion: Invalid value: "{text}": strconv.ParseUint: parsing "{text}": invalid syntax'


def _window(cluster: Cluster, call: Call) -> _Window:
    query = call.query
    size = max(0, int(query.get("limit") or 0))
    if query.get("continue"):
        version, after = _read_token(query["continue"])
        return _Window(version if version > 0 else cluster.storage.version, after, size)
    asked = int(query.get("resourceVersion") or 0)
    if asked > cluster.storage.version:
        raise _too_large(asked, cluster.storage.version)
    exact = asked and (query.get("resourceVersionMatch") == "Exact" or (size and not query.get("resourceVersionMatch")))
    return _Window(asked if exact else cluster.storage.version, "", size)


def _token(version: int, key: str) -> str:
    raw = msgspec.json.encode(_Token(_ENCODING, version, f"{key}\0"))
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _read_token(text: str) -> tuple[int, str]:
    """Revision and last key of a token. Raises StatusError, 400."""
    raw = _from_base64(text)
    fault = syntax_fault(raw)
    token: object = {} if fault else msgspec.json.decode(raw)
    parts = _as_token(token)
    if parts is None:
        named = token.get("v", "") if isinstance(token, dict) else ""  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
        fault = fault or f"server does not recognize this encoded version {named}"
        raise bad_request(f"invalid continue token: continue key is not valid: {fault}")
    return parts


def _as_token(token: object) -> tuple[int, str] | None:
    try:
        read = msgspec.convert(token, _Token)
    except msgspec.ValidationError:
        return None
    return (read.rv, read.start.rstrip("\0")) if read.v == _ENCODING else None


def _from_base64(text: str) -> bytes:
    wrong = re.search(r"[^A-Za-z0-9_-]", text)
    if wrong or len(text) % 4 == 1:
        at = wrong.start() if wrong else len(text) - 1
        raise bad_request(f"invalid continue token: continue key is not valid: illegal base64 data at input byte {at}")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _too_old(window: _Window) -> StatusError:
    if not window.after:
        return expired("The resourceVersion for the provided list is too old.")
    return expired(
        "The provided continue parameter is too old to display a consistent list result. You can start a new list "
        "without the continue parameter, or use the continue token in this response to retrieve the remainder of the "
        "results. Continuing with the provided token results in an inconsistent list - objects that were created, "
        "modified, or deleted between the time the first chunk was returned and now may show up in the list.",
        proceed=_token(-1, window.after),
    )


def _too_large(asked: int, now: int) -> StatusError:
    details = {
        "causes": [{"reason": "ResourceVersionTooLarge", "message": "Too large resource version"}],
        "retryAfterSeconds": 1,
    }
    message = f"Timeout: Too large resource version: {asked}, current: {now}"
    return StatusError(504, "Timeout", message, details=details, headers={"Retry-After": "1"})

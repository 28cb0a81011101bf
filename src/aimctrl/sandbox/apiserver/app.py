"""HTTP: from a request to the verb that answers it, and back.

Every fault of a request becomes a Status; a fault of the server's own is logged with its trace and answered with 500.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field

import msgspec
import structlog
from aiohttp import web

from aimctrl.sandbox.apiserver import deleting, patching, reading, writing
from aimctrl.sandbox.apiserver.access import Access
from aimctrl.sandbox.apiserver.audit import Answered, AuditLog
from aimctrl.sandbox.apiserver.cluster import Answer, Cluster
from aimctrl.sandbox.apiserver.discovery import Discovery
from aimctrl.sandbox.apiserver.errors import StatusError, bad_request, not_found
from aimctrl.sandbox.apiserver.faults import Faults
from aimctrl.sandbox.apiserver.negotiation import JSON, YAML, form_of, media_of
from aimctrl.sandbox.apiserver.replies import Reply
from aimctrl.sandbox.apiserver.request import Call, Place, Target, place_of, verb_of
from aimctrl.sandbox.apiserver.resources import ResourceType
from aimctrl.sandbox.apiserver.storage import Stored
from aimctrl.sandbox.apiserver.views import event_body, object_body, page_body
from aimctrl.sandbox.apiserver.watching import Watch, error_line

log = structlog.get_logger(__name__)

LARGEST_BODY = 3 * 1024 * 1024

Extension = Callable[[web.BaseRequest, Call], Awaitable[web.StreamResponse | Answer]]
"""Answers a subresource, or a resource that is not stored, such as `pods/log` or reviews of access."""

ANY_RESOURCE = ("*", "*")
"""In place of group and plural: an extension for every resource that has the subresource."""

_NOT_FOUND = "404 page not found\n"
_NO_RESOURCE = "the server could not find the requested resource"

_MOST_TARGETS = 4096

_UNREAD = 499
"""The status of an answer that nobody reads; aiohttp wants one all the same."""


@dataclass(frozen=True, slots=True)
class App:
    """The server as a handler of requests. `extensions` are by group, plural and subresource.

    `targets` are those of late, by the text they were sent as.
    """

    cluster: Cluster
    access: Access
    discovery: Discovery
    faults: Faults
    extensions: Mapping[tuple[str, str, str], Extension] = field(default_factory=dict[tuple[str, str, str], Extension])
    audit: AuditLog | None = None
    targets: dict[str, Target] = field(default_factory=dict[str, Target])

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answers one request."""
        try:
            return await self._answer(request)
        except StatusError as error:
            return _refusal(error, request.headers.get("Accept", ""))
        except asyncio.CancelledError:
            raise
        except ConnectionError:  # who asked has gone, or was cut off
            return web.Response(status=_UNREAD)
        except Exception:
            log.exception("request failed", method=request.method, path=request.path)
            return _refusal(StatusError(500, "InternalError", "Internal error occurred: see the server's log"))

    async def _answer(self, request: web.BaseRequest) -> web.StreamResponse:
        user = self.access.authenticated(request.headers)
        target = self._target(request)
        place = target.place
        if place is None:
            self.access.check_path(user, request.method, request.path)
            return await self.discovery.answer(request)
        type_ = self.cluster.registry.find(place.group, place.version, place.plural)
        if type_ is None:
            return self._unknown(place)
        verb = verb_of(request.method, place, target.query)
        body = await _read(request)
        call = Call(
            verb,
            type_,
            place,
            user,
            target.query,
            body,
            media_of(request.headers.get("Content-Type", "")),
            form_of(request.headers.get("Accept", ""), routed=not type_.custom),
            request.headers.get("User-Agent", ""),
            [type_.deprecation] if type_.deprecation else [],
        )
        return await self._audited(request, call)

    def _target(self, request: web.BaseRequest) -> Target:
        """What a request is for; the same is asked for again and again."""
        found = self.targets.get(request.raw_path)
        if found is None:
            if len(self.targets) >= _MOST_TARGETS:
                self.targets.clear()
            found = self.targets[request.raw_path] = _named(request)
        return found

    async def _audited(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        begun, answer, allowed = self.cluster.now() if self.audit else None, Answered(500), False
        try:
            self.access.check(call)
            allowed = True
            await self.faults.before(request, call)
            response = await self._served(request, call)
            answer = Answered(response.status)
            if not response.prepared:
                _warn(response, call.warnings)
            if call.verb != "watch":
                await self.faults.after(request, call)
        except StatusError as error:
            answer, error.warnings = Answered(error.code, error.message), tuple(call.warnings)
            raise
        finally:
            if self.audit is not None and begun is not None:
                self.audit.note(call, request.path_qs, answer, (begun, self.cluster.now()), allowed=allowed)
        return response

    async def _served(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        place = call.place
        if place.watched and place.subresource:
            return self._unknown(place)
        extension = self.extensions.get((place.group, place.plural, place.subresource))
        if extension is None and place.subresource in call.type.subresources:
            extension = self.extensions.get((*ANY_RESOURCE, place.subresource))
        if extension is not None:
            if not place.subresource:
                _check_verb(call.type, place, call.verb)
            answer = await extension(request, call)
            return answer if isinstance(answer, web.StreamResponse) else self._response(call, answer)
        if not _routed(call):
            return self._unknown(place)
        _check_verb(call.type, place, call.verb)
        if call.verb == "watch":
            return await self._watch(request, call)
        if call.verb == "list":
            page = reading.list_objects(self.cluster, call)
            return _json(page_body(call, page, self.cluster.now()), call)
        answer = _VERBS[call.verb](self.cluster, call)
        return self._response(call, answer)

    def _unknown(self, place: Place) -> web.Response:
        """The answer where no resource is: built-in groups say it as a Status, custom and unknown ones as text."""
        if any(type_.group == place.group and not type_.custom for type_ in self.cluster.registry):
            raise StatusError(404, "NotFound", _NO_RESOURCE, details={})
        return web.Response(status=404, text=_NOT_FOUND)

    def _response(self, call: Call, answer: Answer) -> Reply:
        return _json(object_body(call, answer, self.cluster.now()), call, answer.code)

    async def _watch(self, request: web.BaseRequest, call: Call) -> web.StreamResponse:
        first = True

        def view(stored: Stored) -> bytes:
            nonlocal first
            body = event_body(call, stored, self.cluster.now(), first=first)
            first = False
            return body

        watch = Watch(self.cluster, call, view)
        self.faults.watches.add(watch)
        response = web.StreamResponse(headers={"Content-Type": JSON, "Cache-Control": "no-cache, private"})
        response.enable_chunked_encoding()
        _warn(response, call.warnings)
        try:
            await response.prepare(request)
            await self._stream(request, watch, call, response)
        finally:
            watch.close()
            self.faults.watches.discard(watch)
        return response

    async def _stream(self, request: web.BaseRequest, watch: Watch, call: Call, response: web.StreamResponse) -> None:
        seconds = int(call.query.get("timeoutSeconds") or 0)
        try:
            async with asyncio.timeout(seconds or None), aclosing(watch.lines()) as lines:
                async for line in lines:
                    if not self.faults.silences(call):
                        await response.write(line)
                        await self.faults.after(request, call)
        except TimeoutError:
            pass
        except StatusError as error:
            await response.write(error_line(error.status()))


_VERBS: Mapping[str, Callable[[Cluster, Call], Answer]] = {
    "get": reading.get,
    "create": writing.create,
    "update": writing.update,
    "patch": patching.patch,
    "delete": deleting.delete,
    "deletecollection": deleting.delete_collection,
}

_SUBRESOURCE_VERBS = ("get", "update", "patch")


_COLLECTION_VERBS = ("list", "watch", "create", "deletecollection")


def _in_namespace(type_: ResourceType, place: Place, verb: str) -> bool:
    """Whether a path has a namespace where it must have one; lists and watches may look at all."""
    return bool(place.namespace) or not type_.namespaced or verb in {"list", "watch"}


def _routed(call: Call) -> bool:
    """Whether the server knows the path at all: objects in no namespace have none, nor have others in one."""
    type_, place = call.type, call.place
    if not type_.namespaced:
        return not place.namespace or type_.plural == "namespaces"
    return _in_namespace(type_, place, call.verb) or not (type_.custom or place.name)


def _check_verb(type_: ResourceType, place: Place, verb: str) -> None:
    if place.subresource:
        _check_subresource(type_, place)
        if type_.custom and verb not in _SUBRESOURCE_VERBS:
            subject = type_.subject()
            message = f'{verb} is not supported on resources of kind "{subject.qualified}"'
            raise StatusError(405, "MethodNotAllowed", message, details=subject.details())
        allowed = verb in (("update",) if place.subresource == "finalize" else _SUBRESOURCE_VERBS)
    elif type_.custom:
        if verb in {"update", "patch"} and not place.name:
            raise bad_request("name must be provided")
        allowed = verb in type_.verbs
    else:
        if place.name and type_.verbs == ("create",):  # there is nothing by a name
            raise StatusError(404, "NotFound", _NO_RESOURCE, details={})
        whole = verb in _COLLECTION_VERBS
        allowed = (
            verb in type_.verbs
            and (whole is not bool(place.name) or place.watched)
            and _in_namespace(type_, place, verb)
        )
    if not allowed:
        raise StatusError(
            405, "MethodNotAllowed", "the server does not allow this method on the requested resource", details={}
        )


def _check_subresource(type_: ResourceType, place: Place) -> None:
    if place.subresource not in ({"status"} if type_.status else set()) | set(type_.subresources):
        if type_.custom:
            raise not_found(type_.subject(place.name))
        raise StatusError(404, "NotFound", _NO_RESOURCE, details={})


def _named(request: web.BaseRequest) -> Target:
    place = place_of(request.path)
    return Target(place, dict(_query(request, place) if place else request.query))


def _query(request: web.BaseRequest, place: Place) -> Mapping[str, str]:
    """The options of a request; of an object that is watched by its path, its name is a selector."""
    if not (place.watched and place.name):
        return request.query
    fields = filter(None, (request.query.get("fieldSelector", ""), f"metadata.name={place.name}"))
    return {**request.query, "fieldSelector": ",".join(fields)}


async def _read(request: web.BaseRequest) -> bytes:
    """The body of a request.

    Raises:
        StatusError: 413.
    """
    content = request.content
    if content.is_eof():  # it came with the head, if there is one
        return content.read_nowait()
    chunks: list[bytes] = []
    size = request.content_length or 0
    if size <= LARGEST_BODY:
        size = 0
        async for chunk in content.iter_any():
            chunks.append(chunk)
            size += len(chunk)
            if size > LARGEST_BODY:
                break
    if size > LARGEST_BODY:
        raise StatusError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {LARGEST_BODY}")
    return b"".join(chunks)


def _json(body: bytes, call: Call, code: int = 200) -> Reply:
    if call.form.media == YAML:
        return Reply(code, msgspec.yaml.encode(msgspec.json.decode(body)), YAML)
    return Reply(code, body, JSON)


def _refusal(error: StatusError, accept: str = "") -> web.Response:
    if accept.startswith(YAML):
        body, media = msgspec.yaml.encode(error.status()), YAML
    else:
        body, media = msgspec.json.encode(error.status()), JSON
    response = web.Response(status=error.code, body=body, content_type=media, headers=error.headers)
    _warn(response, error.warnings)
    return response


def _warn(response: web.StreamResponse, warnings: Iterable[str]) -> None:
    for warning in warnings:
        quoted = warning.replace("\\", "\\\\").replace('"', '\\"')
        response.headers.add("Warning", f'299 - "{quoted}"')

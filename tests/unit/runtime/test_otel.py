"""A trace follows a change: the queue, the reconcile, its requests to the API server."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.controller import Controller, ControllerOptions, Host
from aimctrl.runtime.errors import MendableError, NotFoundError, TerminalError, TransientError
from aimctrl.runtime.metrics import Metrics
from aimctrl.runtime.otel import OtelTracer, resource
from aimctrl.runtime.request import Request, Result
from aimctrl.runtime.tracing import Work
from support.fake_cluster import FakeCluster, FakeInformers, FakeRecorder

OWNER: Kind[dict[str, Any]] = Kind("example.com", "v1", "Owner", "owners", dict)
A = Key("ns", "a")
WORK = Work("owner", "ns", "a", "0" * 32, ("Owner changed",), 2.5)

Body = Callable[[Request], Awaitable[Result | None]]


class Spans:
    """What was traced, in the order in which it ended."""

    def __init__(self) -> None:
        self.exporter = InMemorySpanExporter()
        self.provider = TracerProvider()
        self.provider.add_span_processor(SimpleSpanProcessor(self.exporter))
        self.tracer = OtelTracer(self.provider)

    def all(self) -> Sequence[ReadableSpan]:
        return self.exporter.get_finished_spans()

    def one(self, name: str) -> ReadableSpan:
        [span] = [span for span in self.all() if span.name == name]
        return span


@pytest.fixture
def spans() -> Spans:
    return Spans()


@asynccontextmanager
async def api(spans: Spans | None, *statuses: int) -> AsyncIterator[tuple[Client, list[web.Request]]]:
    """An API server with these answers in turn, the last one ever after; the client, and what arrived."""
    asked: list[web.Request] = []
    left = list(statuses or (200,))

    async def answer(request: web.Request) -> web.Response:
        asked.append(request)
        status = left.pop(0) if len(left) > 1 else left[0]
        return web.json_response({"kind": "Owner", "metadata": {"name": "a"}}, status=status)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    async with TestServer(app) as server:
        connection = Connection(str(server.make_url("")).rstrip("/"))
        async with Client(connection, tracer=spans.tracer if spans else None) as client:
            yield client, asked


async def reconciled(spans: Spans, body: Body, *names: str) -> None:
    """Have a controller reconcile new objects of these names, once each."""
    informers, ended = FakeInformers(), asyncio.Event()
    left = set(names or ("a",))

    class Reconciler:
        async def reconcile(self, request: Request) -> Result:
            try:
                return await body(request) or Result()
            finally:
                left.discard(request.name)
                if not left:
                    ended.set()

    controller = Controller("owner", OWNER, Reconciler(), options=ControllerOptions(len(left)))
    controller.bind(Host(informers, Metrics(), FakeRecorder(), spans.tracer))  # type: ignore[arg-type]
    async with asyncio.TaskGroup() as group:
        group.create_task(controller.run())
        for name in sorted(left):
            FakeCluster(informers).put(OWNER, {"metadata": {"name": name, "namespace": "ns"}, "spec": {}})
        await ended.wait()
        controller.stop()


async def test_a_trace_goes_from_the_queue_through_the_reconcile_to_its_requests(spans: Spans) -> None:
    async with api(spans) as (client, asked):

        async def body(request: Request) -> None:
            await client.get(OWNER, request.key)
            await client.patch(OWNER, request.key, {"status": {}}, subresource="status")

        await reconciled(spans, body)
    queue, reconcile = spans.one("queue"), spans.one("reconcile")
    get, patch = spans.one("GET owners"), spans.one("PATCH owners/status")
    assert len(spans.all()) == 4
    assert queue.parent is None
    assert [span.parent.span_id if span.parent else 0 for span in (reconcile, get, patch)] == [
        queue.context.span_id,
        reconcile.context.span_id,
        reconcile.context.span_id,
    ]
    assert len({span.context.trace_id for span in spans.all()}) == 1
    assert [span.kind for span in (get, patch)] == [SpanKind.CLIENT, SpanKind.CLIENT]
    assert dict(patch.attributes or {}) == {
        "http.request.method": "PATCH",
        "url.path": "/apis/example.com/v1/namespaces/ns/owners/a/status",
        "server.address": asked[1].headers["Host"],
        "http.response.status_code": 200,
    }
    assert [request.headers["traceparent"].split("-")[:3] for request in asked] == [
        ["00", f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}"] for span in (get, patch)
    ]


async def test_the_spans_have_the_fields_of_the_log(spans: Spans) -> None:
    async def body(_request: Request) -> Result:
        return Result(60.0)

    await reconciled(spans, body)
    attributes = dict(spans.one("reconcile").attributes or {})
    assert len(bytes.fromhex(str(attributes["reconcileID"]))) == 16
    assert attributes == {
        "controller": "owner",
        "namespace": "ns",
        "name": "a",
        "reasons": ("Owner changed",),
        "reconcileID": attributes["reconcileID"],
        "outcome": "requeue_after",
    }
    assert dict(spans.one("queue").attributes or {}) == {
        name: value for name, value in attributes.items() if name != "outcome"
    }


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (TransientError("soon"), "error"),
        (MendableError("mend it"), "error"),
        (TerminalError("never"), "terminal"),
        (KeyError("oops"), "error"),
    ],
    ids=lambda part: type(part).__name__ if isinstance(part, Exception) else "",
)
async def test_what_a_reconcile_raises_is_in_its_span(spans: Spans, error: Exception, outcome: str) -> None:
    async def body(_request: Request) -> None:
        raise error

    await reconciled(spans, body)
    span = spans.one("reconcile")
    assert (span.attributes or {})["outcome"] == outcome
    assert span.status.status_code is StatusCode.ERROR
    [event] = span.events
    assert str((event.attributes or {})["exception.type"]).endswith(type(error).__name__)


async def test_reconciles_at_once_have_traces_of_their_own(spans: Spans) -> None:
    async with api(spans) as (client, _):

        async def body(request: Request) -> None:
            await asyncio.sleep(0)
            async with asyncio.TaskGroup() as group:
                group.create_task(client.get(OWNER, request.key))

        await reconciled(spans, body, "a", "b", "c")
    of_names = {span.context.trace_id: (span.attributes or {})["name"] for span in spans.all() if span.name == "queue"}
    assert sorted(of_names.values()) == ["a", "b", "c"]
    for span in spans.all():
        if span.kind is SpanKind.CLIENT:
            assert str((span.attributes or {})["url.path"]).endswith(f"/owners/{of_names[span.context.trace_id]}")


async def test_each_attempt_at_a_request_is_a_span(spans: Spans) -> None:
    async with api(spans, 500, 200) as (client, asked):

        async def body(request: Request) -> None:
            await client.get(OWNER, request.key)

        await reconciled(spans, body)
    told = [
        ((span.attributes or {})["http.response.status_code"], span.status.status_code)
        for span in spans.all()
        if span.name == "GET owners"
    ]
    assert told == [(500, StatusCode.ERROR), (200, StatusCode.UNSET)]
    assert len({request.headers["traceparent"] for request in asked}) == 2


async def test_a_refused_request_is_an_error_of_its_own_span(spans: Spans) -> None:
    async with api(spans, 404) as (client, _):

        async def body(request: Request) -> None:
            with pytest.raises(NotFoundError):
                await client.get(OWNER, request.key)

        await reconciled(spans, body)
    assert spans.one("GET owners").status.status_code is StatusCode.ERROR
    assert spans.one("reconcile").status.status_code is StatusCode.UNSET


async def test_requests_outside_of_a_reconcile_are_not_traced(spans: Spans) -> None:
    async with api(spans) as (client, asked):
        await client.get(OWNER, A)
    assert spans.all() == ()
    assert "traceparent" not in asked[0].headers


async def test_requests_in_a_span_of_the_program_belong_to_it(spans: Spans) -> None:
    async with api(spans) as (client, asked):
        with spans.provider.get_tracer("program").start_as_current_span("mine") as mine:
            await client.get(OWNER, A)
    assert f"{mine.get_span_context().trace_id:032x}" in asked[0].headers["traceparent"]


async def test_a_reconcile_is_a_trace_of_its_own_whatever_the_program_is_at(spans: Spans) -> None:
    async def body(_request: Request) -> None: ...

    with spans.provider.get_tracer("program").start_as_current_span("mine") as mine:
        await reconciled(spans, body)
    assert spans.one("queue").parent is None
    assert spans.one("reconcile").context.trace_id != mine.get_span_context().trace_id


async def test_without_a_tracer_nothing_is_added_to_a_request(spans: Spans) -> None:
    async with api(None) as (client, asked):
        with spans.provider.get_tracer("program").start_as_current_span("mine"):
            await client.get(OWNER, A)
    assert "traceparent" not in asked[0].headers


def test_the_queue_is_as_long_as_the_object_waited(spans: Spans) -> None:
    with spans.tracer.reconcile(WORK) as ended:
        ended("success")
    queue, reconcile = spans.one("queue"), spans.one("reconcile")
    assert (queue.end_time or 0) - (queue.start_time or 0) == 2_500_000_000
    assert (reconcile.start_time or 0) >= (queue.end_time or 0)


def test_a_reconcile_that_is_cancelled_says_so(spans: Spans) -> None:
    with pytest.raises(asyncio.CancelledError), spans.tracer.reconcile(WORK):
        raise asyncio.CancelledError
    assert (spans.one("reconcile").attributes or {})["outcome"] == "cancelled"
    assert not trace.get_current_span().get_span_context().is_valid


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/api/v1/nodes", "nodes"),
        ("/api/v1/nodes/n", "nodes"),
        ("/api/v1/namespaces", "namespaces"),
        ("/api/v1/namespaces/ns", "namespaces"),
        ("/api/v1/namespaces/ns/status", "namespaces/status"),
        ("/api/v1/namespaces/ns/pods", "pods"),
        ("/api/v1/namespaces/ns/pods/p/log", "pods/log"),
        ("/apis/aim.silogen.ai/v1alpha1/namespaces/ns/aimservices/chat/status", "aimservices/status"),
        ("/apis/aim.silogen.ai/v1alpha1/aimclustermodels/m", "aimclustermodels"),
        ("/version", "/version"),
        ("/readyz", "/readyz"),
    ],
)
def test_a_span_is_named_after_what_is_asked_for_and_not_after_whose(path: str, expected: str) -> None:
    assert resource(path) == expected

"""Traces for OpenTelemetry; needs `aimctrl[otel]`, and is imported by those who want traces alone.

Sources: https://opentelemetry.io/docs/specs/semconv/http/http-spans/, https://www.w3.org/TR/trace-context/
"""

import asyncio
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager

from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.util.types import AnyValue

import aimctrl
from aimctrl.runtime.tracing import Work

EXPORT_SECONDS = 5.0
"""How long one batch of spans may take to be sent, also at the end of the program."""

_FAILED = frozenset(("error", "terminal"))


class OtelTracer:
    """The Tracer of OpenTelemetry's spans: `queue`, in it `reconcile`, in that one span for each request.

    Attributes have the names of the log's fields. Requests outside of any span, such as watches, are not traced.
    Without a provider, the global one.
    """

    def __init__(self, provider: trace.TracerProvider | None = None) -> None:
        self._tracer = trace.get_tracer("aimctrl", aimctrl.__version__, provider)
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def reconcile(self, work: Work) -> Generator[Callable[[str], None]]:
        """See Tracer; a trace of its own, whatever span the program runs in."""
        now = time.time_ns()
        about: dict[str, AnyValue] = {
            "controller": work.controller,
            "namespace": work.namespace,
            "name": work.name,
            "reconcileID": work.reconcile_id,
            "reasons": work.reasons,
        }
        began = now - int(work.waited * 1e9)
        queued = self._tracer.start_span("queue", Context(), attributes=about, start_time=began)
        queued.end(now)
        inside = trace.set_span_in_context(queued, Context())
        with self._tracer.start_as_current_span("reconcile", inside, attributes=about) as span:

            def ended(outcome: str) -> None:
                span.set_attribute("outcome", outcome)
                if outcome in _FAILED:
                    span.set_status(trace.StatusCode.ERROR)

            try:
                yield ended
            except asyncio.CancelledError:
                ended("cancelled")
                raise

    def failed(self, error: Exception) -> None:
        """See Tracer."""
        trace.get_current_span().record_exception(error)

    @contextmanager
    def request(self, method: str, path: str, host: str) -> Generator[None]:
        """See Tracer."""
        if not trace.get_current_span().get_span_context().is_valid:
            yield
            return
        attributes = {"http.request.method": method, "url.path": path, "server.address": host}
        name = f"{method} {resource(path)}"
        with self._tracer.start_as_current_span(name, kind=trace.SpanKind.CLIENT, attributes=attributes):
            yield

    def headers(self) -> str:
        """See Tracer."""
        carried: dict[str, str] = {}
        self._propagator.inject(carried)
        return "".join(f"{name}: {value}\r\n" for name, value in carried.items())

    def answered(self, status: int) -> None:
        """See Tracer."""
        trace.get_current_span().set_attribute("http.response.status_code", status)


def resource(path: str) -> str:
    """What a path is about, without whose: `aimservices/status` of `/apis/…/namespaces/ns/aimservices/chat/status`."""
    root, *parts = path.strip("/").split("/")
    rest = parts[1 if root == "api" else 2 :]
    if rest[:1] == ["namespaces"] and len(rest) > 2 and rest[2] not in ("status", "finalize"):
        rest = rest[2:]
    return "/".join(rest[::2]) or path


def exporting(endpoint: str) -> TracerProvider:
    """A provider that sends spans to an OTLP/HTTP endpoint, such as `http://collector:4318`.

    The standard variables `OTEL_*` say the rest: sampler, headers, certificate, service name. `shutdown` sends what is
    left; it blocks.
    """
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    ours = Resource.create({SERVICE_VERSION: aimctrl.__version__})
    if str(ours.attributes[SERVICE_NAME]).startswith("unknown_service"):  # no variable says another
        ours = ours.merge(Resource({SERVICE_NAME: "aimctrl"}))
    provider = TracerProvider(resource=ours, shutdown_on_exit=False)
    exporter = OTLPSpanExporter(f"{endpoint.rstrip('/')}/v1/traces", timeout=EXPORT_SECONDS)
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider

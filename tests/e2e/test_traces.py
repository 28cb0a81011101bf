"""What a collector is sent of an operator's work: OTLP over HTTP, off by default (ARCHITECTURE, One object's way)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from aimctrl.api.kinds import AIM_CLUSTER_MODEL, AIM_SERVICE_TEMPLATE
from controlplane import ControlPlane
from e2e.conftest import Stage
from e2e.homes import SOURCES
from support import identity
from support.program import QUIET, program

pytestmark = pytest.mark.asyncio(loop_scope="module")

Attributes = dict[str, Any]


class Collector:
    """What it was sent: services, and spans."""

    def __init__(self) -> None:
        self.services: set[str] = set()
        self.spans: list[Any] = []

    async def take(self, request: web.Request) -> web.Response:
        sent = ExportTraceServiceRequest.FromString(await request.read())
        for resource in sent.resource_spans:
            self.services.add(attributes(resource.resource)["service.name"])
            self.spans += [span for scope in resource.scope_spans for span in scope.spans]
        return web.Response(content_type="application/x-protobuf")

    def traces(self) -> list[dict[str, Any]]:
        """The spans of each trace by their names, the last one of a name."""
        found: dict[bytes, dict[str, Any]] = {}
        for span in self.spans:
            found.setdefault(span.trace_id, {})[span.name] = span
        return list(found.values())


def attributes(carrier: Any) -> Attributes:
    return {one.key: one.value.string_value for one in carrier.attributes}


@asynccontextmanager
async def collecting() -> AsyncIterator[tuple[Collector, str]]:
    collector = Collector()
    app = web.Application(client_max_size=2**26)
    app.router.add_post("/v1/traces", collector.take)
    async with TestServer(app) as server:
        yield collector, str(server.make_url("")).rstrip("/")


async def test_a_collector_sees_what_became_of_a_change(control_plane: ControlPlane, unmanned: Stage, namespace: str):
    user = unmanned.world
    await user.have(AIM_CLUSTER_MODEL, namespace, image="registry.test/traced:v1")
    async with collecting() as (collector, url):
        options = (f"--kubeconfig={identity.of(control_plane)}", *QUIET, f"--otlp-endpoint={url}")
        async with program("run", *options, environment={"NO_PROXY": "127.0.0.1"}) as running:
            await running.says("controller started")
            await user.have(AIM_SERVICE_TEMPLATE, "traced", namespace, modelName=namespace, modelSources=SOURCES)
            await user.reaches(AIM_SERVICE_TEMPLATE, "traced", namespace, status="Ready")
            assert await running.terminate() == 0, running.output
        assert "Traceback" not in running.output
    assert collector.services == {"aimctrl"}
    wrote = [trace for trace in collector.traces() if "PATCH aimservicetemplates/status" in trace]
    [first, *_] = [trace for trace in wrote if attributes(trace["reconcile"])["namespace"] == namespace]
    queue, reconcile, patch = (first[name] for name in ("queue", "reconcile", "PATCH aimservicetemplates/status"))
    assert not queue.parent_span_id
    assert (reconcile.parent_span_id, patch.parent_span_id) == (queue.span_id, reconcile.span_id)
    told = attributes(reconcile)
    assert (told["controller"], told["name"]) == ("aimservicetemplate", "traced")
    assert told["outcome"] in {"success", "requeue_after"}
    assert told["reconcileID"]
    assert queue.start_time_unix_nano <= reconcile.start_time_unix_nano <= patch.start_time_unix_nano
    assert all("reconcile" in trace for trace in collector.traces()), "what belongs to no reconcile is not traced"


async def test_a_collector_that_is_not_there_keeps_nobody_from_working(
    control_plane: ControlPlane, unmanned: Stage, namespace: str
):
    user = unmanned.world
    await user.have(AIM_CLUSTER_MODEL, namespace, image="registry.test/traced:v1")
    options = (f"--kubeconfig={identity.of(control_plane)}", *QUIET, "--otlp-endpoint=http://127.0.0.1:9")
    async with program("run", *options, environment={"NO_PROXY": "127.0.0.1"}) as running:
        await running.says("controller started")
        await user.have(AIM_SERVICE_TEMPLATE, "traced", namespace, modelName=namespace, modelSources=SOURCES)
        await user.reaches(AIM_SERVICE_TEMPLATE, "traced", namespace, status="Ready")
        assert await running.terminate() == 0, running.output
    assert "Traceback" not in running.output

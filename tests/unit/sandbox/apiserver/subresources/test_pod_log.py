from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime

import pytest
import pytest_asyncio
from aiohttp import web

from aimctrl.sandbox.pki import server_context
from support.asking import Asker, asker

# The answers are those of kube-apiserver 1.36.

REFUSALS = {"bad": 400, "missing": 404, "broken": 500, "busy": 503, "closed": 403, "moved": 302}


@asynccontextmanager
async def kubelet(asked: list[str]) -> AsyncIterator[int]:
    """A kubelet that notes what it is asked, and refuses some containers; gives its port."""

    async def answer(request: web.Request) -> web.Response:
        asked.append(str(request.rel_url))
        code = REFUSALS.get(request.match_info["container"], 200)
        return web.Response(status=code, text="one\ntwo\n" if code == 200 else "words of the kubelet")

    app = web.Application()
    app.router.add_get("/containerLogs/default/{pod}/{container}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=server_context("127.0.0.1", datetime.now(UTC))).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


@pytest.fixture(scope="module")
def asked() -> list[str]:
    return []


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def at(asked: list[str]) -> AsyncIterator[Asker]:
    async with kubelet(asked) as port, asker() as made:
        nodes = {
            "node": ([{"type": "Hostname", "address": "n"}, {"type": "InternalIP", "address": "127.0.0.1"}], port),
            "deaf": ([{"type": "InternalIP", "address": "127.0.0.1"}], 1),
            "nowhere": ([{"type": "Hostname", "address": "n"}], port),
        }
        for name, (addresses, number) in nodes.items():
            await made.ask("POST", "/api/v1/nodes", {"metadata": {"name": name}})
            endpoints = {"kubeletEndpoint": {"Port": number}}
            await made.patch_status(f"/api/v1/nodes/{name}", {"addresses": addresses, "daemonEndpoints": endpoints})
            await made.have_pod(f"on-{name}", node=name)
        await made.have_pod("many", "main", *REFUSALS, node="node")
        await made.have_pod("unbound")
        await made.have_pod("on-ghost", node="ghost")
        yield made


@pytest.mark.asyncio(loop_scope="module")
async def test_the_kubelet_is_asked_with_the_options_that_it_knows(at: Asker, asked: list[str]):
    query = "follow=true&previous=x&timestamps=false&tailLines=3&limitBytes=10&sinceSeconds=5&pretty=true"
    assert await at.ask("GET", f"{at.pods}/on-node/log?{query}") == (200, "one\ntwo\n")
    assert asked[-1] == (
        "/containerLogs/default/on-node/main?follow=true&limitBytes=10&previous=true&sinceSeconds=5&tailLines=3"
    )


@pytest.mark.asyncio(loop_scope="module")
async def test_a_pod_without_a_node_has_no_log_yet(at: Asker):
    assert await at.ask("GET", f"{at.pods}/unbound/log") == (204, "")


CASES = [
    pytest.param("many/log?container=bad", 400, "words of the kubelet", id="kubelet 400"),
    pytest.param(
        "many/log?container=missing",
        404,
        "the server could not find the requested resource ( pods/log many)",
        id="kubelet 404",
    ),
    pytest.param("many/log?container=broken", 500, "Internal error occurred: words of the kubelet", id="kubelet 500"),
    pytest.param(
        "many/log?container=busy",
        503,
        "the server is currently unable to handle the request ( pods/log many)",
        id="kubelet 503",
    ),
    pytest.param("many/log?container=closed", 403, "words of the kubelet ( pods/log many)", id="kubelet 403"),
    pytest.param(
        "many/log",
        400,
        "a container name must be specified for pod many, choose one of: [main bad missing broken busy closed moved]",
        id="which container",
    ),
    pytest.param("many/log?container=zz", 400, "container zz is not valid for pod many", id="no such container"),
    pytest.param("nobody/log", 404, 'pods "nobody" not found', id="no such pod"),
    pytest.param("on-ghost/log", 404, 'pods "ghost" not found', id="no such node"),
    pytest.param(
        "on-nowhere/log", 500, "no preferred addresses found; known addresses: [{Hostname n}]", id="no address"
    ),
    pytest.param(
        "on-deaf/log",
        500,
        'Get "https://127.0.0.1:1/containerLogs/default/on-deaf/main": dial tcp 127.0.0.1:1: connect: connection refused',
        id="nobody listens",
    ),
    pytest.param("unbound/log?tailLines=x", 400, 'strconv.ParseInt: parsing "x": invalid syntax', id="no number"),
    pytest.param(
        "unbound/log?sinceTime=x",
        400,
        'parsing time "x" as "2006-01-02T15:04:05Z07:00": cannot parse "x" as "2006"',
        id="no time",
    ),
    *(
        pytest.param(f"unbound/log?{query}", 422, f'PodLogOptions "unbound" is invalid: {words}', id=query)
        for query, words in (
            ("tailLines=-1", "tailLines: Invalid value: -1: must be greater than or equal to 0"),
            ("limitBytes=0", "limitBytes: Invalid value: 0: must be greater than 0"),
            ("sinceSeconds=0", "sinceSeconds: Invalid value: 0: must be greater than 0"),
            ("stream=Stdout", "stream: Forbidden: may not be specified"),
            (
                "sinceSeconds=1&sinceTime=2020-01-01T00:00:00Z",
                "[]: Forbidden: at most one of `sinceTime` or `sinceSeconds` may be specified",
            ),
        )
    ),
]


@pytest.mark.parametrize(("path", "code", "message"), CASES)
@pytest.mark.asyncio(loop_scope="module")
async def test_what_cannot_be_read_is_refused_in_the_real_servers_words(at: Asker, path, code, message):
    assert await at.said("GET", f"{at.pods}/{path}") == (code, message)


@pytest.mark.asyncio(loop_scope="module")
async def test_logs_are_only_read(at: Asker):
    assert (await at.said("POST", f"{at.pods}/unbound/log", {}))[0] == 405

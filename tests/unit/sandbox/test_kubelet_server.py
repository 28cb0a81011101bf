import asyncio
import ssl

import aiohttp
import pytest

from aimctrl.kube.kinds import Key
from aimctrl.sandbox.kubelet_server import KubeletServer, LogUnavailableError, cut


def read_log(key, container):
    if key != Key("x", "p") or container != "c":
        raise LogUnavailableError(404, "no such container")
    return b"one\ntwo\nthree"


@pytest.mark.parametrize(
    ("path", "status", "body"),
    [
        pytest.param("/healthz", 200, "ok", id="health"),
        pytest.param("/containerLogs/x/p/c", 200, "one\ntwo\nthree", id="all of it"),
        pytest.param("/containerLogs/x/p/c?follow=true&timestamps=true", 200, "one\ntwo\nthree", id="following"),
        pytest.param("/containerLogs/x/p/c?tailLines=2&limitBytes=5", 200, "two\nt", id="limited"),
        pytest.param("/containerLogs/x/p/c?tailLines=all", 200, "one\ntwo\nthree", id="a limit that is none"),
        pytest.param("/containerLogs/x/p/other", 404, "no such container", id="no such container"),
        pytest.param("/exec/x/p/c", 404, "404: Not Found", id="what it cannot do"),
    ],
)
async def test_logs_are_served_over_tls(path, status, body):
    async with (
        KubeletServer(read_log) as server,
        aiohttp.ClientSession() as session,
        session.get(f"https://127.0.0.1:{await server.port()}{path}", ssl=False) as answer,
    ):
        assert (answer.status, await answer.text()) == (status, body)


async def test_the_certificate_is_for_the_address_it_listens_on():
    async with KubeletServer(read_log) as server:
        certificate = await asyncio.to_thread(ssl.get_server_certificate, ("127.0.0.1", await server.port()))
        trust = ssl.create_default_context(cadata=certificate)
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"https://127.0.0.1:{await server.port()}/healthz", ssl=trust) as answer,
        ):
            assert answer.status == 200


@pytest.mark.parametrize(
    ("tail_lines", "limit_bytes", "left"),
    [
        pytest.param(None, None, b"a\nb\n", id="no limit"),
        pytest.param(1, None, b"b\n", id="the last line"),
        pytest.param(0, None, b"", id="no line"),
        pytest.param(9, None, b"a\nb\n", id="more lines than there are"),
        pytest.param(None, 3, b"a\nb", id="the first bytes"),
        pytest.param(1, 1, b"b", id="the first bytes of the last line"),
    ],
)
def test_lines_are_counted_from_the_end_and_bytes_from_there(tail_lines, limit_bytes, left):
    assert cut(b"a\nb\n", tail_lines=tail_lines, limit_bytes=limit_bytes) == left

"""Registries in trouble: each kind of it has one outcome, in words that stay the same."""

import asyncio
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from aimctrl.aim.registry.client import RegistryClient
from aimctrl.aim.registry.manifest import CONFIG_LIMIT, MANIFEST_LIMIT
from aimctrl.aim.registry.outcomes import Inspected, Malformed, RegistryUnreachable
from aimctrl.aim.registry.reference import parse_reference
from support.certificates import server_certificate
from support.registry import LABELS, FakeRegistry, config_blob, digest_of


@pytest.fixture
async def registry():
    async with FakeRegistry().serving() as registry:
        registry.push()
        yield registry


async def ask(image, insecure=(), timeout=5.0):
    async with RegistryClient(insecure, timeout=timeout) as client:
        return await client.labels(parse_reference(image))


def replying(registry, *answers):
    """The registry gives these answers first, then its own."""
    left = list(answers)
    registry.before = lambda _: left.pop(0) if left else None


def fault(status, retry_after=None):
    return web.Response(status=status, headers={} if retry_after is None else {"Retry-After": retry_after})


@pytest.mark.parametrize(
    "faults",
    [(500,), (502, 503), (503, 504), (429,)],
    ids=str,
)
async def test_a_fault_that_passes_at_once_is_not_noticed(registry, faults):
    replying(registry, *(fault(status) for status in faults))
    assert await ask(registry.image) == Inspected(LABELS)


async def test_a_short_pause_that_is_asked_for_is_made(registry):
    replying(registry, fault(429, "0"), fault(503, "0"))
    assert await ask(registry.image) == Inspected(LABELS)


@pytest.mark.parametrize("status", [500, 502, 503, 504, 599])
async def test_a_server_s_error_is_given_up_after_three_attempts(registry, status):
    registry.before = lambda _: fault(status)
    assert await ask(registry.image) == RegistryUnreachable(f"{registry.host} answers {status}")
    assert len(registry.asked) == 3


@pytest.mark.parametrize(("status", "told"), [(429, "asks for fewer requests (429)"), (503, "answers 503")])
async def test_a_long_pause_that_is_asked_for_is_told_at_once(registry, status, told):
    registry.before = lambda _: fault(status, "3600")
    assert await ask(registry.image) == RegistryUnreachable(f"{registry.host} {told}", 3600)
    assert len(registry.asked) == 1


async def test_a_pause_may_be_a_date(registry):
    registry.before = lambda _: fault(429, format_datetime(datetime.now(UTC) + timedelta(hours=1), usegmt=True))
    found = await ask(registry.image)
    assert isinstance(found, RegistryUnreachable)
    assert 3500 < found.retry_after <= 3600


@pytest.mark.parametrize("text", ["soon", "-1", "1.5", "²", "Fri, 99 Foo"])
async def test_a_pause_nobody_understands_is_none(registry, text):
    registry.before = lambda _: fault(429, text)
    assert await ask(registry.image) == RegistryUnreachable(f"{registry.host} asks for fewer requests (429)")


async def test_where_nothing_listens_the_registry_is_unreachable():
    host = f"127.0.0.1:{unused_port()}"
    assert await ask(f"{host}/x") == RegistryUnreachable(f"{host}: it cannot be reached: Connection refused")


async def test_a_registry_that_does_not_answer_in_time_is_asked_once():
    asked = []

    async def sleep(request):
        asked.append(request)
        await asyncio.Event().wait()

    async with answering(sleep) as host:
        assert await ask(f"{host}/x", timeout=0.1) == RegistryUnreachable(f"{host} does not answer within 0.1 s")
    assert len(asked) == 1


async def test_an_answer_that_never_ends_is_not_waited_for():
    async def drip(request):
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"{")
        await asyncio.Event().wait()

    async with answering(drip) as host:
        assert await ask(f"{host}/x", timeout=0.1) == RegistryUnreachable(f"{host} does not answer within 0.1 s")


async def test_a_connection_that_is_cut_is_made_again(registry):
    cut = []

    def cut_once(request):
        if not cut:
            cut.append(request)
            request.transport.close()

    registry.before = cut_once
    assert await ask(registry.image) == Inspected(LABELS)


async def test_what_is_cut_each_time_is_unreachable(registry):
    registry.before = lambda request: request.transport.close()
    assert await ask(registry.image) == RegistryUnreachable(f"{registry.host}: the connection was cut")


async def test_what_is_not_http_is_unreachable():
    async def greet(_reader, writer):
        writer.write(b"SSH-2.0-OpenSSH_9.9\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(greet, "127.0.0.1", 0)
    async with server:
        host = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
        assert await ask(f"{host}/x") == RegistryUnreachable(f"{host}: its answer is not HTTP")


@pytest.mark.parametrize(("sort", "limit"), [("manifest", MANIFEST_LIMIT), ("config", CONFIG_LIMIT)])
async def test_no_more_is_read_than_may_be(registry, sort, limit):
    sent = 0

    async def flood(request):
        nonlocal sent
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while sent < 64 * limit:
                await response.write(b" " * 2**16)
                sent += 2**16
        except ConnectionError:
            pass
        return response

    async def handle(request):
        if sort == "config" and "/manifests/" in request.path:
            return web.Response(body=registry.manifests["v1"])
        return await flood(request)

    async with answering(handle) as host:
        found = await ask(f"{host}/x")
    assert isinstance(found, Malformed)
    assert "larger than 4 MiB" in found.message
    assert sent < 8 * limit  # what lies in the sockets' buffers is read by nobody


async def test_a_config_that_is_said_to_be_too_large_is_not_asked_for(registry):
    registry.push(size=CONFIG_LIMIT + 1)
    assert await ask(registry.image) == Malformed("the image's config is larger than 4 MiB")
    assert len(registry.asked) == 1


async def test_a_config_that_is_not_what_the_manifest_named_is_refused(registry):
    registry.push(stored=config_blob({"org.amd.silogen.model.canonicalName": "evil"}))
    digest = digest_of(config_blob())
    assert await ask(registry.image) == Malformed(f"the image's config does not have the digest {digest}")


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("/v2/x", "redirects without end"),
        ("", "answers 307"),
        ("ftp://127.0.0.1/x", "redirects to nowhere"),
        ("http://[zz/x", "redirects to nowhere"),
        ("file:///etc/passwd", "redirects to nowhere"),
    ],
)
async def test_a_redirect_that_leads_nowhere_is_malformed(registry, location, told):
    registry.before = lambda _: web.Response(status=307, headers={"Location": location} if location else {})
    assert await ask(registry.image) == Malformed(f"{registry.host} {told}")
    assert len(registry.asked) <= 6


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    """A server's context, and the file that says to trust it: for `127.0.0.1` and `registry.example`."""
    return server_certificate(tmp_path_factory.mktemp("tls"), "registry.example")


@pytest.fixture
def trusted(certificate, monkeypatch):
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.file))


@pytest.mark.usefixtures("trusted")
async def test_ssl_cert_file_says_whom_to_trust(registry, certificate):
    async with answering(registry._handle, certificate.context) as host:
        assert await ask(f"{host}/team/llama:v1") == Inspected(LABELS)


async def test_a_certificate_that_is_not_trusted_is_told_and_nothing_sent_in_the_clear(registry, certificate):
    async with answering(registry._handle, certificate.context) as host:
        found = await ask(f"{host}/team/llama:v1")
    assert found == RegistryUnreachable(f"{host}: its certificate is not trusted: self-signed certificate")
    assert registry.asked == []


@pytest.mark.usefixtures("trusted")
async def test_https_does_not_lead_to_plain_http(certificate):
    async def redirect(_request):
        return web.Response(status=307, headers={"Location": "http://blobs.example/x"})

    async with answering(redirect, certificate.context) as host:
        assert await ask(f"{host}/x") == Malformed(f"{host} redirects from HTTPS to plain HTTP")


@pytest.mark.usefixtures("trusted")
async def test_registries_are_reached_through_the_proxy_of_the_environment(registry, certificate, monkeypatch):
    async with answering(registry._handle, certificate.context) as host, tunnelling(host) as (proxy, asked):
        monkeypatch.setenv("HTTPS_PROXY", f"http://{proxy}")
        monkeypatch.setenv("NO_PROXY", "")
        assert await ask("registry.example/team/llama:v1") == Inspected(LABELS)
    assert asked == ["CONNECT registry.example:443 HTTP/1.1"]


async def test_a_proxy_that_is_not_there_is_told(monkeypatch):
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("NO_PROXY", "")
    assert await ask("registry.example/x") == RegistryUnreachable("registry.example: the proxy cannot be reached")


@asynccontextmanager
async def answering(handle, tls=None):
    """A server on loopback; yields its `host:port`."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    server = TestServer(app, scheme="https" if tls else "http")
    await server.start_server(ssl=tls)
    try:
        yield f"127.0.0.1:{server.port}"
    finally:
        await server.close()


@asynccontextmanager
async def tunnelling(target):
    """A proxy that leads to `target`, wherever it is asked to; yields its `host:port` and the requests."""
    host, _, port = target.partition(":")
    asked = []

    async def copy(reader, writer):
        while data := await reader.read(2**16):
            writer.write(data)
            await writer.drain()
        writer.close()

    async def tunnel(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        asked.append(head.decode().splitlines()[0])
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        inner = await asyncio.open_connection(host, int(port))
        async with asyncio.TaskGroup() as group:
            group.create_task(copy(reader, inner[1]))
            group.create_task(copy(inner[0], writer))

    server = await asyncio.start_server(tunnel, "127.0.0.1", 0)
    async with server:
        yield f"127.0.0.1:{server.sockets[0].getsockname()[1]}", asked

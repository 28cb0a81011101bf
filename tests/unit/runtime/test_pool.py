"""Connections that are kept, and how they are made: to a server, through a proxy, with TLS."""

import asyncio
import ssl
from contextlib import suppress
from pathlib import Path

import pytest

from aimctrl.runtime import pool as pools
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.dialling import ConnectError, UntrustedError, dialled, proxy_proof, target
from aimctrl.runtime.pool import Pool
from aimctrl.runtime.wire import Wire, read_buffer
from support.certificates import server_certificate
from support.raw import listening

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Server:
    """Answers every request; keeps their heads, and how many connections there were."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.connections = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while True:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(OK)


class Proxy:
    """Tunnels to wherever it is asked, or answers `refusal`; keeps what it was asked."""

    def __init__(self, refusal: bytes = b"") -> None:
        self.asked: list[bytes] = []
        self._refusal = refusal

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        self.asked.append(head)
        if self._refusal:
            writer.write(self._refusal)
            return
        host, _, port = head.split()[1].decode().rpartition(":")
        there, to = await asyncio.open_connection(host, int(port))
        writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        try:
            async with asyncio.TaskGroup() as ways:
                ways.create_task(_pass(reader, to))
                ways.create_task(_pass(there, writer))
        finally:
            to.transport.abort()


async def _pass(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await source.read(1 << 16):
            sink.write(data)
    sink.close()


async def asked(wire: Wire, path: str = "/") -> bytes:
    wire.send(f"GET {path} HTTP/1.1\r\n\r\n".encode())
    return (await wire.answer()).body


async def test_one_call_after_another_needs_one_connection() -> None:
    server = Server()
    async with listening(server.serve) as port:
        pool = Pool(Connection(f"http://127.0.0.1:{port}"), 4)
        for _ in range(3):
            wire = await pool.take()
            assert await asked(wire) == b"ok"
            pool.give(wire)
        pool.close()
    assert server.connections == 1


async def test_what_is_cut_off_in_the_middle_is_not_used_again() -> None:
    server = Server()
    async with listening(server.serve) as port:
        pool = Pool(Connection(f"http://127.0.0.1:{port}"), 1)
        wire = await pool.take()
        wire.send(b"GET / HTTP/1.1\r\n\r\n")
        pool.give(wire)  # its answer is under way
        again = await pool.take()
        assert await asked(again) == b"ok"
        pool.give(again)
        pool.close()
    assert again is not wire


async def test_a_connection_that_was_idle_for_long_is_not_trusted(monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies between may have forgotten it without a word."""
    server = Server()
    async with listening(server.serve) as port:
        pool = Pool(Connection(f"http://127.0.0.1:{port}"), 2)
        one, two = await pool.take(), await pool.take()
        for wire in (one, two):
            await asked(wire)
            pool.give(wire)
        now = asyncio.get_running_loop().time()
        one.idle_since = now - pools.KEPT_SECONDS - 1
        assert await pool.take() is two
        assert one.lost
        pool.give(two)
        pool.close()


async def test_connections_made_with_another_trust_are_not_used(tmp_path: Path) -> None:
    server, certificate = Server(), server_certificate(tmp_path, "kubernetes")
    async with listening(server.serve, certificate.context) as port:
        connection = Connection(f"https://127.0.0.1:{port}", ssl.create_default_context(cafile=certificate.file))
        pool = Pool(connection, 2)
        idle, used = await pool.take(), await pool.take()
        assert (await asked(idle), await asked(used)) == (b"ok", b"ok")
        pool.give(idle)
        connection.ssl = ssl.create_default_context()  # trusts others
        pool.give(used)
        with pytest.raises(UntrustedError, match="certificate"):
            await pool.take()
        assert (idle.lost, used.lost) == (True, True)
        connection.ssl = ssl.create_default_context(cafile=certificate.file)
        wire = await pool.take()
        assert await asked(wire) == b"ok"
        pool.give(wire)
        pool.close()


async def test_calls_beyond_the_limit_wait_their_turn() -> None:
    async with listening(Server().serve) as port:
        pool = Pool(Connection(f"http://127.0.0.1:{port}"), 1)
        first = await pool.take()
        waiting = asyncio.ensure_future(pool.take())
        own = await pool.dial()  # a stream waits for nobody
        assert not waiting.done()
        await asked(first)
        pool.give(first)
        second = await waiting
        assert second is first
        pool.give(second)
        pool.drop(own)
        pool.close()


async def test_a_place_is_free_again_where_no_connection_came_about() -> None:
    async with listening(Server().serve) as port:
        pass
    pool = Pool(Connection(f"http://127.0.0.1:{port}"), 1)
    for _ in range(3):
        async with asyncio.timeout(60):
            with pytest.raises(ConnectError, match=f"cannot connect to 127.0.0.1:{port}: "):
                await pool.take()


@pytest.mark.parametrize(
    "server", ["http://no-such-name.invalid:1", f"http://{'a' * 64}.example.com", "https://127.0.0.1:1"]
)
async def test_a_server_that_cannot_be_reached_is_named(server: str) -> None:
    async with asyncio.timeout(60):
        with pytest.raises(ConnectError, match="cannot connect to " + server.split("/")[2]):
            await dialled(Connection(server), read_buffer())


@pytest.mark.parametrize("encrypted", [False, True], ids=["http proxy", "https proxy"])
async def test_tls_goes_through_a_proxy_in_a_tunnel(tmp_path: Path, *, encrypted: bool) -> None:
    server, proxy, certificate = Server(), Proxy(), server_certificate(tmp_path, "kubernetes")
    async with (
        listening(server.serve, certificate.context) as port,
        listening(proxy.serve, certificate.context if encrypted else None) as via,
    ):
        connection = Connection(
            f"https://127.0.0.1:{port}",
            ssl.create_default_context(cafile=certificate.file),
            proxy=f"{'https' if encrypted else 'http'}://us%40er:secret@127.0.0.1:{via}",
            server_name="kubernetes",
        )
        wire = await dialled(connection, read_buffer())
        assert [await asked(wire), await asked(wire)] == [b"ok", b"ok"]
        wire.abort()
    [head] = proxy.asked
    assert head.startswith(f"CONNECT 127.0.0.1:{port} HTTP/1.1\r\n".encode())
    assert b"Proxy-Authorization: Basic dXNAZXI6c2VjcmV0\r\n" in head
    assert server.connections == 1


async def test_a_proxy_that_refuses_is_told() -> None:
    proxy = Proxy(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    async with listening(proxy.serve) as via:
        with pytest.raises(ConnectError, match="the proxy answered 407"):
            await dialled(Connection("https://127.0.0.1:6443", proxy=f"http://127.0.0.1:{via}"), read_buffer())


async def test_a_proxy_of_another_kind_is_told() -> None:
    with pytest.raises(ConnectError, match=r"socks5://127\.0\.0\.1:1' is no http or https proxy"):
        await dialled(Connection("https://127.0.0.1:6443", proxy="socks5://127.0.0.1:1"), read_buffer())


async def test_what_is_not_encrypted_is_asked_of_the_proxy_itself() -> None:
    proxy = Server()
    async with listening(proxy.serve) as via:
        connection = Connection("http://10.0.0.1:8080/prefix", proxy=f"http://me@127.0.0.1:{via}")
        wire = await dialled(connection, read_buffer())
        assert await asked(wire, f"{target(connection)}/version") == b"ok"
        wire.abort()
    assert proxy.heads[0].startswith(b"GET http://10.0.0.1:8080/prefix/version HTTP/1.1\r\n")
    assert proxy_proof(connection) == "Proxy-Authorization: Basic bWU6\r\n"


def test_a_server_behind_a_path_is_asked_for_it() -> None:
    assert target(Connection("https://example.com/k8s/clusters/c-1")) == "/k8s/clusters/c-1"


async def test_a_pool_that_is_closed_closes_what_is_in_use_too() -> None:
    async with listening(Server().serve) as port:
        pool = Pool(Connection(f"http://127.0.0.1:{port}"), 2)
        idle, call, stream = await pool.take(), await pool.take(), await pool.dial()
        await asked(idle)
        pool.give(idle)
        pool.close()
        assert (idle.lost, call.lost, stream.lost) == (True, True, True)
        pool.give(call)
        assert (await pool.take()).lost

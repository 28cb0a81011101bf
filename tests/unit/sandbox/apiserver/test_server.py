"""How the server ends."""

import asyncio
import gc
import socket
import ssl

from aimctrl.sandbox.apiserver.server import api_server


def test_nothing_is_left_open_when_a_client_does_not_say_goodbye():
    clients: list[socket.socket] = []

    async def serve() -> None:
        async with api_server() as server:
            trust = ssl.create_default_context(cadata=server.ca)
            host, _, port = server.url.removeprefix("https://").partition(":")

            def connect() -> None:
                client = trust.wrap_socket(socket.create_connection((host, int(port))), server_hostname=host)
                client.sendall(b"GET /version HTTP/1.1\r\nHost: a\r\n\r\n")
                assert client.recv(1)
                clients.append(client)

            await asyncio.to_thread(connect)

    asyncio.run(serve())
    gc.collect()  # a transport that is open yet would complain, which is an error here
    for client in clients:
        client.close()

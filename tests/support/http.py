"""A client over real HTTP to a server on loopback that answers as a test says."""

import asyncio
from contextlib import asynccontextmanager

import msgspec
from aiohttp import web
from aiohttp.test_utils import TestServer

from aimctrl.kube.kinds import Key, Kind
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import Connection

WIDGETS = Kind("example.com", "v1", "Widget", "widgets", dict)
KEY = Key("x", "a")
PATH = "/apis/example.com/v1/namespaces/x/widgets/a"
META = {"name": "a", "namespace": "x", "uid": "u1", "resourceVersion": "41"}
MANIFEST = {"metadata": {"name": "a", "namespace": "x"}, "spec": {"size": 1}}


def answer(code=200, body=None, **headers):
    text = body if isinstance(body, bytes) else msgspec.json.encode(body if body is not None else {"metadata": META})
    return web.Response(status=code, body=text, headers={k.replace("_", "-"): v for k, v in headers.items()})


def status(code, reason="", message="told so", details=None, **headers):
    body = {"kind": "Status", "code": code, "reason": reason, "message": message, "details": details or {}}
    return answer(code, body, **headers)


class Counted:
    def __init__(self):
        self.requests = []

    def request(self, code, method, host):
        self.requests.append((code, method))


class Tokens:
    """Credentials that count how often they were renewed."""

    def __init__(self):
        self.renewed = 0

    async def authorization(self):
        return f"Bearer {self.renewed}"

    async def renew(self):
        self.renewed += 1


@asynccontextmanager
async def serving(*answers, credentials=None, patience=5.0):
    """A client whose requests get these answers in turn, the last one ever after; yields it and what arrived."""
    asked, left = [], list(answers)

    async def handle(request):
        body = await request.read()
        asked.append((request, body))
        one = left.pop(0) if len(left) > 1 else left[0]
        return await one(request) if callable(one) else _again(one)

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handle)
    async with TestServer(app) as server:
        connection = Connection(str(server.make_url("")).rstrip("/"))
        if credentials is not None:
            connection.credentials = credentials
        metrics = Counted()
        async with Client(connection, metrics=metrics, timeout=patience) as client:
            client.counted = metrics.requests
            yield client, asked


def _again(one):
    """A response can be sent once only."""
    return web.Response(status=one.status, body=one.body, headers=one.headers)


async def dripping(request):
    response = web.StreamResponse()
    await response.prepare(request)
    await response.write(b"x")
    await asyncio.Event().wait()

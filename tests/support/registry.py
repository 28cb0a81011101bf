"""A registry of images on loopback that answers as a test says, and notes who asked for what with which credentials."""

import base64
import gzip
import hashlib
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
OCI_CONFIG = "application/vnd.oci.image.config.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
DOCKER_CONFIG = "application/vnd.docker.container.image.v1+json"

LABELS = {"org.amd.silogen.model.canonicalName": "x/llama", "note": "ünïcode"}
REPOSITORY = "team/llama"

Json = dict[str, Any]
Hook = Callable[[web.Request], web.StreamResponse | None]


def digest_of(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def config_blob(labels: Mapping[str, Any] | None = LABELS) -> bytes:
    """An image's config."""
    return json.dumps({"architecture": "amd64", "os": "linux", "config": {"Labels": labels}}).encode()


def image_manifest(config: bytes, *, docker: bool = False, **descriptor: Any) -> bytes:
    """The manifest of an image with that config and no layers."""
    sort = DOCKER_CONFIG if docker else OCI_CONFIG
    described = {"mediaType": sort, "digest": digest_of(config), "size": len(config)} | descriptor
    media_type = DOCKER_MANIFEST if docker else OCI_MANIFEST
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "config": described, "layers": []}).encode()


def index_manifest(*entries: Json, docker: bool = False) -> bytes:
    """An index with these descriptors."""
    media_type = DOCKER_LIST if docker else OCI_INDEX
    return json.dumps({"schemaVersion": 2, "mediaType": media_type, "manifests": entries}).encode()


def entry(manifest: bytes, platform: str = "", media_type: str = OCI_MANIFEST) -> Json:
    """The entry of an index for a manifest; the platform is `os/architecture`."""
    described: Json = {"mediaType": media_type, "digest": digest_of(manifest), "size": len(manifest)}
    if platform:
        os, _, architecture = platform.partition("/")
        described["platform"] = {"os": os, "architecture": architecture}
    return described


class FakeRegistry:
    """What it holds, and how it behaves.

    `before` may answer a request in its own way; `token` and `password` make it want Bearer or Basic.
    """

    def __init__(self) -> None:
        self.manifests: dict[str, bytes] = {}
        self.blobs: dict[str, bytes] = {}
        self.asked: list[web.Request] = []
        self.before: Hook = lambda _request: None
        self.token = ""
        self.password = ""
        self.challenge = ""
        self.origin = ""

    @property
    def host(self) -> str:
        """`host:port`."""
        return self.origin.removeprefix("http://")

    @property
    def image(self) -> str:
        """The image that `push` makes."""
        return f"{self.host}/{REPOSITORY}:v1"

    @property
    def paths(self) -> list[str]:
        """What was asked for, in order."""
        return [request.path for request in self.asked]

    def credentials(self, prefix: str = "/v2/") -> list[str]:
        """The Authorization of each request below a path."""
        return [request.headers.get("Authorization", "") for request in self.asked if request.path.startswith(prefix)]

    def hold(self, manifest: bytes, *tags: str) -> bytes:
        """Have a manifest, by its digest and those tags."""
        for name in (digest_of(manifest), *tags):
            self.manifests[name] = manifest
        return manifest

    def push(self, config: bytes | None = None, tag: str = "v1", *, stored: bytes | None = None, **kind: Any) -> bytes:
        """Have an image; `stored` is what the registry holds as its config, where it is another than was pushed."""
        config = config_blob() if config is None else config
        self.blobs[digest_of(config)] = config if stored is None else stored
        return self.hold(image_manifest(config, **kind), tag)

    @asynccontextmanager
    async def serving(self, **options: Any) -> AsyncIterator["FakeRegistry"]:
        """Be reachable at `host`; `options` are of aiohttp's server."""
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self._handle)
        server = TestServer(app)
        await server.start_server(**options)
        self.origin = str(server.make_url("")).rstrip("/")
        try:
            yield self
        finally:
            await server.close()

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(request)
        answer = self.before(request)
        if answer is not None:
            return answer
        if request.path == "/token":
            return await self._token(request)
        refusal = self._refusal(request)
        if refusal is not None:
            return refusal
        return await self._held(request)

    async def _held(self, request: web.Request) -> web.StreamResponse:
        sort, _, name = request.path.removeprefix(f"/v2/{REPOSITORY}/").partition("/")
        held = (self.manifests if sort == "manifests" else self.blobs).get(name)
        if held is None:
            return error(404, "MANIFEST_UNKNOWN", "manifest unknown")
        told = media_type_of(held) if sort == "manifests" else "application/octet-stream"
        return web.Response(body=held, headers={"Content-Type": told})

    def _refusal(self, request: web.Request) -> web.Response | None:
        if self.token:
            wanted = f"Bearer {self.token}"
            asked = f'Bearer realm="{self.origin}/token",service="reg",scope="repository:x:pull"'
        else:
            wanted, asked = f"Basic {auth('me', self.password)}", 'Basic realm="registry"'
        if not (self.token or self.password) or request.headers.get("Authorization") == wanted:
            return None
        return error(401, "UNAUTHORIZED", "authentication required", {"WWW-Authenticate": self.challenge or asked})

    async def _token(self, request: web.Request) -> web.Response:
        """The token service: anybody's where there is no password."""
        form = await request.post()
        known = not self.password or request.headers.get("Authorization") == f"Basic {auth('me', self.password)}"
        if form.get("grant_type") == "refresh_token":
            known = form["refresh_token"] == "refresh"
        return web.json_response({"access_token": self.token} if known else {}, status=200 if known else 401)


def error(status: int, code: str, message: str, headers: Mapping[str, str] | None = None) -> web.Response:
    """A refusal in the form of the distribution spec."""
    body = {"errors": [{"code": code, "message": message, "detail": {"request": "changes each time"}}]}
    return web.json_response(body, status=status, headers=headers)


def media_type_of(manifest: bytes) -> str:
    try:
        return str(json.loads(manifest)["mediaType"])
    except (ValueError, KeyError, TypeError):
        return "application/json"


def packed(data: bytes) -> bytes:
    return gzip.compress(data, mtime=0)


def auth(username: str, password: str) -> str:
    """The `auth` field of a Docker configuration."""
    return base64.b64encode(f"{username}:{password}".encode()).decode()

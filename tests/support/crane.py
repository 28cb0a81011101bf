"""A real registry (`crane registry serve`), images pushed to it through its API, and a front that behaves as a test says."""

import asyncio
import io
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from support.registry import FakeRegistry, config_blob, digest_of, image_manifest, media_type_of


class Crane:
    """One registry that is running at `host`."""

    def __init__(self, host: str, session: aiohttp.ClientSession) -> None:
        self.host = host
        self.session = session

    async def push(
        self, repository: str, tag: str = "v1", labels: dict[str, str] | None = None, *, config: bytes = b""
    ) -> str:
        """Have an image with these labels; its reference by tag."""
        config = config or config_blob(labels)
        await self.blob(repository, config)
        await self.manifest(repository, image_manifest(config), tag)
        return f"{self.host}/{repository}:{tag}"

    async def blob(self, repository: str, data: bytes) -> None:
        """Upload a blob: POST, then PUT to where the registry says."""
        async with self.session.post(f"http://{self.host}/v2/{repository}/blobs/uploads/") as answer:
            assert answer.status == 202, await answer.text()
            place = answer.url.join(URL(answer.headers["Location"]))
        async with self.session.put(place.update_query(digest=digest_of(data)), data=io.BytesIO(data)) as answer:
            assert answer.status == 201, await answer.text()

    async def manifest(self, repository: str, manifest: bytes, *tags: str) -> bytes:
        """Have a manifest, by those tags or by its digest alone."""
        for name in tags or (digest_of(manifest),):
            headers = {"Content-Type": media_type_of(manifest)}
            url = f"http://{self.host}/v2/{repository}/manifests/{name}"
            async with self.session.put(url, data=manifest, headers=headers) as answer:
                assert answer.status == 201, await answer.text()
        return manifest


class Front(FakeRegistry):
    """What stands before a registry: it wants credentials, redirects or fails, and passes the rest on."""

    def __init__(self, crane: Crane) -> None:
        super().__init__()
        self._crane = crane

    def of(self, image: str) -> str:
        """The image as it is called here."""
        return image.replace(self._crane.host, self.host)

    async def _held(self, request: web.Request) -> web.StreamResponse:
        url = f"http://{self._crane.host}{request.path_qs}"
        async with self._crane.session.get(url, headers={"Accept": request.headers["Accept"]}) as answer:
            headers = {"Content-Type": answer.headers["Content-Type"]}
            return web.Response(status=answer.status, body=await answer.read(), headers=headers)


@asynccontextmanager
async def crane_registry(program: Path) -> AsyncIterator[Crane]:
    """A registry that keeps its images in memory, and ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{free.getsockname()[1]}"
    quiet = asyncio.subprocess.DEVNULL
    process = await asyncio.create_subprocess_exec(
        program, "registry", "serve", "--address", host, stdout=quiet, stderr=quiet
    )
    try:
        async with aiohttp.ClientSession() as session:
            async with asyncio.timeout(30):
                while not await _answers(session, host):
                    assert process.returncode is None, "the registry ended"
                    await asyncio.sleep(0.05)
            yield Crane(host, session)
    finally:
        if process.returncode is None:
            process.terminate()
        await process.wait()


async def _answers(session: aiohttp.ClientSession, host: str) -> bool:
    try:
        async with session.get(f"http://{host}/v2/") as answer:
            return answer.status == 200
    except aiohttp.ClientConnectorError:
        return False

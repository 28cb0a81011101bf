"""Requests to an embedded API server as its administrator, and what it answers."""

import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp

from aimctrl.sandbox.apiserver.server import ApiServer, api_server


@dataclass(frozen=True)
class Asker:
    """Sends JSON; `pods` is the path of the pods in the namespace `default`."""

    server: ApiServer
    session: aiohttp.ClientSession

    pods = "/api/v1/namespaces/default/pods"

    async def ask(self, method: str, path: str, body: Any = None, media: str = "application/json") -> tuple[int, Any]:
        """The status, and the body: decoded where it is JSON."""
        headers = {"Authorization": f"Bearer {self.server.admin_token}"}
        headers |= {"Content-Type": media} if body is not None else {}
        async with self.session.request(method, self.server.url + path, json=body, headers=headers) as answer:
            decoded = await (answer.json() if answer.content_type == "application/json" else answer.text())
            return answer.status, decoded

    async def said(self, method: str, path: str, body: Any = None, media: str = "application/json") -> tuple[int, Any]:
        """The status, and the message of the Status."""
        code, answer = await self.ask(method, path, body, media)
        return code, answer.get("message", "") if isinstance(answer, dict) else answer

    async def have_pod(self, name: str, *containers: str, node: str = "", **labels: str) -> None:
        """Have a pod with these containers."""
        spec: dict[str, Any] = {"containers": [{"name": each, "image": "i"} for each in containers or ("main",)]}
        if node:
            spec["nodeName"] = node
        code, answer = await self.ask("POST", self.pods, {"metadata": {"name": name, "labels": labels}, "spec": spec})
        assert code == 201, answer

    async def patch_status(self, path: str, status: Any) -> None:
        """Have an object with that status."""
        code, answer = await self.ask("PATCH", f"{path}/status", {"status": status}, "application/merge-patch+json")
        assert code == 200, answer


@asynccontextmanager
async def asker() -> AsyncIterator[Asker]:
    """A server of one's own; pods can be created in its namespace `default`."""
    async with api_server() as server:
        connector = aiohttp.TCPConnector(ssl=ssl.create_default_context(cadata=server.ca))
        async with aiohttp.ClientSession(connector=connector) as session:
            made = Asker(server, session)
            while (await made.ask("GET", "/api/v1/namespaces/default/serviceaccounts/default"))[0] != 200:
                pass
            yield made

"""The endpoint of the nodes' kubelet: container logs over TLS, as the API server asks for them (`pods/log`).

Source: https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/ (read log of the specified Pod).
"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from types import TracebackType
from typing import Self

from aiohttp import web

from aimctrl.kube.kinds import Key
from aimctrl.sandbox.pki import server_context

ADDRESS = "127.0.0.1"

ReadLog = Callable[[Key, str], bytes]
"""The log of one container of a pod.

Raises LogUnavailableError.
"""


class LogUnavailableError(Exception):
    """There is no log to give; `status` is the HTTP status to answer with."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class KubeletServer:
    """Serves on a free port of 127.0.0.1 while it is entered; whoever can connect may read."""

    def __init__(self, read_log: ReadLog) -> None:
        self._read_log = read_log
        app = web.Application()
        app.router.add_get("/healthz", _healthz)
        app.router.add_get("/containerLogs/{namespace}/{pod}/{container}", self._container_log)
        self._runner = web.AppRunner(app, access_log=None)
        self._started = asyncio.Event()

    async def port(self) -> int:
        """The port, as soon as it is entered; cancelling the wait does no harm."""
        await self._started.wait()
        return int(self._runner.addresses[0][1])

    async def __aenter__(self) -> Self:
        await self._runner.setup()
        context = server_context(ADDRESS, datetime.now(UTC))
        await web.TCPSite(self._runner, ADDRESS, 0, ssl_context=context).start()
        self._started.set()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        await self._runner.cleanup()

    async def _container_log(self, request: web.Request) -> web.Response:
        names = request.match_info
        try:
            log = self._read_log(Key(names["namespace"], names["pod"]), names["container"])
        except LogUnavailableError as error:
            answer = web.Response(status=error.status, text=str(error))
        else:
            answer = web.Response(body=cut(log, **_limits(request)), content_type="text/plain")
        answer.force_close()  # the API server would keep the connection, and hold up the end of the sandbox
        return answer


def cut(log: bytes, *, tail_lines: int | None = None, limit_bytes: int | None = None) -> bytes:
    """The last lines, and of those the first bytes; None is no limit."""
    if tail_lines is not None:
        lines = log.splitlines(keepends=True)
        log = b"".join(lines[max(len(lines) - tail_lines, 0) :])
    return log if limit_bytes is None else log[:limit_bytes]


def _limits(request: web.Request) -> dict[str, int]:
    given = (("tail_lines", "tailLines"), ("limit_bytes", "limitBytes"))
    return {ours: int(request.query[theirs]) for ours, theirs in given if request.query.get(theirs, "").isdecimal()}


async def _healthz(request: web.Request) -> web.Response:
    del request
    return web.Response(text="ok")

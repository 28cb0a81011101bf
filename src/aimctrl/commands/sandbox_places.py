"""Where a sandbox lives: on the API server in this process, or on the real one that a checkout can build."""

import asyncio
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import msgspec

import aimctrl
from aimctrl.runtime.connection import Connection, connect
from aimctrl.runtime.errors import ControllerError
from aimctrl.sandbox.apiserver.server import api_server

CONTROL_PLANE = Path(aimctrl.__file__).parents[2] / "hack" / "controlplane"
"""The program that builds, starts and stops a real control plane; only a checkout has it."""


class PlaceError(ControllerError):
    """There cannot be such a place; the message says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """An API server that runs; `connect` gives a new connection as its administrator.

    `foreign` says whether the kinds of KServe and the Gateway API are there already.
    """

    kubeconfig: bytes
    connect: Callable[[], Awaitable[Connection]]
    foreign: bool = False


@asynccontextmanager
async def embedded(port: int) -> AsyncGenerator[Place]:
    """The embedded API server while the block runs; port 0 is a free one.

    Raises PlaceError where the port is taken.
    """
    async with AsyncExitStack() as stack:
        try:
            server = await stack.enter_async_context(api_server(port=port))
        except OSError as error:
            raise PlaceError(f"port {port} of this machine cannot be had: {error.strerror or error}") from error

        async def connected() -> Connection:
            return server.connection()

        yield Place(msgspec.json.format(msgspec.json.encode(server.kubeconfig()), indent=2), connected)


@asynccontextmanager
async def real() -> AsyncGenerator[Place]:
    """A real etcd, kube-apiserver and kube-controller-manager while the block runs; built first where need be.

    Raises PlaceError where this is no checkout, or they do not start. Cancelling ends them.
    """
    if not CONTROL_PLANE.is_dir():
        raise PlaceError("`--apiserver real` needs a checkout of aimctrl (its hack/controlplane); this is none")
    with tempfile.TemporaryDirectory(prefix="aimctrl-sandbox-") as temporary:
        folder = Path(temporary) / "controlplane"
        await _up(folder)
        try:
            kubeconfig = folder / "kubeconfig"
            yield Place(kubeconfig.read_bytes(), lambda: connect(str(kubeconfig)), foreign=True)
        finally:  # in one go: nothing may cut it short
            subprocess.run([sys.executable, str(CONTROL_PLANE), "down", str(folder)], check=False)  # noqa: S603, ASYNC221


async def _up(folder: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(CONTROL_PLANE), "up", "--crds", "--folder", str(folder), stdout=subprocess.DEVNULL
    )
    try:
        code = await process.wait()
    except asyncio.CancelledError:
        process.send_signal(signal.SIGINT)  # it stops what it has started
        await process.wait()
        raise
    if code:
        raise PlaceError("the real control plane does not start; `--apiserver embedded` needs nothing")

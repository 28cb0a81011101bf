"""`aimctrl sandbox`: an API server, stand-ins for nodes and their like, the operator and a sample catalogue to try."""

import asyncio
import gc
import os
import signal
import tempfile
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aimctrl import manifests
from aimctrl.aim.operator import add_controllers
from aimctrl.aim.options import OperatorOptions
from aimctrl.commands.sandbox_places import Place, PlaceError, embedded, real
from aimctrl.commands.sandbox_story import USER, Story, UnfinishedError, catalogue
from aimctrl.commands.session import INTERRUPTED, complain, run, say
from aimctrl.kube.core import NAMESPACES
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import Connection
from aimctrl.runtime.manager import Manager, ManagerOptions
from aimctrl.sandbox.definitions import foreign_crds
from aimctrl.sandbox.installing import install
from aimctrl.sandbox.script_file import parse_scripts
from aimctrl.sandbox.stand_ins import stand_ins
from aimctrl.sandbox.working import working
from aimctrl.settings import SettingError

UNFINISHED = 1


@dataclass(frozen=True, slots=True)
class Sandbox:
    """What is wanted. `once` ends it when the sample service runs; port 0 is a free one.

    `began` is when the command did, by time.monotonic.
    """

    apiserver: Literal["embedded", "real"] = "embedded"
    catalogue: bool = True
    operator: bool = True
    once: bool = False
    port: int = 0
    kubeconfig_out: Path | None = None
    began: float = 0.0


def sandbox(wanted: Sandbox) -> int:
    """Run a sandbox until it is interrupted, or has shown what it was to show; the exit code.

    Raises SettingError where the options contradict one another.
    """
    if wanted.once and not (wanted.catalogue and wanted.operator):
        raise SettingError("--once waits for the sample service: not with --no-catalogue or --no-operator")
    if wanted.port and wanted.apiserver != "embedded":
        raise SettingError("--port is the embedded API server's; a real one chooses its own")
    code = run(_sandbox(wanted))
    return 0 if code == INTERRUPTED and not wanted.once else code


async def _sandbox(wanted: Sandbox) -> int:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, signal.raise_signal, signal.SIGINT)  # ends like Ctrl-C
    async with AsyncExitStack() as stack:
        place = await stack.enter_async_context(_place(wanted))
        folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="aimctrl-sandbox-"))
        path = wanted.kubeconfig_out or Path(folder, "kubeconfig")
        kubeconfig = stack.enter_context(_file(place.kubeconfig, path))
        client = await stack.enter_async_context(Client(await place.connect(), field_manager=USER))
        story = Story(client, wanted.began)
        story.tell("the API server answers")
        await install(client, [*manifests.crds(), *(() if place.foreign else foreign_crds())])
        await client.apply(NAMESPACES, {"metadata": {"name": OperatorOptions().operator_namespace}})
        await stack.enter_async_context(stand_ins(await place.connect(), parse_scripts(catalogue("images.yaml"))))
        if wanted.operator:
            await stack.enter_async_context(_operator(await place.connect()))
        code = await _told(story, wanted) if wanted.catalogue else 0
        if not wanted.once:
            say(f"\nexport KUBECONFIG={kubeconfig}   # Ctrl-C ends it all\n")
            gc.enable()
            await asyncio.Event().wait()
        return code


def _place(wanted: Sandbox) -> AbstractAsyncContextManager[Place]:
    return embedded(wanted.port) if wanted.apiserver == "embedded" else real()


@asynccontextmanager
async def _operator(connection: Connection) -> AsyncGenerator[None]:
    """The operator as `aimctrl run` has it, but for its endpoints."""
    async with Client(connection) as client:
        manager = Manager(client, options=ManagerOptions(grace_period=2.0))
        add_controllers(manager)
        async with working(manager, "operator"):
            yield


async def _told(story: Story, wanted: Sandbox) -> int:
    """The story of the catalogue, or as much of it as there is without an operator; the exit code."""
    if not wanted.operator:
        await story.apply_all()
        return 0
    code = 0
    try:
        await story.enact()
    except UnfinishedError as error:
        complain(str(error))
        code = UNFINISHED
    await story.overview()
    return code


@contextmanager
def _file(kubeconfig: bytes, path: Path) -> Generator[Path]:
    """The kubeconfig in a new file, which only its owner may read; gone after the block.

    Raises PlaceError where there is a file of that name, or none can be made.
    """
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise PlaceError(f"{path} exists, and stays as it is: --kubeconfig-out is to be a new file") from None
    except OSError as error:
        raise PlaceError(f"{path} cannot be written: {error.strerror}") from error
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(kubeconfig)
        yield path
    finally:
        path.unlink(missing_ok=True)

"""`aimctrl sandbox` while it is up: for kubectl, for a program of one's own, and until it is told to stop."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from aimctrl.api.kinds import AIM_CLUSTER_SERVICE_TEMPLATE, AIM_SERVICE
from aimctrl.kube.core import NODES
from aimctrl.kube.external import INFERENCE_SERVICES
from aimctrl.runtime.client import Client
from aimctrl.runtime.connection import connect
from controlplane import ensure
from controlplane.server import free_port
from support.program import QUIET, Aimctrl, Program, program
from support.world import World

UP = "# Ctrl-C ends it all"


@asynccontextmanager
async def sandbox(kubeconfig: Path, *options: str) -> AsyncIterator[Program]:
    """A sandbox that is up."""
    async with program("sandbox", f"--kubeconfig-out={kubeconfig}", *options) as running:
        await running.says(UP)
        yield running


@asynccontextmanager
async def user(kubeconfig: Path) -> AsyncIterator[World]:
    async with Client(await connect(str(kubeconfig)), field_manager="user") as client:
        yield World(client)


@pytest.fixture
def kubeconfig(tmp_path: Path) -> Path:
    return tmp_path / "kubeconfig"


async def test_it_is_up_until_it_is_interrupted(kubeconfig: Path):
    async with sandbox(kubeconfig) as running:
        assert f"export KUBECONFIG={kubeconfig} " in running.output
        assert "ml-team" in await Aimctrl(kubeconfig)("status", "-n", "ml-team")
        assert "GPUNotAvailable" in await Aimctrl(kubeconfig)("explain", "template", "llama-3-8b-throughput")
        running.process.send_signal(signal.SIGINT)
        assert await running.ends() == 0
    assert not kubeconfig.exists()
    assert "Traceback" not in running.output


async def test_it_stops_in_the_middle_of_the_start(kubeconfig: Path):
    async with program("sandbox", f"--kubeconfig-out={kubeconfig}") as running:
        await running.says("the API server answers")
        assert await running.terminate() == 0
    assert not kubeconfig.exists()
    assert "Traceback" not in running.output


async def test_kubectl_works_on_it(kubeconfig: Path):
    async with sandbox(kubeconfig) as running:
        kubectl = (str(ensure("kubectl")["kubectl"]), f"--kubeconfig={kubeconfig}", "get", "aim", "-A")
        process = await asyncio.create_subprocess_exec(*kubectl, stdout=asyncio.subprocess.PIPE)
        said, _ = await process.communicate()
        assert process.returncode == 0
        assert b"aimservice.aim.silogen.ai/chat" in said
        assert await running.terminate() == 0


async def test_what_comes_later_is_served_as_well(kubeconfig: Path):
    async with sandbox(kubeconfig), user(kubeconfig) as world:
        await world.have(NODES, "late", labels={"amd.com/gpu.device-id": "75a3"})
        await world.reaches(AIM_CLUSTER_SERVICE_TEMPLATE, "llama-3-8b-throughput", status="Ready")
        await world.have(AIM_SERVICE, "big", "ml-team", model={"ref": "qwen-2-5-72b-instruct"})
        await world.reaches(AIM_SERVICE, "big", "ml-team", status="Running")


async def test_an_operator_of_ones_own_does_the_work(kubeconfig: Path):
    async with sandbox(kubeconfig, "--no-operator"), user(kubeconfig) as world:
        assert not await world.all(INFERENCE_SERVICES)
        async with program("run", f"--kubeconfig={kubeconfig}", *QUIET):
            await world.reaches(AIM_SERVICE, "chat", "ml-team", status="Running")


async def test_it_may_be_empty(kubeconfig: Path):
    async with sandbox(kubeconfig, "--no-catalogue"), user(kubeconfig) as world:
        assert not await world.all(NODES)
        assert not await world.all(AIM_SERVICE)


async def test_port_is_as_asked_and_cannot_be_had_twice(kubeconfig: Path, tmp_path: Path):
    port = free_port()
    async with sandbox(kubeconfig, "--no-catalogue", "--no-operator", f"--port={port}"):
        assert f"https://127.0.0.1:{port}" in kubeconfig.read_text(encoding="utf-8")
        async with program("sandbox", f"--port={port}", f"--kubeconfig-out={tmp_path / 'other'}") as second:
            assert await second.ends() == 3
    assert second.output.startswith(f"aimctrl: port {port} of this machine cannot be had")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (("--once", "--no-operator"), 2, "--once waits for the sample service"),
        (("--apiserver=real", "--port=23443"), 2, "--port is the embedded API server's"),
        (("--port=many",), 2, "argument --port"),
        (("--kubeconfig-out=/nowhere/at/all",), 3, "/nowhere/at/all cannot be written"),
    ],
    ids=["once without an operator", "port of a real one", "no number", "nowhere to write"],
)
async def test_what_cannot_be_is_told(options: tuple[str, ...], code: int, words: str):
    async with program("sandbox", *options) as running:
        assert await running.ends() == code
    assert words in running.output
    assert "Traceback" not in running.output

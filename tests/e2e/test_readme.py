"""What the README shows works as it stands there."""

import asyncio
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import yaml

from aimctrl.api.kinds import AIM_SERVICE, ALL
from aimctrl.kube.core import CONFIGMAPS, NAMESPACES
from aimctrl.kube.kinds import Key
from controlplane import ControlPlane, ensure
from support.world import operator, surroundings, world

README = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")


def fenced(language: str, containing: str = "") -> str:
    """The README's only block in that language, or that with this text in it."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
    (block,) = (block for block in blocks if containing in block)
    return block


@asynccontextmanager
async def program(plane: ControlPlane, source: str) -> AsyncIterator[None]:
    env = {**os.environ, "KUBECONFIG": str(plane.kubeconfig)}
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", source, env=env)
    try:
        yield
        assert process.returncode is None, "the program ended by itself"
    finally:
        if process.returncode is None:
            process.send_signal(signal.SIGKILL)
        await process.wait()


async def test_program_of_ones_own_creates_and_repairs(control_plane: ControlPlane, namespace: str):
    source = fenced("python", "class Greeter")
    assert "aimctrl.aim" not in source
    assert "aimctrl.api" not in source
    async with world(control_plane) as user, program(control_plane, source):
        await user.client.patch(NAMESPACES, Key("", namespace), {"metadata": {"labels": {"greet": "world"}}})
        await user.until(CONFIGMAPS, "greeting", namespace, lambda found: found.data == {"hello": "world"})
        await user.client.patch(CONFIGMAPS, Key(namespace, "greeting"), {"data": {"hello": "nobody", "mine": "kept"}})
        wanted = {"hello": "world", "mine": "kept"}
        await user.until(CONFIGMAPS, "greeting", namespace, lambda found: found.data == wanted)
        await user.delete(CONFIGMAPS, "greeting", namespace)
        await user.until(CONFIGMAPS, "greeting", namespace, lambda found: found.data == {"hello": "world"})


async def test_example_becomes_a_running_service(control_plane: ControlPlane):
    node = "{apiVersion: v1, kind: Node, metadata: {name: readme, labels: {amd.com/gpu.device-id: 74a1}}}"
    async with world(control_plane) as user, surroundings(control_plane), operator(control_plane):
        await user.namespace("kaiwo-system")
        try:
            await user.apply(node)
            await user.apply(fenced("yaml"))
            await user.reaches(AIM_SERVICE, "chat", "default", status="Running")
            await user.delete(AIM_SERVICE, "chat", "default")
        finally:
            await user.clean()


def test_printed_crds_can_be_applied(control_plane: ControlPlane):
    """`aimctrl crds | kubectl apply --server-side -f -`, the way to install them."""
    assert "aimctrl crds | kubectl apply --server-side -f -" in README
    printed = subprocess.run(
        [str(Path(sys.executable).with_name("aimctrl")), "crds"], capture_output=True, check=True, timeout=60
    ).stdout
    kubectl = [str(ensure("kubectl")["kubectl"]), "--kubeconfig", str(control_plane.kubeconfig)]
    apply = ["apply", "--server-side", "--force-conflicts", "-f", "-"]
    applied = subprocess.run([*kubectl, *apply], input=printed, capture_output=True, check=False, timeout=120)
    assert applied.returncode == 0, applied.stderr.decode()
    assert applied.stdout.count(b"serverside-applied") == len(ALL)


def test_indented_commands_exist():
    """Commands in indented blocks are targets of the Makefile or commands of ours; `make` runs them in CI."""
    targets = (Path(__file__).parents[2] / "Makefile").read_text(encoding="utf-8")
    commands = re.findall(
        r"^    (\S.*)$", re.sub(r"^```.*?^```", "", README, flags=re.MULTILINE | re.DOTALL), re.MULTILINE
    )
    assert commands
    for command in commands:
        if command.startswith("make "):
            assert re.search(rf"^{command.split()[1]}:", targets, re.MULTILINE), command


def test_yaml_is_well_formed():
    assert [part["kind"] for part in yaml.safe_load_all(fenced("yaml"))] == [
        "AIMClusterModel",
        "AIMClusterServiceTemplate",
        "AIMService",
    ]

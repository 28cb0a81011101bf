"""`aimctrl run` as a process of its own, and the users it may run as."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from itertools import groupby
from pathlib import Path
from typing import Any

import msgspec
import yaml

from controlplane import ControlPlane
from support import identity
from support.world import CLUSTER_ROLE_BINDINGS, CLUSTER_ROLES, RBAC, SERVICE_ACCOUNTS, World, eventually

SOURCE = Path(__file__).parents[2] / "src"
PROGRAM = (sys.executable, "-c", "import sys; from aimctrl.cli import main; sys.exit(main())")
QUIET = ("--metrics-bind-address=0", "--health-probe-bind-address=0", "--log-format=json")


class Program:
    """A running process; what it logs is read as it comes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []
        self._read_all = asyncio.Event()

    async def read(self) -> None:
        """Read until it ends."""
        assert self.process.stdout is not None
        async for line in self.process.stdout:
            self.lines.append(line.decode(errors="replace").rstrip())
        self._read_all.set()

    @property
    def output(self) -> str:
        """All it has said so far."""
        return "\n".join(self.lines)

    async def says(self, text: str, *, timeout: float = 60.0) -> None:
        """Wait until a line holds the text."""

        async def said() -> bool:
            ended = self._read_all.is_set()
            assert text in self.output or not ended, self.output
            return text in self.output

        try:
            await eventually(said, timeout=timeout)
        except TimeoutError:
            raise AssertionError(f"it never said {text!r}:\n{self.output}") from None

    async def stands_still(self) -> bool:
        """Whether it is stopped by a signal."""
        stat = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="utf-8")
        return stat.rpartition(")")[2].split()[0] == "T"

    async def ends(self, *, timeout: float = 40.0) -> int:
        """Its exit code, once it has ended by itself and all it said is read."""
        async with asyncio.timeout(timeout):
            await self._read_all.wait()
            return await self.process.wait()

    async def terminate(self) -> int:
        """Ask it to stop in order; its exit code."""
        self.process.send_signal(signal.SIGTERM)
        return await self.ends()

    async def kill(self) -> None:
        """End it where it stands."""
        self.process.kill()
        await self.ends()


@asynccontextmanager
async def program(*arguments: str, environment: dict[str, str] | None = None) -> AsyncIterator[Program]:
    """`aimctrl` with these arguments; killed at the end if it still runs."""
    async with command(*PROGRAM, *arguments, environment=environment) as running:
        yield running


@asynccontextmanager
async def command(*words: str, environment: dict[str, str] | None = None) -> AsyncIterator[Program]:
    """Any program, with our sources to import; killed at the end if it still runs."""
    own = {name: value for name, value in os.environ.items() if not name.startswith(("AIM_", "KUBE"))}
    process = await asyncio.create_subprocess_exec(
        *words,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
        limit=2**20,
        env={**own, "PYTHONPATH": str(SOURCE), "PYTHONUNBUFFERED": "1", **(environment or {})},
    )
    running = Program(process)
    reading = asyncio.create_task(running.read())
    try:
        yield running
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
        await reading


@asynccontextmanager
async def run(plane: ControlPlane, *arguments: str, kubeconfig: Path | None = None) -> AsyncIterator[Program]:
    """`aimctrl run` on a control plane with its own rights, without endpoints, and with these further options."""
    where = f"--kubeconfig={kubeconfig or identity.of(plane)}"
    async with program("run", where, *QUIET, *arguments) as running:
        yield running


EVERYTHING = {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}


def user_of(name: str) -> str:
    """The user that a service account of `account` is."""
    return f"system:serviceaccount:default:{name}"


async def account(world: World, plane: ControlPlane, folder: Path, name: str, *rules: dict[str, Any]) -> Path:
    """A kubeconfig of a new service account in `default` with a cluster role of those rules."""
    await world.have(SERVICE_ACCOUNTS, name, "default")
    role = {"metadata": {"name": name}, "rules": rules}
    await world.put({"apiVersion": f"{RBAC}/v1", "kind": CLUSTER_ROLES.name, **role})
    await world.put(
        {
            "apiVersion": f"{RBAC}/v1",
            "kind": CLUSTER_ROLE_BINDINGS.name,
            "metadata": {"name": name},
            "roleRef": {"apiGroup": RBAC, "kind": CLUSTER_ROLES.name, "name": name},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": "default"}],
        }
    )
    path = SERVICE_ACCOUNTS.path("default", name, "token")
    answer = await world.client.request("POST", path, body={"spec": {"expirationSeconds": 3600}})
    config = yaml.safe_load(plane.kubeconfig.read_text(encoding="utf-8"))
    config["users"][0]["user"] = {"token": msgspec.json.decode(answer)["status"]["token"]}
    file = folder / f"{name}.kubeconfig"
    file.write_text(json.dumps(config), encoding="utf-8")
    return file


def writers(plane: ControlPlane, *users: str) -> list[str]:
    """Which of the users wrote, in the order of the audit log, repeats left out; what concerns Leases is not counted."""
    return [user for user, _ in groupby(event["user"]["username"] for event in writes(plane, *users))]


def writes(plane: ControlPlane, *users: str, leases: bool = False) -> list[Any]:
    """The audit log's events of what the users wrote, or tried to, in order; what concerns Leases alone, or without."""
    events = [event for file in plane.folder.glob("audit*.log") for event in _writes(file, users, leases=leases)]
    return sorted(events, key=lambda event: str(event["requestReceivedTimestamp"]))


def _writes(file: Path, users: Sequence[str], *, leases: bool) -> Iterator[Any]:
    with file.open("rb") as log:
        for line in log:
            if not any(user.encode() in line for user in users):
                continue
            event = msgspec.json.decode(line)
            about_leases = event.get("objectRef", {}).get("resource") == "leases"
            reads = event["verb"] in {"get", "list", "watch"}
            if not reads and about_leases == leases and event["user"]["username"] in users:
                yield event


class Aimctrl:
    """The command line of one user, for commands that end by themselves."""

    def __init__(self, kubeconfig: Path) -> None:
        self.kubeconfig = kubeconfig

    async def __call__(self, *arguments: str, code: int = 0, environment: dict[str, str] | None = None) -> str:
        """What it says on standard output and error; it has to end with that code."""
        async with program(*arguments, f"--kubeconfig={self.kubeconfig}", environment=environment) as running:
            ended = await running.ends(timeout=120)
            assert ended == code, f"{ended}: {running.output}"
            return running.output

    async def explanation(self, *arguments: str) -> dict[str, Any]:
        """What `aimctrl explain` says as JSON."""
        found: dict[str, Any] = msgspec.json.decode(await self("explain", *arguments, "-o", "json"))
        return found

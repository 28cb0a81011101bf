"""An operator as a process, and what its metrics tell of it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp
from prometheus_client.parser import text_string_to_metric_families

from controlplane.server import free_port
from support import identity
from support.embedded import Plane
from support.program import Program, program
from support.world import eventually


@dataclass(frozen=True)
class AtWork:
    """A running operator whose metrics can be read."""

    program: Program
    port: int

    async def sums(self, *names: str) -> list[float]:
        """The sum of each metric over its labels."""
        async with aiohttp.ClientSession() as session, session.get(f"http://127.0.0.1:{self.port}/metrics") as answer:
            families = list(text_string_to_metric_families(await answer.text()))
        samples = [one for family in families for one in family.samples]
        return [sum(one.value for one in samples if one.name == name) for name in names]

    async def rests(self, looks: int) -> None:
        """Wait until it has looked at objects that often, and has nothing to do."""

        async def rests() -> bool:
            names = "controller_runtime_reconcile_total", "workqueue_depth", "controller_runtime_active_workers"
            done, waiting, busy = await self.sums(*names)
            return done >= looks and not waiting and not busy

        assert await eventually(rests, timeout=120, every=0.3)


@asynccontextmanager
async def at_work(plane: Plane, *arguments: str) -> AsyncIterator[AtWork]:
    """`aimctrl run` with its own rights and these further options; it has to stop in order."""
    port = free_port()
    addresses = (f"--metrics-bind-address=127.0.0.1:{port}", "--health-probe-bind-address=0")
    options = (f"--kubeconfig={identity.of(plane)}", "--log-format=json", *addresses, *arguments)
    async with program("run", *options, environment={"NO_PROXY": "127.0.0.1"}) as running:
        await running.says("controller started")
        yield AtWork(running, port)
        assert await running.terminate() == 0, running.output

"""A controller of one's own with leader election, as a process: `python replica.py JSON`.

It writes for as long as it leads and as often as it may, so that a write that comes too late would be seen.
"""

import asyncio
import os
import random
import signal
import sys
from datetime import datetime, timedelta, tzinfo

import msgspec
import uvloop

from aimctrl.kube.core import CONFIGMAPS
from aimctrl.kube.kinds import Key
from aimctrl.runtime import (
    Client,
    Controller,
    ControllerOptions,
    LeaderElector,
    LeaderOptions,
    Manager,
    ManagerOptions,
    Request,
    Result,
    configure_logging,
    connect,
    dialling,
    leader,
)
from aimctrl.runtime.errors import LeadershipLostError
from aimctrl.runtime.wire import Wire

LOST = 4
"""Its exit code when it leads no longer."""

PREFIX = "signed-"
"""How the names of the ConfigMaps begin that it writes."""

PAUSE = 0.02
"""Seconds between two writes of one object."""


class Part(msgspec.Struct, frozen=True):
    """Who it is, where it works, the times of its Lease, and what befalls it.

    `clock_jumps`: its wall clock is not to be relied on. `stops_in_the_gap`: it is stopped (SIGSTOP) with its first
    write between the last look at its leadership and the sending.
    """

    kubeconfig: str
    namespace: str
    identity: str
    lease_duration: float
    renew_deadline: float
    retry_period: float
    clock_jumps: bool = False
    stops_in_the_gap: bool = False


class Jumping(datetime):
    """A wall clock that is another hour off whenever it is looked at."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> "Jumping":
        return super().now(tz) + timedelta(hours=random.choice((-1, 1)))


class Stopping(Wire):
    """A connection whose process stands still when a write has been handed to it, and has not been sent."""

    def send(self, request: bytes, *, limit: int = 0, streams: bool = False) -> None:
        if request.startswith(b"PATCH") and b"/configmaps/" in request:
            os.kill(os.getpid(), signal.SIGSTOP)
        super().send(request, limit=limit, streams=streams)


class Signer:
    """Writes into each ConfigMap who it was, again and again."""

    def __init__(self, client: Client, identity: str) -> None:
        self._client = client
        self._identity = identity
        self._count = 0

    async def reconcile(self, request: Request) -> Result:
        """Sign once more; what else is in the namespace is not ours."""
        if not request.name.startswith(PREFIX):
            return Result()
        self._count += 1
        signed = {"data": {"by": self._identity, "count": str(self._count)}}
        await self._client.patch(CONFIGMAPS, Key(request.namespace, request.name), signed)
        return Result(requeue_after=PAUSE)


async def work(part: Part) -> int:
    """Take part until told to stop, or until leadership is lost; the exit code."""
    connection = await connect(part.kubeconfig)
    options = LeaderOptions(
        "replicas", part.namespace, part.identity, part.lease_duration, part.renew_deadline, part.retry_period
    )
    async with Client(connection) as client, Client(connection, timeout=part.renew_deadline / 2) as for_the_lease:
        elector = LeaderElector(for_the_lease, options, self_fencing=True)
        manager = Manager(
            client, namespaces=[part.namespace], leader=elector, options=ManagerOptions(grace_period=10.0)
        )
        signer = Signer(client, part.identity)
        manager.add(Controller("signer", CONFIGMAPS, signer, options=ControllerOptions(max_concurrent=8)))
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, manager.stop)
        try:
            await manager.run()
        except LeadershipLostError:
            return LOST
    return 0


def main() -> int:
    """Run as the argument says."""
    part = msgspec.json.decode(sys.argv[1], type=Part)
    configure_logging("json", "info")
    if part.clock_jumps:
        leader.datetime = Jumping
    if part.stops_in_the_gap:
        dialling.Wire = Stopping
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work(part))


if __name__ == "__main__":
    sys.exit(main())

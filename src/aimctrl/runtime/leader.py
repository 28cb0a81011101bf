"""Leader election by Lease: the I/O around `election`."""

import asyncio
import os
import random
import socket
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from aimctrl.kube.core import LEASES
from aimctrl.kube.kinds import Key, UndecodableObjectError
from aimctrl.runtime.client import Client
from aimctrl.runtime.election import Claim, Election, LeaderOptions
from aimctrl.runtime.errors import (
    AlreadyExistsError,
    ConflictError,
    ControllerError,
    LeadershipLostError,
    NotFoundError,
)
from aimctrl.runtime.fence import can_end_process, end_process_after

log = structlog.get_logger(__name__)

RELEASE_TIMEOUT = 3.0
"""Seconds the Lease may take to be given back at a stop."""


def suspend_aware_clock() -> float:
    """Seconds that never go back and go on while the machine is suspended, where the system can tell."""
    if hasattr(time, "CLOCK_BOOTTIME"):
        return time.clock_gettime(time.CLOCK_BOOTTIME)
    return time.monotonic()


def unique_identity() -> str:
    """An identity no other process has: the host's name (the pod's in a cluster), for people, and a UUID."""
    return f"{socket.gethostname()}_{os.getpid()}_{uuid.uuid4()}"


class LeaderElector:
    """Takes part in one election; `elected` is set once this process leads.

    `client` is for the elector alone: its requests must not wait behind others, nor be fenced.

    With `self_fencing` the kernel ends this process halfway from where it has to give up its leadership to where
    another may lead, if it has not by then: because it was stopped, had no CPU, or something blocks its event loop.
    For programs that are a controller and nothing else: it takes SIGALRM and the interval timer; the exit code is 14.

    Raises ValueError where the system has no such timer.
    """

    def __init__(
        self,
        client: Client,
        options: LeaderOptions,
        *,
        clock: Callable[[], float] = suspend_aware_clock,
        self_fencing: bool = False,
    ) -> None:
        if self_fencing and not can_end_process():
            raise ValueError("self_fencing needs a Unix system: this one has no interval timers")
        self.options = options
        self.elected = asyncio.Event()
        self._client = client
        self._clock = clock
        self._self_fencing = self_fencing
        self._key = Key(options.namespace, options.name)
        self._election = Election(options)
        self._claimed = False
        self._trouble = ""

    def is_leader(self) -> bool:
        """Whether this process leads at this very moment; cheap, asked before every write."""
        return self._election.leads(self._clock())

    async def run(self) -> None:
        """Stand for election, then lead until it is lost, or until cancelled (the Lease stays ours: see `release`).

        Raises LeadershipLostError.
        """
        log.info("waiting to lead", lease=str(self._key), identity=self.options.identity)
        while not self.is_leader():
            await self._attempt(self.options.renew_deadline)
            if not self.is_leader():
                await asyncio.sleep(self.options.retry_period * random.uniform(0.25, 0.4))  # noqa: S311 - spread only
        log.info("leading", lease=str(self._key), identity=self.options.identity)
        self.elected.set()
        await self._hold()

    async def release(self) -> None:
        """Stop leading and give the Lease back, so that another process leads within a second; never raises.

        To be called when nothing works under this leadership any more. Cancelled, the Lease runs out by itself.
        """
        self._stop()
        if not self._claimed:
            return
        try:
            async with asyncio.timeout(RELEASE_TIMEOUT):
                await self._read()
                claim = self._election.release(datetime.now(UTC))
                if claim is not None:
                    await self._client.patch(LEASES, self._key, claim.body)
                    log.info("leadership released", lease=str(self._key))
        except (ControllerError, UndecodableObjectError, TimeoutError) as error:
            log.warning("the lease was not released and has to run out", lease=str(self._key), error=str(error))

    async def _hold(self) -> None:
        pause = self.options.retry_period
        while True:
            await asyncio.sleep(min(pause, self._election.remaining(self._clock())))
            began = self._clock()
            left = self._election.remaining(began)
            if left:
                await self._attempt(left)
            pause = max(0.0, self.options.retry_period - (self._clock() - began))
            lost = self._lost()
            if lost:
                self._stop()
                raise LeadershipLostError(f"lease {self._key} {lost}")

    def _lost(self) -> str:
        """Why leadership is lost; empty while it is not."""
        if self._election.taken_over():
            return f"was taken over by {self._election.holder or 'nobody'}"
        if self.is_leader():
            return ""
        trouble = f": {self._trouble}" if self._trouble else ""
        return f"could not be renewed within {self.options.renew_deadline:g} s{trouble}"

    async def _attempt(self, seconds: float) -> None:
        """Read where needed, then claim or renew, all within so many seconds; each kind of trouble is logged once.

        No request may take more than half the renew deadline: there is time for another one if it is lost. A read and
        a write may take that long each, or else nobody would lead where the API server is slow.
        """
        try:
            async with asyncio.timeout(seconds):
                if not (self._election.known and self.is_leader()):
                    await self._read()
                claim = self._election.claim(self._clock(), datetime.now(UTC))
                if claim is not None and not self._election.taken_over():
                    await self._write(claim)
            self._trouble = ""
        except (ConflictError, AlreadyExistsError):
            self._election.refused()
        except (ControllerError, UndecodableObjectError) as error:
            self._election.refused()
            self._tell(str(error))
        except TimeoutError:
            self._election.refused()
            self._tell("no answer in time")

    async def _read(self) -> None:
        try:
            async with self._patience():
                lease = LEASES.decode(await self._client.get(LEASES, self._key))
        except NotFoundError:
            self._election.saw_none()
        else:
            self._election.saw(lease.metadata.resource_version, lease.spec, self._clock())

    async def _write(self, claim: Claim) -> None:
        self._claimed = True
        sent = self._clock()
        async with self._patience():
            if claim.creates:
                meta = await self._client.create(LEASES, claim.body)
            else:
                meta = await self._client.patch(LEASES, self._key, claim.body)
        now = self._clock()
        if self._election.granted(claim, meta.resource_version, sent=sent, now=now) and self._self_fencing:
            end_process_after(self._election.remaining(now) + self.options.leeway / 2)

    def _stop(self) -> None:
        """Lead no longer; nothing is written from here on, so that the process may go on."""
        self._election.stop(self._clock())
        if self._self_fencing:
            end_process_after(0)

    def _patience(self) -> asyncio.Timeout:
        return asyncio.timeout(self.options.renew_deadline / 2)

    def _tell(self, trouble: str) -> None:
        if trouble != self._trouble:
            log.warning("lease not written", lease=str(self._key), leading=self.is_leader(), error=trouble)
        self._trouble = trouble

"""A peer as it runs: what it says, and what it costs by the account of the system."""

import json
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.programs import Program

_TICKS = os.sysconf("SC_CLK_TCK")

_QUIET, _AT_REST = 1.0, 0.02
"""So many seconds with so few CPU seconds at most: it has nothing more to do."""

_GRACE = 30.0


class PeerError(Exception):
    """A peer ended or fell silent before it was to; the message holds the end of what it said on stderr."""


@dataclass(frozen=True, slots=True)
class Memory:
    """Resident memory in MB, now and at the most."""

    now: float
    peak: float


class Running:
    """One process of a peer; not for several threads. Times are seconds since the epoch."""

    def __init__(self, program: Program, process: "subprocess.Popen[str]", errors: Path) -> None:
        self.program = program
        self.started = time.time()
        self._process = process
        self._errors = errors
        self._said: dict[str, dict[str, Any]] = {}
        self._news = threading.Condition()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, event: str, patience: float) -> dict[str, Any]:
        """What it said with that event.

        Raises PeerError where it does not within `patience` seconds.
        """
        end = time.monotonic() + patience
        with self._news:
            while event not in self._said:
                left = end - time.monotonic()
                if left <= 0 or not self._reader.is_alive():
                    raise PeerError(f"{self.program.name} never said {event}: {self._errors.read_text()[-2000:]}")
                self._news.wait(min(left, 1.0))
            return self._said[event]

    def cpu(self) -> float:
        """CPU seconds so far, of all its threads."""
        return cpu(self._process.pid)

    def settle(self, patience: float = 180.0) -> float:
        """Wait until it does next to nothing any more; CPU seconds so far.

        Raises PeerError where that does not come about within `patience` seconds.
        """
        return at_rest(self.cpu, patience)

    def memory(self) -> Memory:
        """What it occupies."""
        lines = Path(f"/proc/{self._process.pid}/status").read_text().splitlines()
        sizes = {name: text.split()[0] for name, _, text in (line.partition(":") for line in lines) if name[:2] == "Vm"}
        return Memory(int(sizes["VmRSS"]) / 1024, int(sizes["VmHWM"]) / 1024)

    def stop(self) -> None:
        """End it in order; by force where that takes too long."""
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(_GRACE)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._reader.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                said = json.loads(line)
                with self._news:
                    self._said[said.get("event", "")] = said
                    self._news.notify_all()


@contextmanager
def running(program: Program, kubeconfig: Path, folder: Path) -> Iterator[Running]:
    """The program at work on a cluster while the block runs; its stderr goes into a file of `folder`."""
    own = {name: text for name, text in os.environ.items() if not name.startswith(("AIM_", "KUBE"))}
    env = {**own, "KUBECONFIG": str(kubeconfig), "PYTHONUNBUFFERED": "1", **dict(program.env)}
    errors = folder / f"{program.name}.stderr"
    with (
        errors.open("w") as stderr,
        subprocess.Popen(program.command, stdout=subprocess.PIPE, stderr=stderr, env=env, text=True) as process,
    ):
        peer = Running(program, process, errors)
        try:
            yield peer
        finally:
            peer.stop()


def at_rest(used: Callable[[], float], patience: float) -> float:
    """Wait until next to no CPU seconds are added; how many there are.

    Raises PeerError where that does not come about within `patience` seconds.
    """
    end, last, since = time.monotonic() + patience, used(), time.monotonic()
    while time.monotonic() < end:
        time.sleep(0.1)
        now = used()
        if now - last > _AT_REST:
            last, since = now, time.monotonic()
        elif time.monotonic() - since > _QUIET:
            return now
    raise PeerError(f"still busy after {patience:g} s")


def cpu(process: int) -> float:
    """The CPU seconds of a process so far, those in the kernel for it too; to 10 ms."""
    fields = Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS

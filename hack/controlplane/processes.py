"""Child processes that keep a log, can be frozen, and never outlive their parent unless they are meant to."""

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

TAIL_LINES = 20
GRACE = 5.0

_WATCH = "import os, signal, sys; sys.stdin.buffer.read(); os.killpg(os.getpgrp(), signal.SIGKILL)"


class ControlPlaneError(Exception):
    """The control plane could not be started, reached or stopped."""


class ProcessError(ControlPlaneError):
    """A process ended or was not ready in time; the message ends with the tail of its log."""

    def __init__(self, message: str, log: Path, start: int) -> None:
        """Reads what the process wrote to `log` after the first `start` bytes."""
        self.tail = tail(log, start)
        super().__init__(f"{message}; the end of {log}:\n{self.tail}")

    @property
    def port_taken(self) -> bool:
        """Whether it ended because somebody else had its port."""
        return "address already in use" in self.tail


class Watchdog:
    """A process group that is killed when this process ends, in whatever way.

    The watchdog leads the group and reads a pipe that only this process can write to. The parent-death signal of Linux
    would be no help: it follows the thread that started the child, and a thread of an executor may end long before.
    """

    def __init__(self) -> None:
        command = [sys.executable, "-I", "-S", "-c", _WATCH]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, process_group=0)

    @property
    def group(self) -> int:
        return self._process.pid

    def close(self) -> None:
        """Kills what is left of the group, the watchdog included."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        self._process.wait()


class Child:
    """A started process; its output goes to `FOLDER/NAME.log`, its id to `FOLDER/NAME.pid`."""

    def __init__(self, name: str, command: Sequence[str], folder: Path, group: int | None) -> None:
        """Starts the process in `group`, or in a session of its own where it shall outlive its parent."""
        self.name = name
        self.log = folder / f"{name}.log"
        self._pid_file = folder / f"{name}.pid"
        with self.log.open("ab") as log:
            self._log_start = log.tell()
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=folder,
                process_group=group,
                start_new_session=group is None,
            )
        self._pid_file.write_text(f"{self._process.pid}\n", encoding="ascii")

    @property
    def pid(self) -> int:
        return self._process.pid

    def wait_until(self, ready: Callable[[], bool], timeout: float) -> None:
        """Polls `ready` until it holds; raises ProcessError when the process ends or `timeout` seconds pass."""
        deadline = time.monotonic() + timeout
        while not ready():
            code = self._process.poll()
            if code is not None:
                raise ProcessError(f"{self.name} ended with exit code {code}", self.log, self._log_start)
            if time.monotonic() > deadline:
                raise ProcessError(f"{self.name} was not ready within {timeout:g} s", self.log, self._log_start)
            time.sleep(0.025)

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def stop(self, grace: float = GRACE) -> None:
        """Ends the process, even a frozen one, and reaps it; without grace it has no chance to clean up."""
        _end(self.pid, lambda: self._process.poll() is not None, grace)
        self._process.wait()
        self._pid_file.unlink(missing_ok=True)


def stop_by_file(pid_file: Path, grace: float = GRACE) -> None:
    """Ends the process that another program recorded in `pid_file`, unless its id belongs to a stranger by now."""
    try:
        pid = int(pid_file.read_text(encoding="ascii"))
    except FileNotFoundError:
        return
    _end(pid, lambda: str(pid_file.parent) not in _command_line(pid), grace)
    pid_file.unlink(missing_ok=True)


def tail(log: Path, start: int = 0) -> str:
    """The last lines of what follows the first `start` bytes of a log, or a word that there are none."""
    text = log.read_bytes()[start:].decode(errors="replace")
    return "\n".join(text.splitlines()[-TAIL_LINES:]) or "(empty)"


def _end(pid: int, gone: Callable[[], bool], grace: float) -> None:
    polite = [signal.SIGTERM, signal.SIGCONT] if grace else []
    for numbers, seconds in ((polite, grace), ([signal.SIGKILL], GRACE)):
        deadline = time.monotonic() + seconds
        for number in numbers:
            if gone():
                return
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)
        while time.monotonic() < deadline:
            if gone():
                return
            time.sleep(0.01)
    raise ControlPlaneError(f"process {pid} survives SIGKILL")


def _command_line(pid: int) -> str:
    """The command line of a living process; empty for one that has ended, reaped or not."""
    if Path("/proc/self").exists():
        try:
            return Path(f"/proc/{pid}/cmdline").read_text(encoding="utf-8", errors="replace")
        except (FileNotFoundError, ProcessLookupError):
            return ""
    done = subprocess.run(["ps", "-ww", "-o", "command=", "-p", str(pid)], capture_output=True, text=True, check=False)
    return done.stdout

"""The last look at leadership before a write goes out.

Between the decision to send and the sending a request waits for credentials, for a connection, for TLS; a process may
be stopped there for as long as anybody likes. So leadership is looked at once more where the bytes are handed to the
connection, without an `await` in between. What is left of the gap is the handing over itself, some 50 us; a program
closes that, too, by an alarm (`end_process_after`). And a former leader's bytes that the kernel holds are given up
(`dial`) before another process may lead.
"""

import signal
import socket
from functools import cache

GIVEN_UP_SECONDS = 5
"""How long the kernel tries to deliver what was sent; what a Lease's duration is longer than its renew deadline."""

Dialled = tuple[int, int, int, str, tuple[object, ...]]
"""A `getaddrinfo` result: family, type, protocol, canonical name, address."""


def dial(address: Dialled) -> socket.socket:
    """A socket for that address whose bytes do not outlive leadership in the kernel, where the system can do that.

    Otherwise what was sent into a network that has parted is delivered minutes later, when it has healed.
    """
    family, type_, protocol, _, _ = address
    made = socket.socket(family, type_, protocol)
    made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * GIVEN_UP_SECONDS)
    return made


def can_end_process() -> bool:
    """Whether the system has the alarm."""
    return hasattr(signal, "setitimer")


def end_process_after(seconds: float) -> None:
    """Have the kernel end this process in that time with exit code 14, unless this is called before; 0 for no more.

    A process that stands still then (SIGSTOP, a frozen cgroup, no CPU) ends when it goes on, before it has executed one
    instruction more: signals that wait come first, and the main thread gets them where the others `leave_alarms` to it.
    """
    if seconds:
        _exit_on_alarm()
    signal.setitimer(signal.ITIMER_REAL, seconds)


def leave_alarms() -> None:
    """Have the calling thread leave them to the others."""
    if can_end_process():
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGALRM})


@cache
def _exit_on_alarm() -> None:
    """Make the C library's `_exit` the handler: one written in Python runs only after what the interpreter is at.

    Without any handler the signal would do in most processes, but not in a container's first: there the kernel drops
    what would end it by default. The exit code is the signal's number.
    """
    import ctypes

    libc = ctypes.CDLL(None)
    libc.signal.argtypes, libc.signal.restype = (ctypes.c_int, ctypes.c_void_p), ctypes.c_void_p
    libc.signal(signal.SIGALRM, ctypes.cast(libc._exit, ctypes.c_void_p))  # noqa: SLF001 - its name in C

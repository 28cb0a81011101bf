"""The last look at leadership before a write goes out.

Between the decision to send and the sending a request waits for credentials, for a connection, for TLS; a process may
be stopped there for as long as anybody likes. So leadership is looked at once more where the bytes are handed to the
connection, without an `await` in between. What is left of the gap is the handing over itself; and a former leader's
bytes that the kernel holds are given up (`dial`) before another process may lead.
"""

import socket

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

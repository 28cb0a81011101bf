"""The last look at leadership before a write goes out.

Between the decision to send and the sending a request waits for credentials, for a connection, for TLS; a process may
be stopped there for as long as anybody likes. So leadership is looked at once more where the bytes are handed to the
connection, without an `await` in between. What is left of the gap is the handing over itself; and a former leader's
bytes that the kernel holds are given up (`dial`) before another process may lead.
"""

import socket
from collections.abc import Callable

from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import BytesPayload

from aimctrl.runtime.errors import NotLeaderError

GIVEN_UP_SECONDS = 5
"""How long the kernel tries to deliver what was sent; what a Lease's duration is longer than its renew deadline."""

Dialled = tuple[int, int, int, str, tuple[object, ...]]
"""A `getaddrinfo` result: family, type, protocol, canonical name, address."""


class FencedBody(BytesPayload):
    """The body of a write; asked to write itself while `may_write` says no, it raises NotLeaderError.

    The request's head goes out together with the body, so that nothing is sent then.
    """

    def __init__(self, body: bytes, may_write: Callable[[], bool]) -> None:
        super().__init__(body)
        self._may_write = may_write

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        """Hand the body to the connection; cancelled, it may have been sent."""
        if not self._may_write():
            raise NotLeaderError("not sent: this process does not lead any more")
        await super().write_with_length(writer, content_length)


def dial(address: Dialled) -> socket.socket:
    """A socket for that address whose bytes do not outlive leadership in the kernel, where the system can do that.

    Otherwise what was sent into a network that has parted is delivered minutes later, when it has healed.
    """
    family, type_, protocol, _, _ = address
    made = socket.socket(family, type_, protocol)
    if hasattr(socket, "TCP_USER_TIMEOUT"):
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 1000 * GIVEN_UP_SECONDS)
    return made

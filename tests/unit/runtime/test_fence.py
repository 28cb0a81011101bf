"""What a socket is told about bytes that do not arrive; the fence itself is in test_client_errors."""

import socket

import pytest

from aimctrl.runtime.election import LeaderOptions
from aimctrl.runtime.fence import GIVEN_UP_SECONDS, dial


@pytest.mark.skipif(not hasattr(socket, "TCP_USER_TIMEOUT"), reason="the system has no such option")
def test_the_kernel_gives_up_what_it_cannot_deliver_before_another_process_leads() -> None:
    with dial((socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", ("127.0.0.1", 1))) as made:
        milliseconds = made.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT)
    lease = LeaderOptions("any", "any", "any")
    assert 0 < milliseconds <= 1000 * lease.leeway
    assert milliseconds == 1000 * GIVEN_UP_SECONDS

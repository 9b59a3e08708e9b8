"""The socket beneath a connection."""

from __future__ import annotations

import socket

import pytest

from console.clients.ssh_transport import WatchedSocket
from console.services.threads.loop import SystemClock

QUICK = getattr(socket, "TCP_QUICKACK", None)


class Acknowledging(socket.socket):
    """A socket that counts how often it was asked to acknowledge at once."""

    asked = 0

    def setsockopt(self, *words: object) -> None:
        self.asked += words[:2] == (socket.IPPROTO_TCP, QUICK)


@pytest.mark.skipif(QUICK is None, reason="this system has no such option")
def test_a_young_connection_acknowledges_at_once_and_an_older_one_as_the_kernel_likes() -> None:
    here, there = socket.socketpair()
    with there, Acknowledging(fileno=here.detach()) as counted:
        watched = WatchedSocket(counted, SystemClock())
        counts = []
        for _ in range(150):
            there.sendall(b"x")
            assert watched.recv(1) == b"x"
            counts.append(counted.asked)
        assert counts[:3] == [1, 2, 3] and counts[-1] == counts[120] < 150
        watched.close()

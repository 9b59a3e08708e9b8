"""A tunnel's face of a socket: whatever breaks below is an error that drivers of sockets know."""

from __future__ import annotations

from typing import cast

import paramiko
import pytest

from console.clients.links import Link
from console.clients.tunnel import ChannelSocket


class Broken:
    """A channel, and its link, whose every call meets a connection that just broke."""

    faults = (OSError, EOFError, paramiko.SSHException)

    def __init__(self, error: Exception) -> None:
        self.error = error

    def alive(self) -> bool:
        return True

    def sendall(self, _data: bytes) -> None:
        raise self.error

    def recv(self, _size: int) -> bytes:
        raise self.error

    def shutdown(self, _how: int) -> None:
        raise self.error

    def lost(self) -> str:
        return "the other side went away"


@pytest.mark.parametrize("error", [EOFError(), paramiko.SSHException("no"), BrokenPipeError(), OSError("closed")])
def test_a_link_that_breaks_in_mid_call_is_a_reset_connection(error: Exception) -> None:
    broken = Broken(error)
    tunnel = ChannelSocket(cast(Link, broken), cast(paramiko.Channel, broken), lambda: None)
    for call in (lambda: tunnel.sendall(b"PING"), lambda: tunnel.recv(10), lambda: tunnel.shutdown(2)):
        with pytest.raises(ConnectionResetError, match="the other side went away"):
            call()


def test_a_deadline_stays_a_deadline() -> None:
    broken = Broken(TimeoutError("timed out"))
    tunnel = ChannelSocket(cast(Link, broken), cast(paramiko.Channel, broken), lambda: None)
    for call in (lambda: tunnel.sendall(b"PING"), lambda: tunnel.recv(10)):
        with pytest.raises(TimeoutError):
            call()

"""The proxy does to a connection what its name for it says."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator

import pytest

from tests.lab.proxy import Proxy


@pytest.fixture
def echo() -> Iterator[Proxy]:
    """A proxy before a server that sends everything back."""
    listener = socket.create_server(("127.0.0.1", 0))

    def talk(link: socket.socket) -> None:
        with link:
            try:
                while data := link.recv(65_536):
                    link.sendall(data)
            except OSError:
                pass

    def serve() -> None:
        while True:
            try:
                link, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=talk, args=(link,), daemon=True).start()

    threading.Thread(target=serve, daemon=True).start()
    with Proxy(listener.getsockname()) as proxy:
        yield proxy
    listener.shutdown(socket.SHUT_RDWR)
    listener.close()


def connect(proxy: Proxy) -> socket.socket:
    link = socket.create_connection(("127.0.0.1", proxy.port), 5)
    link.sendall(b"hello")
    assert link.recv(5) == b"hello"
    return link


def take(link: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        data = link.recv(size - len(found))
        if not data:
            break
        found += data
    return found


def test_it_forwards_everything_unchanged_and_closes_when_the_client_does(echo: Proxy) -> None:
    with connect(echo) as link:
        sent = bytes(range(256)) * 2_000
        threading.Thread(target=link.sendall, args=(sent,), daemon=True).start()
        assert take(link, len(sent)) == sent
        link.shutdown(socket.SHUT_WR)
        assert link.recv(1) == b""


@pytest.mark.deadline
def test_latency_is_added_each_way(echo: Proxy) -> None:
    with connect(echo) as link:
        echo.latency = 0.1
        began = time.monotonic()
        link.sendall(b"x")
        assert link.recv(1) == b"x" and 0.2 <= time.monotonic() - began < 1


def test_it_throttles(echo: Proxy) -> None:
    with connect(echo) as link:
        echo.rate = 20_000
        began = time.monotonic()
        link.sendall(b"x" * 10_000)
        assert len(take(link, 10_000)) == 10_000 and time.monotonic() - began >= 0.3


def test_a_blackhole_keeps_connections_open_and_loses_nothing(echo: Proxy) -> None:
    with connect(echo) as link:
        echo.blackhole()
        link.settimeout(0.3)
        link.sendall(b"later")
        with pytest.raises(TimeoutError):
            link.recv(1)
        echo.forward()
        link.settimeout(5)
        assert take(link, 5) == b"later"


def test_a_reset_is_a_reset(echo: Proxy) -> None:
    with connect(echo) as link:
        echo.reset()
        with pytest.raises(ConnectionResetError):
            link.recv(1)
        connect(echo).close()


@pytest.mark.parametrize("size", [6, 1_000, 70_000])
def test_it_cuts_after_exactly_that_many_bytes(echo: Proxy, size: int) -> None:
    with connect(echo) as link:
        echo.cut_after = size
        threading.Thread(target=_flood, args=(link,), daemon=True).start()
        found = b"hello"
        with pytest.raises(ConnectionResetError):
            while data := link.recv(4_096):
                found += data
        assert len(found) <= size and echo.carried == size


def _flood(link: socket.socket) -> None:
    try:
        link.sendall(b"y" * 300_000)
    except OSError:
        pass

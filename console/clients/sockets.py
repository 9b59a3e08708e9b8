"""Sockets as database drivers take them, each call bounded by one moment in time.

Owns the deadline that a driver's own per-call timeouts cannot keep: a server that sends a byte now and then never lets
those expire. Must not know a protocol.
"""

from __future__ import annotations

import io
import math
import socket
from typing import Protocol, cast

from console.clients.names import Resolver
from console.errors import DeadlineError, UnreachableError
from console.ports import Clock, TunnelSocket


class Receiving(Protocol):
    """What a file over a socket needs of it."""

    def recv_into(self, buffer: memoryview, size: int = 0) -> int: ...


class SocketFile(io.RawIOBase):
    """The reading half of a socket, for `io.BufferedReader`."""

    def __init__(self, inner: Receiving) -> None:
        self._inner = inner

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: object) -> int:
        """Waits for some bytes; how many came."""
        return self._inner.recv_into(memoryview(cast(bytearray, buffer)))


class DeadlineSocket:
    """A socket whose calls all end by `until` (monotonic seconds) with TimeoutError; then `expired` is true."""

    def __init__(self, inner: TunnelSocket | socket.socket, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self.until = math.inf
        self.expired = False

    def settimeout(self, value: float | None) -> None:
        """Not obeyed: `until` is what counts."""

    def setsockopt(self, *_option: object) -> None:
        """Nothing to set here."""

    def _arm(self) -> None:
        left = self.until - self._clock.monotonic()
        if left <= 0:
            self.expired = True
            raise TimeoutError("the time allowed is over")
        self._inner.settimeout(None if left == math.inf else left)

    def sendall(self, data: bytes) -> None:
        """All bytes."""
        self._arm()
        try:
            self._inner.sendall(data)
        except TimeoutError:
            self.expired = True
            raise

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes."""
        self._arm()
        try:
            return self._inner.recv(size)
        except TimeoutError:
            self.expired = True
            raise

    def recv_into(self, buffer: memoryview, size: int = 0) -> int:
        """The same into a buffer."""
        data = self.recv(size or len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def makefile(self, mode: str = "rb", buffering: int = -1) -> io.BufferedReader:
        """A buffered reader; closing it leaves the socket open."""
        if mode != "rb":
            raise ValueError(f"no file in mode {mode!r}")
        return io.BufferedReader(SocketFile(self), 65_536 if buffering < 2 else buffering)

    def shutdown(self, _how: int) -> None:
        """Same as close: what is under here may know no halves."""
        self._inner.close()

    def close(self) -> None:
        """At once."""
        self._inner.close()


def dial(address: str, port: int, names: Resolver, *, limit: float, label: str) -> socket.socket:
    """A socket from this machine, a unix one when the address is a path. UnreachableError, DeadlineError."""
    try:
        if not address.startswith("/"):
            return names.dial(address, port, limit=limit, label=label)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            sock.settimeout(limit)
            sock.connect(address)
        except BaseException:
            sock.close()
            raise
    except TimeoutError as error:
        raise DeadlineError(f"{label} did not answer within {limit:.1f} s") from error
    except OSError as error:
        raise UnreachableError(f"{label} cannot be reached: {error.strerror or error}") from error
    return sock

"""A tunnel with the face of a socket, as PyMySQL and redis take one; it listens nowhere.

Owns the part of a socket's face that database drivers use. Must not open channels, nor know what goes through.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol

from console.clients.links import Link
from console.clients.sockets import SocketFile

_CHUNK = 65_536


class TunnelChannel(Protocol):
    """What a transport gives for a tunnel: a socket, or something that behaves like one."""

    def settimeout(self, value: float | None, /) -> None: ...
    def gettimeout(self) -> float | None: ...
    def sendall(self, data: bytes, /) -> None: ...
    def recv(self, size: int, /) -> bytes: ...
    def fileno(self) -> int: ...
    def shutdown(self, how: int, /) -> None: ...
    def close(self) -> None: ...


class ChannelSocket:
    """A tunnel with the part of a socket's face that database drivers use."""

    def __init__(self, link: Link, channel: TunnelChannel, release: Callable[[], None]) -> None:
        self._link = link
        self._channel = channel
        self._release = release

    def settimeout(self, value: float | None) -> None:
        """Seconds that each following call may block, None for ever."""
        self._channel.settimeout(value)

    def gettimeout(self) -> float | None:
        """What was set."""
        return self._channel.gettimeout()

    def setblocking(self, flag: bool) -> None:
        """None or zero seconds."""
        self._channel.settimeout(None if flag else 0.0)

    def setsockopt(self, *_option: object) -> None:
        """Nothing to set: the connection underneath has its options."""

    def sendall(self, data: bytes) -> None:
        """All bytes, or TimeoutError, or ConnectionResetError."""
        self._check()
        with self._as_a_socket():
            self._channel.sendall(bytes(data))

    def send(self, data: bytes) -> int:
        """All bytes; their number."""
        self.sendall(data)
        return len(data)

    def recv(self, size: int) -> bytes:
        """Up to `size` bytes, b"" at the end; TimeoutError, or ConnectionResetError when the link broke."""
        # Taking bytes may send too: what makes room for more.
        with self._as_a_socket():
            data = self._channel.recv(size)
        if not data:
            self._check()
        return data

    def recv_into(self, buffer: bytearray | memoryview, size: int = 0) -> int:
        """The same into a buffer; how many bytes."""
        data = self.recv(size or len(buffer))
        buffer[: len(data)] = data
        return len(data)

    def makefile(self, mode: str = "rb", buffering: int = -1) -> io.BufferedReader:
        """A buffered reader; closing it leaves the tunnel open."""
        if mode != "rb":
            raise ValueError(f"a tunnel has no file in mode {mode!r}")
        return io.BufferedReader(SocketFile(self), _CHUNK if buffering < 2 else buffering)

    def fileno(self) -> int:
        """A descriptor that becomes readable with the tunnel."""
        return self._channel.fileno()

    def shutdown(self, how: int) -> None:
        """Ends one or both directions."""
        with self._as_a_socket():
            self._channel.shutdown(how)

    def close(self) -> None:
        """Ends the tunnel, at once."""
        try:
            self._channel.close()
        except self._link.faults:
            pass
        self._release()

    @contextmanager
    def _as_a_socket(self) -> Iterator[None]:
        """Drivers know the errors of sockets only; an EOFError would pass all of them."""
        try:
            yield
        except TimeoutError:
            raise
        except self._link.faults as error:
            raise ConnectionResetError(self._link.lost()) from error

    def _check(self) -> None:
        if not self._link.alive():
            raise ConnectionResetError(self._link.lost())

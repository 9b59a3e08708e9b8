"""What is said to a running `ssh -M` over its control socket: OpenSSH's PROTOCOL.mux, version 4.

Owns that protocol. Whoever speaks it needs no further `ssh` for a command: descriptors go over the socket, and it says
how a command ended. Must not start an `ssh`, nor know what goes through.
"""

from __future__ import annotations

import os
import socket
import struct
import time
from collections.abc import Sequence

from console.clients.links import ChannelRefusedError, LinkBrokenError
from console.domain.untrusted import Raw

_VERSION = 4
_HELLO, _SESSION, _ALIVE_CHECK, _OPEN_FORWARD, _CLOSE_FORWARD = 1, 0x10000002, 0x10000004, 0x10000006, 0x10000007
_STDIO_FORWARD = 0x10000008
_OK, _DENIED, _FAILURE, _EXIT, _ALIVE, _OPENED = 0x80000001, 0x80000002, 0x80000003, 0x80000004, 0x80000005, 0x80000006
_NO_ESCAPE = 0xFFFFFFFF
_UNIX_PORT = 0xFFFFFFFE
"""The port that stands for "this is a path": PORT_STREAMLOCAL, -2."""
_LOCAL = 1
_LONGEST = 262_144
_REFUSED = "refused by peer"


def _numbers(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def _text(value: str) -> bytes:
    data = value.encode("utf-8", "surrogateescape")
    return _numbers(len(data)) + data


class MuxConnection:
    """One connection to a control socket: one request, and what is said of it until it ends.

    `pid` is the process that has to be listening there; another one is never spoken to. LinkBrokenError when there is
    none, TimeoutError when it says nothing within `limit` s.
    """

    def __init__(self, path: str, pid: int, limit: float) -> None:
        self._until = time.monotonic() + limit
        self._buffer = b""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self.sock.settimeout(limit)
            self.sock.connect(path)
            self._check(pid)
            self._send(_numbers(_HELLO, _VERSION))
            kind, body = self._reply()
            if kind != _HELLO or body[:4] != _numbers(_VERSION):
                raise LinkBrokenError("this ssh speaks another control protocol")
        except TimeoutError:
            self.sock.close()
            raise
        except OSError as error:
            self.sock.close()
            raise LinkBrokenError(f"ssh took no request: {error.strerror or error}") from error
        except BaseException:
            self.sock.close()
            raise

    def _check(self, pid: int) -> None:
        credentials: int | None = getattr(socket, "SO_PEERCRED", None)
        if credentials is None:
            return
        there, user, _ = struct.unpack("3i", self.sock.getsockopt(socket.SOL_SOCKET, credentials, 12))
        if there != pid or user != os.geteuid():
            raise LinkBrokenError("another process listens on the control socket")

    def session(self, command: str, descriptors: Sequence[int]) -> None:
        """Starts a command with these three descriptors as its streams. ChannelRefusedError."""
        self.ask_session(command, descriptors)
        self._opened()

    def ask_session(self, command: str, descriptors: Sequence[int]) -> None:
        """The same, without waiting for an answer."""
        flags = _numbers(0, 0, 0, 0, _NO_ESCAPE)  # no terminal, X11, agent or subsystem
        self._send(_numbers(_SESSION, 0) + _text("") + flags + _text("") + _text(command), descriptors)

    def forward(self, host: str, port: int | None, descriptor: int) -> None:
        """Connects a descriptor with an address as the host sees it; without a port with a path, which needs OpenSSH
        9.4. ChannelRefusedError."""
        to = _text(host) + _numbers(_UNIX_PORT if port is None else port)
        self._send(_numbers(_STDIO_FORWARD, 0) + _text("") + to, (descriptor, descriptor))
        self._opened()

    def listen(self, path: str, to: str) -> None:
        """Lets ssh listen on a unix socket of ours for a unix socket of the host."""
        self._asked(_OPEN_FORWARD, path, to)

    def listen_no_more(self, path: str, to: str) -> None:
        """Takes that back; what is connected stays."""
        self._asked(_CLOSE_FORWARD, path, to)

    def _asked(self, kind: int, path: str, to: str) -> None:
        ends = _text(path) + _numbers(_UNIX_PORT) + _text(to) + _numbers(_UNIX_PORT)
        self._send(_numbers(kind, 0, _LOCAL) + ends)
        said, body = self._reply()
        if said != _OK:
            raise ChannelRefusedError(_reason(body))

    def is_alive(self) -> bool:
        """Whether ssh still serves requests."""
        self._send(_numbers(_ALIVE_CHECK, 0))
        return self._reply()[0] == _ALIVE

    def exit_status(self, seconds: float) -> int | None:
        """How the command ended: None when ssh closed the connection without saying. TimeoutError while it runs."""
        self._until = time.monotonic() + seconds
        while (message := self._message()) is not None:
            if message[0] == _EXIT:
                return int.from_bytes(message[1][4:8], "big")
        return None

    def hang_up(self) -> None:
        """Ends it for ssh, which takes a running command's streams away; whoever waits here is woken."""
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            # ssh has ended it already.
            pass

    def close(self) -> None:
        """Ends it."""
        self.sock.close()

    # --- messages ----------------------------------------------------------------------------------------------------

    def _opened(self) -> None:
        kind, body = self._reply()
        if kind in (_DENIED, _FAILURE):
            raise ChannelRefusedError(_reason(body))
        if kind != _OPENED:
            raise LinkBrokenError("ssh answered something else than was asked")

    def _send(self, body: bytes, descriptors: Sequence[int] = ()) -> None:
        try:
            self._arm()
            self.sock.sendall(_numbers(len(body)) + body)
            for descriptor in descriptors:
                socket.send_fds(self.sock, [b"\0"], [descriptor])
        except TimeoutError:
            raise
        except OSError as error:
            raise LinkBrokenError(f"ssh took no request: {error.strerror or error}") from error

    def _reply(self) -> tuple[int, bytes]:
        message = self._message()
        if message is None:
            raise LinkBrokenError("ssh ended")
        return message

    def _message(self) -> tuple[int, bytes] | None:
        """The next message's kind and body, None at the end."""
        length = self._exactly(4)
        if length is None:
            return None
        size = int.from_bytes(length, "big")
        if not 4 <= size <= _LONGEST:
            raise LinkBrokenError("ssh said something that is no message")
        body = self._exactly(4 + size)
        if body is None:
            return None
        self._buffer = self._buffer[4 + size :]
        return int.from_bytes(body[4:8], "big"), body[8:]

    def _exactly(self, size: int) -> bytes | None:
        """The first bytes of the buffer, which is filled as needed and keeps them."""
        while len(self._buffer) < size:
            try:
                self._arm()
                data = self.sock.recv(4096)
            except (TimeoutError, BlockingIOError) as error:
                raise TimeoutError("ssh gave no answer") from error
            except OSError:
                return None
            if not data:
                return None
            self._buffer += data
        return self._buffer[:size]

    def _arm(self) -> None:
        self.sock.settimeout(max(0.0, self._until - time.monotonic()))


def _reason(body: bytes) -> str:
    said = Raw(body[8:]).show(200)
    return "it refused" if not said or said.endswith(_REFUSED) else said

"""What goes through one SSH connection of paramiko's: its commands and its tunnels.

Owns the link that `links` counts channels on, and each command's two streams. Must not connect, count or retry.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import paramiko
from paramiko.common import cMSG_CHANNEL_REQUEST

from console.clients.links import ChannelRefusedError, Link, LinkBrokenError
from console.clients.remote_process import RemoteProcess
from console.clients.ssh_public_keys import fingerprint
from console.clients.ssh_transport import Transport, WatchedSocket
from console.ports import Clock

_ALL = 1 << 24
"""More than a channel's window: taking a part of what paramiko holds would move all the rest each time."""
_FAULTS = (paramiko.SSHException, EOFError, OSError)


@contextmanager
def _ours() -> Iterator[None]:
    """paramiko's and the socket's errors while a channel is in use, as ours."""
    try:
        yield
    except TimeoutError:
        raise
    except _FAULTS as error:
        raise LinkBrokenError(str(error) or type(error).__name__) from error


class TransportLink(Link):
    """One signed-in transport. `key` is a word about the key that was taken."""

    faults = _FAULTS

    def __init__(self, transport: Transport, sock: WatchedSocket, blob: bytes, key: str) -> None:
        super().__init__()
        self.transport = transport
        self.sock = sock
        self.fingerprint = fingerprint(blob)
        self.key = key

    def alive(self) -> bool:
        """Whether the link is up as far as is known, at once."""
        return self.transport.is_active() and not self.sock.reason

    def lost(self) -> str:
        """Why it is down."""
        return self.sock.reason or "the connection was closed"

    def session(self, command: str, limit: float) -> ChannelProcess:
        """Starts a command. TimeoutError, ChannelRefusedError, LinkBrokenError."""
        channel = self._open("session", (), limit)
        try:
            with _ours():
                return ChannelProcess(self, channel, command)
        except BaseException:
            channel.close()
            raise

    def tunnel(self, host: str, port: int, limit: float) -> paramiko.Channel:
        """A channel to an address, or to a unix socket. Raises the same."""
        if host.startswith("/"):
            return self._open("direct-streamlocal@openssh.com", (host, "", 0), limit)
        return self._open("direct-tcpip", (host, port, "127.0.0.1", 0), limit)

    def _open(self, kind: str, fields: tuple[str | int, ...], limit: float) -> paramiko.Channel:
        try:
            with _ours():
                return self.transport.open(kind, fields, limit)
        except LinkBrokenError as error:
            if isinstance(error.__cause__, paramiko.ChannelException):
                raise ChannelRefusedError(_reason(error.__cause__)) from error.__cause__
            raise

    def end(self) -> None:
        """Drops it on purpose, at once; readers wake."""
        self.sock.down = _unheard
        self.sock.close()
        self.transport.close()


def _unheard(_reason: str) -> None:
    """For links that are ended on purpose."""


def _reason(error: paramiko.ChannelException) -> str:
    return {1: "forwarding or sessions are forbidden there", 2: "it refused the connection"}.get(error.code, error.text)


class _Bell:
    """What both of a channel's buffers ring. paramiko clears it when one is empty; the other may not be."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def set(self) -> None:
        self._event.set()

    def clear(self) -> None:
        """Not obeyed, see above."""

    def wait(self, seconds: float) -> None:
        self._event.wait(seconds)
        self._event.clear()


class ChannelProcess(RemoteProcess):
    """A command in a channel of paramiko's."""

    def __init__(self, link: TransportLink, channel: paramiko.Channel, command: str) -> None:
        super().__init__(link)
        self._transport = link.transport
        self.channel = channel
        self._bell = _Bell()
        for buffer in (channel.in_buffer, channel.in_stderr_buffer):
            buffer.set_event(self._bell)  # type: ignore[arg-type]  # an event by shape
        channel._event_pending()  # type: ignore[attr-defined]  # exec_command's own, which would wait without a limit
        self._request("exec", True, command)

    def _request(self, kind: str, reply: bool, *fields: str) -> None:
        message = paramiko.Message()
        message.add_byte(cMSG_CHANNEL_REQUEST)
        message.add_int(self.channel.remote_chanid)
        message.add_string(kind)
        message.add_boolean(reply)
        for value in fields:
            message.add_string(value)
        self._transport.send(message)

    def feed(self, chunks: Iterable[bytes], clock: Clock, until: float) -> None:
        """Writes to its stdin and ends it. Stops when the command has ended before. TimeoutError, LinkBrokenError."""
        try:
            with _ours():
                for chunk in chunks:
                    self.channel.settimeout(max(0.001, until - clock.monotonic()))
                    self.channel.sendall(chunk)
                self.channel.shutdown_write()
        except LinkBrokenError as error:
            if not (isinstance(error.__cause__, OSError) and self.ended and self._link.alive()):
                raise

    def taken(self) -> tuple[bytes, bytes]:
        """What both streams hold now."""
        out, errors = [], []
        # Taking bytes tells the host that there is room for more, and the link may be gone by then.
        with _ours():
            while self.channel.recv_ready():
                out.append(self.channel.recv(_ALL))
            while self.channel.recv_stderr_ready():
                errors.append(self.channel.recv_stderr(_ALL))
        return b"".join(out), b"".join(errors)

    @property
    def holds(self) -> bool:
        """Whether something that came has not been taken."""
        return self.channel.recv_ready() or self.channel.recv_stderr_ready()

    def wait(self, seconds: float) -> None:
        """Until there may be something to drain."""
        self._bell.wait(seconds)

    @property
    def ended(self) -> bool:
        """Whether no more output can come."""
        return bool(self.channel.closed or self.channel.eof_received)

    def settled(self, seconds: float) -> bool:
        """Waits for how it ended; whether that is known now."""
        return self.channel.status_event.wait(seconds)

    @property
    def status(self) -> int | None:
        """The exit status, None while unknown and after a signal."""
        return self.channel.exit_status if self.channel.exit_status >= 0 else None

    @property
    def broken(self) -> bool:
        """Whether the link went away before the command's end was known."""
        return self.status is None and not self._link.alive()

    @property
    def refused(self) -> bool:
        """Whether the host never started the command."""
        return self.channel.closed and self.status is None and not self.channel.event_ready

    def end(self) -> None:
        """Closes the channel, and asks the host to stop what still runs in it."""
        try:
            if self._link.alive() and not self.channel.closed and self.status is None:
                self._request("signal", False, "TERM")
            self.channel.close()
        except _FAULTS:
            pass

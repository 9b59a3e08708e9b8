"""One SSH connection: its socket, its heartbeat and its channels.

Owns the socket that paramiko reads and writes, because that is where a dead peer can be noticed: paramiko itself never
does. Must not know scripts or tunnels, and starts no thread of its own: the transport's reader does the watching.
"""

# The stubs leave out what a subclass of the transport may use.
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import paramiko
from paramiko.common import cMSG_CHANNEL_OPEN, cMSG_GLOBAL_REQUEST

from console.ports import Clock

BEAT = 4.0
MISSES = 3
_TICK = 1.0
_YOUNG = 100
"""Reads from which on sshd no longer waits for acknowledgements, by far."""
_QUICK_ACK: int | None = getattr(socket, "TCP_QUICKACK", None)


class WatchedSocket:
    """A TCP socket that knows when it last heard something, and gives up on a peer that has fallen silent."""

    def __init__(self, inner: socket.socket, clock: Clock) -> None:
        self._inner = inner
        self._clock = clock
        self._heard = clock.monotonic()
        self._beaten = self._heard
        self._lock = threading.Lock()
        self.beat: Callable[[], None] = lambda: None
        self.down: Callable[[str], None] = lambda _reason: None
        self.reason = ""
        self._young = _YOUNG
        inner.settimeout(_TICK)

    @property
    def _closed(self) -> bool:
        # paramiko asks its socket by this name whether to go on waiting.
        return self._inner.fileno() < 0

    def settimeout(self, value: float | None) -> None:
        """Ignored: the tick of the watch is the only timeout."""

    def getpeername(self) -> object:
        """The other side's address."""
        return self._inner.getpeername()

    def fileno(self) -> int:
        """The descriptor, -1 when closed."""
        return self._inner.fileno()

    def recv(self, size: int) -> bytes:
        """Bytes from the peer; when there are none, looks whether it is still there."""
        try:
            data = self._inner.recv(size)
        except TimeoutError:
            self._watch()
            raise  # what paramiko expects of a quiet socket
        except OSError as error:
            self.drop(f"the connection broke: {error.strerror or error}")
            # The reader of paramiko ends in order on this one only.
            raise EOFError from error
        if not data:
            self.drop("the other side closed the connection")
        self._heard = self._clock.monotonic()
        self._acknowledge()
        return data

    def _acknowledge(self) -> None:
        """Lets the kernel acknowledge at once while the connection is young.

        Until its first session runs, sshd does not send a small packet before the one before was acknowledged; a kernel
        that has nothing else to send takes 40 ms for that.
        """
        if self._young and _QUICK_ACK is not None:
            self._young -= 1
            try:
                self._inner.setsockopt(socket.IPPROTO_TCP, _QUICK_ACK, 1)
            except OSError:
                # A connection that just broke is found at the next read.
                self._young = 0

    def send(self, data: bytes) -> int:
        """Sends what fits. A peer that takes nothing for as long as three beats is given up."""
        since = self._clock.monotonic()
        while True:
            try:
                return self._inner.send(data)
            except TimeoutError:
                if self._clock.monotonic() - since >= BEAT * MISSES:
                    self.drop(f"the other side took nothing for {BEAT * MISSES:.0f} s")
                    raise ConnectionAbortedError(self.reason) from None
            except OSError as error:
                self.drop(f"the connection broke: {error.strerror or error}")
                raise

    def _watch(self) -> None:
        now = self._clock.monotonic()
        silent = now - self._heard
        if silent >= BEAT * (MISSES + 1):
            self.drop(f"no answer for {silent:.0f} s")
            raise EOFError
        if silent >= BEAT and now - self._beaten >= BEAT:
            self._beaten = now
            self.beat()

    def drop(self, reason: str) -> None:
        """Closes the socket, which wakes whoever reads or writes; the first reason stays."""
        with self._lock:
            first = not self.reason
            self.reason = self.reason or reason
        try:
            self._inner.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self._inner.close()
        if first:
            self.down(self.reason)

    def close(self) -> None:
        """Closes the socket."""
        self.drop("it was closed here")


_REFUSED = 4
"""Of RFC 4254's reasons the one that says least: a shortage."""


_CURVE = paramiko.Transport._kex_info["curve25519-sha256@libssh.org"]


class Transport(paramiko.Transport):
    """paramiko's transport with one way to open a channel of any kind, bounded by the caller's time.

    `host_offers` is what the host said it has, by paramiko's names; empty until it did.
    """

    # The exchange has a second name since it was made a standard (RFC 8731), and some hosts know only that.
    _kex_info = {**paramiko.Transport._kex_info, "curve25519-sha256": _CURVE}  # noqa: RUF012  # paramiko's own, no less
    host_offers: Mapping[str, tuple[str, ...]] = {}

    @property
    def signatures_taken(self) -> tuple[str, ...]:
        """What the host takes signatures by; empty when it has not said, as old ones never do."""
        said: bytes = self.server_extensions.get("server-sig-algs", b"")
        return tuple(filter(None, said.decode("utf-8", "replace").split(",")))

    def sign_by(self, algorithms: Iterable[str]) -> None:
        """From now on keys sign by none but these of RSA's algorithms."""
        others = [each for each in ("ssh-rsa", *self._preferred_pubkeys) if each not in tuple(algorithms)]
        self.disabled_algorithms = {**(self.disabled_algorithms or {}), "pubkeys": others}

    @property
    def preferred_keys(self) -> tuple[str, ...]:
        """The host key algorithms to ask for, no more than were set: paramiko adds certificates of its own accord."""
        return self._filter_algorithm("keys")  # type: ignore[no-any-return]

    def _really_parse_kex_init(self, message: paramiko.Message, ignore_first_byte: bool = False) -> dict[str, Any]:
        parsed: dict[str, Any] = super()._really_parse_kex_init(message, ignore_first_byte)  # type: ignore[misc]
        if not ignore_first_byte and not self.host_offers:
            self.host_offers = {name: tuple(value) for name, value in parsed.items() if isinstance(value, list)}
        return parsed

    def open(self, kind: str, fields: tuple[str | int, ...], timeout: float) -> paramiko.Channel:
        """A channel; `fields` are what the kind adds to its request. TimeoutError, ChannelException, SSHException."""
        request = paramiko.Message()
        with self.lock:
            number = self._next_channel()
            request.add_byte(cMSG_CHANNEL_OPEN)
            request.add_string(kind)
            for value in (number, self.default_window_size, self.default_max_packet_size, *fields):
                if isinstance(value, int):
                    request.add_int(value)
                else:
                    request.add_string(value)
            channel = paramiko.Channel(number)
            self._channels.put(number, channel)
            self.channel_events[number] = opened = threading.Event()
            self.channels_seen[number] = True
            channel._set_transport(self)
            channel._set_window(self.default_window_size, self.default_max_packet_size)
        self._send_user_message(request)
        until = time.monotonic() + timeout
        while not opened.wait(min(_TICK, max(0.0, until - time.monotonic()))):
            if not self.active:
                raise paramiko.SSHException("the connection went away")
            if time.monotonic() >= until and self._abandon(number, channel):
                raise TimeoutError
        if self._channels.get(number) is not None:
            return channel
        # Two failures at once may swap their reasons; both are refusals, and either text is true of this host.
        raise self.get_exception() or paramiko.ChannelException(_REFUSED, "the host refused a channel")

    def _abandon(self, number: int, channel: paramiko.Channel) -> bool:
        """Whether the answer is still out; when it comes, the channel is closed, so that none is left on the host."""
        with self.lock:
            if number not in self.channel_events:
                return False
            self.channel_events[number] = _Abandoned(channel)
            return True

    def send(self, message: paramiko.Message) -> None:
        """Sends a message in its turn; EOFError or SSHException when the connection is gone."""
        self._send_user_message(message)

    def beat(self) -> None:
        """Asks for any reply at all. Called by the reader, which must not wait while keys are renegotiated."""
        if not self.clear_to_send.is_set():
            return
        message = paramiko.Message()
        message.add_byte(cMSG_GLOBAL_REQUEST)
        message.add_string("keepalive@openssh.com")
        message.add_boolean(True)
        self._send_message(message)


class _Abandoned(threading.Event):
    """Stands where paramiko expects the event of a channel that nobody waits for any more."""

    def __init__(self, channel: paramiko.Channel) -> None:
        super().__init__()
        self._channel = channel

    def set(self) -> None:
        """Closes the channel that came too late."""
        super().set()
        # The reader calls this and must not wait for its own writes.
        threading.Thread(target=self._channel.close, name="ssh-abandoned", daemon=True).start()

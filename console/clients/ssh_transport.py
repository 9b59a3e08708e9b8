"""One SSH connection: its socket, its deadlines, its algorithms and its heartbeat.

Owns the socket that paramiko reads and writes, because that is where a dead peer can be noticed: paramiko itself never
does. Must not know scripts or tunnels, and starts no thread of its own: the transport's reader does the watching.
"""

# The stubs leave out what a subclass of the transport may use.
# mypy: disable-error-code="attr-defined"

from __future__ import annotations

import logging
import socket
import threading
import time
from collections.abc import Callable

import paramiko
from paramiko.common import cMSG_CHANNEL_OPEN, cMSG_GLOBAL_REQUEST

from console.clients.known_hosts import KnownHosts, fingerprint
from console.clients.openssh import Destination
from console.clients.ssh_auth import sign_in
from console.domain.untrusted import harmless
from console.errors import DeadlineError, HostKeyError, UnreachableError
from console.ports import Clock

BANNER_LIMIT = 15.0
AUTH_LIMIT = 30.0
CHANNEL_LIMIT = 15.0
BEAT = 4.0
MISSES = 3
CHANNELS = 6
_TICK = 1.0
_CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
_MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
_KEX = (
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
)
_DISABLED = {
    "ciphers": ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"],
    "macs": ["hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"],
    "keys": ["ssh-rsa"],
    "pubkeys": ["ssh-rsa"],
}


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
            raise
        except OSError as error:
            self.drop(f"the connection broke: {error.strerror or error}")
            raise
        if not data:
            self.drop("the other side closed the connection")
        self._heard = self._clock.monotonic()
        return data

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
            raise ConnectionAbortedError(self.reason)
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


class _Transport(paramiko.Transport):
    """paramiko's transport with one way to open a channel of any kind, bounded by the caller's time."""

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
            if time.monotonic() >= until:
                raise TimeoutError
        if self._channels.get(number) is not None:
            return channel
        # Two failures at once may swap their reasons; both are refusals, and either text is true of this host.
        raise self.get_exception() or paramiko.SSHException("the host refused a channel")

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


class Link:
    """One authenticated transport and the number of channels open on it."""

    def __init__(self, transport: _Transport, sock: WatchedSocket, blob: bytes, key: str) -> None:
        self.transport = transport
        self.sock = sock
        self.fingerprint = fingerprint(blob)
        self.key = key
        self.channels = 0
        self.capacity = CHANNELS

    def alive(self) -> bool:
        """Whether the link is up as far as is known, at once."""
        return self.transport.is_active() and not self.sock.reason

    def lost(self) -> str:
        """Why it is down."""
        return self.sock.reason or "the connection was closed"

    def close(self) -> None:
        """Drops it, at once; readers wake."""
        self.sock.close()
        self.transport.close()


def open_link(destination: Destination, clock: Clock, *, limit: float, down: Callable[[str], None]) -> Link:
    """Connects, checks the host's key and signs in, all within `limit` s and each phase within its own.

    UnreachableError, HostKeyError, AuthenticationError. `down` is called once, with the reason, when the link ends.
    """
    logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
    known = KnownHosts.read(destination.known_hosts)
    if destination.unjudged:
        raise HostKeyError(
            f"{destination.name}: the ssh configuration sets {destination.unjudged}, which cannot be judged here",
            done="Nothing was connected.",
            fix="Put revoked keys into known_hosts as @revoked lines.",
        )
    until = clock.monotonic() + limit
    sock = WatchedSocket(_dial(destination, min(destination.connect_timeout, limit)), clock)
    try:
        transport = _negotiate(destination, sock, known, until - clock.monotonic())
        key = transport.get_remote_server_key()
        known.judge(
            destination.key_name,
            destination.key_port,
            key.get_name(),
            key.asbytes(),
            label=f"{destination.name} ({destination.address}:{destination.port})",
            strict=destination.strict,
        )
        transport.auth_timeout = max(1.0, min(AUTH_LIMIT, until - clock.monotonic()))
        used = sign_in(transport, destination)
    except BaseException:
        sock.close()
        raise
    sock.beat = transport.beat
    sock.down = down
    link = Link(transport, sock, key.asbytes(), used)
    if not link.alive():
        raise UnreachableError(f"{destination.name}: {destination.label} went away: {link.lost()}")
    return link


def _dial(destination: Destination, limit: float) -> socket.socket:
    """A connected socket without Nagle's delay."""
    families = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}
    fix = "Check that the host is up and that its SSH port is open from here."
    try:
        found = socket.getaddrinfo(
            destination.address, destination.port, families.get(destination.family, 0), socket.SOCK_STREAM
        )
    except (OSError, UnicodeError) as error:
        raise UnreachableError(
            f"{destination.name}: the name {harmless(destination.address)} is not known: {error}", fix=fix
        ) from error
    until, last = time.monotonic() + limit, OSError("no address")
    for family, kind, protocol, _, address in found:
        sock = socket.socket(family, kind, protocol)
        try:
            sock.settimeout(max(0.05, until - time.monotonic()))
            sock.connect(address)
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError as error:
            last = error
            sock.close()
        else:
            return sock
    if isinstance(last, TimeoutError):
        raise DeadlineError(
            f"{destination.name}: {destination.label} did not answer within {limit:.0f} s", fix=fix
        ) from last
    raise UnreachableError(
        f"{destination.name}: no connection to {destination.label}: {last.strerror or last}", fix=fix
    ) from last


def _negotiate(destination: Destination, sock: WatchedSocket, known: KnownHosts, limit: float) -> _Transport:
    """Banner and key exchange, up to the point where the host has proved to hold its key."""
    transport = _Transport(sock, disabled_algorithms=_DISABLED)  # type: ignore[arg-type]  # sockets by shape
    transport.banner_timeout = min(BANNER_LIMIT, limit)
    transport.handshake_timeout = BANNER_LIMIT
    transport.clear_to_send_timeout = CHANNEL_LIMIT
    options = transport.get_security_options()
    options.ciphers = _CIPHERS
    options.digests = _MACS
    options.kex = _KEX
    options.key_types = known.algorithms(destination.key_name, destination.key_port)
    try:
        transport.start_client(timeout=min(2 * BANNER_LIMIT, limit))
    except (paramiko.SSHException, EOFError, OSError) as error:
        raise UnreachableError(
            f"{destination.name}: {destination.label} answered, but not as an SSH server should: "
            f"{harmless(str(error)) or sock.reason or type(error).__name__}",
            fix=f"Try `ssh -v {destination.user}@{destination.address} -p {destination.port}`.",
        ) from error
    if not transport.initial_kex_done:
        raise DeadlineError(
            f"{destination.name}: {destination.label} did not finish the key exchange in time",
            fix="The host may be overloaded, or something between here and there swallows packets.",
        )
    return transport

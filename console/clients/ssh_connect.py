"""Making an SSH connection: dialling, the algorithms we accept, the host's key, signing in, each within its time.

Owns the order of these steps, so that nothing is sent to a host that has not proved who it is. Must not keep anything.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable

import paramiko

from console.clients.known_hosts import KnownHosts
from console.clients.links import CHANNEL_LIMIT
from console.clients.names import Resolver
from console.clients.openssh import Destination
from console.clients.ssh_auth import sign_in
from console.clients.ssh_channels import TransportLink
from console.clients.ssh_transport import Transport, WatchedSocket
from console.domain.untrusted import harmless
from console.errors import DeadlineError, HostKeyError, UnreachableError
from console.ports import Clock

BANNER_LIMIT = 15.0
AUTH_LIMIT = 30.0
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


def open_link(
    destination: Destination, clock: Clock, names: Resolver, *, limit: float, down: Callable[[str], None]
) -> TransportLink:
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
    sock = WatchedSocket(_dial(destination, names, min(destination.connect_timeout, limit)), clock)
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
    link = TransportLink(transport, sock, key.asbytes(), used)
    if not link.alive():
        raise UnreachableError(f"{destination.name}: {destination.label} went away: {link.lost()}")
    return link


def _dial(destination: Destination, names: Resolver, limit: float) -> socket.socket:
    """A connected socket without Nagle's delay."""
    family = {"inet": socket.AF_INET, "inet6": socket.AF_INET6}.get(destination.family, 0)
    fix = "Check that the host is up and that its SSH port is open from here."
    try:
        return names.dial(destination.address, destination.port, limit=limit, label=destination.name, family=family)
    except TimeoutError as error:
        raise DeadlineError(
            f"{destination.name}: {destination.label} did not answer within {limit:.0f} s", fix=fix
        ) from error
    except OSError as error:
        raise UnreachableError(
            f"{destination.name}: no connection to {destination.label}: {error.strerror or error}", fix=fix
        ) from error


def _negotiate(destination: Destination, sock: WatchedSocket, known: KnownHosts, limit: float) -> Transport:
    """Banner and key exchange, up to the point where the host has proved to hold its key."""
    transport = Transport(sock, disabled_algorithms=_DISABLED)  # type: ignore[arg-type]  # sockets by shape
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

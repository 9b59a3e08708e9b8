"""Making an SSH connection: dialling, the algorithms we accept, the host's key, signing in, each within its time.

Owns the order of these steps, so that nothing is sent to a host that has not proved who it is. Must not keep anything.
"""

from __future__ import annotations

import logging
import socket
from collections.abc import Callable
from ipaddress import ip_address

import paramiko
from paramiko.ssh_exception import IncompatiblePeer

from console.clients.known_hosts import KnownHosts
from console.clients.links import CHANNEL_LIMIT
from console.clients.names import Resolver
from console.clients.openssh import Destination, another_way
from console.clients.revoked_host_keys import refuse_revoked
from console.clients.ssh_algorithms import SIGNATURES, key_kind
from console.clients.ssh_auth import sign_in
from console.clients.ssh_channels import TransportLink
from console.clients.ssh_public_keys import CERTIFICATE, rsa_bits
from console.clients.ssh_transport import Transport, WatchedSocket
from console.domain.untrusted import harmless
from console.errors import DeadlineError, HostKeyError, UnreachableError, UsageError
from console.ports import Clock

BANNER_LIMIT = 15.0
AUTH_LIMIT = 30.0
_DISABLED = {
    "ciphers": ["aes128-cbc", "aes192-cbc", "aes256-cbc", "3des-cbc"],
    "macs": ["hmac-sha1", "hmac-md5", "hmac-sha1-96", "hmac-md5-96"],
    "keys": ["ssh-rsa"],
    "pubkeys": ["ssh-rsa"],
}
_CLOSED = "The connection was closed before signing in; nothing was sent."


def open_link(
    destination: Destination, clock: Clock, names: Resolver, *, limit: float, down: Callable[[str], None]
) -> TransportLink:
    """Connects, checks the host's key and signs in, all within `limit` s and each phase within its own.

    UnreachableError, HostKeyError, AuthenticationError. `down` is called once, with the reason, when the link ends.
    """
    logging.getLogger("paramiko").setLevel(logging.CRITICAL + 1)
    known = KnownHosts.read(destination.known_hosts)
    until = clock.monotonic() + limit
    sock = WatchedSocket(_dial(destination, names, min(destination.connect_timeout, limit)), clock)
    try:
        transport = _negotiate(destination, sock, known, until - clock.monotonic())
        key = transport.get_remote_server_key()
        _judge(destination, transport, known, key.get_name(), key.asbytes())
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
        return names.dial(
            destination.address,
            destination.port,
            limit=limit,
            label=destination.name,
            family=family,
            source=destination.bind,
        )
    except TimeoutError as error:
        raise DeadlineError(
            f"{destination.name}: {destination.label} did not answer within {limit:.0f} s", fix=fix
        ) from error
    except OSError as error:
        raise UnreachableError(
            f"{destination.name}: no connection to {destination.label}"
            f"{f' from {destination.bind} (BindAddress)' if destination.bind else ''}: {error.strerror or error}",
            fix=fix,
        ) from error


def _negotiate(destination: Destination, sock: WatchedSocket, known: KnownHosts, limit: float) -> Transport:
    """Banner and key exchange, up to the point where the host has proved to hold its key."""
    transport = Transport(sock, disabled_algorithms={**_DISABLED})  # type: ignore[arg-type]  # sockets by shape
    transport.banner_timeout = min(BANNER_LIMIT, limit)
    transport.handshake_timeout = BANNER_LIMIT
    transport.clear_to_send_timeout = CHANNEL_LIMIT
    options = transport.get_security_options()
    offered = destination.algorithms
    options.ciphers = offered.ciphers
    options.digests = offered.macs
    options.kex = offered.exchanges
    options.key_types = _asked_for(destination, offered_host_keys(destination, known))
    try:
        transport.start_client(timeout=min(2 * BANNER_LIMIT, limit))
    except IncompatiblePeer as error:
        raise _incompatible(destination, transport) from error
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


def offered_host_keys(destination: Destination, known: KnownHosts) -> tuple[str, ...]:
    """The algorithms in the order in which ssh would ask for them."""
    algorithms = destination.algorithms
    if not algorithms.known_first:
        return algorithms.host_keys
    return known.ordered(destination.key_name, destination.key_port, algorithms.host_keys)


def _asked_for(destination: Destination, host_keys: tuple[str, ...]) -> tuple[str, ...]:
    """Those that can be asked for: keys in ssh's order, then certificates, of which only the key in them is judged."""
    plain = [each for each in host_keys if each in SIGNATURES]
    certificates = [each for each in host_keys if each.removesuffix(CERTIFICATE) in SIGNATURES and each not in plain]
    if not plain and not certificates:
        raise UsageError(
            f"{destination.name}: the ssh configuration allows by HostKeyAlgorithms only {', '.join(host_keys)}, of "
            "which the console has none",
            done="Nothing was sent.",
            fix=another_way(f"Add one of {', '.join(SIGNATURES)} to HostKeyAlgorithms for this host."),
        )
    return (*plain, *certificates)


def _judge(destination: Destination, transport: Transport, known: KnownHosts, kind: str, blob: bytes) -> None:
    """Returns when this key may be trusted as the host's, by all that ssh asks for; HostKeyError."""
    label = f"{destination.name} ({destination.address}:{destination.port})"
    _as_ssh_is_shown(destination, transport, known, label)
    bits = rsa_bits(blob)
    if bits is not None and bits < destination.rsa_bits:
        raise HostKeyError(
            f"{label} shows an RSA key of {bits} bits, fewer than RequiredRSASize {destination.rsa_bits}",
            done=_CLOSED,
            fix="Have the host use another key, or lower RequiredRSASize for this host in the ssh configuration.",
        )
    if destination.revoked:
        refuse_revoked(destination.revoked, blob, label=label)
    try:
        known.judge(destination.key_name, destination.key_port, kind, blob, label=label, strict=destination.strict)
    except HostKeyError as error:
        trusting = [each for each in destination.unfollowed if each in _TRUSTING]
        trusting += [] if destination.algorithms.known_first else ["the order of HostKeyAlgorithms"]
        if not trusting:
            raise
        what = f"{error.what} ({' and '.join(trusting)} may let ssh in, but not the console)"
        # No transport lets a host in because its address is this machine's.
        others = trusting != [_LOCAL]
        raise HostKeyError(what, done=error.done, fix=another_way(error.fix) if others else error.fix) from error
    address = str(transport.getpeername()[0])
    if destination.check_ip and not ip_address(address).is_loopback and address != destination.address:
        known.judge_address(address, destination.port, blob, label=label)


_LOCAL = "NoHostAuthenticationForLocalhost"
_TRUSTING = (_LOCAL, "VerifyHostKeyDNS")


def _as_ssh_is_shown(destination: Destination, transport: Transport, known: KnownHosts, label: str) -> None:
    """HostKeyError where ssh would be shown a certificate that may change the verdict, or another key."""
    host_keys = offered_host_keys(destination, known)
    has = transport.host_offers.get("server_key_algo_list", ())
    chosen = next((each for each in host_keys if each in has), "")
    if key_kind(chosen) != key_kind(transport.host_key_type or ""):
        raise HostKeyError(
            f"{label} would show ssh a key for {chosen}, which the console cannot ask for",
            done=_CLOSED,
            fix=another_way("Leave that algorithm out of HostKeyAlgorithms for this host."),
        )
    if not chosen.endswith(CERTIFICATE):
        return
    revoking = known.revoking(destination.key_name, destination.key_port)
    by = f"@revoked in {revoking.at}" if revoking else f"RevokedHostKeys {destination.revoked}"
    if revoking or destination.revoked:
        raise HostKeyError(
            f"{label} has a certificate ({chosen}), and whether it is revoked ({by}) cannot be judged here",
            done=_CLOSED,
            fix=another_way("Leave certificates out of HostKeyAlgorithms for this host, if its key alone is trusted."),
        )


_OFFERS = (
    ("key exchange", "kex_algo_list", "preferred_kex"),
    ("host key", "server_key_algo_list", "preferred_keys"),
    ("cipher", "server_encrypt_algo_list", "preferred_ciphers"),
    ("MAC", "server_mac_algo_list", "preferred_macs"),
)


def _incompatible(destination: Destination, transport: Transport) -> UnreachableError:
    """What the host has of which the console has nothing, or is allowed nothing by the ssh configuration."""
    apart = [
        f"{what} {', '.join(harmless(each) for each in transport.host_offers.get(has, ()))}"
        for what, has, ours in _OFFERS
        if not set(transport.host_offers.get(has, ())) & set(getattr(transport, ours))
    ]
    return UnreachableError(
        f"{destination.name}: {destination.label} and the console have no algorithm in common; the host has only "
        f"{'; '.join(apart) or 'others'}",
        done="Nothing was sent.",
        fix=another_way("Have the host allow one more, such as curve25519-sha256, aes256-gcm or hmac-sha2-256."),
    )

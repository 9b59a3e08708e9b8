"""Which algorithms the console has for SSH, and which of them a configuration leaves.

Owns the lists. Must not connect. What an SSH configuration does not allow is never offered; a list that leaves nothing
is refused by the option's name.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from console.clients.ssh_public_keys import CERTIFICATE

CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
MACS = (
    "hmac-sha2-256-etm@openssh.com",
    "hmac-sha2-512-etm@openssh.com",
    "hmac-sha2-256",
    "hmac-sha2-512",
)
EXCHANGES = (
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
    "diffie-hellman-group-exchange-sha256",
    "diffie-hellman-group14-sha256",
)
SIGNATURES = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)
"""What keys are signed with, a host's and ours."""
HOST_KEYS = (*(each + CERTIFICATE for each in SIGNATURES), *SIGNATURES)
"""The order in which `ssh` asks for host keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Algorithms:
    """What is offered, in order. `host_keys` is ssh's own list with what the console does not have.

    `known_first` is false when the configuration states the order of host keys, which known keys then do not change.
    `keys` are the algorithms that our own keys may sign with.
    """

    exchanges: tuple[str, ...] = EXCHANGES
    ciphers: tuple[str, ...] = CIPHERS
    macs: tuple[str, ...] = MACS
    host_keys: tuple[str, ...] = HOST_KEYS
    known_first: bool = True
    keys: tuple[str, ...] = HOST_KEYS


def key_kind(algorithm: str) -> str:
    """The type of key that a signature algorithm is of: `ssh-rsa` for all of RSA; a certificate's is its key's."""
    plain = algorithm.removesuffix(CERTIFICATE)
    return "ssh-rsa" if plain.startswith("rsa-sha2-") else plain


def left_by(stated: Sequence[str], default: Sequence[str], ours: Sequence[str]) -> tuple[str, ...]:
    """What a configuration's list leaves of ours: in its own order, in ours when it is only ssh's default."""
    order = ours if not stated or tuple(stated) == tuple(default) else stated
    return tuple(each for each in order if each in ours and (not stated or each in stated))


def is_only_longer(stated: Sequence[str], default: Sequence[str]) -> bool:
    """Whether a list is the default, or the default with more at its end (`+` in a configuration)."""
    return tuple(stated[: len(default)]) == tuple(default)

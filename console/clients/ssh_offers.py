"""Which keys `ssh` would offer to a host, and in which order.

Owns the reading of key files, their public halves and certificates, and what an agent holds. Must not connect to hosts,
and never asks for a passphrase: an encrypted key works through the agent only.
"""

from __future__ import annotations

import os
import socket
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.agent import ALGORITHM_FLAG_MAP, AgentKey, AgentSSH
from paramiko.common import byte_chr
from paramiko.pkey import PublicBlob

from console.clients.openssh import Destination
from console.clients.ssh_algorithms import SIGNATURES, key_kind
from console.clients.ssh_public_keys import (
    CERTIFICATE,
    fingerprint,
    from_line,
    is_certificate,
    is_for_users,
    kind_of,
    loose,
    plain,
    public_in_private,
    rsa_bits,
)

_AGENT_LIMIT = 5.0
_LARGEST = 1_000_000
_SIGN_REQUEST = byte_chr(13)
_SIGN_RESPONSE = 14


@dataclass(slots=True)
class Unusable:
    """Keys that could not be offered: protected by a passphrase, or for another reason."""

    locked: list[str] = field(default_factory=list)
    others: dict[str, str] = field(default_factory=dict)


class Agent(AgentSSH):
    """The keys of the agent behind one socket."""

    def __init__(self, path: str) -> None:
        super().__init__()
        connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        connection.settimeout(_AGENT_LIMIT)
        try:
            connection.connect(path)
            self._connect(connection)  # type: ignore[attr-defined]  # the stubs leave out what Agent itself calls
        except BaseException:
            connection.close()
            raise

    def close(self) -> None:
        """Ends the session with the agent."""
        self._close()  # type: ignore[attr-defined]  # as above


def agent_at(path: str) -> Agent | None:
    """The agent, None when there is none."""
    if not path:
        return None
    try:
        return Agent(path)
    except (OSError, paramiko.SSHException):
        return None


@dataclass(slots=True, eq=False)
class _UserKey:
    """A key to offer: `public` is the key or the certificate, empty while only the private half is known."""

    path: str
    public: bytes
    held: AgentKey | None = None


class Offer(paramiko.PKey):
    """A key as it is shown to a host: a plain one, or a certificate; signed by a file's key or by an agent."""

    def __init__(self, label: str, public: bytes, signer: paramiko.PKey) -> None:
        self.label = label
        self.public = public
        self._signer = signer
        # What paramiko looks for; it shows this instead of the key.
        self.public_blob = PublicBlob(kind_of(public), public) if is_certificate(public) else None

    def get_name(self) -> str:
        """The type of the key, also of one in a certificate."""
        return kind_of(plain(self.public))

    def asbytes(self) -> bytes:
        """The key, also of one in a certificate."""
        return plain(self.public)

    def sign_ssh_data(self, data: bytes, algorithm: str | None = None) -> paramiko.Message:
        """A signature by the private half. SSHException."""
        if not isinstance(self._signer, AgentKey):
            return self._signer.sign_ssh_data(data, algorithm)
        request = paramiko.Message()
        request.add_byte(_SIGN_REQUEST)
        request.add_string(self._signer.blob)
        request.add_string(data)
        request.add_int(ALGORITHM_FLAG_MAP.get(algorithm or "", 0))
        kind, answer = self._signer.agent._send_message(request)  # type: ignore[attr-defined]  # as AgentKey does
        if kind != _SIGN_RESPONSE:
            raise paramiko.SSHException("the agent does not sign with this key")
        return paramiko.Message(answer.get_binary())


def offers(destination: Destination, agent: Agent | None, unusable: Unusable) -> Iterator[Offer]:
    """The keys in ssh's order: certificates that are named, the agent's keys that a file names, the agent's others,
    then the files that the agent does not hold. What PubkeyAcceptedAlgorithms or RequiredRSASize rule out is left out.
    """
    keys = _user_keys(destination, agent)
    for key in keys:
        public = key.public
        signer = _signer(key, keys, unusable)
        if signer is None:
            continue
        public = public or signer.asbytes()
        if kind_of(plain(public)) not in {key_kind(each) for each in SIGNATURES}:
            unusable.others[key.path or f"agent key {fingerprint(public)}"] = f"{kind_of(public)} is not signed with"
        elif _is_too_small(destination, public):
            unusable.others[key.path] = f"smaller than RequiredRSASize {destination.rsa_bits}"
        elif not algorithms_for(destination, public):
            unusable.others[key.path] = f"{kind_of(public)} is not in PubkeyAcceptedAlgorithms"
        else:
            yield Offer(_label(key, public, signer), public, signer)


def algorithms_for(destination: Destination, public: bytes) -> tuple[str, ...]:
    """What this key or certificate may sign with, as the configuration's names without the certificate's ending."""
    ending = CERTIFICATE if is_certificate(public) else ""
    kind = kind_of(plain(public))
    return tuple(each for each in SIGNATURES if key_kind(each) == kind and each + ending in destination.algorithms.keys)


def _is_too_small(destination: Destination, public: bytes) -> bool:
    bits = rsa_bits(public)
    return bits is not None and bits < destination.rsa_bits


def _label(key: _UserKey, public: bytes, signer: paramiko.PKey) -> str:
    what = f"agent key {fingerprint(plain(public))}" if isinstance(signer, AgentKey) else key.path
    return f"{what} with its certificate" if is_certificate(public) else what


def _user_keys(destination: Destination, agent: Agent | None) -> list[_UserKey]:
    files: list[_UserKey] = []
    for path in destination.identity_files:
        files.append(_UserKey(path, _public(path)))
        certificate = b"" if destination.certificates else _public(f"{path}-cert")
        if is_certificate(certificate):
            files.append(_UserKey(path, certificate))
    files = [each for each in files if not is_certificate(each.public) or is_for_users(each.public)]
    first = [_UserKey(path, _public(path)) for path in destination.certificates]
    first = [each for each in first if is_certificate(each.public) and is_for_users(each.public)]
    others = []
    for key in _held(agent):
        named = next((each for each in files if each.public == key.blob), None)
        if named is not None:
            named.held = key
            files.remove(named)
            first.append(named)
        elif not destination.identities_only:
            others.append(_UserKey("", key.blob, key))
    return [*first, *others, *files]


def _held(agent: Agent | None) -> Sequence[AgentKey]:
    return agent.get_keys() if agent else ()


def _signer(key: _UserKey, keys: list[_UserKey], unusable: Unusable) -> paramiko.PKey | None:
    """The private half of a key: the agent's, or a file's if it belongs to it and may be read."""
    if is_certificate(key.public):
        for other in keys:
            if other.public == plain(key.public):
                return other.held or _private(other.path, other.public, unusable)
        for other in keys:
            if not other.public and key.path in (f"{other.path}-cert", f"{other.path}-cert.pub"):
                return _private(other.path, plain(key.public), unusable)
    return key.held or _private(key.path, plain(key.public), unusable)


def _private(path: str, public: bytes, unusable: Unusable) -> paramiko.PKey | None:
    """The key of a file; None, with the reason in `unusable`, when ssh would not use it either."""
    try:
        found = Path(path).stat()
    except (OSError, ValueError):
        return None
    if _first_key(_read(path)):
        unusable.others[path] = "it is a public key, whose private half no agent here holds"
        return None
    if found.st_uid == os.getuid() and found.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        unusable.others[path] = f"others may read it (mode {stat.S_IMODE(found.st_mode):04o}): chmod 600"
        return None
    for kind in (paramiko.Ed25519Key, paramiko.ECDSAKey, paramiko.RSAKey):
        try:
            key: paramiko.PKey = kind(filename=path)
        except paramiko.PasswordRequiredException:
            unusable.locked.append(path)
            return None
        except (paramiko.SSHException, ValueError, TypeError, IndexError, OSError):
            continue
        if public and key.asbytes() != public:
            unusable.others[path] = "it is not the key in the public file beside it"
            return None
        return key
    unusable.others[path] = "it is no private key that can be read; `ssh-keygen -p` gives one of another form ssh's own"
    return None


def _public(path: str) -> bytes:
    """The public key or certificate that a name stands for: in the file, in the one with `.pub`, in the private key."""
    for name in (path, f"{path}.pub"):
        found = _first_key(_read(name))
        if found:
            return found
    return _in_private(_read(path))


def _read(path: str) -> bytes:
    try:
        with Path(path).open("rb") as stream:
            return stream.read(_LARGEST)
    except (OSError, ValueError):
        return b""


def _first_key(data: bytes) -> bytes:
    for line in data.decode("utf-8", "surrogateescape").split("\n"):
        if line.startswith("-----BEGIN"):
            return b""
        found = b"" if line.startswith("#") else from_line(line)
        if found:
            return found
    return b""


def _in_private(data: bytes) -> bytes:
    """The public key that OpenSSH's own form of a private key holds, unencrypted; none for other forms."""
    _, begun, rest = data.partition(b"-----BEGIN OPENSSH PRIVATE KEY-----")
    body, ended, _ = rest.partition(b"-----END OPENSSH PRIVATE KEY-----")
    blob = loose(b"".join(body.split()).decode("ascii", "replace")) if begun and ended else b""
    return public_in_private(blob)

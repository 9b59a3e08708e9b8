"""Signing in to a host: which keys to offer, in which order, and what to say when none is taken.

Owns agent and key files. Never asks for a passphrase and never offers a password: an encrypted key works through the
agent only.
"""

from __future__ import annotations

import base64
import os
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import paramiko
from paramiko.agent import AgentSSH
from paramiko.pkey import UnknownKeyType

from console.clients.openssh import Destination
from console.domain.untrusted import harmless
from console.errors import AuthenticationError, UnreachableError

_AGENT_LIMIT = 5.0
_NOTHING = "Nothing was run there."
_KINDS = frozenset(
    ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "ssh-rsa"),
)


@dataclass(slots=True)
class _Attempt:
    """What has been offered and what could not be."""

    offered: list[str] = field(default_factory=list)
    locked: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)


class _AgentAt(AgentSSH):
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


def sign_in(transport: paramiko.Transport, destination: Destination) -> str:
    """Authenticates and returns a word about the key that was taken. AuthenticationError, UnreachableError."""
    attempt = _Attempt()
    agent = _agent(destination.agent)
    try:
        for label, key in _keys(destination, agent, attempt):
            if _offer(transport, destination, label, key, attempt):
                return label
    finally:
        if agent is not None:
            agent.close()
    raise _refused(destination, attempt, agent is not None)


def _offer(
    transport: paramiko.Transport, destination: Destination, label: str, key: paramiko.PKey, attempt: _Attempt
) -> bool:
    """Whether the host took this key."""
    try:
        further = transport.auth_publickey(destination.user, key)
    except paramiko.BadAuthenticationType as error:
        raise AuthenticationError(
            f"{destination.name}: {destination.label} allows no public keys for this user",
            done=_NOTHING,
            fix=f"It allows {', '.join(harmless(kind) for kind in error.allowed_types)}; keys are all we sign in by.",
        ) from error
    except paramiko.AuthenticationException as error:
        attempt.offered.append(label)
        if not transport.is_active() and len(attempt.offered) == 1:
            raise UnreachableError(
                f"{destination.name}: {destination.label} went away while signing in", done=_NOTHING
            ) from error
        if not transport.is_active():
            raise _refused(destination, attempt, True) from error
        return False
    except paramiko.SSHException as error:
        if transport.is_active():
            # A key that cannot sign is not a reason to leave the others untried.
            attempt.unreadable.append(label)
            return False
        raise UnreachableError(
            f"{destination.name}: {destination.label} went away while signing in", done=_NOTHING
        ) from error
    if further:
        raise AuthenticationError(
            f"{destination.name}: {destination.label} wants a second factor after the key ({', '.join(further)})",
            done=_NOTHING,
            fix="Use an account for which a key is enough.",
        )
    return True


def _agent(where: str) -> _AgentAt | None:
    path = os.environ.get("SSH_AUTH_SOCK", "") if where == "SSH_AUTH_SOCK" else where
    if not path:
        return None
    try:
        return _AgentAt(path)
    except (OSError, paramiko.SSHException):
        return None


def _keys(destination: Destination, agent: _AgentAt | None, attempt: _Attempt) -> Iterator[tuple[str, paramiko.PKey]]:
    """Keys in ssh's order: the agent's that a configured file names, its others, then files that are not in it."""
    held = {key.asbytes(): key for key in (agent.get_keys() if agent else ()) if key.get_name() in _KINDS}
    # Not Path.is_file: it raises where a directory may not be entered, and ssh passes over such a key.
    files = {path: _load(path, attempt) for path in destination.identity_files if os.path.isfile(path)}  # noqa: PTH113
    public = {path: key.asbytes() if key else _public(path) for path, key in files.items()}
    named = [blob for blob in public.values() if blob in held]
    rest = [] if destination.identities_only else [blob for blob in held if blob not in named]
    for blob in dict.fromkeys([*named, *rest]):
        yield f"agent key {_print(blob)}", held[blob]
    for path, key in files.items():
        if key is not None and public[path] not in held:
            yield path, key
        elif public[path] in held and path in attempt.locked:
            attempt.locked.remove(path)


def _load(path: str, attempt: _Attempt) -> paramiko.PKey | None:
    try:
        return paramiko.PKey.from_path(path)
    except TypeError:
        # What the crypto library says when a passphrase is needed.
        attempt.locked.append(path)
    except (paramiko.SSHException, UnknownKeyType, ValueError, OSError) as error:
        if isinstance(error, paramiko.PasswordRequiredException) or "password" in str(error).lower():
            attempt.locked.append(path)
        else:
            attempt.unreadable.append(path)
    return None


def _public(path: str) -> bytes:
    """The public half beside a private key file, for finding it in the agent; empty when there is none."""
    try:
        words = Path(path + ".pub").read_text("utf-8").split()
        return base64.b64decode(words[1]) if len(words) > 1 else b""
    except (OSError, ValueError):
        return b""


def _print(blob: bytes) -> str:
    from console.clients.known_hosts import fingerprint

    return fingerprint(blob)


def _refused(destination: Destination, attempt: _Attempt, agent: bool) -> AuthenticationError:
    offered = ", ".join(dict.fromkeys(attempt.offered)) or "there was none to offer"
    fixes = [f"Try `ssh -v {destination.user}@{destination.address} -p {destination.port}`."]
    if attempt.unreadable:
        fixes.insert(0, f"Not usable: {', '.join(attempt.unreadable)}.")
    if attempt.locked:
        fixes.insert(0, f"A passphrase protects {', '.join(attempt.locked)}: run `ssh-add` for it.")
    elif not agent:
        fixes.insert(0, "No ssh-agent is running here (SSH_AUTH_SOCK), so only key files without passphrase count.")
    return AuthenticationError(
        f"{destination.name}: {destination.label} took none of our keys ({offered})",
        done=_NOTHING,
        fix=" ".join(fixes),
    )

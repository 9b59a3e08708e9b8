"""Signing in to a host: offering our keys, and what to say when none is taken.

Owns the answers to offers. Never offers a password.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import paramiko

from console.clients.openssh import Destination, another_way
from console.clients.ssh_offers import Offer, Unusable, agent_at, algorithms_for, offers
from console.clients.ssh_transport import Transport
from console.domain.untrusted import harmless
from console.errors import AuthenticationError, UnreachableError

_NOTHING = "Nothing was run there."
_RSA = "ssh-rsa"


@dataclass(slots=True)
class _Attempt:
    """What has been offered and what could not be."""

    offered: list[str] = field(default_factory=list)
    unusable: Unusable = field(default_factory=Unusable)
    asked: bool = False


def sign_in(transport: Transport, destination: Destination) -> str:
    """Authenticates and returns a word about the key that was taken. AuthenticationError, UnreachableError."""
    attempt = _Attempt()
    agent = agent_at(destination.agent)
    try:
        for key in offers(destination, agent, attempt.unusable):
            if _is_taken(transport, destination, key, attempt):
                return key.label
    finally:
        if agent is not None:
            agent.close()
    raise _refused(destination, attempt, agent is not None)


def _is_taken(transport: Transport, destination: Destination, key: Offer, attempt: _Attempt) -> bool:
    """Whether the host took this key."""
    allowed = algorithms_for(destination, key.public)
    if key.get_name() == _RSA:
        allowed = _agreed(transport, destination, allowed, attempt)
        if not allowed and not transport.is_authenticated():
            attempt.unusable.others[key.label] = "the host takes no signature of an RSA key that ssh makes here"
            return False
    if transport.is_authenticated():
        return True
    transport.sign_by(allowed)
    try:
        further = transport.auth_publickey(destination.user, key)
    except paramiko.BadAuthenticationType as error:
        raise AuthenticationError(
            f"{destination.name}: {destination.label} allows no public keys for this user",
            done=_NOTHING,
            fix=f"It allows {', '.join(harmless(kind) for kind in error.allowed_types)}; keys are all we sign in by.",
        ) from error
    except paramiko.AuthenticationException as error:
        attempt.offered.append(key.label)
        if not transport.is_active() and len(attempt.offered) == 1:
            raise _gone(destination) from error
        if not transport.is_active():
            raise _refused(destination, attempt, True) from error
        return False
    except paramiko.SSHException as error:
        if transport.is_active():
            # A key that cannot sign is not a reason to leave the others untried.
            attempt.unusable.others[key.label] = harmless(str(error)) or "it cannot sign"
            return False
        raise _gone(destination) from error
    if further:
        raise AuthenticationError(
            f"{destination.name}: {destination.label} wants a second factor after the key ({', '.join(further)})",
            done=_NOTHING,
            fix="Use an account for which a key is enough.",
        )
    return True


def _agreed(
    transport: Transport, destination: Destination, allowed: tuple[str, ...], attempt: _Attempt
) -> tuple[str, ...]:
    """The signatures of RSA that the host takes too; paramiko would give up the connection where there is none."""
    if not (transport.signatures_taken or attempt.offered or attempt.asked):
        # The host says which it takes before it answers to anything, and counts a first question of this kind for none.
        attempt.asked = True
        try:
            transport.auth_none(destination.user)
        except paramiko.SSHException:
            if not transport.is_active():
                raise _gone(destination) from None
    taken = transport.signatures_taken
    return tuple(each for each in allowed if not taken or each in taken)


def _gone(destination: Destination) -> UnreachableError:
    return UnreachableError(f"{destination.name}: {destination.label} went away while signing in", done=_NOTHING)


def _refused(destination: Destination, attempt: _Attempt, agent: bool) -> AuthenticationError:
    offered = ", ".join(dict.fromkeys(attempt.offered)) or "there was none to offer"
    fixes = [f"Try `ssh -v {destination.user}@{destination.address} -p {destination.port}`."]
    if attempt.unusable.others:
        named = "; ".join(f"{harmless(path)} ({why})" for path, why in attempt.unusable.others.items())
        fixes.insert(0, f"Not usable: {named}.")
    if attempt.unusable.locked:
        locked = ", ".join(dict.fromkeys(attempt.unusable.locked))
        fixes.insert(0, f"A passphrase protects {locked}: run `ssh-add` for it.")
    elif not agent:
        fixes.insert(0, f"{_no_agent(destination)}, so only key files without passphrase count.")
    others = [
        each for each in destination.unfollowed if each not in ("NoHostAuthenticationForLocalhost", "VerifyHostKeyDNS")
    ]
    if others:
        fixes.append(another_way(f"{' and '.join(others)} may let ssh in, but not the console: use a key."))
    return AuthenticationError(
        f"{destination.name}: {destination.label} took none of our keys ({offered})",
        done=_NOTHING,
        fix=" ".join(fixes),
    )


def _no_agent(destination: Destination) -> str:
    where = f"at {harmless(destination.agent)}" if destination.agent else "here (SSH_AUTH_SOCK, or IdentityAgent)"
    return f"No ssh-agent is running {where}"

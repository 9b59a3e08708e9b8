"""Whether a host is the application that the configuration pins.

Owns the comparison and the block a refusal proposes. Must not read facts; callers do, on every host.
"""

from __future__ import annotations

from console.domain.environment import AppFacts, Environment, Identity
from console.domain.untrusted import harmless
from console.errors import IdentityError, RefusedError


def identity_of(facts: AppFacts) -> Identity:
    """What this application would have to be pinned as."""
    return Identity(app_env=facts.app_env, app_key=facts.app_key_hash, database=facts.database)


def proposal(facts: AppFacts) -> str:
    """The YAML line that pins this application."""
    found = identity_of(facts)
    return harmless(f"identity: {{app_env: {found.app_env}, app_key: {found.app_key}, database: '{found.database}'}}")


def prove(environment: Environment, host: str, facts: AppFacts) -> None:
    """IdentityError when `host` is another application; RefusedError when a protected environment pins none."""
    pinned = environment.identity
    if pinned is None:
        if environment.protected:
            raise RefusedError(
                f"{environment.name} is protected and pins no identity, so nothing may change there.",
                done="Nothing was changed.",
                fix=f"Check this and put it into the environment's section:\n{proposal(facts)}",
            )
        return
    found = identity_of(facts)
    wrong = [
        f"{name} is {harmless(getattr(found, name)) or 'unknown'}, pinned is {harmless(getattr(pinned, name))}"
        for name in ("app_env", "app_key", "database")
        if getattr(found, name) != getattr(pinned, name)
    ]
    if wrong:
        raise IdentityError(
            f"{host} is not the application that {environment.name} pins: {'; '.join(wrong)}.",
            done="Nothing was changed.",
            fix=f"If this is right after all, pin what {host} says:\n{proposal(facts)}",
        )

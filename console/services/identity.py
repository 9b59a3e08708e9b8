"""Whether a host is the application that the configuration pins.

Owns the question to each host, the comparison, and the block a refusal proposes. Must not trust a memory: what a
host said before is not what it is now.
"""

from __future__ import annotations

import secrets

from console.domain.environment import AppFacts, Environment, Host, Identity
from console.domain.untrusted import harmless
from console.errors import IdentityError, RefusedError
from console.ports import Shell
from console.services import discovery_env, discovery_probe
from console.services.discovery_facts import facts_of
from console.services.dotenv import parse


def facts_on(shell: Shell, environment: Environment, host: Host) -> AppFacts:
    """What the application on this very host says of itself, asked now; empty facts when there is none."""
    nonce = secrets.token_hex(12)
    question = discovery_probe.question(environment.paths(host), environment.app.php, nonce, probe=True)
    done = shell.run(question, deadline=30.0, limit=1_048_576)
    answer = discovery_probe.cut(done.stdout, done.stderr, nonce)
    env = parse(answer.env or "")
    if answer.document is not None:
        return facts_of(answer.document, env)
    return facts_of(discovery_env.document_of(env, answer.hints) if answer.env is not None else {}, env)


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

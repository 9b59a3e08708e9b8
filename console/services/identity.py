"""Whether a host is the application that the configuration pins.

Owns the question to each host, the comparison, and the block a refusal proposes. Must not trust a memory: what a
host said before is not what it is now.
"""

from __future__ import annotations

import posixpath
import secrets

from console.domain.environment import AppFacts, Environment, Host, Identity, Layout
from console.domain.shellwords import quote
from console.domain.untrusted import harmless
from console.errors import IdentityError, RefusedError
from console.ports import Reach, Shell
from console.services import discovery_env, discovery_probe
from console.services.discovery_facts import facts_of
from console.services.dotenv import parse
from console.services.parallel import each

_NOTHING = "Nothing was changed."


def prove_all(reach: Reach) -> None:
    """Asks every host who it is and compares, as `prove` does. At once where nothing is pinned and nothing need be."""
    environment = reach.environment
    if environment.identity is None and not environment.protected:
        return
    pinned = environment.identity is not None
    hosts = [host.name for host in environment.hosts] if pinned else [environment.primary().name]
    each(hosts, lambda name: prove_host(reach.shell(name), environment, environment.host(name)))


def prove_host(shell: Shell, environment: Environment, host: Host) -> None:
    """Asks this host who it is and compares, as `prove` does."""
    prove(environment, host, facts_on(shell, environment, host))


def facts_on(shell: Shell, environment: Environment, host: Host) -> AppFacts:
    """What the application on this very host says of itself, asked now; empty facts when there is none."""
    nonce = secrets.token_hex(12)
    question = discovery_probe.question(environment.paths(host), environment.app.php, nonce, probe=True)
    done = shell.run(question, deadline=30.0, limit=1_048_576)
    answer = discovery_probe.cut(done.stdout, done.stderr, nonce)
    env = parse(answer.env or "")
    if answer.document is not None:
        return facts_of(answer.document, env)
    if not answer.signature and answer.env is None:
        return _facts_before_release(shell, environment, host)
    return facts_of(discovery_env.document_of(env, answer.hints) if answer.env is not None else {}, env)


def _facts_before_release(shell: Shell, environment: Environment, host: Host) -> AppFacts:
    """What the `.env` says that the first release will be linked to; empty facts where there is none or no key in it.

    A `current` that leads nowhere is no empty host: then nothing is known.
    """
    place = _waiting_env(environment, host)
    if not place:
        return facts_of({}, {})
    current = quote(environment.paths(host).current)
    done = shell.run(
        f"[ -e {current} ] || [ -L {current} ] || cat -- {quote(place)} 2>/dev/null\nexit 0", deadline=15.0, limit=65536
    )
    env = parse(done.stdout.decode("utf-8", "surrogateescape"))
    return facts_of(discovery_env.document_of(env, {}) if env.get("APP_KEY") else {}, env)


def _waiting_env(environment: Environment, host: Host) -> str:
    """Where a first release will find its `.env`; empty where releases are not linked to one."""
    if environment.app.layout is not Layout.RELEASES or ".env" not in environment.app.shared:
        return ""
    return posixpath.join(environment.paths(host).shared, ".env")


def identity_of(facts: AppFacts) -> Identity:
    """What this application would have to be pinned as."""
    return Identity(app_env=facts.app_env, app_key=facts.app_key_hash, database=facts.database)


def proposal(facts: AppFacts) -> str:
    """The YAML line that pins this application."""
    found = identity_of(facts)
    return harmless(f"identity: {{app_env: {found.app_env}, app_key: {found.app_key}, database: '{found.database}'}}")


def prove(environment: Environment, host: Host, facts: AppFacts) -> None:
    """IdentityError when `host` is another application; RefusedError when a protected environment pins none, or when
    there is nothing on the host that could tell."""
    pinned = environment.identity
    if pinned is None and not environment.protected:
        return
    found = identity_of(facts)
    if not found.app_env and not found.app_key:
        raise _unproved(environment, host)
    if pinned is None:
        raise RefusedError(
            f"{environment.name} is protected and pins no identity, so nothing may change there.",
            done=_NOTHING,
            fix=f"Check this and put it into the environment's section:\n{proposal(facts)}",
        )
    wrong = [
        f"{name} is {harmless(getattr(found, name)) or 'unknown'}, pinned is {harmless(getattr(pinned, name))}"
        for name in ("app_env", "app_key", "database")
        if getattr(found, name) != getattr(pinned, name)
    ]
    if wrong:
        raise IdentityError(
            f"{host.name} is not the application that {environment.name} pins: {'; '.join(wrong)}.",
            done=_NOTHING,
            fix=f"If this is right after all, pin what {host.name} says:\n{proposal(facts)}",
        )


def _unproved(environment: Environment, host: Host) -> RefusedError:
    paths, place = environment.paths(host), _waiting_env(environment, host)
    fix = f"Check `app.path` and `app.root`, and that this account may read {paths.root}/.env."
    if place:
        fix += f"\nBefore the first deploy: put the environment's .env at {place}; the host proves itself by that."
    return RefusedError(
        f"{host.name} has no application at {paths.root} that could prove to be {environment.name}.",
        done=_NOTHING,
        fix=fix,
    )

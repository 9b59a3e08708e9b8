"""Whether a host is the application that the configuration pins.

Owns the question to each host, the comparison, and the identity that a refusal proposes to pin. Must not reuse an
earlier answer (the host may have changed since), nor compare or propose a value that is only a default.
"""

from __future__ import annotations

import posixpath
import secrets

from console.domain.environment import AppFacts, Environment, Host, Identity, Layout
from console.domain.origins import weakest
from console.domain.shellwords import quote
from console.domain.untrusted import harmless
from console.errors import IdentityError, RefusedError
from console.ports import Reach, Shell
from console.services.discovery import probe
from console.services.discovery.dotenv import parse
from console.services.discovery.probe import EnvFile, ProbeAnswer
from console.services.discovery.trust_order import UNREADABLE, learned
from console.services.threads.parallel import each

_NOTHING = "Nothing was changed."
_PARTS = ("app_env", "app_key", "database")
_CLOSED = 3
"""The exit status for a shared `.env` that exists but may not be read by this account."""


def prove_all(reach: Reach) -> None:
    """Asks every host for its identity (only the primary one when none is pinned) and checks it as `prove` does.

    An unprotected environment that pins no identity is not asked.
    """
    environment = reach.environment
    if environment.identity is None and not environment.protected:
        return
    pinned = environment.identity is not None
    hosts = [host.name for host in environment.hosts] if pinned else [environment.primary().name]
    each(hosts, lambda name: prove_host(reach.shell(name), environment, environment.host(name)))


def prove_host(shell: Shell, environment: Environment, host: Host) -> None:
    """Asks this host for its identity and checks it as `prove` does."""
    prove(environment, host, facts_on(shell, environment, host))


def facts_on(shell: Shell, environment: Environment, host: Host) -> AppFacts:
    """The facts that the application on this host gives now; they are empty when the host has no application."""
    nonce = secrets.token_hex(12)
    question = probe.question(environment.paths(host), environment.app.php, nonce, probe=True)
    done = shell.run(question, deadline=30.0, limit=1_048_576)
    answer = probe.cut(done.stdout, done.stderr, nonce)
    if not answer.signature and answer.env is EnvFile.ABSENT:
        answer = _answer_before_release(shell, environment, host)
    return learned(answer).facts(answer)


def _answer_before_release(shell: Shell, environment: Environment, host: Host) -> ProbeAnswer:
    """What the shared `.env`, to which the first release will be linked, says; nothing when it is missing or has no
    APP_KEY.

    A host with a `current`, even a broken link, has had a release: its shared `.env` is not read.
    """
    place = _waiting_env(environment, host)
    values: dict[str, str] = {}
    problem = "there is no application"
    if place:
        current, waiting = quote(environment.paths(host).current), quote(place)
        script = (
            f"[ -e {current} ] || [ -L {current} ] || {{\n"
            f"if [ -r {waiting} ]; then cat -- {waiting}; elif [ -e {waiting} ]; then exit 3; fi\n}}\nexit 0"
        )
        done = shell.run(script, deadline=15.0, limit=65536)
        values = parse(done.stdout.decode("utf-8", "surrogateescape"))
        problem = UNREADABLE if done.status == _CLOSED else problem
    env = EnvFile.READ if values.get("APP_KEY") else EnvFile.ABSENT
    return ProbeAnswer(signature="", env=env, values=values, nophp=True, problem=problem)


def _waiting_env(environment: Environment, host: Host) -> str:
    """Where a first release will find its `.env`; empty where releases are not linked to one."""
    if environment.app.layout is not Layout.RELEASES or ".env" not in environment.app.shared:
        return ""
    return posixpath.join(environment.paths(host).shared, ".env")


def identity_of(facts: AppFacts) -> Identity:
    """The application's identity; a part is empty unless its value was read from the application itself.

    The database's port may be a default: name and host tell databases apart without it.
    """
    origins = facts.origins
    database = weakest((origins.of("default_sql"), facts.sql_origin(facts.default_sql)))
    return Identity(
        app_env=facts.app_env if origins.of("app_env").proves else "",
        app_key=facts.app_key_hash if origins.of("app_key").proves else "",
        database=facts.database if database.proves else "",
    )


def proposal(facts: AppFacts) -> str:
    """The YAML line that pins this application; empty when a part of it is not known or stands on a default, or when
    the application could not boot."""
    found = identity_of(facts)
    known = all(getattr(found, part) for part in _PARTS) and facts.database_origin.proves
    if facts.unbooted or not known:
        return ""
    return harmless(f"identity: {{app_env: {found.app_env}, app_key: {found.app_key}, database: '{found.database}'}}")


def prove(environment: Environment, host: Host, facts: AppFacts) -> None:
    """IdentityError when `host` is another application; RefusedError when a protected environment pins no identity, or
    when the host says too little to tell."""
    pinned = environment.identity
    if pinned is None and not environment.protected:
        return
    found, offered = identity_of(facts), proposal(facts)
    if not found.app_env and not found.app_key:
        raise _unproved(environment, host, facts)
    if pinned is None:
        raise RefusedError(
            f"{environment.name} is protected and pins no identity, so nothing may change there.",
            done=_NOTHING,
            fix=f"Check this and put it into the environment's section:\n{offered}" if offered else _unoffered(facts),
        )
    parts = {part: (getattr(found, part), getattr(pinned, part)) for part in _PARTS}
    wrong = [
        f"{part} is {harmless(said)}, pinned is {harmless(wanted)}"
        for part, (said, wanted) in parts.items()
        if said and said != wanted
    ]
    if wrong:
        raise IdentityError(
            f"{host.name} is not the application that {environment.name} pins: {'; '.join(wrong)}.",
            done=_NOTHING,
            fix=f"If this is right after all, pin what {host.name} says:\n{offered}"
            if offered
            else f"{_why(facts)}Check that `hosts` and `app.path` lead to the right application.",
        )
    if not all(said for said, _ in parts.values()):
        raise _unproved(environment, host, facts)


def _unproved(environment: Environment, host: Host, facts: AppFacts) -> RefusedError:
    """The refusal of a host that cannot prove its identity; it names the missing parts and how to supply them."""
    paths, place = environment.paths(host), _waiting_env(environment, host)
    found = identity_of(facts)
    missing = [part for part in _PARTS if not getattr(found, part)]
    nothing = len(missing) == len(_PARTS)
    what = f"{host.name} has no application at {paths.root} that could prove to be {environment.name}"
    fix = f"{_why(facts)}Check `app.path` and `app.root`, and that this account may read {paths.root}/.env."
    if not nothing:
        what = f"{host.name} cannot prove to be {environment.name}: nothing there says its {', '.join(missing)}"
        fix = f"{_why(facts)}Make PHP able to read the application, or write what is missing into {paths.root}/.env."
    if place and nothing:
        fix += f"\nBefore the first deploy: put the environment's .env at {place}; the host proves itself by that."
    return RefusedError(f"{what}.", done=_NOTHING, fix=fix)


def _unoffered(facts: AppFacts) -> str:
    """Why no identity is proposed, and what to do for one."""
    if facts.unbooted:
        lacking = "PHP has to read the application for one to be proposed"
    else:
        known = identity_of(facts)
        parts = [part for part in _PARTS if not getattr(known, part)] or ["database"]
        lacking = f"none is proposed, because only a default says its {', '.join(parts)}"
    return f"{_why(facts)}{lacking[0].upper()}{lacking[1:]}; or pin one yourself: app_env, app_key, database."


def _why(facts: AppFacts) -> str:
    return f"There: {facts.problem}.\n" if facts.problem else ""

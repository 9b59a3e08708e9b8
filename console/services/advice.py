"""Sentences that stand in a plan for an operator to read before confirming.

Owns what is worth saying: migrations, a cache that shares Redis with queues, keys that die with the login. Must not
refuse, but for a cache clearing that would lose queued jobs of a protected environment.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from console.domain.actions import Action
from console.domain.dangers import empties_cache
from console.domain.environment import AppFacts, Environment
from console.domain.planning import Target
from console.domain.runs import PlannedStep
from console.errors import OpsconsoleError, RefusedError
from console.ports import Reach
from console.services import survey as surveying
from console.services.failed import open_table
from console.services.survey import Survey

_FEW = 1000


def migration_advice(reach: Reach, action: Action, target: Target, found: Survey) -> list[str]:
    """Which migrations a deploy brings, or which stay behind a rollback; by the files of the primary host."""
    release, commit, archive = target.release, target.commit, target.archive
    if not release:
        return []
    environment = reach.environment
    primary = environment.primary()
    current = found.host(primary.name).current
    if not target.creates:
        if not current:
            return []
        lists = _migrations(reach, releases=[current, release])
        stay = sorted(set(lists.get(current, ())) - set(lists.get(release, ())))
        if not stay:
            return [f"The release {current} brought no migration that {release} does not have."]
        return [f"Migrations of {current} that stay in the database: {surveying.listed(stay)}."]
    if not any("migrate" in str(step.params) for step in action.steps):
        return []
    lists = _migrations(reach, releases=[current] if current else [], commit="" if archive else commit)
    if archive:
        coming: tuple[str, ...] | None = surveying.archive_migrations(archive, environment.app.root)
    else:
        coming = lists.get("")
    if coming is None:
        return [f"Which migrations {commit[:12]} brings is known once its code is on the host."]
    new = sorted(set(coming) - set(lists.get(current, ())))
    return [f"New migrations: {surveying.listed(new)}." if new else "No new migrations."]


def prune_advice(reach: Reach, steps: Sequence[PlannedStep]) -> list[str]:
    """How large the table is that pruning failed jobs reads: `failed_at` has no index, so every row is looked at."""
    if not any(step.kind == "failed_jobs" and step.params.get("do") == "prune" for step in steps):
        return []
    try:
        table = open_table(reach)
        rows, exact = table.count(bound=_FEW)
        shown = f"{rows:,}" if exact else f"~{max(rows, table.estimate()):,}"
    except OpsconsoleError as error:
        return [f"How many failed jobs there are could not be read: {error.what}"]
    return [f"Failed jobs: {shown} rows to look at, piece by piece; what is old enough is archived, then pruned."]


def cache_advice(reach: Reach, steps: Sequence[PlannedStep]) -> list[str]:
    """What clearing the cache would take with it. RefusedError where that is queued jobs of a protected environment."""
    argvs = [step.params.get("argv") for step in steps if step.kind == "artisan"]
    if not empties_cache([[str(word) for word in argv] for argv in argvs if isinstance(argv, list)]):
        return []
    try:
        shared = shared_cache(reach.facts())
    except OpsconsoleError as error:
        return [f"Whether clearing the cache reaches queued jobs could not be read: {error.what}"]
    if not shared:
        return ["Clearing the cache also un-pauses queues and the scheduler, and drops locks kept in it."]
    sentence = (
        f"The cache lies in the same Redis database as the queue connection {shared}: clearing it loses its jobs."
    )
    if reach.environment.protected:
        raise RefusedError(sentence, done="Nothing was planned.", fix="Use `optimize:clear --except=cache`.")
    return [sentence]


def shared_cache(facts: AppFacts) -> str:
    """The Redis queue connection whose database the cache store shares; empty when there is none."""
    cache = facts.redis.get(facts.cache_redis)
    if facts.cache_store != "redis" or cache is None:
        return ""
    place = (cache.host, cache.port, cache.socket, cache.database)
    for queue in facts.queues:
        target = facts.redis.get(queue.target) if queue.driver == "redis" else None
        if target is not None and (target.host, target.port, target.socket, target.database) == place:
            return queue.name
    return ""


def key_advice(environment: Environment, variables: Mapping[str, str]) -> list[str]:
    """A warning when the only key in sight sits in a forwarded agent, which dies with the operator's link."""
    if not variables.get("SSH_AUTH_SOCK") or not variables.get("SSH_CONNECTION"):
        return []
    if all(host.ssh.identity_file for host in environment.hosts):
        return []
    home = variables.get("HOME", "")
    # Not Path.exists: it raises where a directory may not be entered.
    names = ("id_ed25519", "id_ecdsa", "id_rsa")
    own = home and any(os.path.exists(f"{home}/.ssh/{name}") for name in names)  # noqa: PTH110
    if own:
        return []
    return ["The only key in sight is in your forwarded agent: if your link dies, a lost host cannot be reached again."]


def _migrations(reach: Reach, *, releases: Sequence[str], commit: str = "") -> dict[str, tuple[str, ...]]:
    environment = reach.environment
    primary = environment.primary()
    script = surveying.migrations_script(environment, primary, releases=releases, commit=commit)
    return surveying.parse_migrations(reach.shell(primary.name).run(script).stdout)

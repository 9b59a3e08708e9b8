"""Sentences that stand in a plan for an operator to read before confirming.

Owns what is worth saying: migrations, a cache that shares Redis with queues, keys that die with the login. Must not
refuse anything except a cache clearing that would lose queued jobs of a protected environment.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Mapping, Sequence

from console.domain.environment import AppFacts, Environment
from console.domain.plan_context import PlanContext
from console.domain.runs import PlannedStep
from console.domain.untrusted import listed
from console.errors import OpsconsoleError, RefusedError
from console.ports import Reach
from console.ports.steps import AdvisingKind, StepKinds
from console.services.failed_jobs.table import open_table
from console.services.planning import survey as surveying
from console.services.planning.survey import Survey
from console.services.planning.targets import TargetCode

_FEW = 1000
_ASSET_LOCKS = ("package-lock.json", "yarn.lock", "pnpm-lock.yaml", "bun.lock", "bun.lockb")
_ASSET_CONFIGS = ("vite.config.js", "vite.config.ts", "vite.config.mjs", "webpack.mix.js")
_BUILT = ("public/build", "public/mix-manifest.json")


def migration_advice(reach: Reach, steps: Sequence[PlannedStep], aim: TargetCode, found: Survey) -> list[str]:
    """Which migrations a deploy brings, or which stay behind a rollback; by the files of the primary host."""
    target, release = aim.target, aim.target.release
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
        return [f"Migrations of {current} that stay in the database: {listed(stay)}."]
    if not any(step.facts.migrates for step in steps):
        return []
    if aim.tree is None:
        return [f"Which migrations {target.commit[:12]} brings is known once its code is on the host."]
    folder = posixpath.join(environment.app.root, surveying.MIGRATIONS)
    coming = {name.removesuffix(".php") for name in aim.tree.names(folder, ".php")}
    there = _migrations(reach, releases=[current]) if current else {}
    new = sorted(coming - set(there.get(current, ())))
    return [f"New migrations: {listed(new)}." if new else "No new migrations."]


def asset_advice(environment: Environment, steps: Sequence[PlannedStep], aim: TargetCode) -> list[str]:
    """A sentence when the code has assets to be built, brings no built ones, and no step builds them."""
    tree, root = aim.tree, environment.app.root
    if tree is None or any(step.facts.builds_assets for step in steps):
        return []
    locks = [name for name in _ASSET_LOCKS if tree.has(posixpath.join(root, name))]
    built = any(tree.has(posixpath.join(root, name)) for name in _BUILT)
    if not locks or built or not any(tree.has(posixpath.join(root, name)) for name in _ASSET_CONFIGS):
        return []
    return [f"The code has {listed(locks)} and brings no built assets ({' or '.join(_BUILT)}); no step builds them."]


def kind_advice(kinds: StepKinds, planned: Sequence[tuple[PlanContext, PlannedStep]], reach: Reach) -> list[str]:
    """What step kinds that read the hosts say of their own steps; each sentence once. A host that cannot be asked is
    no reason to refuse: preflight asks again."""
    sentences: dict[str, None] = {}
    for at, (context, step) in enumerate(planned):
        kind = kinds.get(step.kind)
        if isinstance(kind, AdvisingKind):
            later = [one for _, one in planned[at + 1 :]]
            sentences.update(dict.fromkeys(kind.advise(context, step, reach, later)))
    return list(sentences)


def prune_advice(reach: Reach, steps: Sequence[PlannedStep]) -> list[str]:
    """How large the table is that pruning failed jobs reads: `failed_at` has no index, so every row is looked at."""
    if not any(step.facts.prunes_failed_jobs for step in steps):
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
    if not any(step.facts.clears_cache for step in steps):
        return []
    try:
        facts = reach.facts()
    except OpsconsoleError as error:
        return [f"Whether clearing the cache reaches queued jobs could not be read: {error.what}"]
    shared = shared_cache(facts)
    if not shared:
        if _guessed_cache(facts):
            why = f" ({facts.problem})" if facts.problem else ""
            return [f"Whether clearing the cache reaches queued jobs is not known: where it lies is a default{why}."]
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
    if cache is None:
        return ""
    place = (cache.host, cache.port, cache.socket, cache.database)
    for queue in facts.queues:
        target = facts.redis.get(queue.target) if queue.driver == "redis" else None
        if target is not None and (target.host, target.port, target.socket, target.database) == place:
            return queue.name
    return ""


def _guessed_cache(facts: AppFacts) -> bool:
    """Whether it is only a guess in which Redis database the cache lies, or that it lies in none."""
    name = facts.cache_redis
    places = (f"redis.{name}.host", f"redis.{name}.database") if name else ()
    return facts.origins.weakest("cache_store", *places).guessed


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


def _migrations(reach: Reach, *, releases: Sequence[str]) -> dict[str, tuple[str, ...]]:
    environment = reach.environment
    primary = environment.primary()
    script = surveying.migrations_script(environment, primary, releases=releases)
    return surveying.parse_migrations(reach.shell(primary.name).run(script).stdout)

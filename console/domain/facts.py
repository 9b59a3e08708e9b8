"""What is known of an application as a list for people and programs, each fact with what it stands on.

Owns which facts are listed and how each is written. Pure; holds no secret. Must not judge them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from console.domain.environment import AppFacts, QueueConnection
from console.domain.origins import Origin
from console.domain.queues import READABLE
from console.domain.untrusted import harmless


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One fact. `value` is None when it is unknown or there is none."""

    name: str
    value: str | None
    origin: Origin


def fact_list(facts: AppFacts) -> tuple[Fact, ...]:
    """Every fact that something in the console depends on."""
    return tuple(
        Fact(name=name, value=value if value and origin is not Origin.UNKNOWN else None, origin=origin)
        for name, value, origin in _listed(facts)
    )


def queue_guesses(facts: AppFacts, queue: QueueConnection) -> tuple[str, ...]:
    """What the numbers of a queue connection stand on that was not read, in words."""
    said: list[str] = []
    if facts.origins.of(f"queues.{queue.name}.retry_after").guessed:
        said.append(f"stuck goes by a retry_after of {queue.retry_after} s, which is a default")
    target = facts.redis.get(queue.target) if queue.driver == "redis" else None
    if target is not None and facts.origins.of(f"redis.{queue.target}.prefix").guessed:
        said.append(f"only keys behind the prefix {harmless(target.prefix) or '(none)'} are seen, which is a default")
    return tuple(said)


def _listed(facts: AppFacts) -> Iterator[tuple[str, str | None, Origin]]:
    of = facts.origins.of
    yield "laravel", facts.laravel, of("laravel")
    yield "app_env", facts.app_env, of("app_env")
    yield "app_key", facts.app_key_hash, of("app_key")
    yield "timezone", facts.timezone, of("timezone")
    yield "database", facts.database, facts.database_origin
    readable = [queue for queue in facts.queues if queue.driver in READABLE]
    tables = {queue.target for queue in readable if queue.driver == "database"} | {facts.failed_sql}
    for name in sorted(tables - {facts.default_sql, ""}):
        target = facts.sql.get(name)
        yield f"sql.{name}", target.address if target else None, facts.sql_origin(name)
    servers = {queue.target for queue in readable if queue.driver == "redis"} | {facts.cache_redis}
    for name in sorted(servers - {""}):
        server = facts.redis.get(name)
        yield f"redis.{name}", server.address if server else None, facts.redis_origin(name)
        yield f"redis.{name}.prefix", server.prefix if server else None, of(f"redis.{name}.prefix")
    yield "default_queue", facts.default_queue, of("default_queue")
    for queue in readable:
        yield from _queue(facts, queue)
    failed = f"{facts.failed_driver} {facts.failed_sql}.{facts.failed_table}" if facts.failed_driver else None
    yield "failed", failed, facts.origins.weakest("failed.driver", "failed.database", "failed.table")
    yield "cache_store", facts.cache_store, of("cache_store")
    store = facts.caches.get(facts.cache_store)
    if store is not None and store.driver != "file":
        yield "cache_prefix", store.prefix, of(f"caches.{store.name}.prefix")
    cached = facts.maintenance_driver == "cache"
    driver = f"cache {facts.maintenance_store}" if cached else facts.maintenance_driver
    yield (
        "maintenance",
        driver,
        facts.origins.weakest("maintenance.driver", *(("maintenance.store",) if cached else ())),
    )


def _queue(facts: AppFacts, queue: QueueConnection) -> Iterator[tuple[str, str | None, Origin]]:
    name, of = f"queues.{queue.name}", facts.origins.of
    yield f"{name}.connection", queue.target, of(f"{name}.target")
    yield f"{name}.retry_after", str(queue.retry_after), of(f"{name}.retry_after")
    if queue.driver == "redis":
        block = None if queue.block_for is None else str(queue.block_for)
        yield f"{name}.block_for", block, of(f"{name}.block_for")

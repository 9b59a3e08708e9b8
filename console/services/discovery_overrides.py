"""What the configuration states in place of what an application says of itself.

Owns the merging, field by field. Pure: `resolve` turns references into secrets. Must not check the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from console.domain.documents import Json
from console.domain.environment import AppFacts, QueueConnection, RedisTarget, SqlTarget, Via
from console.services.discovery_facts import DRIVERS, PORTS, Resolve, number, part, text


def overridden(facts: AppFacts, overrides: Mapping[str, Json], resolve: Resolve) -> AppFacts:
    """The facts with what the configuration states in their place; `resolve` turns its references into secrets."""
    facts = replace(facts, timezone=text(overrides, "timezone", facts.timezone))
    if "database" in overrides:
        facts = _override_sql(facts, part(overrides, "database"), resolve)
    queues = part(overrides, "queues")
    if queues:
        facts = replace(facts, queues=_override_queues(facts, queues))
    if "redis" in overrides:
        facts = _override_redis(facts, part(overrides, "redis"), queues, resolve)
    for name, entry in queues.items():
        if isinstance(entry, dict) and entry.get("prefix") is not None:
            facts = _override_prefix(facts, name, text(entry, "prefix"))
    failed = part(overrides, "failed")
    return replace(
        facts,
        failed_driver=text(failed, "driver", facts.failed_driver),
        failed_sql=text(failed, "database", facts.failed_sql),
        failed_table=text(failed, "table", facts.failed_table),
    )


def _override_sql(facts: AppFacts, stated: Mapping[str, Json], resolve: Resolve) -> AppFacts:
    driver = text(stated, "driver")
    driver = DRIVERS.get(driver, driver)
    name = facts.default_sql or driver or "mysql"
    base = facts.sql.get(name, SqlTarget(driver=driver or "mysql"))
    if driver and driver != base.driver:
        base = SqlTarget(driver=driver, prefix=base.prefix)
    target = replace(
        base,
        host=text(stated, "host", "" if "socket" in stated else base.host),
        port=number(stated, "port", base.port or PORTS.get(base.driver, 0)),
        socket=text(stated, "socket", "" if "host" in stated else base.socket),
        database=text(stated, "database", base.database),
        user=text(stated, "user", base.user),
        password=resolve(text(stated, "password")) if stated.get("password") else base.password,
        file=text(stated, "file", base.file),
        prefix=text(stated, "prefix", base.prefix),
        via=Via(text(stated, "via", base.via.value)),
        ca=text(stated, "ca", base.ca),
    )
    return replace(
        facts,
        sql={**facts.sql, name: target},
        default_sql=name,
        failed_driver=facts.failed_driver or "database-uuids",
        failed_sql=facts.failed_sql or name,
        batches_sql=facts.batches_sql or name,
        queues=tuple(
            replace(queue, target=name) if queue.driver == "database" and not queue.target else queue
            for queue in facts.queues
        ),
    )


def _redis_names(facts: AppFacts) -> tuple[str, ...]:
    """The Redis connections behind queues, else `default`."""
    names = dict.fromkeys(queue.target for queue in facts.queues if queue.driver == "redis")
    return tuple(names) or ("default",)


def _prefixed(queues: Mapping[str, Json]) -> bool:
    return any(isinstance(entry, dict) and entry.get("prefix") is not None for entry in queues.values())


def _override_redis(
    facts: AppFacts, stated: Mapping[str, Json], queues: Mapping[str, Json], resolve: Resolve
) -> AppFacts:
    password = resolve(text(stated, "password")) if stated.get("password") else None
    redis = dict(facts.redis)
    for name in _redis_names(facts):
        if name not in redis and "prefix" not in stated and not _prefixed(queues):
            # Without its prefix every queue would look empty; asking for the connection says so instead.
            continue
        base = redis.get(name, RedisTarget(host="127.0.0.1"))
        redis[name] = replace(
            base,
            host=text(stated, "host", "" if "socket" in stated else base.host),
            port=number(stated, "port", base.port),
            socket=text(stated, "socket", "" if "host" in stated else base.socket),
            database=number(stated, "database", base.database),
            user=text(stated, "user", base.user),
            password=base.password if password is None else password,
            prefix=text(stated, "prefix", base.prefix),
            via=Via(text(stated, "via", base.via.value)),
        )
    return replace(facts, redis=redis)


def _override_prefix(facts: AppFacts, queue: str, prefix: str) -> AppFacts:
    target = next((found.target for found in facts.queues if found.name == queue), "")
    if target not in facts.redis:
        return facts
    return replace(facts, redis={**facts.redis, target: replace(facts.redis[target], prefix=prefix)})


def _override_queues(facts: AppFacts, stated: Mapping[str, Json]) -> tuple[QueueConnection, ...]:
    queues = {queue.name: queue for queue in facts.queues}
    for name, entry in stated.items():
        wanted = entry if isinstance(entry, dict) else {}
        known = queues.get(name)
        driver = text(wanted, "driver", known.driver if known else name)
        base = known or QueueConnection(name=name, driver=driver, target="")
        fallback = "default" if driver == "redis" else facts.default_sql
        names = wanted.get("names")
        queues[name] = replace(
            base,
            driver=driver,
            target=text(wanted, "connection", base.target or fallback),
            table=text(wanted, "table", base.table),
            queue=text(wanted, "queue", base.queue),
            retry_after=number(wanted, "retry_after", base.retry_after),
            names=tuple(str(item) for item in names) if isinstance(names, list) else base.names,
        )
    return tuple(queues.values())

"""What the configuration states in place of what an application says of itself.

Owns the merging, field by field. Pure: `resolve` turns references into secrets. Must not check the configuration.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from console.domain.documents import Json
from console.domain.environment import AppFacts, QueueConnection, RedisTarget, SqlTarget, Via
from console.domain.origins import Origin, Origins
from console.domain.untrusted import harmless
from console.services.discovery.facts import DRIVERS, PORTS, Resolve, number, part, text

OFF = "off"
"""What stands in place of a queue connection's settings to have nothing to do with it."""


def overridden(facts: AppFacts, overrides: Mapping[str, Json], resolve: Resolve) -> AppFacts:
    """The facts with what the configuration states in their place; `resolve` turns its references into secrets."""
    facts = _stating(facts, "", overrides, ("timezone",))
    facts = replace(facts, timezone=text(overrides, "timezone", facts.timezone))
    if "database" in overrides:
        facts = _override_default_sql(facts, part(overrides, "database"), resolve)
    named = part(overrides, "connections")
    for name, entry in part(named, "database").items():
        if isinstance(entry, dict):
            facts = _override_sql(facts, name, entry, resolve)
    queues = part(overrides, "queues")
    if queues:
        off = tuple(name for name, entry in queues.items() if entry == OFF)
        facts = replace(
            facts,
            queues=_override_queues(facts, queues),
            queues_off=off,
            origins=_queue_origins(facts, queues),
        )
    stated = {_redis_name(facts): part(overrides, "redis")} if "redis" in overrides else {}
    for name, entry in {**stated, **part(named, "redis")}.items():
        if isinstance(entry, dict):
            facts = _queues_stated(_override_redis(facts, name, entry, queues, resolve), name)
    for name, entry in queues.items():
        if isinstance(entry, dict) and entry.get("prefix") is not None:
            facts = _override_prefix(facts, name, text(entry, "prefix"))
    failed = part(overrides, "failed")
    facts = _stating(facts, "failed.", failed, ("driver", "database", "table"))
    return replace(
        facts,
        failed_driver=text(failed, "driver", facts.failed_driver),
        failed_sql=text(failed, "database", facts.failed_sql),
        failed_table=text(failed, "table", facts.failed_table),
    )


def _stating(facts: AppFacts, path: str, stated: Mapping[str, Json], keys: tuple[str, ...]) -> AppFacts:
    """The facts, with those of these keys that `stated` has marked as stated."""
    parts = {f"{path}{key}": Origin.STATED for key in keys if stated.get(key) is not None}
    return replace(facts, origins=facts.origins.having(parts))


def _override_default_sql(facts: AppFacts, stated: Mapping[str, Json], resolve: Resolve) -> AppFacts:
    """The facts with the default SQL connection as stated, which failed jobs and batches use where nothing else is."""
    driver = text(stated, "driver")
    driver = DRIVERS.get(driver, driver)
    name = facts.default_sql or driver or "mysql"
    if name != facts.default_sql and driver:
        facts = replace(facts, origins=facts.origins.having({"default_sql": Origin.STATED}))
    facts = _override_sql(facts, name, stated, resolve)
    return replace(
        facts,
        default_sql=name,
        failed_driver=facts.failed_driver or "database-uuids",
        failed_sql=facts.failed_sql or name,
        batches_sql=facts.batches_sql or name,
        queues=tuple(
            replace(queue, target=name) if queue.driver == "database" and not queue.target else queue
            for queue in facts.queues
        ),
    )


def _override_sql(facts: AppFacts, name: str, stated: Mapping[str, Json], resolve: Resolve) -> AppFacts:
    driver = text(stated, "driver")
    driver = DRIVERS.get(driver, driver)
    base = facts.sql.get(name, SqlTarget(driver=driver or "mysql"))
    if not base.port:
        facts = replace(facts, origins=facts.origins.having({f"sql.{name}.port": Origin.DEFAULT}))
    keys = ("host", "port", "socket", "database", "user", "file", "prefix")
    facts = _stating(facts, f"sql.{name}.", stated, keys)
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
        withheld=base.withheld and not stated.get("password"),
        file=text(stated, "file", base.file),
        prefix=text(stated, "prefix", base.prefix),
        via=Via(text(stated, "via", base.via.value)),
        ca=text(stated, "ca", base.ca),
    )
    return replace(facts, sql={**facts.sql, name: target})


def _redis_name(facts: AppFacts) -> str:
    """The Redis connection that the short form means: the default queue's, else that of Laravel's own `redis` queue,
    else that of the first queue on Redis."""
    behind = {queue.name: queue.target for queue in facts.queues if queue.driver == "redis"}
    for name in (facts.default_queue, "redis", *behind):
        if name in behind:
            return behind[name] or "default"
    return "default"


def _prefixed(queues: Mapping[str, Json]) -> bool:
    return any(isinstance(entry, dict) and entry.get("prefix") is not None for entry in queues.values())


def _override_redis(
    facts: AppFacts, name: str, stated: Mapping[str, Json], queues: Mapping[str, Json], resolve: Resolve
) -> AppFacts:
    if name not in facts.redis and "prefix" not in stated and not _prefixed(queues):
        # Without its prefix every queue would look empty. Left out, the connection is reported as not described.
        return facts
    base = facts.redis.get(name, RedisTarget(host="127.0.0.1"))
    target = replace(
        base,
        host=text(stated, "host", "" if "socket" in stated else base.host),
        port=number(stated, "port", base.port),
        socket=text(stated, "socket", "" if "host" in stated else base.socket),
        database=number(stated, "database", base.database),
        user=text(stated, "user", base.user),
        password=resolve(text(stated, "password")) if stated.get("password") else base.password,
        withheld=base.withheld and not stated.get("password"),
        prefix=text(stated, "prefix", base.prefix),
        via=Via(text(stated, "via", base.via.value)),
    )
    facts = _stating(facts, f"redis.{name}.", stated, ("host", "port", "socket", "database", "user", "prefix"))
    return replace(facts, redis={**facts.redis, name: target})


def _override_prefix(facts: AppFacts, queue: str, prefix: str) -> AppFacts:
    target = next((found.target for found in facts.queues if found.name == queue), "")
    if target not in facts.redis:
        return facts
    return replace(
        facts,
        redis={**facts.redis, target: replace(facts.redis[target], prefix=prefix)},
        origins=facts.origins.having({f"redis.{target}.prefix": Origin.STATED}),
    )


def short_form_words(facts: AppFacts, overrides: Mapping[str, Json]) -> str:
    """What the short form `redis:` does not mean, where queues stand on several Redis connections; else nothing."""
    if "redis" not in overrides:
        return ""
    name = _redis_name(facts)
    behind = dict.fromkeys(queue.target for queue in facts.queues if queue.driver == "redis")
    others = [each for each in behind if each not in (name, *part(part(overrides, "connections"), "redis"))]
    if not others:
        return ""
    return (
        f"redis: means the connection {harmless(name)} only; state {', '.join(map(harmless, others))} under "
        "connections: {redis: …} where the application's own configuration does not hold"
    )


def _queues_stated(facts: AppFacts, redis: str) -> AppFacts:
    """The facts, with the queue connections marked whose Redis the configuration states."""
    queues = (
        replace(queue, stated=True) if queue.driver == "redis" and queue.target == redis else queue
        for queue in facts.queues
    )
    return replace(facts, queues=tuple(queues))


def _queue_origins(facts: AppFacts, stated: Mapping[str, Json]) -> Origins:
    known = {queue.name for queue in facts.queues}
    parts: dict[str, Origin] = {}
    for name, entry in stated.items():
        if name not in known and entry != OFF:
            parts |= {f"queues.{name}": Origin.STATED, f"queues.{name}.retry_after": Origin.DEFAULT}
        keys = (("driver", "driver"), ("connection", "target"), ("table", "table"), ("queue", "queue"))
        for key, fact in (*keys, ("retry_after", "retry_after")):
            if isinstance(entry, dict) and entry.get(key) is not None:
                parts[f"queues.{name}.{fact}"] = Origin.STATED
    return facts.origins.having(parts)


def _override_queues(facts: AppFacts, stated: Mapping[str, Json]) -> tuple[QueueConnection, ...]:
    queues = {queue.name: queue for queue in facts.queues}
    for name, entry in stated.items():
        if entry == OFF:
            queues.pop(name, None)
            continue
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
            stated=True,
        )
    return tuple(queues.values())

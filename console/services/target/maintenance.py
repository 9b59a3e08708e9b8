"""Reading whether an application is in maintenance mode, host by host: for the screen, for plans and for runs.

Owns the order of the questions: which driver the application uses, then its file on each host or its cache store. Must
not change the mode; artisan does.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

from console.domain.environment import AppFacts, CacheStore
from console.domain.maintenance import (
    KEY,
    HostMaintenance,
    MaintenanceReading,
    cache_file,
    host_down,
    parse,
    read_script,
)
from console.domain.origins import Origin
from console.domain.sqlwords import NOW, identifier
from console.errors import OpsconsoleError, QueryError, RemoteError
from console.ports import Clock, Reach
from console.services.threads.loop import capture
from console.services.threads.parallel import each_captured

_MOST = 2048


def read_maintenance(reach: Reach, clock: Clock, *, deadline: float = 10.0) -> MaintenanceReading:
    """All hosts at once; one that could not be asked is among the errors. Raises when nothing could be read."""
    asked = capture(reach.facts)
    if asked.error is not None and not isinstance(asked.error, OpsconsoleError):
        raise asked.error
    facts, origin = asked.value, Origin.DEFAULT.value
    store = None
    if facts is not None:
        origin = facts.origins.of("maintenance.driver").value
        store = _store(facts)
    if store is not None and store.driver != "file":
        found = _shared(reach, store, deadline=deadline)
    else:
        found = _by_files(reach, clock, store, deadline=deadline)
    if facts is not None and store is not None and (doubt := _doubt(facts, store)):
        found = _only_down(found, doubt)
    return replace(found, hosts=tuple(replace(host, origin=origin) for host in found.hosts))


def _doubt(facts: AppFacts, store: CacheStore) -> str:
    """Which parts of the cache entry's place are only guessed, in words; empty when all of them were read."""
    parts = {"which cache store it is": "maintenance.store"}
    if store.driver == "file":
        parts["where its files lie"] = f"caches.{store.name}.path"
    else:
        parts["what stands before its keys"] = f"caches.{store.name}.prefix"
    if store.driver == "redis":
        parts["what Redis puts before them"] = f"redis.{store.connection}.prefix"
    return ", ".join(words for words, fact in parts.items() if facts.origins.of(fact).guessed)


def _only_down(found: MaintenanceReading, doubt: str) -> MaintenanceReading:
    """Only the hosts that are down: an entry found in a guessed place is real, but a missing one may stand elsewhere.
    QueryError when no host is down."""
    why = f"maintenance mode is kept in the cache, and {doubt} was not read"
    if not found.down:
        raise QueryError(why)
    errors = tuple(f"{host.host}: {why}" for host in found.hosts if not host.down)
    return MaintenanceReading(hosts=found.down, errors=(*found.errors, *errors))


def _store(facts: AppFacts) -> CacheStore | None:
    """The cache store that holds the mode, None for the framework's file. QueryError for one that nothing describes."""
    if facts.maintenance_driver != "cache":
        return None
    found = facts.caches.get(facts.maintenance_store)
    if found is None:
        raise QueryError(
            f"maintenance mode is kept in the cache store {facts.maintenance_store or '(default)'}, which nothing "
            "describes"
        )
    return found


def _by_files(reach: Reach, clock: Clock, store: CacheStore | None, *, deadline: float) -> MaintenanceReading:
    names = [host.name for host in reach.environment.hosts]
    hosts: list[HostMaintenance] = []
    errors: list[str] = []
    failures: list[OpsconsoleError] = []
    for name, ended in each_captured(names, partial(_by_file, reach, clock, store, deadline=deadline)).items():
        try:
            hosts.append(ended.unwrap())
        except OpsconsoleError as error:
            failures.append(error)
            errors.append(f"{name}: {error.what.removeprefix(name + ': ')}")
    if failures and not hosts:
        raise failures[0]
    return MaintenanceReading(hosts=tuple(hosts), errors=tuple(errors))


def _by_file(reach: Reach, clock: Clock, store: CacheStore | None, name: str, *, deadline: float) -> HostMaintenance:
    paths = reach.environment.paths(reach.environment.host(name))
    if store is not None and not store.path:
        raise QueryError(f"where the cache store {store.name} keeps its files is not known")
    script = read_script(paths, cache_file(store.path) if store is not None else "")
    done = reach.shell(name).run(script, deadline=deadline)
    try:
        return parse(name, done.stdout, now=clock.now(), driver=f"cache {store.name}" if store is not None else "file")
    except ValueError as error:
        raise RemoteError(f"{name}: {error}") from error


def _shared(reach: Reach, store: CacheStore, *, deadline: float) -> MaintenanceReading:
    """The mode of all hosts, which share one cache server; its entry does not tell since when."""
    if store.driver == "redis":
        body = _in_redis(reach, store, deadline=deadline)
    elif store.driver == "database":
        body = _in_sql(reach, store, deadline=deadline)
    else:
        raise QueryError(
            f"maintenance mode is kept in the cache store {store.name}, whose driver {store.driver or '(none)'} this "
            "console cannot read"
        )
    mode = HostMaintenance(host="", down=False) if body is None else host_down("", body)
    driver = f"cache {store.name}"
    hosts = tuple(replace(mode, host=host.name, driver=driver) for host in reach.environment.hosts)
    return MaintenanceReading(hosts=hosts)


def _in_redis(reach: Reach, store: CacheStore, *, deadline: float) -> str | None:
    target = reach.facts().redis.get(store.connection)
    before = (target.prefix if target is not None else "") + store.prefix
    # It depends on the framework's version whether a colon follows its own prefix, so both keys are asked for.
    keys = dict.fromkeys([before + KEY] + ([] if before.endswith(":") or not store.prefix else [f"{before}:{KEY}"]))
    replies = reach.redis(store.connection).pipeline([("GETRANGE", key, 0, _MOST) for key in keys], deadline=deadline)
    wrong = next((reply for reply in replies if isinstance(reply, Exception)), None)
    if wrong is not None:
        raise wrong
    found = next((reply for reply in replies if isinstance(reply, bytes) and reply), None)
    return None if found is None else found.decode("utf-8", "replace")


def _in_sql(reach: Reach, store: CacheStore, *, deadline: float) -> str | None:
    facts, sql = reach.facts(), reach.sql(store.connection)
    target = facts.sql.get(store.connection or facts.default_sql)
    dialect = sql.dialect
    table = identifier((target.prefix if target is not None else "") + (store.table or "cache"), dialect)
    key, value = identifier("key", dialect), identifier("value", dialect)
    rows = sql.query(
        f"select {value} from {table} where {key} = :key and expiration > {NOW[dialect]} limit 1",  # noqa: S608 - identifiers
        {"key": store.prefix + KEY},
        deadline=deadline,
    )
    return str(rows[0][0])[:_MOST] if rows else None

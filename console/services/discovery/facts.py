"""From the document of a probe to `AppFacts`, and to a form that may lie on disk: without secrets.

Owns the document's shape. Pure. Must not know where a document comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import unquote, urlsplit

from console.domain.documents import Json
from console.domain.environment import AppFacts, CacheStore, QueueConnection, RedisTarget, SqlTarget
from console.domain.origins import Origins
from console.domain.redact import Secret

Document = dict[str, Json]
Resolve = Callable[[str], Secret]
DRIVERS = {"mariadb": "mysql", "pdo_mysql": "mysql", "postgres": "pgsql", "postgresql": "pgsql"}
PORTS = {"mysql": 3306, "pgsql": 5432}
_PREFERRED = ("DB_PASSWORD", "REDIS_PASSWORD")


def part(document: Mapping[str, Json], key: str) -> dict[str, Json]:
    """The object under `key`, empty when there is none."""
    found = document.get(key)
    return found if isinstance(found, dict) else {}


def text(document: Mapping[str, Json], key: str, default: str = "") -> str:
    """The scalar under `key` as text."""
    found = document.get(key)
    return default if found is None or isinstance(found, dict | list) else str(found)


def number(document: Mapping[str, Json], key: str, default: int = 0) -> int:
    """The scalar under `key` as an integer, the default when it is none."""
    try:
        return int(text(document, key, str(default)))
    except ValueError:
        return default


def texts(document: Mapping[str, Json], key: str) -> tuple[str, ...]:
    """The texts of the list under `key`, none when it is no list."""
    found = document.get(key)
    return tuple(each for each in found if isinstance(each, str)) if isinstance(found, list) else ()


# --- without secrets -------------------------------------------------------------------------------------------------


def without_secrets(document: Document, env: Mapping[str, str]) -> Document:
    """The document with each password replaced by the `.env` key that holds it, alone or in a URL; of one that stands
    in no key (a text in a configuration file) is only kept that there is one."""
    stripped = dict(document)
    for kind in ("sql", "redis"):
        targets: dict[str, Json] = {}
        for name, entry in part(document, kind).items():
            if not isinstance(entry, dict):
                continue
            password = text(entry, "password")
            kept = {key: value for key, value in entry.items() if key != "password"}
            if password:
                key = _holder(password, env)
                kept |= {"password_key": key} if key else {"password_withheld": True}
            targets[name] = kept
        stripped[kind] = targets
    return stripped


def _holder(password: str, env: Mapping[str, str]) -> str:
    """The key whose value is the password or a URL with it; empty when there is none."""
    holders = [key for key, value in env.items() if value == password]
    holders += [key for key, value in env.items() if value != password and _of_url(value) == password]
    return next((key for key in _PREFERRED if key in holders), holders[0] if holders else "")


def _of_url(value: str) -> str:
    """The password in a URL; empty for any other text."""
    try:
        parts = urlsplit(value) if "://" in value else None
    except ValueError:
        return ""
    return unquote(parts.password) if parts is not None and parts.password else ""


# --- from a document -------------------------------------------------------------------------------------------------


def facts_of(
    document: Document, env: Mapping[str, str], origins: Origins, *, problem: str = "", unbooted: bool = False
) -> AppFacts:
    """The facts in a document, with what they stand on. Passwords stand in it, or are looked up by their key in `env`,
    the application's `.env`."""
    failed, batching, maintenance = (part(document, key) for key in ("failed", "batching", "maintenance"))
    default = text(document, "default_queue")
    queues = tuple(
        QueueConnection(
            name=name,
            driver=text(entry, "driver"),
            target=text(entry, "target"),
            table=text(entry, "table", "jobs"),
            queue=text(entry, "queue", "default"),
            retry_after=number(entry, "retry_after", 90),
            block_for=None if entry.get("block_for") is None else number(entry, "block_for"),
            members=texts(entry, "members"),
        )
        for name, entry in part(document, "queues").items()
        if isinstance(entry, dict)
    )
    return AppFacts(
        laravel=text(document, "laravel"),
        app_env=text(document, "app_env"),
        app_key_hash=text(document, "app_key"),
        timezone=text(document, "timezone", "UTC"),
        sql={n: _sql(e, env) for n, e in part(document, "sql").items() if isinstance(e, dict)},
        redis={n: _redis(e, env) for n, e in part(document, "redis").items() if isinstance(e, dict)},
        queues=tuple(sorted(queues, key=lambda queue: queue.name != default)),
        default_queue=default,
        failed_driver=text(failed, "driver"),
        failed_sql=text(failed, "database"),
        failed_table=text(failed, "table", "failed_jobs"),
        batches_sql=text(batching, "database"),
        batches_table=text(batching, "table", "job_batches"),
        default_sql=text(document, "default_sql"),
        cache_store=text(document, "cache_store"),
        cache_redis=text(document, "cache_redis"),
        caches={n: _cache(n, e) for n, e in part(document, "caches").items() if isinstance(e, dict)},
        maintenance_driver=text(maintenance, "driver", "file"),
        maintenance_store=text(maintenance, "store"),
        origins=origins,
        problem=problem,
        unbooted=unbooted,
        redis_clusters=texts(document, "redis_clusters"),
    )


def _password(entry: Mapping[str, Json], env: Mapping[str, str]) -> Secret:
    key = text(entry, "password_key")
    if not key:
        return Secret(text(entry, "password"))
    value = env.get(key, "")
    return Secret(_of_url(value) or value)


def _sql(entry: Mapping[str, Json], env: Mapping[str, str]) -> SqlTarget:
    driver = text(entry, "driver")
    driver = DRIVERS.get(driver, driver)
    if driver == "sqlite":
        return SqlTarget(driver=driver, file=text(entry, "database"), prefix=text(entry, "prefix"))
    return SqlTarget(
        driver=driver,
        host=text(entry, "host"),
        port=number(entry, "port") or PORTS.get(driver, 0),
        socket=text(entry, "socket"),
        database=text(entry, "database"),
        user=text(entry, "user"),
        password=_password(entry, env),
        prefix=text(entry, "prefix"),
        timezone=text(entry, "timezone"),
        withheld=entry.get("password_withheld") is True,
    )


def _cache(name: str, entry: Mapping[str, Json]) -> CacheStore:
    return CacheStore(
        name=name,
        driver=text(entry, "driver"),
        connection=text(entry, "connection"),
        table=text(entry, "table"),
        path=text(entry, "path"),
        prefix=text(entry, "prefix"),
    )


def _redis(entry: Mapping[str, Json], env: Mapping[str, str]) -> RedisTarget:
    return RedisTarget(
        host=text(entry, "host"),
        port=number(entry, "port", 6379) or 6379,
        socket=text(entry, "socket"),
        database=number(entry, "database"),
        user=text(entry, "user"),
        password=_password(entry, env),
        prefix=text(entry, "prefix"),
        withheld=entry.get("password_withheld") is True,
    )

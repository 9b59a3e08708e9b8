"""What an application's `.env` alone says of it, where no PHP can read the rest.

Owns the framework's defaults, and the mark on each fact that stands on one. Must not guess what cannot be known: a
connection that nothing describes is left out, and whoever asks for it hears what to configure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from console.domain.documents import Json
from console.domain.origins import Origin, Origins
from console.services.discovery import laravel_config
from console.services.discovery.dotenv import word
from console.services.discovery.facts import Document, part, text

_FROM_URL = {"driver": "driver", "host": "host", "port": "port", "database": "database", "user": "username"}


@dataclass(frozen=True, slots=True)
class _EnvReader:
    """Looks keys up and remembers for each fact whether one was there."""

    env: Mapping[str, str]
    origins: dict[str, Origin] = field(default_factory=dict)

    def take(self, fact: str, *keys: str, default: str = "") -> str:
        """The first of these keys that is there, else the framework's default."""
        key = next((key for key in keys if key in self.env), None)
        self.origins[fact] = Origin.DEFAULT if key is None else Origin.ENV
        return default if key is None else word(self.env, key)


def document_of(env: Mapping[str, str], hints: Mapping[str, str]) -> tuple[Document, Origins]:
    """What a `.env` says, in the shape of the document that PHP gives, and on what each fact stands.

    Left out for want of knowledge: SQL connections other than the default, and Redis when nothing tells the prefix.
    """
    version = hints.get("version", "")
    found = re.match(r"\d+", version)
    major = int(found[0]) if found else 0
    reader = _EnvReader(env)
    driver = reader.take("default_sql", "DB_CONNECTION", default="sqlite" if major >= 11 else "mysql")
    default_queue = reader.take("default_queue", "QUEUE_CONNECTION", default="database" if major >= 11 else "sync")
    prefix = _prefix(env, hints, major)
    redis: dict[str, Json] = {}
    if prefix is not None:
        redis = {name: _redis(reader, name, prefix, *database) for name, database in _DATABASES.items()}
    queues = {"database": _database_queue(reader, driver), "redis": _redis_queue(reader)}
    caches, store = _caches(reader, version, major, driver)
    document: Document = {
        "laravel": version,
        "app_env": reader.take("app_env", "APP_ENV", default="production"),
        "app_key": laravel_config.key_hash(reader.take("app_key", "APP_KEY")),
        "timezone": reader.take("timezone", "APP_TIMEZONE", default="UTC"),
        "sql": {driver: _sql(reader, driver)} if _described(env, driver) else {},
        "default_sql": driver,
        "redis": redis,
        "queues": {
            name: entry
            for name, entry in queues.items()
            if name in (default_queue, "database") or ({"REDIS_HOST", "REDIS_URL"} & env.keys() and redis)
        },
        "default_queue": default_queue,
        "failed": {
            "driver": reader.take("failed.driver", "QUEUE_FAILED_DRIVER", default="database-uuids"),
            "database": driver,
            "table": "failed_jobs",
        },
        "batching": {"database": driver, "table": "job_batches"},
        "cache_store": store,
        "cache_redis": text(part(caches, store), "connection") if store == "redis" else "",
        "caches": caches,
        "maintenance": {
            "driver": reader.take("maintenance.driver", "APP_MAINTENANCE_DRIVER", default="file"),
            "store": reader.take(
                "maintenance.store", "APP_MAINTENANCE_STORE", default="database" if major >= 11 else store
            ),
        },
    }
    if default_queue not in part(document, "queues"):
        document["queues"] = {**part(document, "queues"), default_queue: {"driver": default_queue}}
    origins = Origins(Origin.DEFAULT, {**reader.origins, "laravel": Origin.FILES if version else Origin.UNKNOWN})
    return document, origins


def _described(env: Mapping[str, str], driver: str) -> bool:
    """Whether the file says where the default SQL connection leads."""
    keys = ("DB_URL", "DATABASE_URL", *(("DB_DATABASE",) if driver == "sqlite" else ("DB_HOST", "DB_SOCKET")))
    return any(word(env, key) for key in keys)


def _sql(reader: _EnvReader, driver: str) -> dict[str, Json]:
    fact = f"sql.{driver}"
    entry: dict[str, Json] = {
        "driver": driver,
        "url": word(reader.env, "DB_URL") or word(reader.env, "DATABASE_URL"),
        "host": reader.take(f"{fact}.host", "DB_HOST"),
        "port": reader.take(f"{fact}.port", "DB_PORT"),
        "unix_socket": reader.take(f"{fact}.socket", "DB_SOCKET"),
        "database": reader.take(f"{fact}.database", "DB_DATABASE", default="laravel"),
        "username": reader.take(f"{fact}.user", "DB_USERNAME"),
        "prefix": reader.take(f"{fact}.prefix", "DB_PREFIX"),
    }
    made = _with_url(reader, fact, entry, laravel_config.sql(entry), "DB_PASSWORD")
    reader.origins[f"{fact}.file"] = reader.origins[f"{fact}.database"]
    return made


# The connections of Laravel's own configuration, by the `.env` key of their database and its default.
_DATABASES = {"default": ("REDIS_DB", "0"), "cache": ("REDIS_CACHE_DB", "1")}


def _redis(reader: _EnvReader, name: str, prefix: str, database: str, number: str) -> dict[str, Json]:
    fact = f"redis.{name}"
    entry: dict[str, Json] = {
        "url": word(reader.env, "REDIS_URL"),
        "scheme": reader.take(f"{fact}.scheme", "REDIS_SCHEME"),
        "host": reader.take(f"{fact}.host", "REDIS_HOST", default="127.0.0.1"),
        "port": reader.take(f"{fact}.port", "REDIS_PORT", default="6379"),
        "database": reader.take(f"{fact}.database", database, default=number),
        "username": reader.take(f"{fact}.user", "REDIS_USERNAME"),
        "prefix": prefix,
    }
    reader.take(f"{fact}.prefix", "REDIS_PREFIX")
    made = _with_url(reader, fact, entry, laravel_config.redis(entry, {}), "REDIS_PASSWORD")
    reader.origins[f"{fact}.socket"] = reader.origins[f"{fact}.host"]
    return made


def _with_url(
    reader: _EnvReader, fact: str, entry: Mapping[str, Json], made: dict[str, Json], password: str
) -> dict[str, Json]:
    """The connection, what its URL said marked as read; a password that the URL does not hold is named by its key."""
    said = laravel_config.with_url({"url": entry["url"]})
    for name, key in _FROM_URL.items():
        if key in said:
            reader.origins[f"{fact}.{name}"] = Origin.ENV
    if "password" not in said:
        del made["password"]
        made["password_key"] = password
    return made


def _database_queue(reader: _EnvReader, driver: str) -> dict[str, Json]:
    return {
        "driver": "database",
        "target": reader.take("queues.database.target", "DB_QUEUE_CONNECTION") or driver,
        "table": reader.take("queues.database.table", "DB_QUEUE_TABLE", default="jobs"),
        "queue": reader.take("queues.database.queue", "DB_QUEUE", default="default"),
        "retry_after": reader.take(
            "queues.database.retry_after", "DB_QUEUE_RETRY_AFTER", "QUEUE_RETRY_AFTER", default="90"
        ),
    }


def _redis_queue(reader: _EnvReader) -> dict[str, Json]:
    return {
        "driver": "redis",
        "target": reader.take("queues.redis.target", "REDIS_QUEUE_CONNECTION") or "default",
        "queue": reader.take("queues.redis.queue", "REDIS_QUEUE", default="default"),
        "retry_after": reader.take(
            "queues.redis.retry_after", "REDIS_QUEUE_RETRY_AFTER", "QUEUE_RETRY_AFTER", default="90"
        ),
    }


def _caches(reader: _EnvReader, version: str, major: int, driver: str) -> tuple[dict[str, Json], str]:
    """Laravel's own stores, and the default one."""
    default = "database" if major >= 11 else "file"
    store = reader.take("cache_store", "CACHE_STORE", "CACHE_DRIVER", default=default)
    entry: dict[str, Json] = {
        "prefix": word(reader.env, "CACHE_PREFIX"),
        "stores": {
            "redis": {"driver": "redis", "connection": word(reader.env, "REDIS_CACHE_CONNECTION", "cache")},
            "database": {
                "driver": "database",
                "connection": word(reader.env, "DB_CACHE_CONNECTION"),
                "table": word(reader.env, "DB_CACHE_TABLE", "cache"),
            },
            "file": {"driver": "file", "path": "storage/framework/cache/data"},
            "array": {"driver": "array"},
            **({} if store in ("redis", "database", "file", "array") else {store: {"driver": store}}),
        },
    }
    stores = laravel_config.cache_stores(entry, version, driver)
    # Laravel's skeleton makes the prefix from the application's name, differently in each version.
    known = Origin.ENV if "CACHE_PREFIX" in reader.env else Origin.UNKNOWN
    reader.origins.update({f"caches.{name}.prefix": known for name in stores})
    return stores, store


def _prefix(env: Mapping[str, str], hints: Mapping[str, str], major: int) -> str | None:
    """The Redis prefix: stated, else the skeleton's from the application's name; None when nothing tells."""
    if "REDIS_PREFIX" in env:
        return word(env, "REDIS_PREFIX")
    ending = hints.get("prefix", "_database_" if 0 < major < 12 else "")
    if not ending:
        return None
    name = word(env, "APP_NAME", "laravel")
    if not name.isascii():
        # The framework transliterates such names, and a wrong guess would make full queues look empty.
        return None
    separator = ending[0]
    other = "-" if separator == "_" else "_"
    slug = name.lower().replace(other, separator).replace("@", f"{separator}at{separator}")
    slug = re.sub(rf"[^{re.escape(separator)}a-z0-9\s]+", "", slug)
    return re.sub(rf"[{re.escape(separator)}\s]+", separator, slug).strip(separator) + ending

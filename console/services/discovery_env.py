"""What an application's `.env` alone says of it, where no PHP can be asked.

Owns the framework's defaults. Must not guess what cannot be known: a connection that nothing describes is left out, and
whoever asks for it hears what to configure.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping

from console.domain.documents import Json
from console.services.discovery_facts import Document
from console.services.dotenv import word


def document_of(env: Mapping[str, str], hints: Mapping[str, str]) -> Document:
    """What a `.env` says, in the shape of the probe's document, with the framework's defaults for what those cover.

    Left out for want of knowledge: SQL connections other than the default, and Redis when nothing tells the prefix.
    """
    version = hints.get("version", "")
    major = int(version.split(".")[0]) if version.split(".")[0].isdigit() else 0
    driver = word(env, "DB_CONNECTION", "sqlite" if major >= 11 else "mysql")
    sql: dict[str, Json] = {}
    if driver == "sqlite" or word(env, "DB_HOST") or word(env, "DB_SOCKET"):
        sql[driver] = _env_sql(env, driver)
    prefix = _env_prefix(env, hints, major)
    redis: dict[str, Json] = {}
    if prefix is not None:
        redis = {
            "default": _env_redis(env, prefix, word(env, "REDIS_DB", "0")),
            "cache": _env_redis(env, prefix, word(env, "REDIS_CACHE_DB", "1")),
        }
    retry_after = word(env, "QUEUE_RETRY_AFTER")
    default_queue = word(env, "QUEUE_CONNECTION", "database" if major >= 11 else "sync")
    queues: dict[str, Json] = {
        "database": _env_queue("database", driver, word(env, "DB_QUEUE", "default"), retry_after)
        | {"table": word(env, "DB_QUEUE_TABLE", "jobs")},
        "redis": _env_queue("redis", "default", word(env, "REDIS_QUEUE", "default"), retry_after),
    }
    store = word(env, "CACHE_STORE") or word(env, "CACHE_DRIVER", "database" if major >= 11 else "file")
    return {
        "laravel": version,
        "app_env": word(env, "APP_ENV", "production"),
        "app_key": hashlib.sha256(word(env, "APP_KEY").encode("utf-8", "surrogateescape")).hexdigest()[:12],
        "timezone": word(env, "APP_TIMEZONE", "UTC"),
        "sql": sql,
        "default_sql": driver,
        "redis": redis,
        "queues": {name: entry for name, entry in queues.items() if name == default_queue or _used(name, env, redis)},
        "default_queue": default_queue,
        "failed": {
            "driver": word(env, "QUEUE_FAILED_DRIVER", "database-uuids"),
            "database": driver,
            "table": "failed_jobs",
        },
        "batching": {"database": driver, "table": "job_batches"},
        "cache_store": store,
        "cache_redis": "cache" if store == "redis" else "",
    }


def _used(name: str, env: Mapping[str, str], redis: Mapping[str, Json]) -> bool:
    """Whether a connection that is not the default is worth showing: its server is named in the file."""
    return name == "database" or ("REDIS_HOST" in env and bool(redis))


def _env_sql(env: Mapping[str, str], driver: str) -> dict[str, Json]:
    return {
        "driver": driver,
        "host": word(env, "DB_HOST"),
        "port": word(env, "DB_PORT"),
        "socket": word(env, "DB_SOCKET"),
        "database": word(env, "DB_DATABASE", "laravel"),
        "user": word(env, "DB_USERNAME"),
        "password_key": "DB_PASSWORD",
        "prefix": word(env, "DB_PREFIX"),
    }


def _env_redis(env: Mapping[str, str], prefix: str, database: str) -> dict[str, Json]:
    host = word(env, "REDIS_HOST", "127.0.0.1")
    return {
        "host": "" if host.startswith("/") else host,
        "socket": host if host.startswith("/") else "",
        "port": word(env, "REDIS_PORT", "6379"),
        "database": database,
        "user": word(env, "REDIS_USERNAME"),
        "password_key": "REDIS_PASSWORD",
        "prefix": prefix,
    }


def _env_queue(driver: str, target: str, queue: str, retry_after: str) -> dict[str, Json]:
    return {"driver": driver, "target": target, "queue": queue, "retry_after": retry_after or "90"}


def _env_prefix(env: Mapping[str, str], hints: Mapping[str, str], major: int) -> str | None:
    """The Redis prefix: stated, else the skeleton's from the application's name; None when nothing tells."""
    if "REDIS_PREFIX" in env:
        return word(env, "REDIS_PREFIX")
    ending = hints.get("prefix", "_database_" if 0 < major < 12 else "")
    if not ending:
        return None
    name = word(env, "APP_NAME", "laravel")
    if not name.isascii():
        # The framework transliterates; guessing that would show empty queues that are not.
        return None
    separator = ending[0]
    other = "-" if separator == "_" else "_"
    slug = name.lower().replace(other, separator).replace("@", f"{separator}at{separator}")
    slug = re.sub(rf"[^{re.escape(separator)}a-z0-9\s]+", "", slug)
    return re.sub(rf"[{re.escape(separator)}\s]+", separator, slug).strip(separator) + ending

"""Laravel's own configuration arrays, read as Laravel reads them: URLs taken apart, write hosts first, prefixes found.

Owns the way from `app`, `database`, `queue` and `cache` to the document that facts are made of. Pure. Must not know
where the arrays came from.
"""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Mapping
from urllib.parse import parse_qsl, unquote, urlsplit

from console.domain.documents import Json
from console.domain.queues import READABLE
from console.services.discovery.facts import Document, number, part, text, texts

_SCHEMES = {
    "mssql": "sqlsrv",
    "mysql2": "mysql",
    "postgres": "pgsql",
    "postgresql": "pgsql",
    "sqlite3": "sqlite",
    "redis": "tcp",
    "rediss": "tls",
}
# Under `database.redis` these keys are settings; all others are connections.
_NO_CONNECTIONS = ("client", "options", "clusters")


def document_of(config: Mapping[str, Json], laravel: str) -> Document:
    """The document of one application's resolved configuration; `laravel` is the framework's version."""
    app, database, queue, cache = (part(config, key) for key in ("app", "database", "queue", "cache"))
    default_sql = text(database, "default")
    default_queue = text(queue, "default")
    failed, batching = part(queue, "failed"), part(queue, "batching")
    maintenance = part(app, "maintenance")
    store = text(cache, "default")
    caches = cache_stores(cache, laravel, default_sql)
    found = part(caches, store)
    return {
        "laravel": laravel,
        "app_env": text(app, "env"),
        "app_key": key_hash(text(app, "key")),
        "timezone": text(app, "timezone") or "UTC",
        "sql": {name: sql(entry) for name, entry in _mappings(database, "connections")},
        "default_sql": default_sql,
        "redis": _redis_connections(part(database, "redis")),
        "redis_clusters": list(part(part(database, "redis"), "clusters")),
        "queues": {
            name: _queue(entry, default_sql)
            for name, entry in _mappings(queue, "connections")
            if text(entry, "driver") in READABLE or name == default_queue
        },
        "default_queue": default_queue,
        "failed": {
            "driver": _failed_driver(failed),
            "database": text(failed, "database") or default_sql,
            "table": text(failed, "table") or "failed_jobs",
        },
        "batching": {
            "database": text(batching, "database") or default_sql,
            "table": text(batching, "table") or "job_batches",
        },
        "cache_store": store,
        "cache_redis": text(found, "connection") if text(found, "driver") == "redis" else "",
        "caches": caches,
        "maintenance": {
            "driver": text(maintenance, "driver") or "file",
            "store": text(maintenance, "store") or store,
        },
    }


def key_hash(key: str) -> str:
    """The first 12 hex digits of the SHA-256 of an APP_KEY; empty for an application without one."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:12] if key else ""


def with_url(entry: Mapping[str, Json]) -> dict[str, Json]:
    """A connection with its `url` taken apart: what the URL says outranks the other keys. An invalid URL is dropped."""
    url = text(entry, "url")
    merged = {key: value for key, value in entry.items() if key != "url"}
    if url.startswith(("sqlite:///", "sqlite3:///")):
        url = url.replace(":///", "://null/", 1)
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return merged
    if not parts.scheme or not parts.netloc:
        return merged
    said: dict[str, Json] = {
        "driver": _SCHEMES.get(parts.scheme, parts.scheme),
        "database": unquote(parts.path[1:]) if len(parts.path) > 1 else None,
        "host": unquote(parts.hostname) if parts.hostname else None,
        "port": port,
        "username": None if parts.username is None else unquote(parts.username),
        "password": None if parts.password is None else unquote(parts.password),
    }
    asked: dict[str, Json] = dict(parse_qsl(parts.query))
    return {**merged, **{key: value for key, value in said.items() if value is not None}, **asked}


def sql(entry: Mapping[str, Json]) -> dict[str, Json]:
    """One SQL connection: the write side where reads go elsewhere."""
    merged = with_url(entry)
    write = merged.get("write")
    first = write[0] if isinstance(write, list) and write else write
    if isinstance(first, dict):
        merged |= first
    socket = _one(merged, "unix_socket")
    return {
        "driver": _one(merged, "driver"),
        # Laravel goes to the socket wherever one is named.
        "host": "" if socket else _one(merged, "host"),
        "port": _one(merged, "port"),
        "socket": socket,
        "database": _one(merged, "database"),
        "user": _one(merged, "username"),
        "password": _one(merged, "password"),
        "prefix": _one(merged, "prefix"),
        "timezone": _one(merged, "timezone"),
    }


def redis(entry: Mapping[str, Json], options: Mapping[str, Json]) -> dict[str, Json]:
    """One Redis connection; `options` are those of all connections."""
    merged = with_url(entry)
    scheme = (_one(merged, "driver") or _one(merged, "scheme")).lower()
    host, socket = _one(merged, "host"), _one(merged, "path")
    if host.startswith("unix:"):
        socket = host.removeprefix("unix:").removeprefix("//")
    elif host.startswith("/"):
        socket = host
    if scheme in ("tls", "rediss"):
        host = f"tls://{host.removeprefix('tls://')}"
    prefixes = (merged.get("prefix"), part(merged, "options").get("prefix"), options.get("prefix"))
    return {
        "host": "" if socket else host,
        "port": _one(merged, "port") or "6379",
        "socket": socket,
        "database": _one(merged, "database") or "0",
        "user": _one(merged, "username"),
        "password": _one(merged, "password"),
        "prefix": next((str(prefix) for prefix in prefixes if isinstance(prefix, str)), ""),
    }


def cache_stores(cache: Mapping[str, Json], laravel: str, default_sql: str) -> dict[str, Json]:
    """Every cache store, each with the prefix of its keys."""
    prefix = text(cache, "prefix")
    stores: dict[str, Json] = {}
    for name, entry in _mappings(cache, "stores"):
        driver = text(entry, "driver")
        own = entry.get("prefix")
        fallback = {"redis": "default", "database": default_sql}.get(driver, "")
        stores[name] = {
            "driver": driver,
            "connection": (text(entry, "connection") or fallback) if fallback else "",
            "table": (text(entry, "table") or "cache") if driver == "database" else "",
            "path": posixpath.normpath(text(entry, "path")) if driver == "file" and entry.get("path") else "",
            "prefix": _key_prefix(driver, own if isinstance(own, str) else prefix, laravel),
        }
    return stores


def _key_prefix(driver: str, prefix: str, laravel: str) -> str:
    """The prefix of a store's keys. Up to Laravel 10 the stores that are servers put a colon after it."""
    if driver == "file":
        return ""
    major = laravel.partition(".")[0]
    colon = driver in ("redis", "memcached", "dynamodb") and major.isdecimal() and int(major) <= 10
    return f"{prefix}:" if prefix and colon else prefix


def _redis_connections(settings: Mapping[str, Json]) -> dict[str, Json]:
    options = part(settings, "options")
    return {
        name: redis(entry, options)
        for name, entry in settings.items()
        if isinstance(entry, dict) and name not in _NO_CONNECTIONS
    }


def _queue(entry: Mapping[str, Json], default_sql: str) -> dict[str, Json]:
    driver = text(entry, "driver")
    fallback = "default" if driver == "redis" else default_sql if driver == "database" else ""
    block = entry.get("block_for")
    return {
        "driver": driver,
        "target": text(entry, "connection") or fallback,
        "table": text(entry, "table") or "jobs",
        "queue": text(entry, "queue") or "default",
        # The framework's own fallback where the key is not there; the skeleton's files say 90.
        "retry_after": number(entry, "retry_after", 60),
        "block_for": None if block is None else number(entry, "block_for"),
        "members": list(texts(entry, "connections")),
    }


def _failed_driver(failed: Mapping[str, Json]) -> str:
    if "driver" in failed:
        return text(failed, "driver") or "null"
    return "database" if text(failed, "table") else "null"


def _mappings(holder: Mapping[str, Json], key: str) -> list[tuple[str, dict[str, Json]]]:
    return [(name, entry) for name, entry in part(holder, key).items() if isinstance(entry, dict)]


def _one(entry: Mapping[str, Json], key: str) -> str:
    """A value as text; the first where there are several to choose from."""
    found = entry.get(key)
    if isinstance(found, dict):
        found = list(found.values())
    if isinstance(found, list):
        found = found[0] if found else None
    if found is None or isinstance(found, bool | dict | list):
        return ""
    return str(found)

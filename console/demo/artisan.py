"""The demo's `php`: stands in for PHP running this application's artisan, on SQLite and a Redis-protocol server.

Owns the commands a console calls, with the exit codes and sentences Laravel 8 has for them. Must not pretend to run
PHP: anything it does not know ends 1 and says so.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from console.demo.application import MIGRATIONS
from console.demo.supervisor import renew

_CACHES = {
    "config:cache": "Configuration cached successfully!",
    "config:clear": "Configuration cache cleared!",
    "route:cache": "Routes cached successfully!",
    "route:clear": "Route cache cleared!",
    "view:cache": "Blade templates cached successfully!",
    "view:clear": "Compiled views cleared!",
    "event:cache": "Events cached successfully!",
    "event:clear": "Cached events cleared!",
    "optimize": "Files cached successfully!",
    "optimize:clear": "Caches cleared successfully!",
    "cache:clear": "Application cache cleared!",
    "storage:link": "The links have been created.",
    "queue:restart": "Broadcasting queue restart signal.",
}


def main(arguments: list[str]) -> int:
    """Runs `php ARGUMENTS`; the exit code."""
    if arguments and arguments[0] == "-m":
        sys.stdout.write("[PHP Modules]\npcntl\n")
        return 0
    if arguments and arguments[0] == "-v":
        sys.stdout.write("PHP 8.2.0 (a stand-in of the demo)\n")
        return 0
    if not arguments or Path(arguments[0]).name != "artisan":
        return _program(arguments)
    options = [word for word in arguments[1:] if word.startswith("-")]
    words = [word for word in arguments[1:] if not word.startswith("-")]
    command = words[0] if words else "--version"
    if command in _CACHES:
        time.sleep(0.15)
        sys.stdout.write(_CACHES[command] + "\n")
        if command == "queue:restart":
            # The cache is shared, so the workers of every host hear it.
            for home in os.environ["OPSCONSOLE_DEMO_HOSTS"].split(":"):
                renew(Path(home), int(os.environ["OPSCONSOLE_DEMO_PID"]))
        return 0
    handlers = {
        "--version": _version,
        "migrate": _migrate,
        "migrate:status": _migrate_status,
        "queue:retry": _retry,
        "queue:forget": _forget,
        "queue:prune-failed": _prune_failed,
        "queue:prune-batches": _prune_batches,
        "down": _down,
        "up": _up,
    }
    handler = handlers.get(command)
    if handler is None:
        sys.stderr.write(f'\n  Command "{command}" is not defined.\n\n')
        return 1
    return handler(words[1:], options)


def _program(_arguments: list[str]) -> int:
    """A PHP program on standard input. The only one that gets an answer asks for the application's configuration."""
    sys.stdin.read()
    if "OPSCONSOLE_CACHED" not in os.environ:
        sys.stderr.write("the demo's php runs artisan only\n")
        return 127
    document = {"origin": "php", "config": _configuration(), "laravel": "8.83.27", "env": "read", "env_file": ".env"}
    sys.stdout.write(f"\n{os.environ['OPSCONSOLE_NONCE']} probe\n{json.dumps(document)}\n")
    return 0


def _configuration() -> dict[str, object]:
    """What the application's `config/*.php` would come to, had it any."""
    env = _env()
    server = {"host": env["REDIS_HOST"], "port": env["REDIS_PORT"], "password": env["REDIS_PASSWORD"]}
    queue = {"queue": "default", "retry_after": 90}
    return {
        "app": {"env": env["APP_ENV"], "key": env["APP_KEY"], "timezone": "UTC"},
        "database": {
            "default": "sqlite",
            "connections": {"sqlite": {"driver": "sqlite", "database": env["DB_DATABASE"]}},
            "redis": {
                "options": {"prefix": env["REDIS_PREFIX"]},
                "default": {**server, "database": env["REDIS_DB"]},
                "cache": {**server, "database": env["REDIS_CACHE_DB"]},
            },
        },
        "queue": {
            "default": "redis",
            "connections": {
                "database": {**queue, "driver": "database", "table": "jobs"},
                "redis": {**queue, "driver": "redis", "connection": "default", "block_for": None},
            },
            "failed": {"driver": env["QUEUE_FAILED_DRIVER"], "database": "sqlite", "table": "failed_jobs"},
            "batching": {"database": "sqlite", "table": "job_batches"},
        },
        "cache": {
            "default": "redis",
            "prefix": "shop_cache",
            "stores": {
                "redis": {"driver": "redis", "connection": "cache"},
                "database": {"driver": "database", "table": "cache"},
                "file": {"driver": "file", "path": str(Path.cwd() / "storage/framework/cache/data")},
            },
        },
    }


def _env() -> dict[str, str]:
    file = Path(os.environ["OPSCONSOLE_DEMO_HOST"]) / "app" / "shared" / ".env"
    return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)


@contextlib.contextmanager
def _database() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(os.environ["OPSCONSOLE_DEMO_DATABASE"], timeout=10)
    try:
        with connection:
            yield connection
    finally:
        connection.close()


def _version(_words: list[str], _options: list[str]) -> int:
    sys.stdout.write("Laravel Framework 8.83.27\n")
    return 0


def _pending(connection: sqlite3.Connection) -> list[str]:
    done = {row[0] for row in connection.execute("select migration from migrations")}
    return [file.stem for file in sorted(Path("database/migrations").glob("*.php")) if file.stem not in done]


def _migrate(_words: list[str], options: list[str]) -> int:
    if "--force" not in options:
        sys.stdout.write("Application In Production!\nCommand Canceled!\n")
        return 1
    with _database() as connection:
        pending = _pending(connection)
        batch = (connection.execute("select coalesce(max(batch), 0) from migrations").fetchone()[0]) + 1
    if not pending:
        sys.stdout.write("Nothing to migrate.\n")
    for name in pending:
        sys.stdout.write(f"Migrating: {name}\n")
        sys.stdout.flush()
        time.sleep(1.5)
        with _database() as connection:
            connection.execute("insert into migrations (migration, batch) values (?, ?)", (name, batch))
        sys.stdout.write(f"Migrated:  {name} (1,500.00ms)\n")
        sys.stdout.flush()
    return 0


def _migrate_status(_words: list[str], _options: list[str]) -> int:
    with _database() as connection:
        batches = dict(connection.execute("select migration, batch from migrations"))
    names = sorted({file.stem for file in Path("database/migrations").glob("*.php")} | set(MIGRATIONS) & set(batches))
    width = max((len(name) for name in names), default=9)
    rule = f"+------+-{'-' * width}-+-------+"
    rows = [f"| {'Yes' if n in batches else 'No':<4} | {n:<{width}} | {batches.get(n, '')!s:<5} |" for n in names]
    sys.stdout.write("\n".join([rule, f"| Ran? | {'Migration':<{width}} | Batch |", rule, *rows, rule]) + "\n")
    return 0


def _retry(words: list[str], _options: list[str]) -> int:
    with _database() as connection:
        if words == ["all"]:
            words = [row[0] for row in connection.execute("select uuid from failed_jobs")]
        for uuid in words:
            row = connection.execute(
                "select connection, queue, payload from failed_jobs where uuid = ?", (uuid,)
            ).fetchone()
            if row is None:
                sys.stdout.write(f"Unable to find failed job with ID [{uuid}].\n")
                continue
            _push(connection, *row)
            connection.execute("delete from failed_jobs where uuid = ?", (uuid,))
            sys.stdout.write(f"The failed job [{uuid}] has been pushed back onto the queue!\n")
    return 0


def _push(connection: sqlite3.Connection, name: str, queue: str, payload: str) -> None:
    document = json.loads(payload)
    if "attempts" in document:
        document["attempts"] = 0
    text, now = json.dumps(document), int(time.time())
    if name == "database":
        connection.execute(
            "insert into jobs (queue, payload, attempts, available_at, created_at) values (?, ?, 0, ?, ?)",
            (queue, text, now, now),
        )
        return
    import redis

    env = _env()
    client = redis.Redis(
        port=int(env["REDIS_PORT"]), db=int(env["REDIS_DB"]), password=env["REDIS_PASSWORD"] or None, protocol=2
    )
    client.rpush(f"{env['REDIS_PREFIX']}queues:{queue}", text)
    client.rpush(f"{env['REDIS_PREFIX']}queues:{queue}:notify", "1")
    client.close()


def _forget(words: list[str], _options: list[str]) -> int:
    with _database() as connection:
        gone = connection.execute("delete from failed_jobs where uuid = ?", (words[0] if words else "",)).rowcount
    sys.stdout.write("Failed job deleted successfully!\n" if gone else "No failed job matches the given ID.\n")
    return 0


def _hours(options: list[str], default: int) -> int:
    return next((int(o.split("=", 1)[1]) for o in options if o.startswith("--hours=")), default)


def _prune_failed(_words: list[str], options: list[str]) -> int:
    cut = datetime.now(UTC) - timedelta(hours=_hours(options, 24))
    with _database() as connection:
        gone = connection.execute("delete from failed_jobs where failed_at < ?", (f"{cut:%Y-%m-%d %H:%M:%S}",)).rowcount
    sys.stdout.write(f"{gone} entries deleted!\n")
    return 0


def _prune_batches(_words: list[str], options: list[str]) -> int:
    cut = int(time.time()) - 3600 * _hours(options, 24)
    with _database() as connection:
        gone = connection.execute("delete from job_batches where finished_at < ?", (cut,)).rowcount
    sys.stdout.write(f"{gone} entries deleted!\n")
    return 0


def _down(_words: list[str], _options: list[str]) -> int:
    (Path(os.environ["OPSCONSOLE_DEMO_HOST"]) / "app/shared/storage/framework/down").write_text("{}")
    sys.stdout.write("Application is now in maintenance mode.\n")
    return 0


def _up(_words: list[str], _options: list[str]) -> int:
    (Path(os.environ["OPSCONSOLE_DEMO_HOST"]) / "app/shared/storage/framework/down").unlink(missing_ok=True)
    sys.stdout.write("Application is now live.\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

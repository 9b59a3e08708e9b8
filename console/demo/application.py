"""The demo's application as it lies on its hosts: release directories, shared files, database, archives to deploy.

Owns what is on disk before anything runs. Must not serve or schedule: `ssh_server`, `web` and `load` do.
"""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import os
import shlex
import sqlite3
import sys
import tarfile
import time
from dataclasses import dataclass
from pathlib import Path

MIGRATIONS = (
    "2026_01_10_090000_create_jobs_table",
    "2026_01_10_090100_create_failed_jobs_table",
    "2026_01_10_090200_create_job_batches_table",
    "2026_03_02_141500_create_orders_table",
)
NEW_MIGRATION = "2026_11_20_104512_add_index_to_orders"
_LONGEST_LOG = 8 * 1024 * 1024
PROGRAMS = {"laravel-worker": 2, "bulk-worker": 1}
WORKERS = {
    "laravel-worker": ("queue:work", "redis", "--queue=high,default,notifications", "--tries=3"),
    "bulk-worker": ("queue:work", "database", "--queue=bulk-actions", "--timeout=60"),
}
"""What the processes of each program are started with, behind `php artisan`."""
_ARTISAN = """\
#!/usr/bin/env php
# The demo's `php` stands in for this file. A worker of the demo is a shell that reads it, and waits here.
while kill -0 "$OPSCONSOLE_DEMO_PID" 2>/dev/null; do sleep 1; done
"""
_SCHEMA = """
create table if not exists migrations (id integer primary key autoincrement, migration text, batch integer);
create table if not exists jobs (id integer primary key autoincrement, queue text not null, payload text not null,
  attempts integer not null, reserved_at integer, available_at integer not null, created_at integer not null);
create index if not exists jobs_queue_index on jobs (queue);
create table if not exists failed_jobs (id integer primary key autoincrement, uuid text unique not null,
  connection text not null, queue text not null, payload text not null, exception text not null,
  failed_at text not null default current_timestamp);
create table if not exists job_batches (id text primary key, name text, total_jobs integer, pending_jobs integer,
  failed_jobs integer, failed_job_ids text, options text, cancelled_at integer,
  created_at integer, finished_at integer);
create table if not exists cache (key text primary key, value text, expiration integer);
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class DemoEnvironment:
    """One environment of the demo: where its hosts, database and Redis database are."""

    name: str
    protected: bool
    hosts: tuple[str, ...]
    root: Path
    redis_database: int

    @property
    def database(self) -> Path:
        """The SQLite file that stands for the application's database."""
        return self.root / "data" / f"{self.name}.sqlite3"

    @property
    def prefix(self) -> str:
        """What the application's Redis client puts before each key."""
        return f"shop_{self.name}_database_"

    @property
    def app_key(self) -> str:
        """A key of the right shape, the same at every start so that the pinned identity holds."""
        return "base64:" + hashlib.sha256(f"demo {self.name}".encode()).hexdigest()[:43] + "="

    def home(self, host: str) -> Path:
        """The home directory of the account `demo` on a host."""
        return self.root / "hosts" / host

    def app(self, host: str) -> Path:
        """The application's base directory on a host."""
        return self.home(host) / "app"

    def log(self, host: str) -> Path:
        """The application's log on a host."""
        return self.app(host) / "shared" / "storage" / "logs" / "laravel.log"


def environments(root: Path) -> tuple[DemoEnvironment, ...]:
    """The two environments the demo has."""
    return (
        DemoEnvironment(name="production", protected=True, hosts=("web1", "web2"), root=root, redis_database=0),
        DemoEnvironment(name="staging", protected=False, hosts=("stage1",), root=root, redis_database=2),
    )


def lay_out(environment: DemoEnvironment, *, redis_port: int, redis_password: str, url: str) -> None:
    """Makes or mends everything of one environment on disk; what a deploy left behind stays."""
    _database(environment)
    for host in environment.hosts:
        app = environment.app(host)
        for folder in ("releases", "shared/storage/logs", "shared/storage/framework", "shared/storage/app"):
            (app / folder).mkdir(parents=True, exist_ok=True)
        _write(app / "shared" / ".env", _dotenv(environment, redis_port, redis_password, url))
        for name, version in (("20261119101500", "1.8.0"), ("20261120083000", "1.9.0")):
            release = app / "releases" / name
            if not (app / "current").exists() and not release.exists():
                _tree(release, version, MIGRATIONS)
                (release / ".env").symlink_to("../../shared/.env")
                (release / "storage").symlink_to("../../shared/storage")
        if not (app / "current").is_symlink():
            (app / "current").symlink_to("releases/20261120083000")
            (app / ".dep").mkdir(exist_ok=True)
            (app / ".dep" / "releases_log").write_text(
                "".join(
                    json.dumps({"created_at": "2026-11-20T08:30:00+00:00", "release_name": name, "user": "demo"}) + "\n"
                    for name in ("20261119101500", "20261120083000")
                )
            )
        _trim(environment.log(host))
        _programs(environment, host)


def archives(root: Path) -> None:
    """Writes the two archives a deploy can take: a good one and one whose health check fails."""
    folder = root / "archives"
    folder.mkdir(exist_ok=True)
    for name, version, broken in (("app.tar.gz", "2.0.0", False), ("app-broken.tar.gz", "2.1.0", True)):
        files = dict(_files(version, (*MIGRATIONS, NEW_MIGRATION)))
        if broken:
            files["BROKEN"] = "its health check answers 503\n"
        # Without a time stamp: the same release has the same digest in every world.
        with (
            (folder / name).open("wb") as stream,
            gzip.GzipFile(filename="", mode="wb", fileobj=stream, mtime=0) as packed,
            tarfile.open(fileobj=packed, mode="w") as archive,
        ):
            for path, text in sorted(files.items()):
                info = tarfile.TarInfo(path)
                info.size = len(text.encode())
                info.mode = 0o755 if path == "artisan" else 0o644
                archive.addfile(info, io.BytesIO(text.encode()))


def _files(version: str, migrations: tuple[str, ...]) -> list[tuple[str, str]]:
    files = [
        ("VERSION", version + "\n"),
        ("artisan", _ARTISAN),
        ("vendor/autoload.php", "<?php\n"),
        ("bootstrap/cache/.gitignore", "*\n"),
        ("public/index.php", "<?php\n"),
    ]
    return files + [(f"database/migrations/{name}.php", "<?php\n") for name in migrations]


def _tree(folder: Path, version: str, migrations: tuple[str, ...]) -> None:
    for name, text in _files(version, migrations):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    (folder / "REVISION").write_text(hashlib.sha1(version.encode()).hexdigest() + "\n")  # noqa: S324  git's own form


def _write(file: Path, text: str) -> None:
    """A file that changes only when its text does: discovery asks again whenever it has changed."""
    if not file.exists() or file.read_text() != text:
        file.write_text(text)


def _trim(log: Path) -> None:
    if log.exists() and log.stat().st_size > _LONGEST_LOG:
        log.replace(log.with_suffix(".log.1"))
    log.touch()


def _database(environment: DemoEnvironment) -> None:
    environment.database.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(environment.database, timeout=10) as connection:
        connection.execute("pragma journal_mode=wal")
        connection.executescript(_SCHEMA)
        if connection.execute("select count(*) from migrations").fetchone()[0] == 0:
            connection.executemany(
                "insert into migrations (migration, batch) values (?, 1)", [(name,) for name in MIGRATIONS]
            )
    connection.close()


def _dotenv(environment: DemoEnvironment, redis_port: int, redis_password: str, url: str) -> str:
    values = {
        "APP_NAME": "Shop",
        "APP_ENV": environment.name,
        "APP_KEY": environment.app_key,
        "APP_URL": url,
        "DB_CONNECTION": "sqlite",
        "DB_DATABASE": str(environment.database),
        "QUEUE_CONNECTION": "redis",
        "REDIS_HOST": "127.0.0.1",
        "REDIS_PORT": str(redis_port),
        "REDIS_PASSWORD": redis_password,
        "REDIS_DB": str(environment.redis_database),
        "REDIS_CACHE_DB": str(environment.redis_database + 1),
        "REDIS_PREFIX": environment.prefix,
        "CACHE_STORE": "redis",
        "QUEUE_FAILED_DRIVER": "database-uuids",
    }
    return "".join(f"{key}={value}\n" for key, value in values.items())


def _programs(environment: DemoEnvironment, host: str) -> None:
    """The stand-ins first in the host's PATH, and its worker programs' state."""
    binaries = environment.home(host) / "bin"
    binaries.mkdir(parents=True, exist_ok=True)
    for command, module in (("php", "artisan"), ("supervisorctl", "supervisor")):
        script = binaries / command
        variables = {
            "OPSCONSOLE_DEMO_HOST": str(environment.home(host)),
            "OPSCONSOLE_DEMO_HOSTS": ":".join(str(environment.home(each)) for each in environment.hosts),
            "OPSCONSOLE_DEMO_DATABASE": str(environment.database),
            "OPSCONSOLE_DEMO_PID": str(os.getpid()),
            # A console that is found by this variable must be found by its stand-ins too.
            "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
        }
        exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in variables.items() if value)
        _write(script, f'#!/bin/sh\n{exports}exec {shlex.quote(sys.executable)} -m console.demo.{module} "$@"\n')
        script.chmod(0o700)
    # The host's processes are this machine's: what others run on it are no workers of the demo.
    listed = "".join(f"php artisan {' '.join(words)}\n" for words in WORKERS.values())
    _write(binaries / "ps", f"#!/bin/sh\ncat <<'END'\n{listed}END\n")
    (binaries / "ps").chmod(0o700)
    state = environment.home(host) / "supervisor.json"
    if not state.exists():
        now = int(time.time())
        programs = {
            f"{name}:{name}_{number:02d}": {"state": "RUNNING", "pid": 0, "since": now}
            for name, count in PROGRAMS.items()
            for number in range(count)
        }
        state.write_text(json.dumps(programs))

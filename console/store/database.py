"""The state database: opened once per process, every write one IMMEDIATE transaction, every read one snapshot.

Owns connections, pragmas, the schema's number and the turning of driver errors into ours. Must not know any table's
meaning. Never crosses a fork: a process opens its own.
"""

from __future__ import annotations

import secrets
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, select
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.pool import QueuePool

from console.domain.untrusted import harmless
from console.errors import StateError
from console.store import schema
from console.store.files import prepare

BUSY_SECONDS = 10.0
_BIRTH_SECONDS = 2.0


class Database:
    """One state database. `readonly` is True when a newer console wrote it. Usable from any thread."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._watch: sqlite3.Connection | None = None
        self._watch_lock = threading.Lock()
        self._identity = _identity(path)
        self.path = path
        self.readonly = False
        self.chain = ""

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A durable transaction that holds the write lock from its start. StateError when it cannot be had."""
        if self.readonly:
            raise StateError(
                f"the state database {harmless(str(self.path))} was written by a newer console",
                done="nothing was changed; reading goes on",
                fix="update opsconsole on this machine",
            )
        if _identity(self.path) != self._identity:
            # SQLite would go on writing into a file that nobody can open any more.
            raise StateError(
                f"the state database {harmless(str(self.path))} was removed or replaced while it was open",
                done="nothing was written",
                fix="start opsconsole again",
            )
        with self._ours(), self._engine.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot. StateError when the database cannot be read."""
        with self._ours(), self._engine.connect().execution_options(reading=True) as connection:
            yield connection

    def changed(self) -> int:
        """A number that differs after any commit by anybody (this process too), at once."""
        with self._watch_lock, self._ours():
            if self._watch is None:
                # A connection that never writes: SQLite counts everybody else's commits for it.
                self._watch = sqlite3.connect(f"{self.path.as_uri()}?mode=ro", uri=True, check_same_thread=False)
            return int(self._watch.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        """Closes every connection, at once."""
        with self._watch_lock:
            if self._watch is not None:
                self._watch.close()
                self._watch = None
        self._engine.dispose()

    @contextmanager
    def _ours(self) -> Iterator[None]:
        try:
            yield
        except (DBAPIError, sqlite3.Error) as error:
            cause = getattr(error, "orig", None) or error
            raise StateError(
                f"the state database {harmless(str(self.path))} failed: {harmless(str(cause))}",
                done="what was being written was not written",
                fix="check the disk's space and the file's permissions",
            ) from error


def open_database(state_dir: Path, *, group: str = "", mounts: str | None = None) -> Database:
    """Opens (making it when needed) the database in `state_dir`.

    Errors: InsecureError for loose permissions, StateError for a network disk, an unusable directory or file.
    `mounts` replaces /proc/self/mounts in tests.
    """
    path, made = prepare(state_dir, group=group, mounts=mounts)
    if not made:
        _refuse_emptied(path)
    engine = create_engine(
        f"sqlite:///{path}",
        poolclass=QueuePool,
        pool_size=4,
        max_overflow=16,
        connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False},
    )
    event.listen(engine, "connect", _connected)
    event.listen(engine, "begin", _begun)
    database = Database(engine, path)
    try:
        _settle(database)
    except BaseException:
        database.close()
        raise
    return database


def _refuse_emptied(path: Path) -> None:
    """A file without a byte in it was a database, or was never made into one. It is put aside, and that is said once:
    runs and the audit must not begin anew without anybody noticing. One that another process is just making has its
    tables within moments."""
    until = time.monotonic() + _BIRTH_SECONDS
    seen = found = _empty(path)
    while found is not None and time.monotonic() < until:
        time.sleep(0.05)
        found = _empty(path)
    if found is None and path.exists():
        return
    aside = path.with_name(f"{path.name}.empty-{time.strftime('%Y%m%d%H%M%S')}")
    if found is None or found != seen or _empty(path) != seen or not _moved(path, aside):
        # Another command was quicker, and what is there now, if anything, may be the new one.
        raise StateError(
            f"the state database {harmless(str(path))} was removed or replaced while it was being opened",
            done="nothing was changed",
            fix="start opsconsole again",
        )
    for ending in ("-wal", "-shm", "-journal"):
        _moved(path.with_name(path.name + ending), aside.with_name(aside.name + ending))
    raise StateError(
        f"the state database {harmless(str(path))} was empty: "
        "if it held runs, marks and audit, they are not in the new one",
        done=f"it was put aside as {harmless(str(aside))}; nothing else was changed",
        fix="put a copy of it back; else the next start makes a new one, and `audit verify` finds what witnesses know",
    )


def _empty(path: Path) -> tuple[int, int] | None:
    """Which file is there without a byte in it; None when there is none, or one that has some."""
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return (found.st_dev, found.st_ino) if found.st_size == 0 else None


def _moved(path: Path, aside: Path) -> bool:
    try:
        path.rename(aside)
    except FileNotFoundError:
        return False
    return True


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _connected(connection: Any, _record: object) -> None:
    # The driver's own transactions are deferred: two that read before they write would end "locked" at once.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.close()


def _begun(connection: Connection) -> None:
    reading = connection.get_execution_options().get("reading", False)
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")


def _settle(database: Database) -> None:
    """Journal mode, tables and the schema's number, once per open."""
    _use_wal(database)
    found = _meta(database)
    if "schema" not in found:
        with database.write() as connection:
            schema.metadata.create_all(connection, checkfirst=True)
            have = dict(connection.execute(select(schema.meta.c.name, schema.meta.c.value)).all())
            fresh = {"schema": str(schema.VERSION), "chain": secrets.token_hex(8)}
            for name, value in fresh.items():
                if name not in have:
                    connection.execute(schema.meta.insert().values(name=name, value=value))
        found = _meta(database)
    number = found["schema"]
    if not (number.isascii() and number.isdecimal()):
        raise StateError(
            f"the state database {harmless(str(database.path))} names no number as its schema: {harmless(number)[:40]}",
            done="nothing was changed",
            fix="it is damaged or not ours: put a copy of it back, or move it away, and a new one is made",
        )
    database.readonly = int(number) > schema.VERSION
    database.chain = found.get("chain", "")


def _use_wal(database: Database) -> None:
    # Outside any transaction, and not through the pool's listeners: SQLite refuses the change inside one.
    connection: sqlite3.Connection | None = None
    try:
        connection = sqlite3.connect(database.path, timeout=BUSY_SECONDS, isolation_level=None)
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
    except sqlite3.Error as error:
        raise StateError(
            f"the state database {harmless(str(database.path))} cannot be opened: {harmless(str(error))}",
            done="nothing was changed",
            fix="check the file's owner and permissions, or move it away when it is damaged",
        ) from error
    finally:
        if connection is not None:
            connection.close()


def _meta(database: Database) -> dict[str, str]:
    try:
        with database.read() as connection:
            return dict(connection.execute(select(schema.meta.c.name, schema.meta.c.value)).all())
    except StateError as error:
        # Only a missing table means "new"; anything else is a database that cannot be read.
        if isinstance(error.__cause__, OperationalError) and "no such table" in str(error.__cause__.orig):
            return {}
        raise

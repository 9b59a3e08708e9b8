"""One SQL database through a read-only session: MySQL and MariaDB by tunnel or from here, SQLite files from here.

Owns the session's limits, its deadlines and the translation of errors. Must not write, and must not hold a transaction
open: autocommit is on, because an open one blocks a deploy's ALTER TABLE. Thread-safe; one statement at a time.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping

from console.clients.names import Resolver
from console.clients.sql_errors import DRIVER_ERRORS, Broken, translate
from console.clients.sql_sessions import MySqlSession, Session, SqliteSession
from console.domain.environment import SqlTarget
from console.domain.redact import Redactor
from console.errors import DeadlineError, OpsconsoleError, QueryError, UnreachableError
from console.ports import Clock, Row, TunnelSocket

Tunnel = Callable[[str, int, float], TunnelSocket]
_GRACE = 0.3


class SqlClient:
    """`ports.Sql`. `target` is asked at each connect; `denied` is called when a password was refused."""

    def __init__(
        self,
        name: str,
        *,
        target: Callable[[], SqlTarget],
        tunnel: Tunnel,
        clock: Clock,
        denied: Callable[[], None] = lambda: None,
        names: Resolver | None = None,
    ) -> None:
        self._name = name
        self._target = target
        self._tunnel = tunnel
        self._clock = clock
        self._denied = denied
        self._names = names or Resolver()
        self._lock = threading.Lock()
        self._session: Session | None = None
        self._redactor = Redactor()
        self._dialect = ""

    @property
    def dialect(self) -> str:
        """mysql, mariadb or sqlite; connects when needed."""
        if not self._dialect:
            self.query("SELECT 1")
        return self._dialect

    def query(
        self, statement: str, parameters: Mapping[str, object] | None = None, *, deadline: float = 5.0
    ) -> list[Row]:
        """All rows of a SELECT with `:name` parameters; a list or tuple fills `IN :name`. Callers write the LIMIT."""
        begun = self._clock.monotonic()
        if not self._lock.acquire(timeout=deadline):
            raise DeadlineError(f"{self._name}: the session was busy for {deadline:.1f} s")
        try:
            until = begun + deadline
            reused = self._session is not None
            try:
                return self._run(statement, parameters or {}, until)
            except _LostError as lost:
                # A server may end a session that rested; a statement that only reads may be asked once more.
                if not reused or lost.expired:
                    raise lost.error from lost.__cause__
            try:
                return self._run(statement, parameters or {}, until)
            except _LostError as lost:
                raise lost.error from lost.__cause__
        finally:
            self._lock.release()

    def close(self) -> None:
        """Ends the session, at once."""
        session = self._session
        if session is not None:
            session.interrupt()
        if self._lock.acquire(blocking=False):
            # Otherwise the thread that runs a statement drops the session, which has just been ended under it.
            try:
                self._drop()
            finally:
                self._lock.release()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _run(self, statement: str, parameters: Mapping[str, object], until: float) -> list[Row]:
        session = self._connected(until)
        left = until - self._clock.monotonic()
        try:
            session.limit(left, until + _GRACE)
            return session.rows(statement, parameters)
        except DRIVER_ERRORS as error:
            raise self._failed(error, session, left) from error
        except BaseException:
            self._drop()
            raise

    def _connected(self, until: float) -> Session:
        if self._session is not None:
            return self._session
        target = self._target()
        self._redactor = Redactor().knowing(target.password)
        session = self._new_session(target)
        self._session = session
        session.limit(max(0.05, until - self._clock.monotonic()), until + _GRACE)
        try:
            self._dialect = session.connect()
        except DRIVER_ERRORS as error:
            raise self._failed(error, session, until - self._clock.monotonic()) from error
        except BaseException:
            self._drop()
            raise
        return session

    def _new_session(self, target: SqlTarget) -> Session:
        if target.driver == "sqlite":
            return SqliteSession(self._name, target, self._clock)
        if target.driver != "mysql":
            raise QueryError(
                f"{self._name}: a database of the kind {target.driver!r} cannot be read yet",
                done="Nothing was connected.",
                fix="MySQL, MariaDB and SQLite files can be.",
            )
        return MySqlSession(self._name, target, self._tunnel, self._clock, self._names)

    def _failed(self, error: Exception, session: Session, allowed: float) -> Exception:
        """Ours for a driver's error. A broken session is dropped, and its statement ended on the server."""
        if session.ended:
            self._drop()
            return UnreachableError(f"{self._name}: the session was closed here")
        failure = translate(error, self._name, self._redactor, expired=session.expired, allowed=allowed)
        if failure.denied:
            self._denied()
        if failure.broken is Broken.NO:
            return failure.error
        if session.expired:
            session.kill()
        self._drop()
        lost = _LostError(failure.error, session.expired)
        lost.__cause__ = error
        return lost if failure.broken is Broken.LOST else failure.error

    def _drop(self) -> None:
        session, self._session = self._session, None
        if session is not None:
            session.interrupt()
            session.close()


class _LostError(Exception):
    """A session that went away under a statement; carries what to raise when asking again is no use."""

    def __init__(self, error: OpsconsoleError, expired: bool) -> None:
        super().__init__(str(error))
        self.error = error
        self.expired = expired

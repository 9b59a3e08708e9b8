"""How one session with a database is opened, limited, and ended from outside.

Owns what differs between drivers: the socket and its deadline, the statements that make a session read-only and bound
its time on the server, KILL QUERY, SQLite's progress handler. Must not translate errors.
"""

from __future__ import annotations

import ipaddress
import re
import sqlite3
import ssl
from collections.abc import Callable, Mapping
from typing import TypeAlias
from urllib.parse import quote

import pymysql

from console.clients.names import Resolver
from console.clients.sockets import DeadlineSocket, dial
from console.domain.environment import SqlTarget, Via
from console.domain.untrusted import harmless
from console.errors import OpsconsoleError, QueryError
from console.ports import Clock, Row, TunnelSocket

_Connection: TypeAlias = "pymysql.connections.Connection[pymysql.cursors.Cursor]"
_CONNECT_LIMIT = 10.0
_KILL_LIMIT = 2.0
_LOCK_WAIT = 2
_STEPS = 20_000
_UNKNOWN_VARIABLE = 1193
_ZONE = re.compile(r"[A-Za-z0-9_+:/-]{1,64}")
_NAMED = re.compile(r"(?<![:\w\\]):(\w+)")


class MySqlSession:
    """A session with MySQL or MariaDB."""

    def __init__(
        self,
        name: str,
        target: SqlTarget,
        tunnel: Callable[[str, int, float], TunnelSocket],
        clock: Clock,
        names: Resolver,
    ) -> None:
        self._name = name
        self._target = target
        self._tunnel = tunnel
        self._names = names
        self._clock = clock
        self._socket: DeadlineSocket | None = None
        self._connection: _Connection | None = None
        self._until = clock.monotonic() + _CONNECT_LIMIT
        self._allowed = 0.0
        self._dialect = ""

    @property
    def expired(self) -> bool:
        """Whether our own deadline ended the last call."""
        return self._socket is not None and self._socket.expired

    def connect(self) -> str:
        """Signs in and makes the session read-only; the dialect. Raises the driver's errors, and ours from the way."""
        left = max(0.05, self._until - self._clock.monotonic())
        self._connection, self._socket = self._sign_in(left)
        version = str(self._connection.get_server_info())  # type: ignore[no-untyped-call]
        self._prepare("mariadb" if "mariadb" in version.lower() else "mysql")
        return self._dialect

    def rows(self, statement: str, parameters: Mapping[str, object]) -> list[Row]:
        """All rows of a statement with `:name` parameters, which the driver quotes; a list fills `IN :name`."""
        if self._connection is None:
            raise ConnectionResetError("the session was closed")
        # An empty list is no SQL at all; nothing is in NULL.
        values = {name: (None,) if value in ([], ()) else value for name, value in parameters.items()}
        bound = _NAMED.sub(
            lambda found: f"%({found[1]})s" if found[1] in values else found[0], statement.replace("%", "%%")
        )
        with self._connection.cursor() as cursor:
            cursor.execute(bound, values)
            return [tuple(row) for row in cursor.fetchall()]

    def _open(self, limit: float) -> TunnelSocket:
        address = self._target.socket or self._target.host
        if self._target.via is Via.DIRECT:
            label = f"{self._name}: {address}:{self._target.port}"
            return dial(address, self._target.port, self._names, limit=min(_CONNECT_LIMIT, limit), label=label)
        return self._tunnel(address, self._target.port, limit)

    def _sign_in(self, limit: float) -> tuple[_Connection, DeadlineSocket]:
        """A session and the socket it speaks through, signed in within `limit` s."""
        until = self._clock.monotonic() + limit
        # The SSH connection encrypts already; another layer inside costs 60 ms a session.
        private = self._target.via is Via.HOST or bool(self._target.socket) or _is_own(self._target.host)
        proving = None if private else _proving(self._name, self._target.ca)
        inner = self._open(limit)
        sock = DeadlineSocket(inner, self._clock)
        sock.until = until
        connection = pymysql.connect(
            host=self._target.host or "localhost",
            port=self._target.port or 3306,
            user=self._target.user,
            password=self._target.password.reveal().encode("utf-8", "surrogateescape"),
            database=self._target.database or None,
            charset="utf8mb4",
            autocommit=True,
            ssl=proving,
            ssl_disabled=private,
            program_name="opsconsole",
            read_timeout=None if private else max(1, int(limit)),
            defer_connect=True,
        )
        try:
            connection.connect(sock if private else inner)  # type: ignore[arg-type]  # sockets by shape
        except BaseException:
            self._socket = sock
            sock.close()
            raise
        if not private:
            # TLS wants a real socket; once it stands, its calls are bounded like all others.
            sock = DeadlineSocket(vars(connection)["_sock"], self._clock)
            vars(connection).update(_sock=sock, _rfile=sock.makefile("rb"))
        return connection, sock

    def _prepare(self, dialect: str) -> None:
        self._dialect = dialect
        self._execute("SET SESSION TRANSACTION READ ONLY")
        self._execute(f"SET SESSION lock_wait_timeout = {_LOCK_WAIT}, innodb_lock_wait_timeout = {_LOCK_WAIT}")
        if self._target.timezone:
            # A TIMESTAMP column is told in the session's zone: in another one the application's times would be moved.
            self._execute(f"SET SESSION time_zone = {_literal(self._target.timezone)}")
        allowed, self._allowed = self._allowed, 0.0
        self._bound(allowed)

    def limit(self, allowed: float, until: float) -> None:
        """From now on statements may take `allowed` s on the server, and our calls end at `until`."""
        self._until = until
        if self._socket is not None:
            self._socket.until = until
        if self._dialect:
            self._bound(allowed)
        else:
            self._allowed = allowed

    def _bound(self, allowed: float) -> None:
        # Whole tenths, rounded up, so that equal deadlines do not send the same setting again and again.
        wanted = max(0.1, round(allowed + 0.05, 1))
        if self._allowed and self._allowed * 0.8 <= wanted <= self._allowed:
            return
        variable = f"max_statement_time = {wanted:.1f}"
        if self._dialect == "mysql":
            variable = f"max_execution_time = {int(wanted * 1000)}"
        try:
            self._execute(f"SET SESSION {variable}")
        except pymysql.err.MySQLError as error:
            # Servers older than the setting still have our own deadline and KILL QUERY.
            if not error.args or error.args[0] != _UNKNOWN_VARIABLE:
                raise
        self._allowed = wanted

    def _execute(self, statement: str) -> None:
        if self._connection is None:
            raise ConnectionResetError("the session was closed")
        with self._connection.cursor() as cursor:
            cursor.execute(statement)

    def kill(self) -> None:
        """Ends the running statement from a second, short session; what cannot be reached is left to its own limit."""
        connection = self._connection
        if connection is None:
            return
        try:
            killer, sock = self._sign_in(_KILL_LIMIT)
            try:
                with killer.cursor() as cursor:
                    cursor.execute(f"KILL QUERY {int(connection.thread_id())}")  # type: ignore[no-untyped-call]
            finally:
                sock.close()
        except (pymysql.err.MySQLError, OSError, OpsconsoleError):
            pass

    @property
    def ended(self) -> bool:
        """Never told apart from a link that broke."""
        return False

    def interrupt(self) -> None:
        """Ends the session, from any thread, at once and without a word to the server."""
        if self._socket is not None:
            self._socket.close()

    def close(self) -> None:
        """Nothing is left after `interrupt`."""


def _literal(zone: str) -> str:
    """A time zone's name as a string of SQL; QueryError for what no zone is called."""
    if not _ZONE.fullmatch(zone):
        raise QueryError("the application names a time zone for its database that cannot be one")
    return f"'{zone}'"


def _is_own(host: str) -> bool:
    """Whether what is sent there never leaves this machine."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in ("", "localhost") or host.startswith("/")


def _proving(name: str, ca: str) -> ssl.SSLContext:
    """TLS to a server that proves its name by a certificate of `ca`, or of this machine's own store. The driver's own
    way would take any certificate, and no TLS at all, and then hand over the password."""
    try:
        context = ssl.create_default_context(cafile=ca or None)
    except OSError as error:
        raise QueryError(
            f"{name}: the authority's file {harmless(ca)} cannot be used: {harmless(error.strerror or str(error))}",
            done="Nothing was connected.",
            fix="Correct `database: {ca: PATH}`: a PEM file.",
        ) from error
    # What database servers make for themselves lacks an extension that newer Pythons ask for.
    context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class SqliteSession:
    """A session with an SQLite file on this machine, opened read-only."""

    def __init__(self, name: str, target: SqlTarget, clock: Clock) -> None:
        self._name = name
        self._target = target
        self._clock = clock
        self._until = 0.0
        self._connection: sqlite3.Connection | None = None
        self.ended = False

    @property
    def expired(self) -> bool:
        """Never: an interrupted statement leaves the session whole."""
        return False

    def connect(self) -> str:
        """Opens the file; the dialect."""
        connection = sqlite3.connect(
            f"file:{quote(self._target.file)}?mode=ro",
            uri=True,
            isolation_level=None,
            timeout=_LOCK_WAIT,
            check_same_thread=False,
        )
        connection.set_progress_handler(self._late, _STEPS)
        self._connection = connection
        # Writes are refused a second time.
        connection.execute("PRAGMA query_only = 1")
        return "sqlite"

    def rows(self, statement: str, parameters: Mapping[str, object]) -> list[Row]:
        """All rows of a statement with `:name` parameters; a list fills `IN :name`."""
        if self._connection is None:
            raise sqlite3.ProgrammingError("the session was closed")
        values: dict[str, object] = {}
        for name, value in parameters.items():
            each = {f"{name}_{at}": one for at, one in enumerate(value)} if isinstance(value, list | tuple) else None
            if each is not None:
                places = ", ".join(f":{word}" for word in each)
                statement = re.sub(rf":{name}\b", f"({places})", statement)
            values |= {name: value} if each is None else each
        return [tuple(row) for row in self._connection.execute(statement, values)]

    def _late(self) -> bool:
        return self.ended or self._clock.monotonic() >= self._until

    def limit(self, allowed: float, _until: float) -> None:
        """From now on a statement may take `allowed` s."""
        self._until = self._clock.monotonic() + allowed

    def kill(self) -> None:
        """Nothing runs on after its deadline."""

    def interrupt(self) -> None:
        """Ends what runs, from any thread, at once. The file is closed by the thread that uses it."""
        self.ended = True
        if self._connection is not None:
            try:
                self._connection.interrupt()
            except sqlite3.ProgrammingError:
                pass

    def close(self) -> None:
        """Closes the file; in the thread that uses it."""
        if self._connection is not None:
            self._connection.close()


Session: TypeAlias = MySqlSession | SqliteSession

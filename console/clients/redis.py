"""One Redis database: pipelines in one round trip and a bounded SCAN, over a tunnel or from here.

Owns the connection, its deadlines and the translation of errors. Asks in RESP2 and sends nothing that a restricted ACL
user may not: no HELLO, CLIENT, KEYS, MONITOR or EVAL. Never retries: an outage is for the poller to see.
"""

# redis leaves these functions untyped.
# mypy: disable-error-code="no-untyped-call"

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence

import redis
from redis.connection import Connection

from console.clients.names import Resolver
from console.clients.sockets import DeadlineSocket, dial
from console.domain.environment import RedisTarget, Via
from console.domain.redact import Redactor
from console.domain.untrusted import harmless
from console.errors import AuthenticationError, DeadlineError, OpsconsoleError, QueryError, UnreachableError
from console.ports import Clock, Scanned, TunnelSocket

_DIAL_LIMIT = 2.0
_COUNT = 2_000
_REPLY_ERRORS = (redis.ResponseError,)
_CODES = (
    (redis.exceptions.ExecAbortError, "EXECABORT "),
    (redis.exceptions.MovedError, "MOVED "),
    (redis.exceptions.AskError, "ASK "),
    (redis.exceptions.ClusterDownError, "CLUSTERDOWN "),
    (redis.exceptions.ClusterCrossSlotError, "CROSSSLOT "),
)

Command = tuple[str | int | float | bytes, ...]
Tunnel = Callable[[str, int, float], TunnelSocket]


class _Connection(Connection):
    """redis' connection over a socket that somebody else opened."""

    def __init__(self, sock: DeadlineSocket, **options: object) -> None:
        super().__init__(**options)
        self._given = sock

    def _connect(self) -> DeadlineSocket:
        return self._given


class RedisClient:
    """`ports.KeyValue`. `target` is asked at each connect; `denied` is called when a password was refused."""

    def __init__(
        self,
        name: str,
        *,
        target: Callable[[], RedisTarget],
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
        self._connection: _Connection | None = None
        self._socket: DeadlineSocket | None = None
        self._redactor = Redactor()

    def pipeline(self, commands: Sequence[Command], *, deadline: float = 5.0) -> list[object]:
        """All replies of one round trip, raw bytes for strings; an error reply is a QueryError in its place."""
        if not commands:
            return []
        until = self._clock.monotonic() + deadline
        with self._turn(deadline):
            connection = self._connected(until)
            try:
                connection.send_packed_command(connection.pack_commands(list(commands)), check_health=False)
                return [self._reply(connection) for _ in commands]
            except OpsconsoleError:
                raise
            except (redis.RedisError, OSError) as error:
                raise self._failed(error, deadline) from error
            except BaseException:
                self._drop()
                raise

    def scan(self, pattern: str, *, cursor: bytes = b"0", budget: int = 100_000, deadline: float = 5.0) -> Scanned:
        """Keys matching a glob, by SCAN, from `cursor` on; stops after looking at `budget` keys."""
        until = self._clock.monotonic() + deadline
        found: dict[bytes, None] = {}
        looked = 0
        while True:
            left = max(0.001, until - self._clock.monotonic())
            (reply,) = self.pipeline([("SCAN", cursor, "MATCH", pattern, "COUNT", _COUNT)], deadline=left)
            if isinstance(reply, QueryError):
                raise reply
            if not isinstance(reply, list) or len(reply) != 2:
                raise QueryError(f"{self._name}: SCAN gave a reply of another shape")
            cursor = bytes(reply[0])
            found.update(dict.fromkeys(bytes(key) for key in reply[1]))
            looked += _COUNT
            if cursor == b"0" or looked >= budget:
                return Scanned(tuple(found), None if cursor == b"0" else cursor, looked)

    def close(self) -> None:
        """Ends the connection, at once."""
        sock = self._socket
        if sock is not None:
            sock.close()

    # --- inside ------------------------------------------------------------------------------------------------------

    def _turn(self, deadline: float) -> _Turn:
        return _Turn(self._lock, deadline, self._name)

    def _reply(self, connection: _Connection) -> object:
        try:
            return connection.read_response(disable_decoding=True, disconnect_on_error=False)
        except _REPLY_ERRORS as error:
            # The driver takes the code away from those that it has a class for, and they are judged by it.
            code = next((code for kind, code in _CODES if isinstance(error, kind)), "")
            return QueryError(f"{self._name}: Redis says: {code}{self._clean(error)}")

    def _connected(self, until: float) -> _Connection:
        if self._connection is not None and self._socket is not None:
            self._socket.until = until
            return self._connection
        target = self._target()
        self._redactor = Redactor().knowing(target.password)
        self._socket = DeadlineSocket(self._open(target, until), self._clock)
        self._socket.until = until
        connection = _Connection(
            self._socket,
            host=target.host or target.socket,
            port=target.port,
            db=target.database,
            username=target.user or None if target.password else None,
            password=target.password.reveal() or None,
            protocol=2,
            # Keys are bytes, and come back from SCAN as text that way.
            encoding_errors="surrogateescape",
            driver_info=None,
            client_name=None,
            health_check_interval=0,
        )
        try:
            connection.connect()
        except (redis.RedisError, OSError) as error:
            raise self._failed(error, _DIAL_LIMIT) from error
        self._connection = connection
        return connection

    def _open(self, target: RedisTarget, until: float) -> TunnelSocket:
        if target.host.startswith(("tls://", "rediss://")):
            raise QueryError(
                f"{self._name}: the application reaches Redis by TLS, which is not supported yet",
                done="Nothing was connected.",
                fix="State `redis:` with an address that speaks without TLS.",
            )
        address = target.socket or target.host
        left = max(0.05, until - self._clock.monotonic())
        if target.via is Via.DIRECT:
            return dial(
                address, target.port, self._names, limit=min(_DIAL_LIMIT, left), label=f"{self._name}: {address}"
            )
        return self._tunnel(address, target.port, left)

    def _failed(self, error: Exception, deadline: float) -> OpsconsoleError:
        """Ours for a driver's error; the connection is gone after it."""
        expired = self._socket is not None and self._socket.expired
        self._drop()
        text = self._clean(error)
        if expired or isinstance(error, redis.TimeoutError):
            return DeadlineError(
                f"{self._name}: Redis gave no answer within {deadline:.1f} s", fix="Is it stopped, or loading?"
            )
        if isinstance(error, redis.AuthenticationError | redis.exceptions.NoPermissionError) or _is_login(text):
            self._denied()
            return AuthenticationError(
                f"{self._name}: Redis refused to let us in: {text}",
                done="Nothing was read.",
                fix="Check the password and user under `redis:`, or in the application's .env.",
            )
        if isinstance(error, redis.ResponseError):
            return QueryError(f"{self._name}: Redis says: {text}")
        return UnreachableError(f"{self._name}: the connection to Redis broke: {text}")

    def _drop(self) -> None:
        sock, self._socket, self._connection = self._socket, None, None
        if sock is not None:
            sock.close()

    def _clean(self, error: Exception) -> str:
        return harmless(self._redactor.text(str(error))[:300])


class _Turn:
    """The right to use the connection, waited for no longer than the call may take."""

    def __init__(self, lock: threading.Lock, deadline: float, name: str) -> None:
        self._lock = lock
        self._deadline = deadline
        self._name = name

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=self._deadline):
            raise DeadlineError(f"{self._name}: the connection was busy for {self._deadline:.1f} s")

    def __exit__(self, *_error: object) -> None:
        self._lock.release()


def _is_login(text: str) -> bool:
    return text.upper().startswith(("WRONGPASS", "NOAUTH", "ERR AUTH", "INVALID USERNAME", "INVALID PASSWORD"))

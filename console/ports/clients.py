"""What reaches hosts, databases, Redis and URLs, and the one door to all of them.

Owns the Protocols that `clients` implements and services use. Must not name a driver.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from console.domain.environment import AppFacts, Environment
    from console.domain.health import ProbeResult, ProbeSpec
    from console.domain.redact import Secret


Row = tuple[object, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A remote command that ended. `status` is None when a signal ended it. Of `stderr` the beginning is kept."""

    status: int | None
    stdout: bytes
    stderr: bytes
    seconds: float


@dataclass(frozen=True, slots=True)
class Scanned:
    """A part of a Redis database's keys that match. `cursor` goes on behind them, None when all were looked at;
    `looked` is about how many keys were, matching or not."""

    keys: tuple[bytes, ...]
    cursor: bytes | None
    looked: int


class Stream(Protocol):
    """A remote command that goes on, seen through its standard output."""

    def read(self, limit: int = 65536, timeout: float = 1.0) -> bytes | None:
        """The next bytes: b"" when none came within `timeout` s, None at the end. UnreachableError on a dead link."""
        ...

    def close(self) -> None:
        """Ends it, at once."""
        ...


class TunnelSocket(Protocol):
    """A socket-like object over somebody else's connection, as PyMySQL and redis take it."""

    def settimeout(self, value: float | None) -> None: ...
    def sendall(self, data: bytes) -> None: ...
    def recv(self, size: int) -> bytes: ...
    def close(self) -> None: ...


class Shell(Protocol):
    """One host. The script goes over stdin to a POSIX `sh` in a fixed locale; nothing of it is in argv.

    Errors: UnreachableError (with DeadlineError), AuthenticationError, HostKeyError. A command's own failure is data.
    """

    @property
    def host(self) -> str:
        """The host's name in the config."""
        ...

    def connect(self) -> None:
        """Connects and authenticates now; nothing when already connected."""
        ...

    def connected(self) -> bool:
        """Whether the link is up, at once."""
        ...

    def fingerprint(self) -> str:
        """The host key in use, `SHA256:…`; connects when needed."""
        ...

    def run(self, script: str, *, deadline: float = 15.0, limit: int = 4_194_304) -> Completed:
        """Runs a script to its end. Commands in it read an empty stdin. An output longer than `limit` bytes is a
        RemoteError: what was cut off would look as if it were not there."""
        ...

    def put(self, path: str, chunks: Iterable[bytes], *, deadline: float = 120.0, mode: int = 0o600) -> None:
        """Writes a file beside `path` and renames it there."""
        ...

    def stream(self, script: str, *, bulk: bool = False) -> Stream:
        """Starts a script that goes on. Its bytes are collected for a moment; `bulk` hands them over as they come, to a
        reader that wants all there are."""
        ...

    def tunnel(self, host: str, port: int, *, deadline: float = 15.0) -> TunnelSocket:
        """A direct-tcpip channel to an address as the host sees it; host starting with `/` is a unix socket."""
        ...

    def close(self) -> None:
        """Drops the link, at once."""
        ...


class Sql(Protocol):
    """One SQL database through a read-only session. Errors: UnreachableError, DeadlineError, QueryError."""

    @property
    def dialect(self) -> str:
        """mysql, mariadb, postgresql or sqlite; connects when needed."""
        ...

    def query(
        self, statement: str, parameters: Mapping[str, object] | None = None, *, deadline: float = 5.0
    ) -> list[Row]:
        """All rows of a SELECT with `:name` parameters. Callers write the LIMIT."""
        ...

    def close(self) -> None:
        """Ends the session, at once."""
        ...


class KeyValue(Protocol):
    """One Redis database. Keys are full (prefix included). Errors: UnreachableError, DeadlineError, QueryError."""

    def pipeline(
        self, commands: Sequence[tuple[str | int | float | bytes, ...]], *, deadline: float = 5.0
    ) -> list[object]:
        """All replies of one round trip, raw bytes for strings; an error reply is a QueryError in its place."""
        ...

    def scan(self, pattern: str, *, cursor: bytes = b"0", budget: int = 100_000, deadline: float = 5.0) -> Scanned:
        """Keys matching a glob, by SCAN, from `cursor` on; stops after looking at `budget` keys."""
        ...

    def close(self) -> None:
        """Ends the connection, at once."""
        ...


class Http(Protocol):
    """Asks health URLs. Never raises: a failure is a result."""

    def probe(self, spec: ProbeSpec) -> ProbeResult:
        """One request within the spec's total deadline."""
        ...

    def close(self) -> None: ...


class Reach(Protocol):
    """One environment's clients, each made at first use in the thread that asks. At most one of each."""

    @property
    def environment(self) -> Environment: ...

    def shell(self, host: str) -> Shell:
        """The shell of a configured host."""
        ...

    def facts(self) -> AppFacts:
        """What discovery found, with the config's overrides; cached until the application's own config changes."""
        ...

    def sql(self, connection: str) -> Sql:
        """The session of one of Laravel's SQL connections (empty = the default one)."""
        ...

    def redis(self, connection: str) -> KeyValue:
        """The client of one of Laravel's Redis connections."""
        ...

    def http(self) -> Http: ...

    def secret(self, reference: str) -> Secret:
        """Resolves `env:`, `file:`, `cmd:`, `dotenv:` or `remote-env:` now."""
        ...

    def close(self) -> None:
        """Drops every client, at once."""
        ...

"""The Protocols between layers: what a service asks of a client, a source of both, and the screen of all of them.

Owns shapes only. Must not hold an implementation, nor name a driver.

Threads: everything here may block up to its deadline and is called from `services.loop.Loop` threads, never from the
screen's own thread, unless its sentence says "at once".
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from threading import Event as Flag
from typing import Protocol, TypeVar

from console.domain.actions import Action
from console.domain.checklists import ChecklistView, Mark, MarkKind, Session
from console.domain.documents import Json
from console.domain.environment import AppFacts, Environment
from console.domain.failures import FailedDetail, FailedFilter, FailedPage
from console.domain.health import ProbeResult, ProbeSpec
from console.domain.logs import FollowStatus, LogRing
from console.domain.policy import ChangeWindow, Confirmation
from console.domain.redact import Secret
from console.domain.runs import Event, EventKind, Plan, RunRow, RunView
from console.domain.snapshot import Key, Snapshot
from console.domain.untrusted import Raw

T = TypeVar("T")
S = TypeVar("S")

Publish = Callable[[Key], None]
"""Says that what stands behind a key has changed. At once, from any thread."""


class Clock(Protocol):
    """The time, injected so that tests own it."""

    def now(self) -> datetime:
        """The wall clock, aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds that never go back."""
        ...

    def wait(self, flag: Flag, seconds: float) -> bool:
        """Waits until `flag` is set or `seconds` have passed; whether it is set."""
        ...


# --- clients ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Completed:
    """A remote command that ended. `status` is None when a signal ended it. Streams are cut at the call's limit."""

    status: int | None
    stdout: bytes
    stderr: bytes
    seconds: float


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
        """Runs a script to its end. Commands in it read an empty stdin."""
        ...

    def put(self, path: str, chunks: Iterable[bytes], *, deadline: float = 120.0, mode: int = 0o600) -> None:
        """Writes a file beside `path` and renames it there."""
        ...

    def stream(self, script: str) -> Stream:
        """Starts a script that goes on."""
        ...

    def tunnel(self, host: str, port: int, *, deadline: float = 15.0) -> TunnelSocket:
        """A direct-tcpip channel to an address as the host sees it; host starting with `/` is a unix socket."""
        ...

    def close(self) -> None:
        """Drops the link, at once."""
        ...


Row = tuple[object, ...]


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

    def scan(self, pattern: str, *, budget: int = 100_000, deadline: float = 5.0) -> tuple[bytes, ...]:
        """Keys matching a glob, by SCAN; stops after looking at `budget` keys."""
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


# --- sources ---------------------------------------------------------------------------------------------------------


class Source(Protocol[T]):
    """Something that can be read again and again. One file in `sources/` implements it.

    `read` makes one round trip where it can, within `timeout` seconds, and raises ours. `encode`/`decode` are the codec
    for `--json`, watch and replay. `summary` is one harmless line.
    """

    @property
    def name(self) -> str: ...
    @property
    def every(self) -> float: ...
    @property
    def timeout(self) -> float: ...

    def read(self) -> T: ...
    def encode(self, value: T) -> Json: ...
    def decode(self, document: Json) -> T: ...
    def summary(self, value: T) -> str: ...


# --- state -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What an operator asks of a run. `kind` is abort, answer, hold, go or skip; `id` names it when acknowledged."""

    id: int
    run: int
    at: datetime
    who: str
    kind: str
    body: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Lease:
    """A named liveness: the holder raises `counter` each 2 s."""

    name: str
    holder: str
    counter: int


class RunStore(Protocol):
    """Runs, their events, output and requests, each write one durable transaction."""

    def create(self, plan: Plan, *, name_suffix: str, token: str, at: datetime) -> RunRow: ...
    def run(self, run: int) -> RunRow:
        """UsageError when there is no such run."""
        ...

    def runs(self, *, environment: str = "", limit: int = 50) -> tuple[RunRow, ...]:
        """Newest first."""
        ...

    def append(
        self,
        run: int,
        kind: EventKind,
        *,
        at: datetime,
        step: str = "",
        host: str = "",
        data: Mapping[str, Json] | None = None,
        lease: Lease | None = None,
    ) -> Event:
        """Adds one event. With `lease`, refuses with LockHeldError unless that holder still holds it."""
        ...

    def events(self, run: int, after: int = 0) -> tuple[Event, ...]: ...
    def changed(self) -> int:
        """A number that differs after any commit by anybody, at once."""
        ...

    def append_output(self, run: int, step: str, host: str, offset: int, data: bytes) -> None: ...
    def output(self, run: int, step: str, host: str, *, offset: int = 0, limit: int = 65536) -> bytes: ...
    def output_size(self, run: int, step: str, host: str) -> int: ...
    def ask(self, run: int, *, who: str, kind: str, body: str, at: datetime) -> Request: ...
    def requests(self, run: int) -> tuple[Request, ...]:
        """Those not yet taken."""
        ...

    def take(self, request: Request, seq: int) -> None:
        """Marks it taken by the event `seq`."""
        ...


class MarkStore(Protocol):
    """Checklist sessions and the marks in them, each write one durable transaction; marks are only ever added."""

    def open_session(self, environment: str, checklist: str, *, who: str, at: datetime) -> Session:
        """Opens a session, or returns the newest open one of that checklist when a colleague was first."""
        ...

    def newest_open(self, environment: str, checklist: str) -> Session | None:
        """The newest session of that checklist that is not closed."""
        ...

    def add(self, session: int, mark: Mark) -> None:
        """Adds one mark. UsageError when the session is unknown or closed."""
        ...

    def marks(self, session: int) -> tuple[Mark, ...]:
        """All marks of a session in the order they were made."""
        ...

    def close_session(self, session: int, *, at: datetime) -> None:
        """Closes an open session for good; nothing when it is closed already."""
        ...

    def changed(self) -> int:
        """A number that differs after any commit by anybody, at once."""
        ...


class Prompt(Protocol):
    """Asks the person at the terminal; only the command line has one."""

    def confirm_name(self, environment: str) -> str: ...
    def confirm(self, question: str) -> bool: ...


class Background(Protocol):
    """A service thread that answers the screen's questions one after another.

    `submit` returns a ticket at once and publishes `("answer", TICKET)` when done; `collect` gives the value or raises
    what the work raised, once.
    """

    def submit(self, name: str, work: Callable[[], object]) -> str: ...
    def collect(self, ticket: str) -> object: ...


# --- what the screen uses --------------------------------------------------------------------------------------------


class Board(Protocol):
    """The newest snapshot of every source. Reading is at once and takes no lock."""

    def get(self, environment: str, source: str) -> Snapshot[object] | None: ...
    def sources(self, environment: str) -> tuple[str, ...]: ...


class Polling(Protocol):
    """Which environment is read fully. All at once; the work happens in service threads."""

    def select(self, environment: str) -> None:
        """Reads this one fully from now on, the others by one light probe each 30 s."""
        ...

    def refresh(self) -> None:
        """Reads every source of the selected environment now."""
        ...


class FailedJobs(Protocol):
    """Pages and whole rows of failed jobs."""

    def page(self, environment: str, *, below: int | None = None, where: FailedFilter | None = None) -> FailedPage:
        """At most 100 rows with an id below `below`."""
        ...

    def show(self, environment: str, uuid: str) -> FailedDetail:
        """One row, whole. UsageError when it is gone."""
        ...


class Runs(Protocol):
    """Planning, starting, following and answering runs. The screen never owns one."""

    def actions(self, environment: str) -> tuple[Action, ...]:
        """Every action this environment can have, in key order."""
        ...

    def refusal(self, environment: str, action: str) -> str:
        """Why an action cannot start now, empty when it can; from what is known, at once."""
        ...

    def plan(self, environment: str, action: str, params: Mapping[str, Json]) -> Plan:
        """What would happen, exactly; changes nothing."""
        ...

    def start(self, plan: Plan, confirmation: Confirmation) -> int:
        """Stores the confirmed plan and starts a detached runner; the run's number. RefusedError, LockHeldError."""
        ...

    def view(self, run: int) -> RunView:
        """The run folded so far; at once, for runs being followed."""
        ...

    def follow(self, run: int) -> None:
        """From now on publishes `("run", ID)` whenever there is more."""
        ...

    def output(self, run: int, step: str, host: str, *, last: int = 65536) -> Raw:
        """The newest bytes of a step's output; at once."""
        ...

    def ask(self, run: int, kind: str, body: str = "") -> None:
        """Hands the runner a request: abort, answer, hold, go or skip."""
        ...

    def newest(self, environment: str) -> RunView | None:
        """The newest run of the environment, if any; at once."""
        ...


class Checklists(Protocol):
    """Checklists and the walks through them. A colleague's mark is published as `("checklist", ENVIRONMENT)`."""

    def names(self, environment: str) -> tuple[str, ...]: ...
    def view(self, environment: str, name: str = "") -> ChecklistView | None:
        """The newest open session, else the file's items; None when the environment has no checklist."""
        ...

    def mark(self, environment: str, name: str, item: str, kind: MarkKind, note: str = "") -> None:
        """Marks an item; a first mark opens a session."""
        ...

    def close_session(self, environment: str, name: str) -> None:
        """Ends the open walk, so that the file speaks again and the next mark opens a new one."""
        ...


class Windows(Protocol):
    """Change windows of this session, as rows in the state database."""

    def open(self, environment: str, minutes: int = 15) -> ChangeWindow: ...
    def close(self, environment: str) -> None: ...
    def current(self, environment: str) -> ChangeWindow | None:
        """The open window, if any; at once."""
        ...


class Tails(Protocol):
    """Following the log files of the selected environment. More lines are published as `("logs", ENVIRONMENT)`."""

    def select(self, environment: str) -> None:
        """Follows this environment's files from now on and no others; at once."""
        ...

    def ring(self, environment: str) -> LogRing:
        """The newest blocks; the same object as long as the environment is known; at once."""
        ...

    def statuses(self, environment: str) -> tuple[FollowStatus, ...]:
        """How each followed file stands; empty when the environment names no logs; at once."""
        ...

    def close(self) -> None:
        """Ends every follow within its bounded join."""
        ...

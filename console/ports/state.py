"""What remembers: runs with their events, marks on checklists.

Owns the Protocols that `store` implements and the values of a request and a lease. Must not know a database.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from console.domain.checklists import Mark, Session
    from console.domain.documents import Json
    from console.domain.runs import Event, EventKind, Plan, RunRow


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

    def newest(self, limit: int) -> tuple[tuple[int, str], ...]:
        """Number and environment of the newest runs of all, newest first, without reading their plans."""
        ...

    def ended(self, run: int) -> bool:
        """Whether a run has ended, without reading its events."""
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

"""What the state database remembers: requests to runs, leases, marks on checklists.

Owns the values of a request and a lease, and the Protocol of the marks. Must not know a database.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from console.domain.checklists import Mark, Session


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

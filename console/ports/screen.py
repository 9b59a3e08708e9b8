"""What the screen uses: readings, runs, checklists, windows, logs, and answers from a thread of the services.

Owns the Protocols that services implement for whoever shows things. Must not know a toolkit. Methods whose sentence
says "at once" are called from the screen's own thread, all others through `Background`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from console.domain.actions import Action
    from console.domain.checklists import ChecklistView, MarkKind
    from console.domain.documents import Json
    from console.domain.failures import FailedDetail, FailedFilter, FailedPage
    from console.domain.log_history import LeftOut
    from console.domain.logs import FollowStatus, LogRing
    from console.domain.policy import ChangeWindow, Confirmation
    from console.domain.runs import Plan, RunView
    from console.domain.snapshot import Snapshot
    from console.domain.untrusted import Raw


class Background(Protocol):
    """Service threads that answer the screen's questions, each thread one after another.

    `submit` returns a ticket at once and publishes `("answer", TICKET)` when done; `collect` gives the value or raises
    what the work raised, once. `urgent` work, which may not connect anywhere, never waits behind the rest.
    """

    def submit(self, name: str, work: Callable[[], object], *, urgent: bool = False) -> str: ...
    def collect(self, ticket: str) -> object: ...


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

    def ids(self, environment: str, *, below: int, limit: int) -> tuple[int, ...]:
        """The newest ids below one, at most `limit`; cheap enough for each second."""
        ...

    def show(self, environment: str, uuid: str) -> FailedDetail:
        """One row, whole. UsageError when it is gone."""
        ...


class Runs(Protocol):
    """Planning, starting, following and answering runs. The screen never owns one."""

    def actions(self, environment: str) -> tuple[Action, ...]:
        """Every action this environment can have, by name."""
        ...

    def refusal(self, environment: str, action: str) -> str:
        """Why an action cannot start now, empty when it can; from what is known, at once."""
        ...

    def note_refusal(self, environment: str, action: str, why: str) -> None:
        """Audits that somebody wanted an action that `refusal` says no to."""
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

    def output_size(self, run: int, step: str, host: str) -> int:
        """How many bytes of that output are stored, of which only the newest may be at hand; at once."""
        ...

    def ask(self, run: int, kind: str, body: str = "") -> None:
        """Hands the runner a request: abort, answer, hold, go or skip. UsageError when the run has ended or does not
        take it, RefusedError when it would begin a protected run without a change window."""
        ...

    def current(self, environment: str) -> RunView | None:
        """The run to look at, if any: one that goes on before ended ones, of these the lock's holder; at once."""
        ...

    def recent(self, environment: str) -> tuple[int, ...]:
        """The numbers of its newest runs, newest first; at once."""
        ...


class Checklists(Protocol):
    """Checklists and their sessions. A colleague's mark is published as `("checklist", ENVIRONMENT)`."""

    def names(self, environment: str) -> tuple[str, ...]: ...
    def view(self, environment: str, name: str = "") -> ChecklistView | None:
        """The newest open session, else the file's items; None when the environment has no checklist."""
        ...

    def mark(self, environment: str, name: str, item: str, kind: MarkKind, note: str = "") -> None:
        """Marks an item; a first mark opens a session."""
        ...

    def close_session(self, environment: str, name: str) -> None:
        """Ends the open session, so that the file speaks again and the next mark opens a new one."""
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

    def left_out(self, environment: str) -> tuple[LeftOut, ...]:
        """What of the files could not be followed up, since the start; at once."""
        ...

    def close(self) -> None:
        """Ends every follow within its bounded join."""
        ...

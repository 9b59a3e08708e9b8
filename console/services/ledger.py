"""A run's journal as its runner uses it: every event written is folded at once, so that nobody decides on old facts.

Owns the runner's view of its own run. Writes go through `Journal`, under the lease. Usable from the threads of several
hosts. Must not decide what happens next.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock

from console.domain.documents import Json
from console.domain.runs import Event, EventKind, HostProgress, Outcome, RunRow, RunView, fold, start_view
from console.ports import Clock, Lease, RunStore
from console.services.journal import Journal


class Ledger:
    """The events of one run, read at the start and written from here on by us alone."""

    def __init__(self, store: RunStore, row: RunRow, clock: Clock, lease: Lease | None = None) -> None:
        self.row = row
        self._store = store
        self._journal = Journal(store, row.id, clock, lease)
        self._lock = RLock()
        self._events: list[Event] = []
        self._newest: dict[tuple[EventKind, str | None, str | None], Event] = {}
        self._view = start_view(row)
        for event in store.events(row.id):
            self._keep(event)

    @property
    def view(self) -> RunView:
        """The run so far."""
        with self._lock:
            return self._view

    @property
    def events(self) -> tuple[Event, ...]:
        """Every event so far."""
        with self._lock:
            return tuple(self._events)

    @property
    def begun(self) -> bool:
        """Whether any step was ever intended: from then on the hosts may have changed."""
        return self.last(EventKind.STEP_INTENDED) is not None

    def note(self, kind: EventKind, *, step: str = "", host: str = "", data: Mapping[str, Json] | None = None) -> Event:
        """Writes one event durably. LockHeldError when another runner has the lease."""
        with self._lock:
            event = self._journal.note(kind, step=step, host=host, data=data)
            self._keep(event)
            return event

    def output(self, step: str, host: str, offset: int, data: bytes) -> None:
        """Stores output that begins at `offset`."""
        with self._lock:
            event = self._journal.output(step, host, offset, data)
            if event is not None:
                self._keep(event)

    def mend_output(self, step: str, host: str) -> None:
        """States output that an earlier runner stored just before it could say so."""
        said = self.last(EventKind.STEP_OUTPUT, step=step, host=host)
        offset, length = (said.data.get("offset"), said.data.get("length")) if said else (0, 0)
        end = offset + length if isinstance(offset, int) and isinstance(length, int) else 0
        stored = self.stored(step, host)
        if stored > end:
            data: dict[str, Json] = {"offset": end, "length": stored - end}
            self.note(EventKind.STEP_OUTPUT, step=step, host=host, data=data)

    def stored(self, step: str, host: str) -> int:
        """Bytes of output stored so far."""
        return self._store.output_size(self.row.id, step, host)

    def progress(self, step: str, host: str) -> HostProgress:
        """How far a step is on a host."""
        found = next((one for one in self.view.steps if one.name == step), None)
        return (found.hosts.get(host) if found else None) or HostProgress(host=host)

    def finish(
        self,
        step: str,
        host: str,
        outcome: Outcome,
        *,
        exit_status: int | None = None,
        detail: str = "",
        more: Mapping[str, Json] | None = None,
    ) -> None:
        """States how a step ended on a host."""
        data: dict[str, Json] = {"outcome": outcome.value, "exit_status": exit_status, "detail": detail, **(more or {})}
        self.note(EventKind.STEP_FINISHED, step=step, host=host, data=data)

    def last(self, *kinds: EventKind, step: str | None = None, host: str | None = None) -> Event | None:
        """The newest event of these kinds (of a step, on a host); at once, however long the run has been."""
        with self._lock:
            found = [self._newest.get((kind, step, host)) for kind in kinds]
        return max((event for event in found if event is not None), key=lambda event: event.seq, default=None)

    def _keep(self, event: Event) -> None:
        self._events.append(event)
        for step in (event.step, None):
            for host in (event.host, None):
                self._newest[event.kind, step, host] = event
        self._view = fold(self._view, (event,))

"""A run's journal as its runner uses it: each event is folded into the view as soon as it is written, so every decision
uses the newest state.

Owns the runner's view of its own run, and its writes: each under the lease, so that a runner that lost it can state no
other intent. Usable from the threads of several hosts. Must not decide what happens next.
"""

from __future__ import annotations

from collections.abc import Mapping
from threading import RLock
from typing import TYPE_CHECKING, TypeVar, cast

from console.domain.documents import Json
from console.domain.event_codec import decode_payload
from console.domain.events import EventKind, Payload, StepIntended, StepOutput
from console.domain.runs import Event, HostProgress, Outcome, RunRow, RunView, fold, start_view
from console.ports import Clock, Lease

if TYPE_CHECKING:
    from console.store.runs import RunStore

P = TypeVar("P", bound=Payload)


class Journal:
    """The events of one run, read at the start and written from here on by us alone."""

    def __init__(self, store: RunStore, row: RunRow, clock: Clock, lease: Lease | None = None) -> None:
        self.row = row
        self._store = store
        self._clock = clock
        self._lease = lease
        self._lock = RLock()
        self._events: list[Event] = []
        self._newest: dict[tuple[type[Payload], str | None, str | None], Event] = {}
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
        return self.last(StepIntended) is not None

    def note(self, payload: Payload, *, step: str = "", host: str = "") -> Event:
        """Writes one event durably. LockHeldError when another runner has the lease."""
        with self._lock:
            event = self._store.append(
                self.row.id, payload, at=self._clock.now(), step=step, host=host, lease=self._lease
            )
            self._keep(event)
            return event

    def output(self, step: str, host: str, offset: int, data: bytes) -> None:
        """Stores output that begins at `offset` and writes its event. Empty output is not stored and has no event."""
        with self._lock:
            if data:
                self._store.append_output(self.row.id, step, host, offset, data)
                self.note(StepOutput(offset=offset, length=len(data)), step=step, host=host)

    def mend_output(self, step: str, host: str) -> None:
        """Writes the event for output that an earlier runner had stored when it died before writing that event."""
        said = self.last(StepOutput, step=step, host=host)
        end = said.offset + said.length if said else 0
        stored = self.stored(step, host)
        if stored > end:
            self.note(StepOutput(offset=end, length=stored - end), step=step, host=host)

    def stored(self, step: str, host: str) -> int:
        """Bytes of output stored so far."""
        return self._store.output_size(self.row.id, step, host)

    def output_end(self, step: str, host: str, size: int) -> bytes:
        """The last `size` bytes of the stored output."""
        stored = self.stored(step, host)
        return self._store.output(self.row.id, step, host, offset=max(0, stored - size), limit=size)

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
        """States how a step ended on a host; `more` is the document that the step's kind adds."""
        data: dict[str, Json] = {"outcome": outcome.value, "exit_status": exit_status, "detail": detail, **(more or {})}
        self.note(decode_payload(EventKind.STEP_FINISHED, data), step=step, host=host)

    def last(self, kind: type[P], *, step: str | None = None, host: str | None = None) -> P | None:
        """What the newest event of this kind says (of a step, on a host); at once, however long the run has been."""
        with self._lock:
            found = self._newest.get((kind, step, host))
        return cast(P, found.payload) if found is not None else None

    def last_seq(self, kind: type[Payload], *, step: str | None = None, host: str | None = None) -> int:
        """The number of that event, 0 when there is none."""
        with self._lock:
            found = self._newest.get((kind, step, host))
        return found.seq if found is not None else 0

    def _keep(self, event: Event) -> None:
        self._events.append(event)
        for step in (event.step, None):
            for host in (event.host, None):
                self._newest[type(event.payload), step, host] = event
        self._view = fold(self._view, (event,))

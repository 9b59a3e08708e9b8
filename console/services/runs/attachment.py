"""A run followed from its first event to its end by somebody who waits for it.

Owns when a run counts as left alone by its runner. Must not print, nor say anything to the run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from threading import Event as Flag
from typing import TYPE_CHECKING

from console.domain.events import RunFinished, RunStarted
from console.domain.runs import Event, Outcome, RunState, RunView, fold, start_view
from console.ports import Clock
from console.services.runs.liveness import BIRTH_SECONDS, Runners, left_alone

if TYPE_CHECKING:
    from console.store.runs import RunStore

_EVERY = 0.2
_PATIENCE = 1.0
"""How long a run may be without a runner before it counts as left alone: its last events may still be on their way."""
_COMING = 5.0
"""The same when following begins: somebody may have resumed the run a moment ago, and its runner is still starting."""


class Attachment:
    """One run, followed. `view` is the run so far; `left` is set when it has no runner any more and has not ended."""

    def __init__(self, store: RunStore, runners: Runners, clock: Clock, run: int, *, started: bool) -> None:
        self._store = store
        self._runners = runners
        self._clock = clock
        self._changed = -1
        self.row = store.run(run)
        self.view: RunView = start_view(self.row)
        self.left = False
        self.exit_code: int | None = None
        """The exit code for whoever follows the run; None until the run has ended."""
        before = store.events(run)
        self._began = before[-1].seq if before else 0
        """The newest event when following began; a start that is noted after it is that of the awaited runner."""
        self._until = clock.monotonic() + (BIRTH_SECONDS if started else self._grace(before))

    def turns(self) -> Iterator[tuple[Event, ...]]:
        """Yields the new events five times a second, also when there are none; ends with the run, or when it is left
        alone."""
        while True:
            yield self._turn()
            if self.left or self.view.outcome is not None:
                return
            self._clock.wait(Flag(), _EVERY)

    def _turn(self) -> tuple[Event, ...]:
        changed = self._store.changed()
        if changed != self._changed:
            # Any commit to the database changes that number. Without events of this run, its runner is checked below.
            self._changed = changed
            if events := self._newer():
                return events
        if self._runners.living(self.view.run):
            self._until = self._clock.monotonic() + _PATIENCE
        elif self._clock.monotonic() > self._until:
            # A runner writes its last events before it gives up its lease, so they can be read now.
            if events := self._newer():
                return events
            self.left = True
            self.view = left_alone(self.row, self.view, at=self._clock.now(), ended=self._runners.ended)
        return ()

    def _newer(self) -> tuple[Event, ...]:
        events = self._store.events(self.view.run, self.view.last_seq)
        self.view = fold(self.view, events)
        for event in events:
            self._notice(event)
        return events

    def _notice(self, event: Event) -> None:
        if isinstance(event.payload, RunFinished):
            self.exit_code = _exit_code(event.payload)
        elif isinstance(event.payload, RunStarted) and event.seq > self._began:
            self._until = self._clock.monotonic() + _PATIENCE

    def _grace(self, before: Sequence[Event]) -> float:
        if fold(self.view, before).state is not RunState.CONFIRMED:
            return _COMING
        age = (self._clock.now() - self.row.created_at).total_seconds()
        return max(_COMING, min(BIRTH_SECONDS, BIRTH_SECONDS - age))


def _exit_code(end: RunFinished) -> int:
    """The exit code that the runner wrote. When the outcome is not `ok` it is never 0, even if the runner wrote 0."""
    code = end.exit_code
    if end.outcome is Outcome.OK:
        return code or 0
    if code is not None and code > 0:
        return code
    return 8 if end.outcome is Outcome.UNKNOWN else 1

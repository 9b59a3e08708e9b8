"""The journal of one run: intent before, result after, each durable before anything else happens.

Owns the shape of the events a runner writes, all under its lease: a runner that lost it cannot state another intent.
Must not decide what happens next.
"""

from __future__ import annotations

from collections.abc import Mapping

from console.domain.documents import Json
from console.domain.runs import Event, EventKind, Outcome
from console.ports import Clock, Lease, RunStore


class Journal:
    """Writes the events of `run`, re-checking `lease` in the transaction of each. LockHeldError when it is lost."""

    def __init__(self, store: RunStore, run: int, clock: Clock, lease: Lease | None = None) -> None:
        self._store = store
        self._clock = clock
        self._lease = lease
        self.run = run

    def note(self, kind: EventKind, *, step: str = "", host: str = "", data: Mapping[str, Json] | None = None) -> Event:
        """One event of any kind."""
        return self._store.append(
            self.run, kind, at=self._clock.now(), step=step, host=host, data=data, lease=self._lease
        )

    def intend(self, step: str, host: str = "", *, attempt: int = 1) -> Event:
        """States that a step is about to be started on a host: the last write before it is."""
        return self.note(EventKind.STEP_INTENDED, step=step, host=host, data={"attempt": attempt})

    def started(self, step: str, host: str = "", *, detached: bool = True) -> Event:
        """States that the host confirmed the start."""
        return self.note(EventKind.STEP_STARTED, step=step, host=host, data={"detached": detached})

    def output(self, step: str, host: str, offset: int, data: bytes) -> Event | None:
        """Stores output that begins at `offset` and says so; None for nothing."""
        if not data:
            return None
        self._store.append_output(self.run, step, host, offset, data)
        return self.note(EventKind.STEP_OUTPUT, step=step, host=host, data={"offset": offset, "length": len(data)})

    def finish(
        self, step: str, host: str = "", *, outcome: Outcome, exit_status: int | None = None, detail: str = ""
    ) -> Event:
        """States how a step ended on a host."""
        data: dict[str, Json] = {"outcome": outcome.value, "exit_status": exit_status, "detail": detail}
        return self.note(EventKind.STEP_FINISHED, step=step, host=host, data=data)

    def need(self, question: str, choices: tuple[str, ...], *, step: str = "") -> Event:
        """States that an operator must answer with one of `choices`."""
        return self.note(EventKind.OPERATOR_NEEDED, step=step, data={"question": question, "choices": list(choices)})

    def end(self, outcome: Outcome, *, detail: str = "", offers: tuple[str, ...] = ()) -> Event:
        """States how the run ended; `offers` are actions an operator may want next."""
        return self.note(
            EventKind.RUN_FINISHED, data={"outcome": outcome.value, "detail": detail, "offers": list(offers)}
        )

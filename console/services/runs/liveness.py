"""Whether a run still has a runner, and what a run without one is shown as.

Owns that judgement for every face. Must not start a runner, nor write anything.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from threading import Lock
from typing import TYPE_CHECKING

from console.domain.left_down import waiting_words
from console.domain.policy import ABANDONED
from console.domain.runs import Question, RunRow, RunState, RunView
from console.errors import OpsconsoleError
from console.ports import Clock
from console.services.runs.leases import Pulse, beats, surely_gone, surely_there

if TYPE_CHECKING:
    from console.store.leases import Leases

BIRTH_SECONDS = 30.0
"""How long a runner that was just started may be without its lease."""


def lease_name(run: int) -> str:
    """The lease of a run's runner."""
    return f"run {run}"


def newborn(row: RunRow, view: RunView, now: datetime) -> bool:
    """Whether the run was confirmed so recently that its runner may not have taken its lease yet."""
    waiting = view.state in (RunState.PLANNED, RunState.CONFIRMED)
    return waiting and (now - row.created_at).total_seconds() < BIRTH_SECONDS


def as_seen(
    row: RunRow, view: RunView, *, living: bool, now: datetime, ended: Callable[[int], str] = lambda _: ""
) -> RunView:
    """The run as people must see it, given whether its runner lives: a run without one needs an operator. `ended` tells
    how a run's newest runner ended, where that is known."""
    if living or view.outcome is not None or newborn(row, view, now):
        return view
    return left_alone(row, view, at=now, ended=ended)


def left_alone(row: RunRow, view: RunView, *, at: datetime, ended: Callable[[int], str] = lambda _: "") -> RunView:
    """A run whose runner is gone, as people must see it: maintenance mode that it leaves behind is named first."""
    seen = abandoned(view, at=at, ended=ended)
    left = waiting_words(row.plan, view)
    if seen.question is None or not left or left in seen.question.text:
        return seen
    return replace(seen, question=replace(seen.question, text=left + seen.question.text))


def abandoned(view: RunView, *, at: datetime, ended: Callable[[int], str] = lambda _: "") -> RunView:
    """A run whose runner is gone, as people must see it: it needs an operator. An open question stays as it is."""
    if view.question is not None and view.question.choices:
        return view
    if view.question is not None:
        text = view.question.text
    else:
        how = ended(view.run)
        text = f"Its runner is gone: {how}." if how else "Its runner is gone."
    question = Question(step="", text=f"{text} Resume it, or abort it.", choices=ABANDONED, asked_at=at)
    return replace(view, state=RunState.NEEDS_OPERATOR, question=question)


class Runners:
    """The runners of all runs, as their leases tell. Usable from any thread."""

    def __init__(self, leases: Leases, clock: Clock, *, end: Callable[[int, str], str] | None = None) -> None:
        self._end = end
        self._leases = leases
        self._clock = clock
        self._lock = Lock()
        self._pulses: dict[int, Pulse] = {}

    def living(self, run: int) -> bool:
        """Whether the run has a runner, at once. A runner on another machine that died is known to be dead only after
        this was asked for ten seconds."""
        with self._lock:
            pulse = self._pulses.get(run)
            if pulse is None:
                pulse = self._pulses[run] = Pulse(self._leases, lease_name(run), self._clock)
            return pulse.living()

    def ended(self, run: int) -> str:
        """How the newest runner ended, in words, of a run that has none; empty when nothing is known of it, or nothing
        could be read. Of a runner that gave its lease up nobody knows which process it was."""
        if self._end is None:
            return ""
        try:
            lease = self._leases.read(lease_name(run))
            return self._end(run, lease.holder) if lease is not None else ""
        except (OpsconsoleError, OSError):
            return ""

    def doubtful(self, run: int) -> bool:
        """Whether the run's lease has a holder that cannot be seen from here, neither alive nor gone; at once."""
        lease = self._leases.read(lease_name(run))
        return lease is not None and not surely_gone(lease.holder) and not surely_there(lease.holder)

    def settle(self, run: int) -> bool:
        """Whether the run has a runner, for certain: one that cannot be seen from here is watched for at most ten
        seconds. `living` agrees afterwards."""
        if self.doubtful(run):
            # This look begins the ten seconds by which `living` judges at the end.
            self.living(run)
            self.beating(run)
        return self.living(run)

    def beating(self, run: int) -> bool:
        """Whether the runner raises its lease's counter, watching for at most ten seconds: a process that is there may
        hang."""
        return beats(self._leases, lease_name(run), self._clock)

    def forget(self, run: int) -> None:
        """Drops what was seen of a run that nobody looks at any more."""
        with self._lock:
            self._pulses.pop(run, None)

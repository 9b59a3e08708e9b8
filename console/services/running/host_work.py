"""One piece of work on one host, from intent to result, however often the link or the runner dies in between.

Owns the decisions about attempts: what was started is looked for and never started again; only what may be repeated,
and is proved to be over, gets another attempt. Must not ask operators nor choose what comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace

from console.domain.actions import Effect
from console.domain.events import StepIntended
from console.domain.runs import Outcome
from console.domain.untrusted import Raw
from console.errors import LockHeldError, OpsconsoleError, RemoteError
from console.ports import Completed
from console.services.running.attempts import Attempt
from console.services.running.links import LinkGoneError, ParkedError
from console.services.running.work import Conclude, Pace, Prepare, Tools, Work, WorkEnd
from console.services.target.remote_step import RemoteStep, StepState, not_proved, proved_text

__all__ = ["Conclude", "Pace", "Performer", "Prepare", "Tools", "Work", "WorkEnd"]

MOST_ATTEMPTS = 3


class _PreparingError(OpsconsoleError):
    """Something that had to be read, archived or sent before the intent could not be."""


class Performer:
    """Does work on hosts; one thread a host may be in `perform` at a time."""

    def __init__(self, tools: Tools) -> None:
        self._tools = tools
        self._links = tools.links
        self._journal = tools.journal
        self._pace = tools.pace

    def perform(self, work: Work) -> WorkEnd:
        """Does the work, or finds out how it ended earlier. Every outcome but `unknown` is noted as finished."""
        host = work.host.name
        progress = self._journal.progress(work.step, host)
        if progress.outcome is not None:
            return WorkEnd(outcome=progress.outcome, exit_status=progress.exit_status, detail=progress.detail)
        attempt = progress.attempt
        fresh = attempt == 0
        if fresh:
            if self.aborted(work):
                return self._finish(work, WorkEnd(outcome=Outcome.CANCELLED, detail="not started"))
            skipped = self._skipped(work)
            if skipped is not None:
                return self._finish(work, skipped)
            attempt = 1
            try:
                self._intend(work, attempt)
            except _PreparingError as error:
                return self._finish(work, WorkEnd(outcome=Outcome.FAILED, detail=f"nothing was started: {error.what}"))
        while True:
            ended = self._attempt(work, attempt, fresh=fresh)
            again = ended.outcome is Outcome.UNKNOWN and ended.over and work.effect is not Effect.ONCE
            if not again or attempt >= MOST_ATTEMPTS or self.aborted(work):
                break
            try:
                self._intend(work, attempt + 1)
            except _PreparingError as error:
                ended = replace(ended, detail=f"{ended.detail}; it was not tried again: {error.what}")
                break
            attempt, fresh = attempt + 1, True
        if ended.outcome is Outcome.UNKNOWN:
            return ended
        if work.conclude is not None:
            intent = self._journal.last(StepIntended, step=work.step, host=host)
            ended = work.conclude({**intent.more, "attempt": intent.attempt} if intent else {}, ended)
        return self._finish(work, ended)

    def aborted(self, work: Work) -> bool:
        """Whether an operator's abort is meant for this work."""
        return self._tools.aborted(work)

    def read(self, host: str, script: str, *, deadline: float = 60.0) -> Completed:
        """Runs a short script that may be repeated; waits while the host is away."""
        return self._links.on(host, lambda shell: shell.run(script, deadline=deadline), patience=self._pace.patience)

    def read_held(self, host: str, script: str, *, deadline: float) -> Completed:
        """Like `read`, for steps that the runner performs itself: the host runs the script only while the lock is
        proved to be this run's.

        LockHeldError when it is not: then the script was not run.
        """
        held = self._tools.held
        proof = held.proof(host) if held is not None else None
        if held is None or proof is None:
            return self.read(host, script, deadline=deadline)
        environment = self._links.reach.environment
        text = proved_text(script, environment.paths(environment.host(host)).control, proof)
        done = self.read(host, text, deadline=deadline)
        if not_proved(done):
            raise held.why_refused(host, patience=self._pace.patience)
        return done

    def run_aside(self, host: str, script: str, *, deadline: float = 60.0) -> tuple[int | None, str]:
        """Runs a short script that changes nothing, such as a check; returns its exit status and its last lines."""
        done = self.read(host, script, deadline=deadline)
        lines = Raw.of(done.stdout + done.stderr).lines()
        return done.status, "; ".join(line for line in lines[-3:] if line.strip())

    def send(self, host: str, place: str, pieces: Callable[[], Iterable[bytes]], *, deadline: float) -> None:
        """Sends a file to a host, whole or not at all; `pieces` is called again when the link died on the way."""
        self._links.on(host, lambda shell: shell.put(place, pieces(), deadline=deadline), patience=self._pace.patience)

    def retry(self, work: Work) -> WorkEnd:
        """Makes another attempt, because an operator asked for it, at repeatable work that is proved to be over."""
        try:
            self._intend(work, self._journal.progress(work.step, work.host.name).attempt + 1)
        except _PreparingError as error:
            return WorkEnd(outcome=Outcome.UNKNOWN, detail=f"it was not tried again: {error.what}", over=True)
        return self.perform(work)

    def _finish(self, work: Work, ended: WorkEnd) -> WorkEnd:
        self._journal.finish(
            work.step,
            work.host.name,
            ended.outcome,
            exit_status=ended.exit_status,
            detail=ended.detail,
            more=ended.more,
        )
        return ended

    def _intend(self, work: Work, attempt: int) -> None:
        host = work.host.name
        try:
            prepared = work.prepare() if work.prepare is not None else {}
        except (ParkedError, LockHeldError):
            raise
        except OpsconsoleError as error:
            raise _PreparingError(error.what) from error
        # This is the last write before the start: a runner that finds it without a result looks on the host first.
        intent = StepIntended(
            attempt=attempt,
            base=self._journal.stored(work.step, host),
            kind=work.kind,
            text=work.text,
            more=prepared,
        )
        self._journal.note(intent, step=work.step, host=host)

    def _skipped(self, work: Work) -> WorkEnd | None:
        if not work.when:
            return None
        status, said = self.run_aside(work.host.name, work.when)
        if status == 0:
            return None
        if status == 1:
            return WorkEnd(outcome=Outcome.SKIPPED, detail="not needed here")
        return WorkEnd(outcome=Outcome.FAILED, detail=f"whether it is needed could not be told: {said}")

    def _attempt(self, work: Work, attempt: int, *, fresh: bool) -> WorkEnd:
        remote = RemoteStep(control=work.control, run=self._journal.row.name, step=work.step, attempt=attempt)
        watch = Attempt(self._tools, work, remote)
        try:
            if not fresh:
                self._journal.mend_output(work.step, work.host.name)
                seen = watch.look()
                if seen.state is StepState.ABSENT:
                    if watch.was_started():
                        return WorkEnd(outcome=Outcome.UNKNOWN, detail="its directory on the host has vanished")
                    if self.aborted(work):
                        return WorkEnd(outcome=Outcome.CANCELLED, detail="not started")
                    fresh = True
            if fresh:
                refused = watch.start()
                if refused is not None:
                    return refused
            return watch.follow()
        except LinkGoneError as error:
            return WorkEnd(outcome=Outcome.UNKNOWN, detail=error.what)
        except RemoteError as error:
            return WorkEnd(outcome=Outcome.UNKNOWN, detail=error.what)

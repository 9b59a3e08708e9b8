"""One attempt of a piece of work on one host: its start under the run's lock, and its output followed to the end.

Owns the texts sent to the host about it and what their answers mean. Must not decide whether there is another attempt.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from threading import Event as Flag
from typing import TypeVar

from console.domain.actions import Effect
from console.domain.events import OUTPUT_KEPT, RunStarted, StepIntended, StepStarted
from console.domain.redact import Secret
from console.domain.runs import Outcome
from console.domain.untrusted import harmless
from console.errors import LeaseLostError, LockHeldError, OpsconsoleError, RemoteError
from console.own_commands import own_command
from console.ports import Completed, Shell
from console.services.running.held_lock import UnprovedError
from console.services.running.links import LinkGoneError, ParkedError
from console.services.running.mask import blotted, masked
from console.services.running.work import Tools, Work, WorkEnd
from console.services.target.remote_step import (
    GRACE,
    UNWRITTEN,
    Observation,
    RemoteStep,
    Start,
    Started,
    StepState,
    abort_text,
    observe_text,
    parse_observation,
    parse_start,
    start_text,
)

_TRIES = 8
T = TypeVar("T")


class Attempt:
    """One attempt on one host: its start, and the following of its output by byte until it is over."""

    def __init__(self, tools: Tools, work: Work, remote: RemoteStep) -> None:
        self._tools = tools
        self._links = tools.links
        self._journal = tools.journal
        self._requests = tools.requests
        self._clock = tools.clock
        self._pace = tools.pace
        self._held = tools.held
        self._secrets: tuple[Secret, ...] | None = None
        self._seen_all = False
        self._open = 0
        """How many starts were sent and not answered; each of them may still arrive."""
        self._work = work
        self._remote = remote
        self._host = work.host.name
        intent = self._journal.last(StepIntended, step=work.step, host=self._host)
        self._base = intent.base if intent else 0
        self._offset = max(0, self._journal.stored(work.step, self._host) - self._base)
        self._patience = max(work.timeout, tools.pace.patience)

    def was_started(self) -> bool:
        """Whether the host once confirmed the start of this attempt."""
        started = self._journal.last_seq(StepStarted, step=self._work.step, host=self._host)
        return started > self._journal.last_seq(StepIntended, step=self._work.step, host=self._host)

    def start(self) -> WorkEnd | None:
        """Starts the work unless it was started before, and tells why nothing was started (None: it was). May be called
        again at any time."""
        attached = False
        try:
            secrets = self._resolved()
        except OpsconsoleError as error:
            if self._tried():
                raise ParkedError(
                    f"{self._work.step} on {self._host} cannot go on: {error.what}",
                    done="Nothing was started; the lock is kept.",
                    fix=f"From a session that has the secret: {own_command(f'runs resume {self._journal.row.id}')}",
                ) from error
            return WorkEnd(outcome=Outcome.FAILED, detail=f"nothing was started: {error.what}")
        while True:
            try:
                answer = self._send(secrets, attached=attached)
            except LeaseLostError:
                raise
            except LockHeldError as error:
                return self._unstarted(error.what)
            if answer.start is Start.FENCED and self._held is not None:
                return self._unstarted(self._held.why_refused(self._host, patience=self._patience).what)
            may = self._work.attached or self._work.effect is not Effect.ONCE
            if answer.start is Start.UNDETACHABLE and may and not attached:
                attached = True
                continue
            if answer.start in (Start.UNDETACHABLE, Start.FENCED, Start.FAILED):
                return WorkEnd(outcome=Outcome.FAILED, detail=f"nothing was started: {answer.detail}")
            self._journal.note(StepStarted(detached=answer.detached), step=self._work.step, host=self._host)
            return None

    def _send(self, secrets: tuple[Secret, ...], *, attached: bool) -> Started:
        """Sends the start, but only while the lock is proved to be ours. LockHeldError when it is somebody else's."""
        host = self._host
        text = start_text(
            self._remote,
            self._work.script,
            proof=self._held.proof(host) if self._held else None,
            secrets=secrets,
            timeout=self._work.timeout,
            attached=attached,
        )

        def send(shell: Shell) -> Completed:
            # After a broken link this is called again: the lock may have changed hands meanwhile.
            if self._held is not None:
                self._held.check()
            self._open += 1
            return shell.run(text, deadline=30.0)

        def parse(done: Completed) -> Started:
            answer = parse_start(done)
            self._open -= 1
            return answer

        until = self._clock.monotonic() + self._patience
        while True:
            try:
                if self._held is not None:
                    self._held.prove(patience=self._patience)
                return self._answered(send, parse)
            except UnprovedError as error:
                # The link broke again between the proof and the start.
                if self._clock.monotonic() >= until:
                    seconds = round(self._patience)
                    raise LinkGoneError(f"{host} has not stayed connected for {seconds} s") from error

    def _unstarted(self, why: str) -> WorkEnd | None:
        """How the attempt stands once nothing may be started any more: None when an earlier start of ours arrived."""
        seen = self.look()
        if seen.state is not StepState.ABSENT:
            # Whether it was detached only the lost answer said, so the event leaves that out.
            self._journal.note(StepStarted(), step=self._work.step, host=self._host)
            return None
        said = "it had not begun when last looked at" if self._open else "nothing was started"
        return WorkEnd(outcome=Outcome.FAILED, detail=f"{said}: {why}")

    def _tried(self) -> bool:
        """Whether an earlier runner of this run, or an earlier attempt, may have done part of this work."""
        began = self._journal.last(RunStarted)
        return self._remote.attempt > 1 or (began is not None and began.resumed)

    def _resolved(self) -> tuple[Secret, ...]:
        if self._secrets is None:
            found = self._work.secrets()
            if any("\0" in secret.reveal() for secret in found):
                raise OpsconsoleError("A secret holds a NUL byte, which no shell variable can.")
            self._secrets = found
        return self._secrets

    def look(self) -> Observation:
        """One look at the step on its host; new output is stored, and the next look continues after it."""
        room = max(0, min(self._pace.piece, OUTPUT_KEPT - self._base - self._offset))
        text = observe_text(self._remote, offset=self._offset, limit=room)
        seen = self._masked(self._ask(text, 20.0, lambda done: parse_observation(done.stdout)))
        if seen.data:
            self._journal.output(self._work.step, self._host, self._base + self._offset, seen.data)
        self._seen_all = seen.complete(self._offset)
        self._offset += len(seen.data)
        return seen

    def _masked(self, seen: Observation) -> Observation:
        """The observation without the step's secrets; what may be the beginning of one is left for the next look."""
        if not seen.data:
            return seen
        try:
            secrets = self._resolved()
        except OpsconsoleError as error:
            if self._tools.aborted(self._work):
                # An abort must work although nobody has the secret any more: then all of the output is blotted out.
                return replace(seen, data=blotted(seen.data))
            raise ParkedError(f"{self._work.step}: its output may hold a secret, and {error.what}") from error
        shown = masked(seen.data, secrets, complete=seen.complete(self._offset))
        if self._base + self._offset + len(seen.data) >= OUTPUT_KEPT:
            # No output beyond this is fetched, so waiting for the rest of a secret would never end.
            shown += blotted(seen.data[len(shown) :])
        return replace(seen, data=shown)

    def follow(self) -> WorkEnd:
        """Looks at the step until it is over, and ends it when an operator aborts."""
        wait, aborting, starting_since = self._pace.first_look, False, self._clock.monotonic()
        while True:
            seen = self.look()
            full = self._base + self._offset >= OUTPUT_KEPT
            if self._seen_all or (full and seen.state in (StepState.ENDED, StepState.GONE)):
                return self._judge(seen, aborting=aborting)
            if seen.state is StepState.ABSENT:
                return WorkEnd(outcome=Outcome.UNKNOWN, detail="its directory on the host has vanished")
            if seen.state is not StepState.STARTING:
                starting_since = self._clock.monotonic()
            elif self._clock.monotonic() - starting_since > self._pace.starting:
                return WorkEnd(outcome=Outcome.UNKNOWN, detail="it was claimed and its wrapper never appeared")
            if self._tools.aborted(self._work) and not aborting:
                aborting = True
                self._ask(abort_text(self._remote), GRACE + 20.0, lambda done: parse_observation(done.stdout))
                continue
            if len(seen.data) < self._pace.piece:
                # An abort must end this wait at once. After that its flag stays set, so an unset one is waited for.
                self._clock.wait(
                    Flag() if self._tools.aborted(self._work) or not self._work.abortable else self._requests.aborted,
                    wait,
                )
                wait = min(self._pace.look, wait * 2)

    def _judge(self, seen: Observation, *, aborting: bool) -> WorkEnd:
        if seen.state is StepState.GONE:
            if aborting:
                return WorkEnd(outcome=Outcome.CANCELLED, detail=f"killed for {self._requests.aborted_by}")
            why = "killed, or the host restarted"
            if seen.reason == UNWRITTEN:
                control = harmless(self._work.control)
                why = f"it could not be written: {control} on {self._host} is full, or nobody may write there"
            detail = f"nothing of it runs any more and it left no exit status ({why})"
            return WorkEnd(outcome=Outcome.UNKNOWN, detail=detail, over=True)
        status = seen.exit_status
        if status == 0:
            return WorkEnd(outcome=Outcome.OK, exit_status=0)
        if seen.reason == "abort" and not self._requests.aborted.is_set():
            return WorkEnd(outcome=Outcome.FAILED, exit_status=status, detail="somebody else ended it there")
        if seen.reason == "abort":
            return WorkEnd(
                outcome=Outcome.CANCELLED, exit_status=status, detail=f"aborted by {self._requests.aborted_by}"
            )
        if seen.reason == "timeout":
            detail = f"no end after {round(self._work.timeout)} s: it was ended"
            return WorkEnd(outcome=Outcome.FAILED, exit_status=status, detail=detail)
        return WorkEnd(outcome=Outcome.FAILED, exit_status=status, detail=f"exit status {status}")

    def _ask(self, text: str, deadline: float, parse: Callable[[Completed], T]) -> T:
        return self._answered(lambda shell: shell.run(text, deadline=deadline), parse)

    def _answered(self, work: Callable[[Shell], Completed], parse: Callable[[Completed], T]) -> T:
        """Repeats a script until its answer can be read, because a host may have no free process for a moment. Every
        script sent here is safe to repeat."""
        for _ in range(_TRIES):
            done = self._links.on(self._host, work, patience=self._patience)
            try:
                return parse(done)
            except RemoteError as error:
                unread = error
            self._clock.wait(Flag(), self._pace.look)
        raise unread

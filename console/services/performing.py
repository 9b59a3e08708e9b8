"""One piece of work on one host, from intent to result, however often the link or the runner dies in between.

Owns the decisions about attempts: what was started is looked for and never started again; only what may be repeated,
and is proved to be over, gets another attempt. Must not ask operators nor choose what comes next.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from threading import Event as Flag
from typing import TypeVar

from console.domain.actions import Effect
from console.domain.documents import Json
from console.domain.environment import Host
from console.domain.redact import Secret
from console.domain.runs import EventKind, Outcome
from console.domain.untrusted import Raw
from console.errors import LockHeldError, OpsconsoleError, RemoteError
from console.ports import Clock, Completed
from console.services.desk import Desk
from console.services.ledger import Ledger
from console.services.links import LinkGoneError, Links, ParkedError
from console.services.masking import blotted, masked
from console.services.wrapper import (
    GRACE,
    Observation,
    RemoteStep,
    Start,
    StepState,
    abort_text,
    observe_text,
    parse_observation,
    parse_start,
    start_text,
)

MOST_ATTEMPTS = 3
_TRIES = 8
T = TypeVar("T")
CAP = 8 * 1024 * 1024
"""Bytes of output fetched of one step on one host; the rest stays there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often things are looked at, in seconds; tests make it quick. `patience` is for a host that went away."""

    look: float = 0.25
    first_look: float = 0.05
    starting: float = 10.0
    patience: float = 300.0
    question: float = 900.0
    piece: int = 262_144


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What is to be done on one host. `prepare` runs before the intent and its result is noted with it; `conclude`
    sees that again afterwards and may judge the end anew. What is not `abortable` (a way back) heeds no abort.
    `attached` consents to a `once` step that may die with the link."""

    step: str
    kind: str
    text: str
    host: Host
    control: str
    script: str
    effect: Effect
    timeout: float
    when: str = ""
    abortable: bool = True
    attached: bool = False
    secrets: Callable[[], tuple[Secret, ...]] = tuple
    prepare: Prepare | None = None
    conclude: Conclude | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """How it ended here. After `unknown`, `over` says whether it is proved that nothing of it runs any more."""

    outcome: Outcome
    exit_status: int | None = None
    detail: str = ""
    over: bool = False
    more: Mapping[str, Json] | None = None


class _PreparingError(OpsconsoleError):
    """What had to be read, archived or sent before the intent could not be."""


Prepare = Callable[[], Mapping[str, Json]]
Conclude = Callable[[Mapping[str, Json], Ended], Ended]


class Performer:
    """Does work on hosts; one thread a host may be in `perform` at a time."""

    def __init__(self, links: Links, ledger: Ledger, desk: Desk, clock: Clock, pace: Pace) -> None:
        self._links = links
        self._ledger = ledger
        self._desk = desk
        self._clock = clock
        self._pace = pace

    def perform(self, work: Work) -> Ended:
        """Does it, or finds out how it ended. Everything but `unknown` is noted as finished."""
        host = work.host.name
        progress = self._ledger.progress(work.step, host)
        if progress.outcome is not None:
            return Ended(outcome=progress.outcome, exit_status=progress.exit_status, detail=progress.detail)
        attempt = progress.attempt
        fresh = attempt == 0
        if fresh:
            if self.aborted(work):
                return self._finish(work, Ended(outcome=Outcome.CANCELLED, detail="not started"))
            skipped = self._skipped(work)
            if skipped is not None:
                return self._finish(work, skipped)
            attempt = 1
            try:
                self._intend(work, attempt)
            except _PreparingError as error:
                return self._finish(work, Ended(outcome=Outcome.FAILED, detail=f"nothing was started: {error.what}"))
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
            intent = self._ledger.last(EventKind.STEP_INTENDED, step=work.step, host=host)
            ended = work.conclude(intent.data if intent else {}, ended)
        return self._finish(work, ended)

    def aborted(self, work: Work) -> bool:
        """Whether an operator's abort is meant for this work."""
        return work.abortable and self._desk.aborted.is_set()

    def run_aside(self, host: str, script: str, *, deadline: float = 60.0) -> tuple[int | None, str]:
        """A short script that changes nothing, such as a check: its exit status and its last lines."""
        done = self._links.on(host, lambda shell: shell.run(script, deadline=deadline), patience=self._pace.patience)
        lines = Raw.of(done.stdout + done.stderr).lines()
        return done.status, "; ".join(line for line in lines[-3:] if line.strip())

    def send(self, host: str, place: str, pieces: Callable[[], Iterable[bytes]], *, deadline: float) -> None:
        """A file to a host, whole or not at all; `pieces` is called again when the link died on the way."""
        self._links.on(host, lambda shell: shell.put(place, pieces(), deadline=deadline), patience=self._pace.patience)

    def retry(self, work: Work) -> Ended:
        """Another attempt, which an operator asked for, of work that may be repeated and is proved to be over."""
        try:
            self._intend(work, self._ledger.progress(work.step, work.host.name).attempt + 1)
        except _PreparingError as error:
            return Ended(outcome=Outcome.UNKNOWN, detail=f"it was not tried again: {error.what}", over=True)
        return self.perform(work)

    def _finish(self, work: Work, ended: Ended) -> Ended:
        self._ledger.finish(
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
        # The last write before the start: whoever finds it without a result looks on the host.
        data: dict[str, Json] = {
            "attempt": attempt,
            "base": self._ledger.stored(work.step, host),
            "kind": work.kind,
            "text": work.text,
            **prepared,
        }
        self._ledger.note(EventKind.STEP_INTENDED, step=work.step, host=host, data=data)

    def _skipped(self, work: Work) -> Ended | None:
        if not work.when:
            return None
        status, said = self.run_aside(work.host.name, work.when)
        if status == 0:
            return None
        if status == 1:
            return Ended(outcome=Outcome.SKIPPED, detail="not needed here")
        return Ended(outcome=Outcome.FAILED, detail=f"whether it is needed could not be told: {said}")

    def _attempt(self, work: Work, attempt: int, *, fresh: bool) -> Ended:
        remote = RemoteStep(control=work.control, run=self._ledger.row.name, step=work.step, attempt=attempt)
        watch = _Watch(self, work, remote)
        try:
            if not fresh:
                self._ledger.mend_output(work.step, work.host.name)
                seen = watch.look()
                if seen.state is StepState.ABSENT:
                    if watch.was_started():
                        return Ended(outcome=Outcome.UNKNOWN, detail="its directory on the host has vanished")
                    if self.aborted(work):
                        return Ended(outcome=Outcome.CANCELLED, detail="not started")
                    fresh = True
            if fresh:
                refused = watch.start()
                if refused is not None:
                    return refused
            return watch.follow()
        except LinkGoneError as error:
            return Ended(outcome=Outcome.UNKNOWN, detail=error.what)
        except RemoteError as error:
            return Ended(outcome=Outcome.UNKNOWN, detail=error.what)


class _Watch:
    """One attempt on one host: its start, and the following of its output by byte until it is over."""

    def __init__(self, performer: Performer, work: Work, remote: RemoteStep) -> None:
        self._links = performer._links
        self._ledger = performer._ledger
        self._desk = performer._desk
        self._clock = performer._clock
        self._pace = performer._pace
        self._performer = performer
        self._secrets: tuple[Secret, ...] | None = None
        self._seen_all = False
        self._work = work
        self._remote = remote
        self._host = work.host.name
        intent = self._ledger.last(EventKind.STEP_INTENDED, step=work.step, host=self._host)
        base = intent.data.get("base") if intent else 0
        self._base = base if isinstance(base, int) else 0
        self._offset = max(0, self._ledger.stored(work.step, self._host) - self._base)
        self._patience = max(work.timeout, performer._pace.patience)

    def was_started(self) -> bool:
        """Whether the host once confirmed the start of this attempt."""
        started = self._ledger.last(EventKind.STEP_STARTED, step=self._work.step, host=self._host)
        intended = self._ledger.last(EventKind.STEP_INTENDED, step=self._work.step, host=self._host)
        return started is not None and (intended is None or started.seq > intended.seq)

    def start(self) -> Ended | None:
        """Starts it unless it was started; why nothing was started, or None. Repeating this is harmless."""
        attached = False
        try:
            secrets = self._resolved()
        except OpsconsoleError as error:
            if self._tried():
                raise ParkedError(
                    f"{self._work.step} on {self._host} cannot go on: {error.what}",
                    done="Nothing was started; the lock is kept.",
                    fix=f"From a session that has the secret: opsconsole runs resume {self._ledger.row.id}",
                ) from error
            return Ended(outcome=Outcome.FAILED, detail=f"nothing was started: {error.what}")
        while True:
            text = start_text(
                self._remote,
                self._work.script,
                secrets=secrets,
                timeout=self._work.timeout,
                attached=attached,
            )
            answer = self._ask(text, 30.0, parse_start)
            may = self._work.attached or self._work.effect is not Effect.ONCE
            if answer.start is Start.UNDETACHABLE and may and not attached:
                attached = True
                continue
            if answer.start in (Start.UNDETACHABLE, Start.FAILED):
                return Ended(outcome=Outcome.FAILED, detail=f"nothing was started: {answer.detail}")
            self._ledger.note(
                EventKind.STEP_STARTED, step=self._work.step, host=self._host, data={"detached": answer.detached}
            )
            return None

    def _tried(self) -> bool:
        """Whether somebody may have done part of this before: an earlier runner of the run, or an earlier attempt."""
        began = self._ledger.last(EventKind.RUN_STARTED)
        return self._remote.attempt > 1 or (began is not None and bool(began.data.get("resumed")))

    def _resolved(self) -> tuple[Secret, ...]:
        if self._secrets is None:
            found = self._work.secrets()
            if any("\0" in secret.reveal() for secret in found):
                raise OpsconsoleError("A secret holds a NUL byte, which no shell variable can.")
            self._secrets = found
        return self._secrets

    def look(self) -> Observation:
        """One look at it; new output is stored, and the next look begins behind it."""
        room = max(0, min(self._pace.piece, CAP - self._base - self._offset))
        text = observe_text(self._remote, offset=self._offset, limit=room)
        seen = self._masked(self._ask(text, 20.0, lambda done: parse_observation(done.stdout)))
        if seen.data:
            self._ledger.output(self._work.step, self._host, self._base + self._offset, seen.data)
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
            if self._performer.aborted(self._work):
                # It must be possible to end what nobody has the secret of any more; nothing of it is shown.
                return replace(seen, data=blotted(seen.data))
            raise ParkedError(f"{self._work.step}: its output may hold a secret, and {error.what}") from error
        shown = masked(seen.data, secrets, complete=seen.complete(self._offset))
        if self._base + self._offset + len(seen.data) >= CAP:
            # Nothing behind it is fetched, so waiting for the rest of a secret would never end.
            shown += blotted(seen.data[len(shown) :])
        return replace(seen, data=shown)

    def follow(self) -> Ended:
        """Looks until it is over, and ends it when an operator aborts."""
        wait, aborting, starting_since = self._pace.first_look, False, self._clock.monotonic()
        while True:
            seen = self.look()
            full = self._base + self._offset >= CAP
            if self._seen_all or (full and seen.state in (StepState.ENDED, StepState.GONE)):
                return self._judge(seen, aborting=aborting)
            if seen.state is StepState.ABSENT:
                return Ended(outcome=Outcome.UNKNOWN, detail="its directory on the host has vanished")
            if seen.state is not StepState.STARTING:
                starting_since = self._clock.monotonic()
            elif self._clock.monotonic() - starting_since > self._pace.starting:
                return Ended(outcome=Outcome.UNKNOWN, detail="it was claimed and its wrapper never appeared")
            if self._performer.aborted(self._work) and not aborting:
                aborting = True
                self._ask(abort_text(self._remote), GRACE + 20.0, lambda done: parse_observation(done.stdout))
                continue
            if len(seen.data) < self._pace.piece:
                # An abort must not wait for the next look; once it is known, the flag would never let us wait.
                self._clock.wait(
                    Flag() if self._performer.aborted(self._work) or not self._work.abortable else self._desk.aborted,
                    wait,
                )
                wait = min(self._pace.look, wait * 2)

    def _judge(self, seen: Observation, *, aborting: bool) -> Ended:
        if seen.state is StepState.GONE:
            if aborting:
                return Ended(outcome=Outcome.CANCELLED, detail=f"killed for {self._desk.aborted_by}")
            return Ended(
                outcome=Outcome.UNKNOWN,
                detail="nothing of it runs any more and it left no exit status (killed, or the host restarted)",
                over=True,
            )
        status = seen.exit_status
        if status == 0:
            return Ended(outcome=Outcome.OK, exit_status=0)
        if seen.reason == "abort":
            return Ended(outcome=Outcome.CANCELLED, exit_status=status, detail=f"aborted by {self._desk.aborted_by}")
        if seen.reason == "timeout":
            detail = f"no end after {round(self._work.timeout)} s: it was ended"
            return Ended(outcome=Outcome.FAILED, exit_status=status, detail=detail)
        return Ended(outcome=Outcome.FAILED, exit_status=status, detail=f"exit status {status}")

    def _ask(self, text: str, deadline: float, parse: Callable[[Completed], T]) -> T:
        """Asks until there is an answer: every text sent here may be repeated, and a host may be out of processes."""
        for _ in range(_TRIES):
            done = self._links.on(self._host, lambda shell: shell.run(text, deadline=deadline), patience=self._patience)
            try:
                return parse(done)
            except RemoteError as error:
                unread = error
            self._clock.wait(Flag(), self._pace.look)
        raise unread

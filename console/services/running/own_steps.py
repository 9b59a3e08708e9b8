"""Steps that the runner performs itself: one performance for all hosts, journaled like any other step.

Owns what a kind's `perform` is handed, and that a step of effect `once` which an earlier runner began is asked about
instead of performed again. Must not know what a kind does.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

from console.domain.actions import Effect
from console.domain.documents import Json
from console.domain.events import OUTPUT_KEPT, Payload, StepIntended, StepNoted, StepStarted
from console.domain.performed import OperatorAnswer, Performed
from console.domain.runs import Outcome, PlannedStep
from console.errors import LeaseLostError, LockHeldError, OpsconsoleError
from console.ports import Clock, Completed
from console.ports.steps import PerformingKind
from console.services.running.host_work import Performer, Work, WorkEnd
from console.services.running.links import ParkedError
from console.services.running.requests import OperatorRequests
from console.services.running.runner_context import RunnerContext
from console.services.running.step_context import StepAtWork
from console.services.running.unknown_ends import MARKS, UnknownEnds
from console.services.target.detachment import consented
from console.services.threads.parallel import each_captured

RUNNER = ""
"""The host of steps that the runner performs itself, in the journal."""
_POLL = 0.25
_LOOK = 2.0

Settle = Callable[[PlannedStep, list[Work]], Mapping[str, WorkEnd]]
"""Does pieces of work on their hosts at the same time, and asks an operator about each that has an unknown end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnSteps:
    """Performs these steps of one run; `settle` does the work that they start on hosts."""

    context: RunnerContext
    requests: OperatorRequests
    performer: Performer
    ends: UnknownEnds
    settle: Settle

    def perform(self, step: PlannedStep, *, name: str = "", doing: str = "") -> tuple[Outcome, str]:
        """Does a step (journaled as `name`), or its way back `doing`, or finds out how it ended."""
        name, journal = name or step.name, self.context.journal
        progress = journal.progress(name, RUNNER)
        if progress.outcome is not None:
            return progress.outcome, progress.detail
        kind = self.context.kinds.get(step.kind)
        if not isinstance(kind, PerformingKind):
            raise OpsconsoleError(f"This version cannot perform a step of the kind {step.kind}.")
        if doing:
            # A way back may be taken a second time, as it may where it is a script.
            step = replace(step, effect=Effect.IDEMPOTENT)
        ended = self._begun(kind, step, name) or self._perform(kind, step, name, doing, self._intend(step, name))
        while ended.outcome is Outcome.UNKNOWN:
            ended = self._ask_about(kind, step, name, doing, ended)
        journal.finish(name, RUNNER, ended.outcome, exit_status=ended.exit_status, detail=ended.detail, more=ended.data)
        return ended.outcome, ended.detail

    def _begun(self, kind: PerformingKind, step: PlannedStep, name: str) -> Performed | None:
        """An unknown end when an earlier runner began what must not be begun twice; None when it may be performed."""
        if not self._last(StepStarted, name) or kind.resumes or step.effect is not Effect.ONCE:
            return None
        return Performed(outcome=Outcome.UNKNOWN, detail="the runner that performed it ended before it was over")

    def _intend(self, step: PlannedStep, name: str, *, again: bool = False) -> int:
        """The intent of this performance: the earlier runner's where there is one."""
        intent = self._last(StepIntended, name)
        if intent and not again:
            if not self._last(StepStarted, name):
                self.context.journal.note(StepStarted(detached=False), step=name)
            return intent
        payload = StepIntended(
            attempt=self.context.journal.progress(name, RUNNER).attempt + 1,
            base=self.context.journal.stored(name, RUNNER),
            kind=step.kind,
            text=step.text,
        )
        intent = self.context.journal.note(payload, step=name).seq
        self.context.journal.note(StepStarted(detached=False), step=name)
        return intent

    def _perform(self, kind: PerformingKind, step: PlannedStep, name: str, doing: str, intent: int) -> Performed:
        context = Performance(self, step, name, doing, intent)
        try:
            return kind.perform(context)
        except (ParkedError, LeaseLostError):
            raise
        except LockHeldError as error:
            # Another run has the lock and may be at work, so this step ends here, without a question to an operator.
            return Performed(outcome=Outcome.FAILED, detail=f"it was stopped on the way: {error.what}")
        except OpsconsoleError as error:
            once = step.effect is Effect.ONCE and not kind.resumes
            return Performed(outcome=Outcome.UNKNOWN if once else Outcome.FAILED, detail=error.what)

    def _ask_about(self, kind: PerformingKind, step: PlannedStep, name: str, doing: str, ended: Performed) -> Performed:
        again = step.effect is not Effect.ONCE
        choices = ("done", "failed", *(("retry",) if again else ()))
        question = f"{name}: how it ended is unknown: {ended.detail}."
        answer = self.ends.ask(question, choices, step=name, host=RUNNER)
        if answer.word == "retry":
            return self._perform(kind, step, name, doing, self._intend(step, name, again=True))
        return Performed(outcome=MARKS[answer.word], detail=f"marked {answer.word} by {answer.who}")

    def _last(self, kind: type[Payload], name: str) -> int:
        return self.context.journal.last_seq(kind, step=name, host=RUNNER)


class Recurring:
    """A check that runs at most once in `every` seconds; between two checks the result is False."""

    def __init__(self, clock: Clock, ask: Callable[[], bool], every: float) -> None:
        self._clock = clock
        self._ask = ask
        self._every = every
        self._next = clock.monotonic() + every

    def __call__(self) -> bool:
        """The answer, when it is time to ask."""
        if self._clock.monotonic() < self._next:
            return False
        try:
            return self._ask()
        finally:
            self._next = self._clock.monotonic() + self._every


class Performance(StepAtWork):
    """`ports.steps.PerformContext`: one performance of one step."""

    def __init__(self, steps: OwnSteps, step: PlannedStep, name: str, doing: str, since: int) -> None:
        super().__init__(steps.context, step)
        self._steps = steps
        self._journal = steps.context.journal
        self._requests = steps.requests
        self._name = name
        self._doing = doing
        noted = self._journal.last(StepNoted, step=name, host=RUNNER)
        self._noted: Mapping[str, Json] = noted.more if noted is not None else {}
        # An answer that is older than the step's last note belongs to an earlier question.
        self._since = max(since, self._journal.last_seq(StepNoted, step=name, host=RUNNER))
        self._offset = self._journal.stored(name, RUNNER)

    @property
    def doing(self) -> str:
        """The way back that is performed, empty for the step itself."""
        return self._doing

    @property
    def noted(self) -> Mapping[str, Json]:
        """What this step noted last."""
        return self._noted

    def note(self, data: Mapping[str, Json]) -> None:
        """Writes the step's progress into the journal, for a runner that goes on with it."""
        self._since = self._journal.note(StepNoted(more=data), step=self._name).seq
        self._noted = data

    def say(self, text: str) -> None:
        """A line of the step's output; what no longer fits is left out, as it is for commands."""
        data = f"{text}\n".encode("utf-8", "replace")[: max(0, OUTPUT_KEPT - self._offset)]
        if data:
            self._journal.output(self._name, RUNNER, self._offset, data)
            self._offset += len(data)

    def ask(
        self,
        question: str,
        choices: tuple[str, ...],
        *,
        seconds: float | None = None,
        unless: Callable[[], bool] | None = None,
    ) -> OperatorAnswer:
        """Asks an operator and waits for the answer. ParkedError when nobody gives one."""
        limit = self._step.timeout if seconds is None else seconds
        look = Recurring(self.clock, unless, _LOOK) if unless is not None else None

        def withdrawn() -> bool:
            self._check_ours()
            return look is not None and look()

        answer = self._requests.ask(
            question, choices, step=self._name, since=self._since, seconds=limit, withdrawn=withdrawn
        )
        if answer is None:
            raise ParkedError(f"nobody answered within {round(limit)} s: {question}")
        self._since = self._journal.view.last_seq
        return answer

    def aborted(self) -> str:
        """Who asked for an abort, empty when nobody did."""
        self._turn()
        return (self._requests.aborted_by or "somebody") if self._abortable and self._requests.aborted.is_set() else ""

    def wait(self, seconds: float) -> bool:
        """Waits, taking operators' requests meanwhile. True as soon as somebody asks for an abort."""
        until = self.clock.monotonic() + seconds
        while not self.aborted():
            left = until - self.clock.monotonic()
            if left <= 0:
                return False
            self.clock.wait(self._context.lost, min(left, _POLL))
        return True

    def read(self, scripts: Mapping[str, str], *, deadline: float = 20.0) -> Mapping[str, Completed | OpsconsoleError]:
        """Runs a script on each host at the same time. LockHeldError once the lock is no longer this run's."""
        performer = self._steps.performer
        done = each_captured(scripts, lambda host: performer.read_held(host, scripts[host], deadline=deadline))
        found: dict[str, Completed | OpsconsoleError] = {}
        for host, one in done.items():
            if isinstance(one.error, OpsconsoleError) and not isinstance(one.error, ParkedError | LockHeldError):
                found[host] = one.error
            else:
                found[host] = one.unwrap()
        return found

    def start(
        self, name: str, scripts: Mapping[str, str], *, text: str = "", timeout: float | None = None
    ) -> Mapping[str, Performed]:
        """Starts a script on each host by the wrapper, at most once under this name."""
        environment = self.environment
        works = [
            Work(
                step=self._started(name),
                kind=self._step.kind,
                text=text or name,
                host=environment.host(host),
                control=environment.paths(environment.host(host)).control,
                script=script,
                effect=Effect.ONCE,
                timeout=self._step.timeout if timeout is None else timeout,
                abortable=self._abortable,
                attached=consented(self._context.row.plan.params, host),
            )
            for host, script in scripts.items()
        ]
        ended = self._steps.settle(self._step, works)
        return {
            host: Performed(outcome=one.outcome, detail=one.detail, exit_status=one.exit_status)
            for host, one in ended.items()
        }

    def output(self, name: str, host: str, *, last: int) -> bytes:
        """The end of the stored output of what was started under this name."""
        return self._journal.output_end(self._started(name), host, last)

    def _started(self, name: str) -> str:
        return f"{name} {self._name}"

    @property
    def _abortable(self) -> bool:
        return not self._doing

    def _turn(self) -> None:
        self._check_ours()
        self._requests.poll()

    def _check_ours(self) -> None:
        if self._context.lost.is_set():
            raise ParkedError("another runner has taken this run over")

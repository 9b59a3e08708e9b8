"""What an operator is asked when the end of a step is unknown, and what each answer does.

Owns the question, its choices and what is noted of the answer. Must not look at a host itself; the performer does.
"""

from __future__ import annotations

from dataclasses import dataclass

from console.domain.actions import Effect
from console.domain.events import OperatorAnswered, StepIntended
from console.domain.performed import OperatorAnswer
from console.domain.runs import Outcome, PlannedStep
from console.own_commands import own_command
from console.services.running.host_work import Performer, Work, WorkEnd
from console.services.running.journal import Journal
from console.services.running.links import LinkGoneError, ParkedError
from console.services.running.requests import OperatorRequests

MARKS = {"done": Outcome.OK, "failed": Outcome.FAILED, "abort": Outcome.CANCELLED}
"""The outcome that each answer gives to an unknown end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnknownEnds:
    """Asks about the steps of one run. `seconds` is how long a question stays before the run waits for an operator."""

    journal: Journal
    requests: OperatorRequests
    performer: Performer
    seconds: float

    def settle(self, step: PlannedStep, work: Work, ended: WorkEnd) -> WorkEnd:
        """How a piece of work on a host ended, by what an operator says: done, failed, look again, or try again."""
        host = work.host.name
        again = ended.over and work.effect is not Effect.ONCE
        choices = ("done", "failed", "look", *(("retry",) if again else ()))
        # The step's check says nothing about its way back.
        checked = self._checked(step, host) if work.step == step.name else ""
        question = f"{work.step} on {host}: how it ended is unknown: {ended.detail}."
        answer = self.ask(question + checked, choices, step=work.step, host=host)
        if answer.word == "look":
            return self.performer.perform(work)
        if answer.word == "retry":
            return self.performer.retry(work)
        marked = WorkEnd(outcome=MARKS[answer.word], detail=f"marked {answer.word} by {answer.who}")
        self.journal.finish(work.step, host, marked.outcome, detail=marked.detail)
        return marked

    def ask(self, question: str, choices: tuple[str, ...], *, step: str, host: str) -> OperatorAnswer:
        """The operator's answer. ParkedError when nobody gives one."""
        since = max(self.journal.last_seq(StepIntended, step=step, host=host), self._looked())
        answer = self.requests.ask(question, choices, step=step, since=since, seconds=self.seconds)
        if answer is None:
            raise ParkedError(question, fix=own_command(f"runs answer {self.journal.row.id} {'|'.join(choices)}"))
        return answer

    def _looked(self) -> int:
        """The newest event in which an operator asked to look again. The runner has looked since, so this answer must
        not answer the next question."""
        seqs = (
            event.seq
            for event in self.journal.events
            if isinstance(event.payload, OperatorAnswered) and event.payload.body == "look"
        )
        return max(seqs, default=0)

    def _checked(self, step: PlannedStep, host: str) -> str:
        check = next((one for one in step.check if one.host == host), None)
        if check is None:
            return ""
        try:
            status, said = self.performer.run_aside(host, check.script)
        except LinkGoneError as error:
            return f" Its check could not be asked: {error.what}."
        meaning = {0: "done", 1: "not done"}.get(status if status is not None else -1, "nothing certain")
        return (
            f" Its check {check.text} says: {meaning} ({said})."
            if said
            else f" Its check {check.text} says: {meaning}."
        )

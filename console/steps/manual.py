"""The step kind `manual`: asks an operator to do something and say so.

Owns its params, its line in the plan and what an answer means. Must not know how an answer comes.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from console.domain.documents import Json
from console.domain.performed import Performed
from console.domain.plan_context import PlanContext
from console.domain.runs import Outcome, PlannedStep
from console.ports.steps import PerformContext
from console.steps.kinds import BaseKind
from console.steps.scripts import performed


class ManualParams(BaseModel):
    """`manual: "Tell the team"`, or `manual: {ask: …, choices: [done, failed]}`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    ask: str = Field(min_length=1)
    """What the operator is asked to do."""
    choices: list[str] = Field(default_factory=lambda: ["done", "failed"], min_length=1)
    """What may be answered; `failed` and `abort` end the run."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"ask": value} if isinstance(value, str) else value


class ManualKind(BaseKind):
    """Asks an operator and waits up to the step's timeout."""

    Params = ManualParams
    resumes = True

    def plan(self, context: PlanContext) -> PlannedStep:
        """The question, with its templates filled."""
        params = ManualParams.model_validate(context.params(context.hosts[0]))
        document: dict[str, Json] = {"ask": params.ask, "choices": list(params.choices)}
        return performed(context, kind="manual", text=f"ask: {params.ask}", params=document)

    def perform(self, context: PerformContext) -> Performed:
        """Asks, and waits for the answer."""
        params = ManualParams.model_validate(context.step.params)
        answer = context.ask(params.ask, tuple(params.choices))
        if answer.word == "abort":
            return Performed(outcome=Outcome.CANCELLED, detail=f"aborted by {answer.who}")
        outcome = Outcome.FAILED if answer.word == "failed" else Outcome.OK
        return Performed(outcome=outcome, detail=f"{answer.word}, said {answer.who}")

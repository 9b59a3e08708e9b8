"""The step kinds that the runner performs itself: `wait_http` and `manual`.

Owns their params and their line in the plan. Must not wait or ask; the runner does.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from console.domain.documents import Json
from console.domain.planning import PlanContext
from console.domain.runs import PlannedStep
from console.errors import UsageError
from console.steps.scripts import performed


class WaitHttpParams(BaseModel):
    """`wait_http: /up`, or `wait_http: {url: /up, status: 200, every: 2}`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: str = Field(min_length=1)
    """A path below the environment's `url`, or a whole URL."""
    status: int | None = None
    """The status to wait for; any below 400 by default."""
    every: float = Field(2.0, ge=0.2, le=60)
    """Seconds between two requests."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"url": value} if isinstance(value, str) else value


class WaitHttp:
    """Asks a URL until it answers as wanted or the step's timeout has passed."""

    Params = WaitHttpParams
    checks = ()
    undos = ()
    whens = ()

    def plan(self, context: PlanContext) -> PlannedStep:
        """One line; the whole URL stands in the step's params."""
        params = WaitHttpParams.model_validate(context.params(context.hosts[0]))
        url = params.url
        if url.startswith("/"):
            if not context.environment.url:
                raise UsageError(f"The step {context.step.name} names a path, and the environment has no `url`.")
            url = context.environment.url.rstrip("/") + url
        document: dict[str, Json] = {"url": url, "status": params.status, "every": params.every}
        wanted = f"answers {params.status}" if params.status else "answers below 400"
        return performed(context, kind="wait_http", text=f"wait until {url} {wanted}", params=document)


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


class Manual:
    """Asks an operator and waits up to the step's timeout."""

    Params = ManualParams
    checks = ()
    undos = ()
    whens = ()

    def plan(self, context: PlanContext) -> PlannedStep:
        """The question, with its templates filled."""
        params = ManualParams.model_validate(context.params(context.hosts[0]))
        document: dict[str, Json] = {"ask": params.ask, "choices": list(params.choices)}
        return performed(context, kind="manual", text=f"ask: {params.ask}", params=document)

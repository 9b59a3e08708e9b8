"""The step kind `wait_http`: asks a URL until it answers as wanted or the step's timeout has passed.

Owns its params, its line in the plan and the waiting. Must not judge an answer: the probes' rules do.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field, model_validator

from console.domain.documents import Json
from console.domain.health import ProbeSpec, Status
from console.domain.performed import Performed
from console.domain.plan_context import PlanContext
from console.domain.redact import shown_url
from console.domain.runs import Outcome, PlannedStep
from console.domain.untrusted import Raw
from console.errors import UsageError
from console.ports.steps import PerformContext
from console.steps.kinds import BaseKind
from console.steps.scripts import performed


class WaitHttpParams(BaseModel):
    """`wait_http: /up`, or `wait_http: {url: /up, status: 200, every: 2}`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    url: str = Field(min_length=1)
    """A path below the environment's `url`, or a whole URL."""
    status: int | None = None
    """The status to wait for; by default any from 200 to 299, with words that deny nothing (docs/health.md)."""
    every: float = Field(2.0, ge=0.2, le=60)
    """Seconds between two requests."""

    @model_validator(mode="before")
    @classmethod
    def _short_form(cls, value: object) -> object:
        return {"url": value} if isinstance(value, str) else value


class WaitHttpKind(BaseKind):
    """Asks a URL until it answers as wanted or the step's timeout has passed."""

    Params = WaitHttpParams
    resumes = True

    def plan(self, context: PlanContext) -> PlannedStep:
        """One line; the whole URL stands in the step's params."""
        params = WaitHttpParams.model_validate(context.params(context.hosts[0]))
        url = params.url
        if url.startswith("/"):
            if not context.environment.url:
                raise UsageError(f"The step {context.step.name} names a path, and the environment has no `url`.")
            url = context.environment.url.rstrip("/") + url
        document: dict[str, Json] = {"url": url, "status": params.status, "every": params.every}
        wanted = f"answers {params.status}" if params.status else "answers well"
        return performed(context, kind="wait_http", text=f"wait until {shown_url(url)} {wanted}", params=document)

    def perform(self, context: PerformContext) -> Performed:
        """Asks; each answer is a line of the step's output."""
        step = context.step
        params = WaitHttpParams.model_validate(step.params)
        spec = ProbeSpec(name=step.name, url=params.url, expect_status=params.status)
        until = context.clock.monotonic() + step.timeout
        while True:
            result = context.reach.http().probe(spec)
            line = Raw.of(f"{result.http_status or '-'} {result.status.value} {result.detail}".strip()).show(300)
            context.say(line)
            if result.status is Status.OK or (result.status is Status.WARNING and result.understood):
                return Performed(outcome=Outcome.OK, detail=line)
            if context.clock.monotonic() >= until:
                return Performed(outcome=Outcome.FAILED, detail=f"not as wanted after {round(step.timeout)} s: {line}")
            if context.wait(params.every):
                return Performed(outcome=Outcome.CANCELLED, detail=f"aborted by {context.aborted()}")

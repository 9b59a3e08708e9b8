"""The step kind `failed_jobs`: retry or forget a frozen set of failed jobs, or prune old ones, through artisan.

Owns the commands, and that rows are archived before they go and each id is read back afterwards. Must not write to the
application's database.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from console.domain.actions import StepSpec
from console.domain.documents import Json
from console.domain.environment import Host
from console.domain.performed import Performed
from console.domain.plan_context import PlanContext
from console.domain.runs import Danger, PlannedStep
from console.domain.step_facts import StepFacts
from console.domain.templates import fill
from console.errors import OpsconsoleError, RefusedError, UsageError
from console.ports import Reach
from console.ports.steps import PerformContext, StepContext
from console.services.failed_jobs.outcomes import FailedOutcomes
from console.services.failed_jobs.retry import FailedRetry, RetryOrder
from console.services.failed_jobs.table import READABLE_STORES, unreadable_store
from console.steps.kinds import BaseKind
from console.steps.scripts import HEAD, artisan_needs, as_user, assemble, performed, words


class FailedJobsParams(BaseModel):
    """`failed_jobs: {do: retry, ids: "{param.ids}"}`, or `failed_jobs: {do: prune, hours: 168}`."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    do: Literal["retry", "forget", "prune"]
    """Back to the queue, or deleted after the rows were archived."""
    ids: list[str] | str = Field(default_factory=list)
    """The ids to retry or forget: a list, or one template that names a list."""
    hours: int | str = 0
    """What `prune` deletes: jobs that failed longer ago than this."""

    @model_validator(mode="after")
    def _fits(self) -> FailedJobsParams:
        if (self.do == "prune") == bool(self.ids):
            raise ValueError("`ids` for retry and forget, `hours` for prune")
        return self


class FailedJobsKind(BaseKind):
    """Retries or forgets failed jobs by id, or prunes them by age, on one host."""

    Params = FailedJobsParams
    resumes = True

    def facts(self, step: StepSpec) -> StepFacts:
        """Whether it goes over the whole table."""
        return StepFacts(prunes_failed_jobs=FailedJobsParams.model_validate(step.params).do == "prune")

    def plan(self, context: PlanContext) -> PlannedStep:
        """A retry is performed by the runner, because artisan ends at the first id that it cannot read; to forget, one
        artisan process for each id, as it takes no more."""
        raw = FailedJobsParams.model_validate(context.step.params)
        if raw.do == "prune":
            return self._prune(context)
        ids = self._ids(context, context.hosts[0])
        if not ids:
            raise UsageError("No failed jobs were named.", fix="Give their ids, `--param ids=ID,ID`.")
        if len(context.hosts) != 1:
            raise UsageError(f"The step {context.step.name} must run on one host only: `on: primary`.")
        shown = ids[0] if len(ids) == 1 else f"{len(ids)} ids"
        if raw.do == "retry":
            return performed(
                context,
                kind="failed_jobs",
                text=f"php artisan queue:retry {shown}",
                danger=Danger.CAUTION,
                params={
                    "do": "retry",
                    "ids": list[Json](ids),
                    "head": f"{HEAD}cd -- {words([context.code(context.hosts[0], 'current')])}",
                    "command": list[Json](self._command(context, "retry")),
                },
                facts=StepFacts(starts_commands=True),
                needs=lambda host: artisan_needs(context, host, "current"),
            )
        return assemble(
            context,
            kind="failed_jobs",
            write=lambda host: self._forget(context, host, ids),
            text=lambda _host: f"php artisan queue:forget {shown}",
            danger=Danger.DESTRUCTIVE,
            params={"do": "forget", "ids": list[Json](ids)},
            needs=lambda host: artisan_needs(context, host, "current"),
        )

    def _prune(self, context: PlanContext) -> PlannedStep:
        """One artisan process; the rows older than its limit are archived first."""
        filled = FailedJobsParams.model_validate(context.params(context.hosts[0]))
        if not str(filled.hours).isdigit() or int(filled.hours) < 1:
            raise UsageError(f"The step {context.step.name} needs a whole number of hours.")
        hours = int(filled.hours)
        argv = [context.environment.app.php, "artisan", "queue:prune-failed", "--no-interaction", "--no-ansi"]
        command = as_user([*argv, f"--hours={hours}"], context.step.become)
        return assemble(
            context,
            kind="failed_jobs",
            write=lambda host: f"cd -- {words([context.code(host, 'current')])}\nexec {words(command)}",
            text=lambda _host: f"archive, then php artisan queue:prune-failed --hours={hours}",
            danger=Danger.DESTRUCTIVE,
            params={"do": "prune", "hours": hours},
            facts=self.facts(context.step),
            needs=lambda host: artisan_needs(context, host, "current"),
        )

    def advise(
        self, context: PlanContext, step: PlannedStep, reach: Reach, later: Sequence[PlannedStep]
    ) -> Sequence[str]:
        """Nothing, or RefusedError where the rows cannot be read: what became of a job would never be known."""
        del context, later
        try:
            why = unreadable_store(reach.facts())
        except OpsconsoleError as error:
            return (f"Where the application keeps failed jobs could not be read: {error.what}.",)
        if why:
            raise RefusedError(f"The step {step.name}: {why}.", done="Nothing was planned.", fix=READABLE_STORES)
        return ()

    def before(self, context: StepContext, host: str) -> Mapping[str, Json]:
        """The rows as they are, from the application's own table, and the archive of those that will go."""
        del host
        outcomes, do = _outcomes(context), str(context.step.params.get("do"))
        if do == "prune":
            hours = context.step.params.get("hours")
            return outcomes.before_prune(context.run, hours if isinstance(hours, int) else 0, context.clock.now())
        return outcomes.before(context.run, do, _texts(context.step.params.get("ids")))

    def after(self, context: StepContext, host: str, noted: Mapping[str, Json], ended: Performed) -> Performed:
        """What became of each id, or how many rows were archived."""
        del host
        outcomes, do = _outcomes(context), str(context.step.params.get("do"))
        if do == "prune":
            return outcomes.conclude_prune(noted, ended)
        return outcomes.conclude(do, _texts(context.step.params.get("ids")), noted, ended)

    def perform(self, context: PerformContext) -> Performed:
        """Retries, or goes on with it after another runner."""
        params = context.step.params
        order = RetryOrder(
            host=context.step.hosts[0],
            head=str(params.get("head")),
            command=_texts(params.get("command")),
            ids=_texts(params.get("ids")),
        )
        return FailedRetry(context, order, _outcomes(context)).perform()

    def _ids(self, context: PlanContext, host: Host) -> list[str]:
        document = context.step.params
        # Whole lists enter through an element, so a lone template is put into one.
        ids: Json = document.get("ids") if isinstance(document, dict) else None
        filled = fill(ids if isinstance(ids, list) else [ids], context.scope_of(host))
        return list(map(_spelled, filled)) if isinstance(filled, list) else []

    def _command(self, context: PlanContext, do: str) -> list[str]:
        php = context.environment.app.php
        return as_user([php, "artisan", f"queue:{do}", "--no-interaction", "--no-ansi", "--"], context.step.become)

    def _forget(self, context: PlanContext, host: Host, ids: list[str]) -> str:
        # One that is gone already must not keep the others: every id is read back afterwards anyway.
        loop = f'for id in {words(ids)}; do\n  {words(self._command(context, "forget"))} "$id" || rc=1\ndone'
        return f"cd -- {words([context.code(host, 'current')])}\nrc=0\n{loop}\nexit $rc"


def _outcomes(context: StepContext) -> FailedOutcomes:
    return FailedOutcomes(reach=context.reach, archives=context.archives)


def _spelled(one: Json) -> str:
    """An id as the table spells it: some servers compare without regard to case, this console compares exactly."""
    text = str(one).lower()
    return str(int(text)) if text.isdecimal() else text


def _texts(value: Json) -> tuple[str, ...]:
    return tuple(str(one) for one in value) if isinstance(value, list) else ()

"""The step kind `failed_jobs`: retry or forget a frozen set of failed jobs, or prune old ones, through artisan.

Owns the commands. What became of each id is read back by the runner, which also archives rows that will go. Must
not write to the application's database.
"""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from console.domain.documents import Json
from console.domain.environment import Host
from console.domain.planning import PlanContext
from console.domain.runs import Danger, PlannedStep
from console.domain.templates import fill
from console.errors import UsageError
from console.steps.scripts import as_user, assemble, words


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


class FailedJobs:
    """Retries or forgets failed jobs by id, or prunes them by age, on one host."""

    Params = FailedJobsParams
    checks = ()
    undos = ()
    whens = ()

    def plan(self, context: PlanContext) -> PlannedStep:
        """One artisan process for a retry of all ids; one for each id to forget, as artisan takes no more."""
        raw = FailedJobsParams.model_validate(context.step.params)
        if raw.do == "prune":
            return self._prune(context)
        ids = self._ids(context, context.hosts[0])
        if not ids:
            raise UsageError("No failed jobs were named.", fix="Give their ids, `--param ids=ID,ID`.")
        if len(context.hosts) != 1:
            raise UsageError(f"The step {context.step.name} must run on one host only: `on: primary`.")
        shown = ids[0] if len(ids) == 1 else f"{len(ids)} ids"
        return assemble(
            context,
            kind="failed_jobs",
            write=lambda host: self._body(context, host, raw.do, ids),
            text=lambda _host: f"php artisan queue:{raw.do} {shown}",
            danger=Danger.DESTRUCTIVE if raw.do == "forget" else Danger.CAUTION,
            params={"do": raw.do, "ids": list[Json](ids)},
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
        )

    def _ids(self, context: PlanContext, host: Host) -> list[str]:
        document = context.step.params
        # Whole lists enter through an element, so a lone template is put into one.
        ids: Json = document.get("ids") if isinstance(document, dict) else None
        filled = fill(ids if isinstance(ids, list) else [ids], context.scope_of(host))
        return [str(one) for one in filled] if isinstance(filled, list) else []

    def _body(self, context: PlanContext, host: Host, do: str, ids: list[str]) -> str:
        php = context.environment.app.php
        command = as_user([php, "artisan", f"queue:{do}", "--no-interaction", "--no-ansi", "--"], context.step.become)
        head = f"cd -- {words([context.code(host, 'current')])}"
        if do == "retry":
            return f"{head}\nexec {words([*command, *ids])}"
        # One that is gone already must not keep the others: every id is read back afterwards anyway.
        return f'{head}\nrc=0\nfor id in {words(ids)}; do\n  {words(command)} "$id" || rc=1\ndone\nexit $rc'
